#include "verifier/verifier.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/piece.h"
#include "privsep/log.h"
#include "verifier/journal.h"

/* The channel to the executor: what is to run, and what became of it. */

static void
copy_stream(struct receipt_stream *to, const struct msg_ended_stream *from)
{
	to->written = from->written;
	to->kept = from->kept;
	memcpy(to->sha256, from->sha256, SHA256_LEN);
}

static void
set_status(struct receipt *a, enum receipt_status status, uint8_t own,
    const char *reason)
{
	a->status = status;
	a->exit = receipt_status_exit(status, own);
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
}

static void
name_limit(struct request *r, const char *fmt, ...)
{
	char *reason = r->answer.reason;
	size_t len = strlen(reason), size = sizeof(r->answer.reason);
	va_list ap;

	if (len > 0 && len + 2 < size) {
		memcpy(reason + len, "; ", 3);
		len += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(reason + len, size - len, fmt, ap);
	va_end(ap);
}

/* What it may keep of each stream: reserved when it started. */
static uint64_t
kept_max(const struct request *r)
{
	return (r->spool_bytes / 2);
}

/* What was kept is all that may be: else the spool was full, or failed. */
static bool
is_cut(const struct msg_ended_stream *s, uint64_t limit)
{
	return (s->kept < s->written && s->kept == limit);
}

static bool
is_lost(const struct msg_ended_stream *s, uint64_t limit)
{
	return (s->kept < s->written && s->kept < limit);
}

/* Limits that it ran into are named, whatever its end. */
static void
name_limits(struct request *r, const struct msg_ended *e)
{
	if ((e->limits & LIMIT_MEMORY) != 0)
		name_limit(r, "its policy's limit: memory");
	if ((e->limits & LIMIT_TASKS) != 0)
		name_limit(r, "the limit of its tasks");
	if ((e->limits & LIMIT_FILE_SIZE) != 0)
		name_limit(r, "its policy's limit: file-size");
	else if (e->how == END_EXITED && e->value == 128 + SIGXFSZ &&
	    r->terms.file_size > 0)
		name_limit(r, "perhaps its policy's limit: file-size");
	if (is_cut(&e->out, kept_max(r)) || is_cut(&e->err, kept_max(r)))
		name_limit(r, "its policy's limit: output-limit");
	if (is_lost(&e->out, kept_max(r)) || is_lost(&e->err, kept_max(r)))
		name_limit(r, "dom0's spool took no more output");
	if (r->kept && e->sealed == 0 && e->started_us != 0 &&
	    e->how < END_FAILED)
		name_limit(r, "its kept output is not sealed");
}

static void
set_end(struct request *r, const struct msg_ended *e)
{
	struct receipt *a = &r->answer;
	char reason[REASON_MAX + 1] = "";

	switch (e->how) {
	case END_EXITED:
		set_status(a, RECEIPT_EXITED, (uint8_t)e->value, "");
		break;
	case END_SIGNALED:
		set_status(a, RECEIPT_SIGNALED, (uint8_t)(128 + e->value), "");
		break;
	case END_TIMEOUT:
		snprintf(reason, sizeof(reason),
		    "ended after its time-out of %u s", r->timeout);
		set_status(a, RECEIPT_TIMEOUT, 0, reason);
		break;
	case END_KILLED:
		set_status(a, RECEIPT_CANCELLED, 0, r->why);
		break;
	case END_FAILED:
		snprintf(reason, sizeof(reason), "it did not start: %s",
		    strerror((int)e->value));
		set_status(a, RECEIPT_REJECTED, 0, reason);
		break;
	case END_UNKEPT:
		snprintf(reason, sizeof(reason),
		    "dom0 cannot keep its output: %s: it did not run",
		    strerror((int)e->value));
		set_status(a, RECEIPT_REJECTED, 0, reason);
		break;
	default:
		fatalx("executor: an end that is none: %u", e->how);
	}
}

/*
 * An end that no receipt can tell would be in the log, and every start would
 * fail at it.
 */
static void
check_end(const struct request *r, const struct msg_ended *e)
{
	char text[RECEIPT_MAX];

	if (e->value > UINT8_MAX || (uint64_t)e->started_us > NUMBER_MAX ||
	    (uint64_t)e->ended_us > NUMBER_MAX || e->out.kept < r->out ||
	    e->err.kept < r->err || e->out.kept > kept_max(r) ||
	    e->err.kept > kept_max(r) || e->sealed > r->kept ||
	    e->timing_len > TIMING_MAX || e->timing_len % PIECE_LEN != 0 ||
	    receipt_print(text, sizeof(text), &r->answer) == -1)
		fatalx("executor: an end that cannot be");
}

static void
command_over(struct request *r, uint64_t timing_len)
{
	struct vm *vm = r->vm;

	vm->running--;
	if (r->token.queue)
		vm->running_queue--;
	vm->spool_bytes -= r->spool_bytes;
	r->spool_bytes = r->answer.out.kept + r->answer.err.kept;
	vm->spool_bytes += r->spool_bytes;
	output_over(r, timing_len);
	r->exec &= ~(EXEC_RUN | EXEC_INPUT | EXEC_GO | EXEC_KILL);
}

static void
handle_ended(struct imsg *m)
{
	struct msg_ended e;
	struct request *r;

	if (imsg_payload(m, &e, sizeof(e)) == -1 ||
	    e.out_head_len > sizeof(e.out_head) ||
	    e.err_head_len > sizeof(e.err_head))
		fatalx("executor: a bad end");
	r = request_by_seq(e.seq);
	if (r == NULL || r->state != REQUEST_RUNNING)
		fatalx("executor: the end of what does not run");
	/* What was killed before GO has none. */
	r->answer.has_times = e.started_us != 0;
	r->answer.started_us = e.started_us;
	r->answer.ended_us = e.ended_us;
	copy_stream(&r->answer.out, &e.out);
	copy_stream(&r->answer.err, &e.err);
	set_end(r, &e);
	name_limits(r, &e);
	check_end(r, &e);
	v1_exit(r);
	r->out = r->answer.out.kept;
	r->err = r->answer.err.kept;
	command_over(r, e.timing_len);
	record_result(r, &e);
	request_answered(r);
}

static void
handle_grown(struct imsg *m)
{
	struct msg_sizes s;
	struct request *r;

	if (imsg_payload(m, &s, sizeof(s)) == -1)
		fatalx("executor: bad sizes");
	r = request_by_seq(s.seq);
	if (r == NULL || r->state != REQUEST_RUNNING)
		fatalx("executor: sizes of what does not run");
	if (s.out < r->out || s.err < r->err || s.out > kept_max(r) ||
	    s.err > kept_max(r))
		fatalx("executor: sizes that cannot be");
	r->out = s.out;
	r->err = s.err;
	session_tell(r, TELL_SIZES);
}

static void
handle_started(struct imsg *m)
{
	struct msg_started s;
	struct request *r;

	if (imsg_payload(m, &s, sizeof(s)) == -1)
		fatalx("executor: a bad start");
	r = request_by_seq(s.seq);
	if (r == NULL || r->state != REQUEST_RUNNING)
		fatalx("executor: the start of what does not run");
	r->started_ms = now_boottime_ms();
}

/* A power loss may leave less than the record says: the VM gets that. */
static void
note_loss(const struct request *r, uint32_t stream, int fd)
{
	uint64_t kept = stream == 1 ? r->out : r->err;
	struct stat st;

	if (fstat(fd, &st) == -1 || (uint64_t)st.st_size >= kept)
		return;
	log_warn("VM %s: request %s: %ju of %ju bytes of its %s are lost",
	    r->vm->name, r->answer.id, (uintmax_t)(kept - (uint64_t)st.st_size),
	    (uintmax_t)kept, stream == 1 ? "output" : "error output");
}

static void
handle_spool(struct imsg *m)
{
	struct msg_stream s;
	struct request *r;

	if (imsg_payload(m, &s, sizeof(s)) == -1 || s.stream < 1 ||
	    s.stream > 2)
		fatalx("executor: a bad spool");
	r = request_by_seq(s.seq);
	/*
	 * The session that it was for may have ended, and the next one have
	 * asked again: two answers come, and one is enough.
	 */
	if (r == NULL || r->state == REQUEST_GONE || !r->spool_asked ||
	    (r->text_is_err && s.stream == 2) || r->spool_sent[s.stream - 1] ||
	    r->spool_fd[s.stream - 1] != -1)
		return;
	r->spool_fd[s.stream - 1] = imsg_take_fd(m);
	note_loss(r, s.stream, r->spool_fd[s.stream - 1]);
	session_tell(r, TELL_SIZES);
}

static void
handle_disk(struct imsg *m)
{
	struct msg_disk d;

	if (imsg_payload(m, &d, sizeof(d)) == -1)
		fatalx("executor: a bad word on its disk");
	pulse_spool_low(d.low != 0);
}

void
run_dispatch(struct channel *ch, struct imsg *m)
{
	(void)ch;
	switch (m->hdr.type) {
	case IMSG_STARTED:
		handle_started(m);
		break;
	case IMSG_GROWN:
		handle_grown(m);
		break;
	case IMSG_SPOOL:
		handle_spool(m);
		break;
	case IMSG_ENDED:
		handle_ended(m);
		break;
	case IMSG_SPOOL_DISK:
		handle_disk(m);
		break;
	case IMSG_OUTPUTS:
		output_told(m);
		break;
	default:
		fatalx("executor: unexpected message %u", m->hdr.type);
	}
}

static int
send_run_message(struct channel *ch, struct request *r)
{
	const struct terms *t = &r->terms;
	struct msg_run run = {.seq = r->seq,
	    .output_limit = kept_max(r),
	    .keep = r->kept,
	    .timeout = r->timeout,
	    .memory = t->memory,
	    .file_size = t->file_size,
	    .tasks = t->tasks,
	    .files = t->files,
	    .nice = t->nice,
	    .direct = r->path[0] != '\0'};

	memcpy(run.vm, r->asker, sizeof(r->asker));
	memcpy(run.id, r->answer.id, sizeof(r->answer.id));
	memcpy(run.user, t->user, sizeof(t->user));
	memcpy(run.path, r->path, sizeof(r->path));
	run.has_input = r->input_fd != -1;
	return (channel_send(ch, IMSG_RUN, 0, &run, sizeof(run), r->body_fd));
}

/* Told to die before it was told to run: it never ran. */
static void
cancelled_unstarted(struct request *r)
{
	set_status(&r->answer, RECEIPT_CANCELLED, 0, r->why);
	command_over(r, 0);
	record_result(r, NULL);
	r->spool_seq = 0;
	request_answered(r);
}

static int
send_seq(struct channel *ch, enum imsg_type type, struct request *r,
    uint32_t bit, int fd)
{
	struct msg_seq seq = {.seq = r->spool_seq};

	if ((r->exec & bit) == 0)
		return (0);
	if (channel_send(ch, type, 0, &seq, sizeof(seq), fd) == -1)
		return (-1);
	r->exec &= ~bit;
	return (0);
}

/* From the spool, or from where it stays. */
static int
send_open(struct channel *ch, struct request *r)
{
	struct msg_output m = {.seq = r->spool_seq};

	if ((r->exec & EXEC_OPEN) == 0)
		return (0);
	if (r->kept)
		memcpy(m.vm, r->asker, sizeof(m.vm));
	if (channel_send(ch, IMSG_SPOOL_OPEN, 0, &m, sizeof(m), -1) == -1)
		return (-1);
	r->exec &= ~EXEC_OPEN;
	return (0);
}

/* RUN, and what belongs to it.  -1: the channel takes no more now. */
static int
send_run(struct channel *ch, struct request *r)
{
	if (r->exec & EXEC_RUN) {
		if (send_run_message(ch, r) == -1)
			return (-1);
		r->exec &= ~EXEC_RUN;
		if (r->input_fd != -1)
			r->exec |= EXEC_INPUT;
	}
	return (send_seq(ch, IMSG_RUN_INPUT, r, EXEC_INPUT, r->input_fd));
}

/* The same.  It has begun; or it is killed before it could. */
static int
send_go(struct channel *ch, struct request *r)
{
	if ((r->exec & EXEC_GO) == 0)
		return (0);
	if (r->cancelled)
		r->exec &= ~EXEC_GO;
	else if (send_seq(ch, IMSG_GO, r, EXEC_GO, -1) == -1)
		return (-1);
	r->state = REQUEST_RUNNING;
	r->started_ms = now_boottime_ms();
	return (0);
}

/* The same, of all that the executor is to be told of it. */
static int
pump_request(struct channel *ch, struct request *r)
{
	if ((r->exec & EXEC_RUN) != 0 && r->cancelled) {
		cancelled_unstarted(r);
		return (0);
	}
	if (send_run(ch, r) == -1 || send_go(ch, r) == -1 ||
	    send_seq(ch, IMSG_KILL, r,
		r->state == REQUEST_RUNNING ? EXEC_KILL : 0, -1) == -1 ||
	    send_open(ch, r) == -1 ||
	    send_seq(ch, IMSG_SPOOL_REMOVE, r, EXEC_REMOVE, -1) == -1)
		return (-1);
	return (0);
}

/* What an earlier life left in the spool: some is owed, the rest goes. */
static bool
sweep(struct channel *ch)
{
	struct msg_seq from = {.seq = journal_run_first()};
	static bool swept, outputs_swept;
	struct request *r;
	struct vm *vm;

	if (outputs_swept)
		return (true);
	for (vm = vms; vm < vms_end; vm++) {
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (send_seq(ch, IMSG_SPOOL_KEEP, r, EXEC_KEEP, -1) ==
			    -1)
				return (false);
		}
	}
	if (!swept && channel_send(ch, IMSG_SPOOL_SWEEP, 0, NULL, 0, -1) == -1)
		return (false);
	swept = true;
	outputs_swept = channel_send(ch, IMSG_OUTPUT_SWEEP, 0, &from,
			    sizeof(from), -1) == 0;
	return (outputs_swept);
}

void
run_prepare(struct channel *ch)
{
	struct request *r;
	struct vm *vm;

	if (!sweep(ch))
		return;
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->state == REQUEST_RECORDED &&
			    send_run(ch, r) == -1)
				return;
		}
	}
}

void
run_pump(struct channel *ch)
{
	struct request *r, *next;
	struct vm *vm;

	if (!sweep(ch))
		return;
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		if (output_pump(ch, vm) == -1)
			return;
		for (r = TAILQ_FIRST(&vm->requests); r != NULL; r = next) {
			next = TAILQ_NEXT(r, entry);
			if (r->exec != 0 && pump_request(ch, r) == -1)
				return;
			if (r->state == REQUEST_GONE && r->exec == 0)
				request_free(r);
		}
	}
}
