#include "verifier/verifier.h"

#include <string.h>

#include "verifier/journal.h"

/*
 * Whose turn it is.  VMs take turns; within a VM, requests that somebody waits
 * for run side by side, queued ones one after another, both in order of
 * arrival.
 */

static unsigned turn; /* the VM that is looked at first */

static unsigned
common_running(void)
{
	unsigned sum = 0;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (vm->running > 1)
			sum += vm->running - 1;
	}
	return (sum);
}

static bool
may_run(const struct vm *vm, const struct request *r, bool queue_held)
{
	unsigned attached = vm->running - vm->running_queue;

	/* Who is served no more has none that wait. */
	if (r->state != REQUEST_WAITING || vm->policy == NULL)
		return (false);
	if (r->token.queue ? queue_held || vm->running_queue > 0
			   : attached >= vm->policy->jobs)
		return (false);
	if (vm->policy->record_full && output_room(vm) == 0)
		return (false);
	return (vm->spool_bytes + 2 * vm->policy->output_limit <= SPOOL_BYTES);
}

static void
set_terms(struct request *r, const struct policy *p)
{
	struct terms *t = &r->terms;

	t->memory = p->memory;
	t->file_size = p->file_size;
	t->tasks = (uint32_t)p->tasks;
	t->files = (uint32_t)p->files;
	t->nice = (uint32_t)p->nice;
	memcpy(t->user, p->user, sizeof(t->user));
}

/*
 * Its turn has come: everything that may have changed since it was checked
 * is checked again (its expiry by request_deadlines, just before; a cancel
 * took it out of WAITING), then the intent is appended.  Where its policy asks
 * a person now, it waits for one.
 */
static bool
start(struct vm *vm, struct request *r)
{
	const char *why;

	if (!keys_accept(vm, r->token.key)) {
		request_refuse(r, RECEIPT_REJECTED, "its key was revoked");
		return (false);
	}
	if (r->v1 && !vm->policy->auth_v1) {
		request_refuse(r, RECEIPT_REJECTED,
		    "its policy has no `auth = v1` any more");
		return (false);
	}
	switch (decide(r, &why)) {
	case VERDICT_DENY:
		request_refuse(r, RECEIPT_DENIED, why);
		return (false);
	case VERDICT_ASK:
		ask(r);
		return (false);
	case VERDICT_RUN:
		break;
	}
	r->kept = vm->policy->record_full;
	if (r->kept && output_room(vm) == -1) {
		request_refuse(r, RECEIPT_REJECTED,
		    "dom0 keeps its output, and record-total is used up: "
		    "nothing runs");
		return (false);
	}
	set_terms(r, vm->policy);
	r->timeout = decide_timeout(r);
	if (!record_intent(r)) {
		request_refuse(r, RECEIPT_REJECTED,
		    "dom0's log has no room: nothing runs");
		return (false);
	}
	r->state = REQUEST_RECORDED;
	r->exec |= EXEC_RUN;
	r->spool_bytes = 2 * vm->policy->output_limit;
	vm->spool_bytes += r->spool_bytes;
	output_reserve(r);
	vm->running++;
	if (r->token.queue)
		vm->running_queue++;
	return (true);
}

/*
 * Starts at most one of the VM's requests.  Behind a queued one that waits for
 * a person, queued ones wait, too: each may count on what came before it.
 */
static bool
start_one(struct vm *vm)
{
	bool queue_held = false;
	struct request *r;

	if (vm->running > 0 && common_running() >= COMMON_RUNNING)
		return (false);
	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (may_run(vm, r, queue_held) && start(vm, r))
			return (true);
		queue_held |= r->state == REQUEST_ASKED && r->token.queue;
	}
	return (false);
}

static void
tell_place(struct request *r, enum frame_state state, uint32_t n)
{
	/* One that is taken was told nothing yet. */
	if (r->told_state == state && r->told_n == n &&
	    (r->tell & TELL_TAKE) == 0)
		return;
	r->told_state = state;
	r->told_n = n;
	session_tell(r, TELL_STATE);
}

/*
 * Tells who waits how many of its kind come first, those that run among them,
 * who is asked about, how many of those, and who runs that he runs.
 */
static void
tell_places(struct vm *vm)
{
	uint32_t attached = 0, queued = 0, asked = 0, *before;
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state > REQUEST_RUNNING)
			continue;
		if (r->state == REQUEST_ASKED)
			tell_place(r, STATE_ASKED, asked++);
		before = r->token.queue ? &queued : &attached;
		if (r->state == REQUEST_WAITING)
			tell_place(r, STATE_QUEUED, *before);
		else if (r->state == REQUEST_RUNNING)
			tell_place(r, STATE_RUNNING, 0);
		++*before;
	}
}

void
schedule(void)
{
	unsigned i, n = (unsigned)(vms_end - vms), idle = 0;
	struct vm *vm;

	for (i = turn < n ? turn : 0; !stopping && idle < n; i = (i + 1) % n) {
		vm = &vms[i];
		if (vm->name[0] != '\0' && start_one(vm)) {
			idle = 0;
			turn = (i + 1) % n;
		} else
			idle++;
	}
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] != '\0')
			tell_places(vm);
	}
}
