#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/* What was asked: everything that the token says, and the body whole. */
static void
add_token(struct record *rec, const struct request *r)
{
	const struct token *t = &r->token;

	record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_str(rec, "kind", token_kind_name(t->kind));
	record_str(rec, "key", t->key);
	if (r->v1)
		record_str(rec, "auth", "v1");
	record_i64(rec, "issued", t->issued);
	record_i64(rec, "expires", t->expires);
	if (t->timeout != TOKEN_TIMEOUT_POLICY)
		record_i64(rec, "timeout", t->timeout);
	record_str(rec, "order", t->queue ? "queue" : "now");
	if (t->note[0] != '\0')
		record_str(rec, "note", t->note);
	record_u64(rec, "body_length", t->body_len);
	record_hex(rec, "body_sha256", t->body_sha256, SHA256_LEN);
	if (t->has_input) {
		record_u64(rec, "input_length", t->input_len);
		record_hex(rec, "input_sha256", t->input_sha256, SHA256_LEN);
	}
	record_i64(rec, "received", r->received_us);
}

static void
add_body(struct record *rec, const struct request *r)
{
	if (r->body_fd != -1 &&
	    record_bytes_fd(rec, "body", r->body_fd, r->token.body_len) == -1)
		fatalx("a body cannot be read");
}

uint64_t
record_end_of(const char *vm, uint8_t hash[SHA256_LEN])
{
	uint64_t seq;

	seq = journal_end(hash);
	share_count(vm, journal_now_us(), journal_size());
	return (seq);
}

/* By whom it was allowed, and as whom it runs. */
static void
add_policy(struct record *rec, const struct request *r)
{
	if (r->path[0] != '\0') {
		record_u64(rec, "policy_line", r->policy_line);
		record_str(rec, "path", r->path);
	}
	if (r->terms.user[0] != '\0')
		record_str(rec, "user", r->terms.user);
	if (r->kept)
		record_str(rec, "record", "full");
	if (r->approved != 0)
		record_u64(rec, "approved", r->approved);
}

bool
record_intent(struct request *r)
{
	/* Of a longer one, and where the policy says so, its digest is all. */
	bool whole = r->input_fd != -1 && !r->vm->policy->record_digest &&
	    r->token.input_len <= INPUT_MAX;
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(record_bound(r->token.body_len) +
		record_bound(whole ? r->token.input_len : 0) + JOURNAL_RESULT))
		return (false);
	rec = journal_begin("intent", r->vm->name, r->answer.id);
	add_token(rec, r);
	add_policy(rec, r);
	add_body(rec, r);
	if (whole &&
	    record_bytes_fd(rec, "input", r->input_fd, r->token.input_len) ==
		-1)
		fatalx("an input cannot be read");
	r->seq = r->spool_seq = record_end_of(r->vm->name, hash);
	memcpy(r->asker, r->vm->name, sizeof(r->asker));
	memory_recorded(r->memory);
	journal_reserve();
	r->reserved = true;
	copy_intent(r);
	return (true);
}

bool
record_asked(const struct request *r)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin("asked", r->vm->name, r->answer.id);
	add_token(rec, r);
	record_end_of(r->vm->name, hash);
	copy_event(r->vm->name, r->answer.id, "asked", "");
	return (true);
}

uint64_t
record_person(const struct request *r, const char *event,
    const struct msg_answer *a)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return (0);
	rec = journal_begin(event, r->vm->name, r->answer.id);
	record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_hex(rec, "body_sha256", r->token.body_sha256, SHA256_LEN);
	record_str(rec, "user", a->user);
	record_u64(rec, "timeout", a->timeout);
	record_str(rec, "who", a->who);
	record_str(rec, "tty", a->tty);
	if (a->answer == ANSWER_ALWAYS) {
		record_str(rec, "key", r->token.key);
		record_i64(rec, "until",
		    now_realtime_us() / 1000000 + (int64_t)a->minutes * 60);
	}
	copy_person(r->vm->name, r->answer.id, event, a->who);
	return (record_end_of(r->vm->name, hash));
}

void
record_approval_revoke(const struct msg_person *p, unsigned count)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("approval-revoke", p->vm, NULL);
	record_u64(rec, "count", count);
	record_str(rec, "who", p->who);
	record_str(rec, "tty", p->tty);
	record_end_of(p->vm, hash);
	copy_person(p->vm, "", "approval-revoke", p->who);
}

static void
add_stream(struct record *rec, const char *name, const struct receipt_stream *s,
    const char *head, size_t head_len)
{
	char field[16];
	int i;
	static const char *const suffix[] = {"written", "kept", "sha256",
	    "head"};

	for (i = 0; i < 4; i++) {
		memset(field, 0, sizeof(field));
		strncat(field, name, 3);
		strncat(field, "_", 2);
		strncat(field, suffix[i], 8);
		if (i == 0)
			record_u64(rec, field, s->written);
		else if (i == 1)
			record_u64(rec, field, s->kept);
		else if (i == 2)
			record_hex(rec, field, s->sha256, SHA256_LEN);
		else if (head_len > 0)
			record_bytes(rec, field, head, head_len);
	}
}

void
record_answer(struct record *rec, const struct request *r,
    const struct msg_ended *ended)
{
	const struct receipt *a = &r->answer;
	char text[ANSWER_TEXT_MAX];
	ssize_t n = 0;

	record_str(rec, "status", receipt_status_name(a->status));
	record_u64(rec, "exit", a->exit);
	if (a->reason[0] != '\0')
		record_str(rec, "reason", a->reason);
	if (a->has_times) {
		record_i64(rec, "started", a->started_us);
		record_i64(rec, "ended", a->ended_us);
	}
	if (ended != NULL) {
		add_stream(rec, "out", &a->out, ended->out_head,
		    ended->out_head_len);
		add_stream(rec, "err", &a->err, ended->err_head,
		    ended->err_head_len);
		return;
	}
	/* What was made here stands whole in the record. */
	if (r->text_fd != -1 && !r->text_is_err &&
	    (n = pread(r->text_fd, text, sizeof(text), 0)) == -1)
		fatal("an answer's text");
	add_stream(rec, "out", &a->out, text, (size_t)n);
	add_stream(rec, "err", &a->err, "", 0);
}

/*
 * The result of a command (ended), or of a request that had a valid token and
 * never ran.  Where the log has no room for the latter, the answer stays
 * unsigned; room for the former was set aside before it ran.
 */
void
record_result(struct request *r, const struct msg_ended *ended)
{
	struct record *rec;

	if (r->reserved) {
		journal_release();
		r->reserved = false;
	} else if (!journal_room(
		       record_bound(r->token.body_len) + JOURNAL_RESULT))
		return;
	rec = journal_begin("result", request_asker(r), r->answer.id);
	record_u64(rec, "intent", r->seq);
	if (r->seq == 0)
		add_token(rec, r);
	else
		record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_answer(rec, r, ended);
	if (r->hidden[0] != '\0')
		record_str(rec, "hidden_reason", r->hidden);
	if (ended != NULL && ended->sealed != 0) {
		record_u64(rec, "timing_length", ended->timing_len);
		record_hex(rec, "timing_sha256", ended->timing_sha256,
		    SHA256_LEN);
	}
	/* Last: of a long record a start reads what stands before it. */
	if (r->seq == 0)
		add_body(rec, r);
	r->answer.log_seq = record_end_of(request_asker(r), r->answer.log_hash);
	if (r->memory != -1)
		memory_recorded(r->memory);
	r->answer.has_log = true;
	copy_result(r, ended);
}

void
record_owed_no_more(const struct request *r, const char *event)
{
	struct record *rec;

	/* Without it, the next start offers the answer once more. */
	if (!r->answer.has_log || !journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin(event, r->vm->name, r->answer.id);
	record_u64(rec, "result", r->answer.log_seq);
	journal_end_quietly();
	share_count(r->vm->name, journal_now_us(), journal_size());
}

/* Ten a minute of requests, and of cancels, are recorded; more are counted. */
static bool
refused_recorded(struct vm *vm, bool cancel)
{
	int64_t now = now_boottime_ms();

	if (now - vm->refused_since_ms >= 60 * 1000) {
		record_refused_summary(vm);
		vm->refused_since_ms = now;
		vm->refused[false] = vm->refused[true] = 0;
	}
	if (vm->refused[cancel] < REFUSED_MAX) {
		vm->refused[cancel]++;
		return (true);
	}
	vm->refused_more++;
	return (false);
}

/* Without a valid token, late, or a replay: sizes and the reason only. */
bool
record_refused(struct request *r, bool cancel)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	r->vm->refused_all++;
	if (!refused_recorded(r->vm, cancel))
		return (false);
	if (!journal_room(JOURNAL_RESULT))
		return (true);
	rec = journal_begin("refused", r->vm->name, r->answer.id);
	if (r->answer.has_request)
		record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_str(rec, "status", receipt_status_name(r->answer.status));
	record_str(rec, "reason", r->answer.reason);
	record_u64(rec, "body_length", r->token.body_len);
	record_u64(rec, "input_length", r->token.input_len);
	record_end_of(r->vm->name, hash);
	copy_refused(r);
	return (true);
}

void
record_refused_summary(struct vm *vm)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (vm->refused_more == 0 || !journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("refused-summary", vm->name, NULL);
	record_u64(rec, "count", vm->refused_more);
	record_end_of(vm->name, hash);
	vm->refused_more = 0;
}

void
record_cancel(struct vm *vm, const char *id, const struct token *t,
    const char *effect)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("cancel", vm->name, id);
	record_str(rec, "key", t->key);
	record_i64(rec, "issued", t->issued);
	record_i64(rec, "expires", t->expires);
	record_str(rec, "effect", effect);
	record_end_of(vm->name, hash);
	copy_event(vm->name, id, "cancel", effect);
}

void
record_event(struct vm *vm, const char *event, const char *field,
    const char *value)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin(event, vm == NULL ? NULL : vm->name, NULL);
	if (field != NULL)
		record_str(rec, field, value);
	if (vm != NULL)
		record_end_of(vm->name, hash);
	else
		journal_end(hash);
	copy_event(vm != NULL ? vm->name : "", "", event,
	    value != NULL ? value : "");
}

bool
record_served(struct vm *vm, const struct served *now)
{
	struct share *last = share_of(vm->name);
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (memcmp(&vm->served_as, now, sizeof(*now)) == 0)
		return (true);
	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin("served", vm->name, NULL);
	record_str(rec, "fingerprint", now->key);
	if (now->next_key[0] != '\0')
		record_str(rec, "next_fingerprint", now->next_key);
	record_hex(rec, "policy_sha256", now->policy, SHA256_LEN);
	if (last->policy_known &&
	    memcmp(last->policy, now->policy, SHA256_LEN) != 0)
		record_hex(rec, "policy_before", last->policy, SHA256_LEN);
	record_end_of(vm->name, hash);
	share_policy(vm->name, now->policy);
	vm->served_as = *now;
	copy_event(vm->name, "", "served", "");
	return (true);
}

void
record_unserved(struct vm *vm, const char *why)
{
	if (vm->served_as.key[0] != '\0')
		record_event(vm, "unserved", "reason", why);
	memset(&vm->served_as, 0, sizeof(vm->served_as));
}

bool
record_disk(const char *where, bool low)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;
	char text[64];

	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin("disk", NULL, NULL);
	record_str(rec, "where", where);
	record_bool(rec, "low", low);
	journal_end(hash);
	(void)snprintf(text, sizeof(text), "%s: %s", where,
	    low ? "too full" : "has room again");
	copy_event("", "", "disk", text);
	return (true);
}

bool
record_clock(const char *event, int64_t from_us, int64_t to_us,
    const struct msg_person *by)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin(event, NULL, NULL);
	record_i64(rec, "from", from_us);
	record_i64(rec, "to", to_us);
	journal_add_booted(rec);
	if (by != NULL) {
		record_str(rec, "who", by->who);
		record_str(rec, "tty", by->tty);
	}
	journal_end(hash);
	copy_event("", "", event, "");
	return (true);
}
