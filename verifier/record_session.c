#include "verifier/verifier.h"

#include "verifier/journal.h"

/* What the log says of sessions. */

#define RATE_TOLD_MS (3600 * 1000)

void
record_session(struct vm *vm)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("session", vm->name, NULL);
	record_str(rec, "program", vm->session.program);
	record_str(rec, "sandbox", daemon_layers(vm->session.sandbox));
	record_end_of(vm->name, hash);
	copy_event(vm->name, "", "session", vm->session.program);
}

/* Nothing of a session that came to nothing: a VM may have many. */
static void
add_delivered(struct record *rec, const struct vm *vm)
{
	if (vm->session.delivered > 0)
		record_u64(rec, "delivered", vm->session.delivered);
}

void
record_session_end(struct vm *vm)
{
	const char *why = vm->session.why;
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!vm->session.opened || vm->session.end_recorded ||
	    !journal_room(JOURNAL_RESULT))
		return;
	if (why == NULL)
		why = "its poller has ended";
	rec = journal_begin("session-end", vm->name, NULL);
	record_str(rec, "reason", why);
	add_delivered(rec, vm);
	record_end_of(vm->name, hash);
	copy_event(vm->name, "", "session-end", why);
}

void
record_problem(struct vm *vm, const struct msg_problem *p)
{
	static const char *const events[] = {"violation", "silent",
	    "session-end"};
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin(events[p->problem], vm->name, NULL);
	if (p->rule[0] != '\0')
		record_str(rec, "rule", p->rule);
	if (p->status != -1)
		record_i64(rec, "exit", p->status);
	if (p->stderr_text[0] != '\0')
		record_str(rec, "stderr", p->stderr_text);
	add_delivered(rec, vm);
	vm->session.end_recorded = true;
	record_end_of(vm->name, hash);
	copy_event(vm->name, "", events[p->problem], p->rule);
}

void
record_rate(struct vm *vm)
{
	int64_t now_ms = now_boottime_ms();

	if (vm->rate_told_ms != 0 && now_ms - vm->rate_told_ms < RATE_TOLD_MS)
		return;
	vm->rate_told_ms = now_ms;
	record_event(vm, "share", "used", "its rate");
}
