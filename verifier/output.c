#include "verifier/verifier.h"

#include <string.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * The outputs that stay in dom0 (`record = full`): how much of each VM's there
 * is, and what is too old.  The executor has them, and counts; that one goes is
 * on disk here before it goes there.
 */

#define DAY 86400

/* Who keeps nothing now may have old ones, and say until when. */
static bool
keeps(const struct vm *vm)
{
	return (vm->served &&
	    (vm->policy->record_full ||
		vm->policy->key_line[POLICY_KEY_RECORD_KEEP] != 0));
}

static uint64_t
need(const struct vm *vm)
{
	return (2 * vm->policy->output_limit + TIMING_MAX);
}

int
output_room(const struct vm *vm)
{
	const struct kept *k = &vm->kept;
	uint64_t total = vm->policy->record_total;

	if (!k->known)
		return (0);
	if (k->bytes + k->reserved + need(vm) <= total)
		return (1);
	return (k->reserved > 0 && k->bytes + need(vm) <= total ? 0 : -1);
}

void
output_reserve(struct request *r)
{
	if (!r->kept)
		return;
	r->kept_bytes = need(r->vm);
	r->vm->kept.reserved += r->kept_bytes;
}

void
output_over(struct request *r, uint64_t timing_len)
{
	if (!r->kept)
		return;
	r->vm->kept.reserved -= r->kept_bytes;
	r->kept_bytes = 0;
	r->vm->kept.bytes +=
	    r->answer.out.kept + r->answer.err.kept + timing_len;
}

void
output_hour(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++)
		vm->kept.look |= keeps(vm);
}

void
output_turn(struct vm *vm)
{
	vm->kept.look |= keeps(vm) && !vm->kept.known && !vm->kept.asked;
}

void
output_committed(struct vm *vm)
{
	if (vm->kept.recorded == 0)
		return;
	vm->kept.before = vm->kept.recorded;
	vm->kept.recorded = 0;
	vm->kept.look = true;
}

int
output_pump(struct channel *ch, struct vm *vm)
{
	struct msg_look m = {.before = vm->kept.before};

	if (!vm->kept.look || vm->kept.asked)
		return (0);
	memcpy(m.vm, vm->name, sizeof(m.vm));
	if (channel_send(ch, IMSG_OUTPUT_LOOK, 0, &m, sizeof(m), -1) == -1)
		return (-1);
	vm->kept.look = false;
	vm->kept.asked = true;
	return (0);
}

/* What ended before then goes, once this is on disk. */
static void
record_removal(struct vm *vm, int64_t before)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("outputs-removed", vm->name, NULL);
	record_i64(rec, "before", before);
	record_end_of(vm->name, hash);
	copy_event(vm->name, "", "outputs-removed", "");
	vm->kept.recorded = before;
}

void
output_told(struct imsg *m)
{
	int64_t before;
	struct msg_kept k;
	struct vm *vm;

	if (imsg_payload(m, &k, sizeof(k)) == -1 ||
	    !imsg_text_ok(k.vm, sizeof(k.vm)) || k.bytes > NUMBER_MAX)
		fatalx("executor: bad outputs");
	vm = k.vm[0] == '\0' ? NULL : vm_find(k.vm);
	/* Who is served no more may have been forgotten since. */
	if (vm == NULL || !vm->kept.asked)
		return;
	vm->kept.asked = false;
	vm->kept.known = true;
	vm->kept.bytes = k.bytes;
	/* What it could not remove is looked at in an hour. */
	if (vm->kept.before != 0 || k.oldest == 0 || !keeps(vm)) {
		vm->kept.before = 0;
		return;
	}
	before = journal_now() - (int64_t)vm->policy->record_keep * DAY;
	if (k.oldest < before)
		record_removal(vm, before);
}
