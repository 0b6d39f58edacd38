#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/log.h"
#include "wire/id.h"
#include "verifier/journal.h"

/*
 * The channel to one VM's poller.  The poller reads a VM's bytes and may be
 * in the VM's hands: whatever it says is checked here as if the VM had said
 * it, and costs its own VM only.
 */

#define BYE_MS	    10000	   /* twice what a poller of ours takes */
#define ENTRIES_MAX (JOBS_MAX + 1) /* of the poller, in use at a time */
/*
 * What a VM sends is hashed, and perhaps recorded, in one turn of the loop: 3 ms
 * a MiB, and some 10 more until it is on the disk.  It is asked for more when
 * others have had far more time than that.
 */
#define BYTES_A_MS 10240

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static struct vm *
vm_of(struct channel *ch)
{
	return (ch->arg);
}

bool
session_is_held(const struct vm *vm)
{
	return (vm->session.standing > 0 && vm->session.last.cancel_only);
}

int64_t
session_rests(const struct vm *vm, int64_t now_ms)
{
	return (vm->session.rest_ms > now_ms ? vm->session.rest_ms : -1);
}

/* A request that is told anew in the VM's next session. */
static void
forget_session(struct request *r)
{
	r->entered = r->done_sent = r->spool_asked = false;
	r->spool_sent[0] = r->spool_sent[1] = false;
	close_fd(&r->spool_fd[0]);
	close_fd(&r->spool_fd[1]);
	r->exec &= ~EXEC_OPEN;
	r->tell = 0;
}

static void
session_reset(struct vm *vm)
{
	struct session *s = &vm->session;
	struct request *r, *next;

	record_session_end(vm);
	timer_stop(&s->end);
	close_fd(&s->body_fd);
	close_fd(&s->input_fd);
	for (r = TAILQ_FIRST(&vm->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		forget_session(r);
		/* An answer that proves nothing is not kept for anybody. */
		if (r->state == REQUEST_FINISHED && r->memory == -1 &&
		    !r->answer.has_log)
			request_free(r);
	}
	s->entries = s->standing = 0;
	s->opened = s->bye = s->bye_sent = s->drained = false;
	s->end_recorded = false;
	s->taken = s->delivered = 0;
	s->why = NULL;
	vm->tell_over = s->poller;
	record_refused_summary(vm);
}

/* What it had delivered does not make up for it: it is not asked at once. */
static void
hold_next(struct vm *vm)
{
	if (vm->tell_hold == 0)
		vm->tell_hold = 1;
}

static void
session_closed(struct channel *ch, const char *why)
{
	struct vm *vm = vm_of(ch);

	if (why != NULL) {
		log_warn("%s: %s", ch->name, why);
		vm->session.why = "its poller broke a rule";
	}
	if (why != NULL || (once && !vm->session.bye_sent))
		hold_next(vm);
	session_reset(vm);
}

void
session_open(struct vm *vm, int fd, uint32_t poller, uint32_t sandbox)
{
	struct session *s = &vm->session;
	char name[64];

	channel_drain(&s->ch); /* what the last one said at its end */
	if (channel_is_open(&s->ch)) {
		s->why = "another poller has come";
		channel_close(&s->ch);
		session_reset(vm);
	}
	snprintf(name, sizeof(name), "poller [%s]", vm->name);
	s->poller = poller;
	s->sandbox = sandbox;
	s->body_fd = s->input_fd = -1;
	s->ch.dispatch = session_dispatch;
	s->ch.pump = session_pump;
	s->ch.closed = session_closed;
	s->ch.arg = vm;
	channel_open(&s->ch, fd, ROLE_VERIFIER, ROLE_POLLER, ST_SERVING, name);
}

void
session_end(struct vm *vm, uint32_t hold_seconds, const char *why)
{
	if (!vm->session.bye)
		vm->session.why = why;
	vm->session.bye = true;
	if (hold_seconds > vm->tell_hold)
		vm->tell_hold = hold_seconds;
}

void
session_cut(struct vm *vm, const char *why)
{
	if (!channel_is_open(&vm->session.ch))
		return;
	vm->session.why = why;
	channel_close(&vm->session.ch);
	session_reset(vm);
	hold_next(vm);
}

/* The poller did what ours never does: it is not ours any more. */
static void
distrust(struct vm *vm, const char *what)
{
	log_warn("%s: %s: its session ends", vm->session.ch.name, what);
	record_event(vm, "violation", "rule", what);
	vm->session.end_recorded = true;
	session_cut(vm, what);
}

void
session_tell(struct request *r, uint32_t what)
{
	if (r->vm->session.opened)
		r->tell |= what;
}

bool
vm_owes(const struct vm *vm)
{
	const struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (!request_waits(r) && r->state != REQUEST_GONE)
			return (true);
	}
	return (false);
}

/* What the poller says. */

static void
handle_open(struct vm *vm, struct imsg *m)
{
	struct request *r;
	struct msg_open o;

	if (imsg_payload(m, &o, sizeof(o)) == -1 ||
	    !imsg_text_ok(o.program, sizeof(vm->session.program)) ||
	    vm->session.opened) {
		distrust(vm, "a bad opening");
		return;
	}
	vm->session.opened = true;
	vm->session.opened_us = now_realtime_us();
	memcpy(vm->session.program, o.program, strlen(o.program) + 1);
	record_session(vm);
	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state == REQUEST_FINISHED)
			session_tell(r, TELL_DONE);
		else if (r->state != REQUEST_GONE)
			session_tell(r, TELL_TAKE | TELL_STATE | TELL_SIZES);
	}
}

static void
handle_memfd(struct vm *vm, struct imsg *m, int *fd, uint64_t *len,
    uint64_t limit)
{
	struct msg_memfd b;
	struct stat st;

	if (imsg_payload(m, &b, sizeof(b)) == -1 || *fd != -1 ||
	    b.length > limit) {
		distrust(vm, "a descriptor that was not asked for");
		return;
	}
	*fd = imsg_take_fd(m);
	*len = b.length;
	if (fstat(*fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != b.length)
		distrust(vm, "a descriptor of another size");
}

/* The first `next` is answered. */
static void
answered(struct session *s)
{
	s->next[0] = s->next[1];
	if (--s->standing == 0)
		imsg_set_state(&s->ch.end, ST_SERVING);
}

/* Of an input that may be offered: the policy is asked when it is there. */
static uint64_t
input_limit(const struct vm *vm)
{
	uint64_t limit = INPUT_MAX;

	if (vm->policy != NULL && vm->policy->input_limit > limit)
		limit = vm->policy->input_limit;
	return (limit);
}

static bool
clock_valid(int64_t seconds)
{
	return (seconds >= 0 && seconds <= TIME_MAX);
}

static void
handle_request(struct vm *vm, struct imsg *m)
{
	struct session *s = &vm->session;
	int body_fd = s->body_fd, input_fd = s->input_fd;
	struct msg_request q;
	uint64_t limit, bytes = 0;

	if (imsg_payload(m, &q, sizeof(q)) == -1 ||
	    !imsg_text_ok(q.id, sizeof(q.id)) ||
	    (!id_valid(q.id, strlen(q.id)) &&
		!id_valid_v1_ping(q.id, strlen(q.id))) ||
	    !clock_valid(q.clock) || s->next[0].cancel_only) {
		distrust(vm, "a bad request");
		return;
	}
	s->body_fd = s->input_fd = -1;
	/* As it was asked, and as the policy is by now. */
	limit = input_limit(vm);
	if (limit > s->next[0].input_limit)
		limit = s->next[0].input_limit;
	answered(s);
	s->drained = ++s->taken >= REQUESTS_MAX;
	bytes += body_fd == -1 ? 0 : s->body_len;
	bytes += input_fd == -1 ? 0 : s->input_len;
	check_request(vm, &q, limit, body_fd, input_fd, s->body_len,
	    s->input_len);
	s->rest_ms = now_boottime_ms() + (int64_t)(bytes / BYTES_A_MS);
}

static void
handle_cancel(struct vm *vm, struct imsg *m)
{
	struct msg_cancel c;

	if (imsg_payload(m, &c, sizeof(c)) == -1 ||
	    !imsg_text_ok(c.id, sizeof(c.id)) ||
	    !id_valid(c.id, strlen(c.id)) || !clock_valid(c.clock) ||
	    vm->session.body_fd != -1) {
		distrust(vm, "a bad cancel");
		return;
	}
	answered(&vm->session);
	check_cancel(vm, &c);
}

static void
handle_kept(struct vm *vm, struct imsg *m)
{
	struct request *r;

	r = request_by_serial(vm, m->hdr.id);
	if (r == NULL || !r->done_sent) {
		distrust(vm, "something kept that was not done");
		return;
	}
	if (vm->session.delivered++ == 0)
		vm->tell_delivered = true;
	request_kept(r);
}

static void
handle_problem(struct vm *vm, struct imsg *m)
{
	struct msg_problem p;

	if (imsg_payload(m, &p, sizeof(p)) == -1 || p.problem > PROBLEM_ENDED ||
	    !imsg_text_ok(p.rule, sizeof(p.rule)) ||
	    !imsg_text_ok(p.stderr_text, sizeof(p.stderr_text))) {
		distrust(vm, "a bad report");
		return;
	}
	record_problem(vm, &p);
	if (once)
		hold_next(vm);
	if (p.problem == PROBLEM_VIOLATION) {
		log_warn("VM %s broke a rule: %s", vm->name, p.rule);
		hold_next(vm);
	}
	/* It has said its last: another report would be a flood. */
	channel_close(&vm->session.ch);
	session_reset(vm);
}

/* Nothing is pending; or nothing of it has room, and that may last. */
static void
handle_none(struct vm *vm)
{
	struct session *s = &vm->session;

	if (s->last.cancel_only && s->last.word == WORD_FULL)
		return;
	s->drained = true;
	if (once && s->last.cancel_only)
		hold_next(vm);
}

void
session_dispatch(struct channel *ch, struct imsg *m)
{
	struct vm *vm = vm_of(ch);
	struct session *s = &vm->session;

	switch (m->hdr.type) {
	case IMSG_OPEN:
		handle_open(vm, m);
		break;
	case IMSG_BODY:
		handle_memfd(vm, m, &s->body_fd, &s->body_len, BODY_MAX);
		break;
	case IMSG_INPUT:
		handle_memfd(vm, m, &s->input_fd, &s->input_len,
		    s->next[0].input_limit);
		break;
	case IMSG_REQUEST:
		handle_request(vm, m);
		break;
	case IMSG_CANCEL:
		handle_cancel(vm, m);
		break;
	case IMSG_NONE:
		answered(s);
		handle_none(vm);
		break;
	case IMSG_KEPT:
		handle_kept(vm, m);
		break;
	case IMSG_PROBLEM:
		handle_problem(vm, m);
		break;
	default:
		distrust(vm, "a message that is none of its own");
	}
}

/* What the poller is told.  Each returns -1 when the channel is full. */

static int
send_id(struct channel *ch, enum imsg_type type, const struct request *r)
{
	struct msg_id id = {0};

	memcpy(id.id, r->answer.id, sizeof(r->answer.id));
	return (channel_send(ch, type, r->serial, &id, sizeof(id), -1));
}

static int
send_state(struct channel *ch, struct request *r)
{
	struct msg_state st = {.state = r->told_state, .n = r->told_n};

	memcpy(st.id, r->answer.id, sizeof(r->answer.id));
	if (r->told_state == STATE_RUNNING)
		st.n = (uint32_t)((now_boottime_ms() - r->started_ms) / 1000);
	return (channel_send(ch, IMSG_STATE, r->serial, &st, sizeof(st), -1));
}

/* One of the poller's few entries, for as long as the request is there. */
static bool
enter(struct session *s, struct request *r)
{
	if (!r->entered && s->entries >= ENTRIES_MAX)
		return (false);
	if (!r->entered)
		s->entries++;
	r->entered = true;
	return (true);
}

/*
 * Hands one spool file (or the text that was made here) over, once.  1: it is
 * there; 0: it is still to come from the executor; -1: the channel is full.
 */
static int
send_stream(struct channel *ch, struct request *r, uint32_t stream)
{
	struct msg_stream st = {.stream = stream, .seq = r->spool_seq};
	int *fd = &r->spool_fd[stream - 1];

	if (r->spool_sent[stream - 1])
		return (1);
	if (r->text_fd != -1 && stream == (r->text_is_err ? 2 : 1))
		fd = &r->text_fd;
	if (*fd == -1) {
		if (!r->spool_asked)
			r->exec |= EXEC_OPEN;
		r->spool_asked = true;
		return (0);
	}
	memcpy(st.id, r->answer.id, sizeof(r->answer.id));
	if (channel_send(ch, IMSG_OUTPUT, r->serial, &st, sizeof(st), *fd) ==
	    -1)
		return (-1);
	r->spool_sent[stream - 1] = true;
	if (fd != &r->text_fd)
		close_fd(fd);
	return (1);
}

/* Both streams as far as they have bytes: as send_stream. */
static int
send_streams(struct channel *ch, struct request *r)
{
	int there = 1, n;

	if (r->out > 0) {
		n = send_stream(ch, r, 1);
		if (n != 1)
			there = n;
	}
	if (r->err > 0 && there != -1) {
		n = send_stream(ch, r, 2);
		if (n != 1)
			there = n;
	}
	return (there);
}

static int
send_sizes(struct channel *ch, struct request *r)
{
	struct msg_sizes s = {.seq = r->spool_seq,
	    .out = r->out,
	    .err = r->err};

	return (channel_send(ch, IMSG_SIZES, r->serial, &s, sizeof(s), -1));
}

static int
send_done(struct channel *ch, struct request *r)
{
	struct msg_done d = {.out = r->out, .err = r->err};

	memcpy(d.id, r->answer.id, sizeof(r->answer.id));
	d.exit = r->answer.exit;
	d.receipt_len = (uint32_t)request_receipt(r, d.receipt);
	if (channel_send(ch, IMSG_DONE, r->serial, &d, sizeof(d), -1) == -1)
		return (-1);
	r->done_sent = true;
	return (0);
}

/* Bytes and the end: both need an entry and the spool's descriptors. */
static int
tell_output(struct channel *ch, struct request *r)
{
	struct vm *vm = vm_of(ch);
	bool done = (r->tell & TELL_DONE) != 0;
	int there;

	if (r->done_sent) {
		r->tell &= ~(TELL_SIZES | TELL_DONE);
		return (0);
	}
	if (!done && r->out == 0 && r->err == 0) {
		r->tell &= ~TELL_SIZES;
		return (0);
	}
	if (!enter(&vm->session, r))
		return (0);
	there = send_streams(ch, r);
	if (there != 1)
		return (there);
	if ((done ? send_done(ch, r) : send_sizes(ch, r)) == -1)
		return (-1);
	r->tell &= ~(TELL_SIZES | TELL_DONE);
	return (0);
}

static int
tell(struct channel *ch, struct request *r)
{
	if (r->tell & TELL_TAKE) {
		if (send_id(ch, IMSG_TAKE, r) == -1)
			return (-1);
		r->tell &= ~TELL_TAKE;
	}
	if (r->tell & TELL_STATE) {
		if (send_state(ch, r) == -1)
			return (-1);
		r->tell &= ~TELL_STATE;
	}
	if (r->tell & (TELL_SIZES | TELL_DONE))
		return (tell_output(ch, r));
	return (0);
}

static uint64_t
request_bytes(const struct vm *vm)
{
	return (BODY_MAX + input_limit(vm));
}

/* What it has, or may have with what it was asked for, beyond its first. */
static uint64_t
beyond_first(const struct vm *vm, bool asked)
{
	uint64_t first = request_bytes(vm);
	unsigned i;

	for (i = 0; i < vm->session.standing; i++)
		asked |= !vm->session.next[i].cancel_only;
	if (asked)
		return (vm->bytes);
	return (vm->bytes > first ? vm->bytes - first : 0);
}

/*
 * Bodies and inputs of all VMs beyond each one's first maximal request, were
 * this one asked for another.
 */
static uint64_t
common_bytes(const struct vm *asked)
{
	uint64_t sum = 0;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++)
		sum += beyond_first(vm, vm == asked);
	return (sum);
}

/* What its records of one maximal request hold at most. */
static uint64_t
recorded_bytes(const struct vm *vm)
{
	return (BODY_MAX + (vm->policy->record_digest ? 0 : INPUT_MAX));
}

/* Nothing else sweeps while nobody is asked. */
static bool
has_memory(const struct vm *vm)
{
	int key = keys_of(vm, KEY_CURRENT)->memory;

	if (!memory_room(key))
		check_sweep(now_boottime_ms());
	return (memory_room(key));
}

/* Whether one maximal request has room, or the word that says why not. */
static struct msg_next
room(struct vm *vm)
{
	struct msg_next n = {.input_limit = INPUT_MAX, .cancel_only = 1};
	uint64_t request = request_bytes(vm);

	n.input_limit = input_limit(vm);
	if (stopping || !vm->served || vm->count >= REQUESTS_MAX ||
	    vm->bytes + request > VM_BYTES + n.input_limit - INPUT_MAX ||
	    (vm->bytes > 0 && common_bytes(vm) > COMMON_BYTES))
		n.word = WORD_FULL;
	else if (decide_rate(vm, now_boottime_ms(), false) > 0) {
		n.word = WORD_RATE;
		record_rate(vm);
	} else if (!has_memory(vm))
		n.word = WORD_MEMORY;
	else if (!share_room(vm, recorded_bytes(vm)))
		n.word = WORD_LOG;
	else if (disk_low ||
	    !journal_room(record_bound(recorded_bytes(vm)) + JOURNAL_RESULT))
		n.word = WORD_DISK;
	else
		n.cancel_only = 0;
	return (n);
}

static void
send_next(struct channel *ch)
{
	struct vm *vm = vm_of(ch);
	struct session *s = &vm->session;
	struct msg_next n;

	if (s->body_fd != -1 || s->standing == NEXT_MAX ||
	    session_rests(vm, now_boottime_ms()) != -1)
		return;
	n = room(vm);
	if (s->standing == 1 && n.cancel_only == s->last.cancel_only &&
	    n.word == s->last.word && n.input_limit == s->last.input_limit)
		return;
	if (channel_send(ch, IMSG_NEXT, 0, &n, sizeof(n), -1) == -1)
		return;
	s->last = s->next[s->standing++] = n;
	imsg_set_state(&ch->end, ST_SERVING | ST_ASKED);
}

/* --once: what was pending has been taken, and all of it delivered. */
static bool
is_over(const struct vm *vm)
{
	const struct request *r;

	if (!once || !vm->session.opened || !vm->session.drained)
		return (false);
	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state != REQUEST_GONE)
			return (false);
	}
	return (true);
}

static void
end_overdue(struct timer *t)
{
	distrust(t->arg, "no end after bye");
}

void
session_pump(struct channel *ch)
{
	struct vm *vm = vm_of(ch);
	struct session *s = &vm->session;
	struct request *r;

	if (s->bye_sent)
		return;
	if (is_over(vm))
		session_end(vm, 0, "nothing is left");
	if (!s->bye)
		timer_stop(&s->end); /* it is served again */
	else if (!s->end.set)
		timer_start(&s->end, CLOCK_MONOTONIC, BYE_MS, end_overdue, vm);
	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->tell != 0 && r->state != REQUEST_GONE &&
		    tell(ch, r) == -1)
			return;
	}
	if (s->bye)
		s->bye_sent = channel_send(ch, IMSG_BYE, 0, NULL, 0, -1) == 0;
	else if (s->opened && vm->served && !(once && s->taken >= REQUESTS_MAX))
		send_next(ch);
}
