#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * The control socket: the parent has seen that root is at its other end.  One
 * client at a time, one command each; it is answered after the next commit.
 */

#define DEADLINE_MS 5000 /* for the whole of it */

static struct channel control;
static struct timer deadline;
static enum imsg_type command; /* IMSG_CONTROL: none has come yet */
static bool log_told, done_due;
static const struct vm *next_vm;
static unsigned turned_away;
static struct msg_clock clock_now;
static char meant[VM_NAME_MAX + 1]; /* by queue; "": all */
static struct queue_place place;
static struct msg_count counts[VM_TABLE];
static unsigned count, counts_sent;
static struct msg_show show;
static struct msg_answered answered;
static struct msg_erased erased;

static void
end(const char *why)
{
	timer_stop(&deadline);
	if (why != NULL)
		log_warn("control socket: %s", why);
	channel_close(&control);
	done_due = true;
	channel_wake(&parent);
}

static void
overdue(struct timer *t)
{
	(void)t;
	end("a client that took too long");
}

static void
closed(struct channel *ch, const char *why)
{
	(void)ch;
	end(why);
}

/*
 * Not without a record.  It stands behind a new segment's snapshot, so that no
 * segment has times that go back: they can be looked for by bisection.
 */
static void
accept_clock(const struct msg_person *p)
{
	clock_now.from_us = journal_now_us();
	clock_now.accepted = journal_rotate();
	if (clock_now.accepted)
		journal_clock_accept();
	clock_now.to_us = journal_now_us();
	if (clock_now.accepted)
		(void)record_clock("clock-accept", clock_now.from_us,
		    clock_now.to_us, p);
}

static bool
take_accept(struct imsg *m)
{
	struct msg_person p;

	if (imsg_payload(m, &p, sizeof(p)) == -1 || !person_ok(p.who, p.tty))
		return (false);
	accept_clock(&p);
	return (true);
}

/* The VM, or "" for all. */
static bool
take_vm(struct imsg *m)
{
	struct msg_vm v;

	if (imsg_payload(m, &v, sizeof(v)) == -1 ||
	    !imsg_text_ok(v.vm, sizeof(v.vm)))
		return (false);
	memcpy(meant, v.vm, sizeof(meant));
	return (true);
}

static bool
kill_one(struct imsg *m)
{
	struct msg_kill k;

	if (imsg_payload(m, &k, sizeof(k)) == -1 ||
	    !imsg_text_ok(k.which.vm, sizeof(k.which.vm)) ||
	    !imsg_text_ok(k.which.id, sizeof(k.which.id)) ||
	    !person_ok(k.who, k.tty))
		return (false);
	count = queue_kill(&k, counts);
	return (true);
}

static bool
revoke(struct imsg *m)
{
	struct msg_revoke v;
	struct vm *vm;

	if (imsg_payload(m, &v, sizeof(v)) == -1 ||
	    !imsg_text_ok(v.vm, sizeof(v.vm)) || v.vm[0] == '\0')
		return (false);
	vm = vm_find(v.vm);
	if (vm == NULL)
		return (true);
	memset(&counts[0], 0, sizeof(counts[0]));
	memcpy(counts[0].vm, vm->name, sizeof(vm->name));
	counts[0].n = config_revoke(vm, v.drain != 0);
	counts[0].done = 1;
	count = 1;
	return (true);
}

static bool
take_show(struct imsg *m)
{
	return (imsg_payload(m, &show, sizeof(show)) == 0 &&
	    imsg_text_ok(show.vm, sizeof(show.vm)) &&
	    imsg_text_ok(show.id, sizeof(show.id)));
}

static bool
answer(struct imsg *m)
{
	struct msg_answer a;

	if (imsg_payload(m, &a, sizeof(a)) == -1 ||
	    !imsg_text_ok(a.vm, sizeof(a.vm)) ||
	    !imsg_text_ok(a.id, sizeof(a.id)) ||
	    !imsg_text_ok(a.user, sizeof(a.user)) || !person_ok(a.who, a.tty) ||
	    a.answer > ANSWER_ALWAYS ||
	    (a.answer == ANSWER_ALWAYS) != (a.minutes > 0) ||
	    a.minutes > MINUTES_MAX)
		return (false);
	ask_answer(&a, &answered);
	return (true);
}

static bool
revoke_approvals(struct imsg *m)
{
	struct msg_person p;

	if (imsg_payload(m, &p, sizeof(p)) == -1 ||
	    !imsg_text_ok(p.vm, sizeof(p.vm)) || p.vm[0] == '\0' ||
	    !person_ok(p.who, p.tty))
		return (false);
	memset(&counts[0], 0, sizeof(counts[0]));
	memcpy(counts[0].vm, p.vm, sizeof(p.vm));
	counts[0].n = approval_revoke(p.vm, &p);
	counts[0].done = 1;
	count = 1;
	return (true);
}

static bool
clean(struct imsg *m)
{
	struct msg_person p;

	if (imsg_payload(m, &p, sizeof(p)) == -1 ||
	    !imsg_text_ok(p.vm, sizeof(p.vm)) || !person_ok(p.who, p.tty))
		return (false);
	count = queue_clean(&p, counts);
	return (true);
}

static bool
erase(struct imsg *m)
{
	struct msg_erase e;

	return (imsg_payload(m, &e, sizeof(e)) == 0 &&
	    imsg_text_ok(e.vm, sizeof(e.vm)) && e.vm[0] != '\0' &&
	    imsg_text_ok(e.who, sizeof(e.who)) && e.who[0] != '\0' &&
	    imsg_text_ok(e.tty, sizeof(e.tty)) && e.tty[0] != '\0' &&
	    erase_record(&e, &erased));
}

/* What it says is done; false: it says nonsense. */
static bool
obey(struct imsg *m)
{
	switch (m->hdr.type) {
	case IMSG_CLOCK_ACCEPT:
		return (take_accept(m));
	case IMSG_REQUEST_KILL:
		return (kill_one(m));
	case IMSG_QUEUE:
		return (take_vm(m));
	case IMSG_REVOKE:
		return (revoke(m));
	case IMSG_SHOW:
		return (take_show(m));
	case IMSG_ANSWER:
		return (answer(m));
	case IMSG_APPROVAL_REVOKE:
		return (revoke_approvals(m));
	case IMSG_ACT:
		return (act_take(m, &answered));
	case IMSG_ERASE_BEGIN:
		if (!take_vm(m))
			return (false);
		erase_begin(meant, &erased);
		return (true);
	case IMSG_ERASE:
		return (erase(m));
	case IMSG_QUEUE_CLEAN:
		return (clean(m));
	default:
		return (true);
	}
}

static void
dispatch(struct channel *ch, struct imsg *m)
{
	(void)ch;
	if (command != IMSG_CONTROL) {
		end("more than one command");
		return;
	}
	if (!obey(m)) {
		end("a command that is none");
		return;
	}
	command = m->hdr.type;
	/* What is told is on disk, also what nobody has waited for yet. */
	journal_await();
}

static void
count_requests(const struct vm *vm, struct msg_status_vm *s)
{
	const struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (request_waits(r))
			s->waiting++;
		else if (r->state == REQUEST_ANSWERED ||
		    r->state == REQUEST_FINISHED)
			s->owed++;
		else if (r->state != REQUEST_GONE)
			s->running++;
	}
}

/* When the last of the times has passed that make a key's tokens refused. */
static int64_t
key_ahead(const struct vm_key *key)
{
	int64_t floor = memory_floor(key->memory);
	int64_t since = memory_known_since(key->memory);
	int64_t last = floor > since ? floor : since;

	return (last > journal_now() ? last : 0);
}

static void
add_keys(const struct vm *vm, struct msg_status_vm *s)
{
	const struct vm_key *key = keys_of(vm, KEY_CURRENT);
	const struct vm_key *next = keys_of(vm, KEY_NEXT);

	memcpy(s->fingerprint, key->derived.fingerprint,
	    sizeof(key->derived.fingerprint));
	s->key_ahead = key_ahead(key);
	if (next != NULL)
		memcpy(s->next_fingerprint, next->derived.fingerprint,
		    sizeof(next->derived.fingerprint));
}

static int
send_vm(const struct vm *vm)
{
	const struct share *share = share_of(vm->name);
	struct msg_status_vm s = {.served = vm->served,
	    .last_us = vm->last_us,
	    .log_day = share->day_bytes,
	    .log_day_limit = vm->policy != NULL ? vm->policy->log_limit : 1,
	    .log_full = share->full,
	    .refused = vm->refused_all};

	memcpy(s.vm, vm->name, sizeof(vm->name));
	memcpy(s.last_id, vm->last_id, sizeof(vm->last_id));
	count_requests(vm, &s);
	if (vm->session.opened) {
		s.session_us = vm->session.opened_us;
		memcpy(s.program, vm->session.program,
		    sizeof(vm->session.program));
	}
	if (vm->served && vm->policy != NULL) {
		s.auth_v1 = vm->policy->auth_v1;
		s.mode = (uint32_t)vm->policy->mode;
		add_keys(vm, &s);
	} else
		snprintf(s.why, sizeof(s.why), "%s", config_why(vm));
	return (channel_send(&control, IMSG_STATUS_VM, 0, &s, sizeof(s), -1));
}

/* -1: the channel is full. */
static int
send_status(const struct msg_status_log *log)
{
	struct msg_status_vm v;

	if (!log_told &&
	    channel_send(&control, IMSG_STATUS_LOG, 0, log, sizeof(*log), -1) ==
		-1)
		return (-1);
	log_told = true;
	for (; next_vm < vms_end; next_vm++) {
		if (next_vm->name[0] != '\0' && send_vm(next_vm) == -1)
			return (-1);
	}
	for (; config_turned_away(turned_away, &v); turned_away++) {
		if (channel_send(&control, IMSG_STATUS_VM, 0, &v, sizeof(v),
			-1) == -1)
			return (-1);
	}
	return (0);
}

static int
send_counts(void)
{
	for (; counts_sent < count; counts_sent++) {
		if (channel_send(&control, IMSG_COUNTED, 0,
			&counts[counts_sent], sizeof(counts[0]), -1) == -1)
			return (-1);
	}
	return (0);
}

static int
send_rows(void)
{
	struct msg_row row;

	while (queue_row(meant, &place, &row)) {
		if (channel_send(&control, IMSG_ROW, 0, &row, sizeof(row),
			-1) == -1)
			return (-1);
		place.serial = place.next_serial;
		place.approval += row.state == ROW_APPROVAL;
	}
	return (0);
}

static int
send_answered(void)
{
	return (channel_send(&control, IMSG_ANSWERED, 0, &answered,
	    sizeof(answered), -1));
}

/* It is looked for again where the channel was full: it may have gone. */
static int
send_shown(void)
{
	struct msg_shown shown;
	int fd[2];

	if (!ask_show(&show, &shown, fd, &answered))
		return (send_answered());
	if (channel_send(&control, IMSG_SHOWN, 0, &shown, sizeof(shown),
		fd[0]) == -1)
		return (-1);
	return (fd[1] == -1
		? 0
		: channel_send(&control, IMSG_SHOWN_INPUT, 0, NULL, 0, fd[1]));
}

static int
send_answer(void)
{
	struct msg_status_log log;
	struct msg_newest newest;

	journal_status(&log, &newest);
	log.disk_low = disk_low;
	log.pruned = prune_last();
	switch (command) {
	case IMSG_STATUS:
		return (send_status(&log));
	case IMSG_REQUEST_KILL:
	case IMSG_QUEUE_CLEAN:
	case IMSG_REVOKE:
	case IMSG_APPROVAL_REVOKE:
		return (send_counts());
	case IMSG_QUEUE:
		return (send_rows());
	case IMSG_SHOW:
		return (send_shown());
	case IMSG_ANSWER:
	case IMSG_ACT:
		return (send_answered());
	case IMSG_CLOCK_ACCEPT:
		return (channel_send(&control, IMSG_CLOCK, 0, &clock_now,
		    sizeof(clock_now), -1));
	case IMSG_ERASE_BEGIN:
	case IMSG_ERASE:
		return (channel_send(&control, IMSG_ERASED, 0, &erased,
		    sizeof(erased), -1));
	case IMSG_CHECKPOINT:
		return (channel_send(&control, IMSG_NEWEST, 0, &newest,
		    sizeof(newest), -1));
	default:
		fatalx("control socket: a command without an answer");
	}
}

static void
pump(struct channel *ch)
{
	if (command == IMSG_CONTROL || journal_dirty() || send_answer() == -1)
		return;
	if (channel_send(ch, IMSG_CONTROL_END, 0, NULL, 0, -1) == 0)
		end(NULL);
}

void
control_open(int fd)
{
	if (channel_is_open(&control))
		fatalx("parent: a second control socket");
	control.dispatch = dispatch;
	control.pump = pump;
	control.closed = closed;
	command = IMSG_CONTROL;
	log_told = done_due = false;
	next_vm = vms;
	turned_away = count = counts_sent = 0;
	memset(&place, 0, sizeof(place));
	channel_open(&control, fd, ROLE_VERIFIER, ROLE_CONTROL, ST_SERVING,
	    "control socket");
	timer_start(&deadline, CLOCK_BOOTTIME, DEADLINE_MS, overdue, NULL);
	acts_again();
}

void
control_wake(void)
{
	channel_wake(&control);
}

void
control_pump_parent(void)
{
	if (done_due &&
	    channel_send(&parent, IMSG_CONTROL_DONE, 0, NULL, 0, -1) == 0)
		done_due = false;
}
