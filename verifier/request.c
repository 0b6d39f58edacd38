#include "verifier/verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

static uint32_t last_serial;

struct request *
request_new(struct vm *vm, const char *id)
{
	struct request *r;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		fatal("request");
	r->vm = vm;
	r->serial = ++last_serial;
	memcpy(r->answer.id, id, strlen(id));
	sha256("", 0, r->answer.out.sha256);
	sha256("", 0, r->answer.err.sha256);
	r->memory = -1;
	r->deadline_ms = INT64_MAX;
	r->body_fd = r->input_fd = r->text_fd = -1;
	r->spool_fd[0] = r->spool_fd[1] = -1;
	TAILQ_INSERT_TAIL(&vm->requests, r, entry);
	vm->count++;
	return (r);
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
request_drop_body(struct request *r)
{
	if (r->body_fd == -1)
		return;
	r->vm->bytes -= r->token.body_len + r->token.input_len;
	close_fd(&r->body_fd);
	close_fd(&r->input_fd);
}

void
request_free(struct request *r)
{
	request_drop_body(r);
	close_fd(&r->text_fd);
	close_fd(&r->spool_fd[0]);
	close_fd(&r->spool_fd[1]);
	if (r->entered)
		r->vm->session.entries--;
	r->vm->spool_bytes -= r->spool_bytes;
	r->vm->count--;
	TAILQ_REMOVE(&r->vm->requests, r, entry);
	free(r);
}

struct request *
request_find(struct vm *vm, const char *id, const char *key)
{
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->memory != -1 && r->state != REQUEST_GONE &&
		    strcmp(r->answer.id, id) == 0 &&
		    strcmp(r->token.key, key) == 0)
			return (r);
	}
	return (NULL);
}

const char *
request_asker(const struct request *r)
{
	return (r->seq != 0 ? r->asker : r->vm->name);
}

static bool
has_begun(const struct request *r)
{
	return (r->state == REQUEST_RECORDED || r->state == REQUEST_STARTING ||
	    r->state == REQUEST_RUNNING);
}

static void
leave(struct request *r)
{
	struct vm *vm = r->vm;

	TAILQ_REMOVE(&vm->requests, r, entry);
	vm->count--;
	vm->spool_bytes -= r->spool_bytes;
	vm->kept.reserved -= r->kept_bytes;
	if (r->body_fd != -1)
		vm->bytes -= r->token.body_len + r->token.input_len;
	vm->running -= has_begun(r);
	vm->running_queue -= has_begun(r) && r->token.queue;
}

static void
join(struct request *r, struct vm *vm)
{
	TAILQ_INSERT_TAIL(&vm->requests, r, entry);
	r->vm = vm;
	vm->count++;
	vm->spool_bytes += r->spool_bytes;
	vm->kept.reserved += r->kept_bytes;
	if (r->body_fd != -1)
		vm->bytes += r->token.body_len + r->token.input_len;
	vm->running += has_begun(r);
	vm->running_queue += has_begun(r) && r->token.queue;
}

struct request *
request_move(struct vm *to, const char *id, const char *key)
{
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		r = vm == to ? NULL : request_find(vm, id, key);
		if (r == NULL)
			continue;
		/* It may have been told already, and would answer. */
		session_cut(vm, "its key is another VM's now");
		leave(r);
		join(r, to);
		return (r);
	}
	return (NULL);
}

struct request *
request_by_serial(struct vm *vm, uint32_t serial)
{
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->serial == serial && r->state != REQUEST_GONE)
			return (r);
	}
	return (NULL);
}

struct request *
request_by_seq(uint64_t seq)
{
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->spool_seq == seq && seq != 0)
				return (r);
		}
	}
	return (NULL);
}

struct request *
request_by_result(uint64_t seq)
{
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->answer.has_log && r->answer.log_seq == seq)
				return (r);
		}
	}
	return (NULL);
}

/* Its answer is in the log (to be committed), or is not going there. */
void
request_answered(struct request *r)
{
	request_drop_body(r);
	v1_say(r);
	if (r->answer.has_log) {
		r->state = REQUEST_ANSWERED;
		return;
	}
	r->state = REQUEST_FINISHED;
	r->deadline_ms = now_boottime_ms() + ANSWER_KEPT_MS;
	session_tell(r, TELL_DONE);
}

void
request_refuse(struct request *r, enum receipt_status status,
    const char *reason)
{
	r->answer.status = status;
	r->answer.exit = receipt_status_exit(status, 0);
	v1_exit(r);
	snprintf(r->answer.reason, sizeof(r->answer.reason), "%s", reason);
	if (r->state == REQUEST_ASKED)
		ask_over(r, reason);
	/* What has an intent has a result, whatever is remembered of it. */
	if (r->memory != -1 || r->seq != 0)
		record_result(r, NULL);
	else if (!record_refused(r, false))
		session_end(r->vm, 60, "too much was refused");
	request_answered(r);
}

int
request_memfd(const char *text, size_t len)
{
	int fd;

	fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || write(fd, text, len) != (ssize_t)len ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		fatal("answer");
	return (fd);
}

/* Text that no command wrote goes the way of output. */
void
request_text(struct request *r, const char *text, size_t len)
{
	r->text_fd = request_memfd(text, len);
	r->out = r->answer.out.written = r->answer.out.kept = len;
	sha256(text, len, r->answer.out.sha256);
}

/* Its answer is not owed any more; its spool goes. */
static void
release(struct request *r)
{
	if (r->memory != -1)
		memory_unpin(r->memory);
	if (r->spool_seq == 0) {
		request_free(r);
		return;
	}
	if (r->entered)
		r->vm->session.entries--;
	r->entered = false;
	r->state = REQUEST_GONE;
	r->tell = 0;
	r->exec = EXEC_REMOVE;
}

void
request_kept(struct request *r)
{
	record_owed_no_more(r, "delivered");
	release(r);
}

void
request_lapsed(struct request *r)
{
	record_owed_no_more(r, "lapsed");
	release(r);
}

bool
request_waits(const struct request *r)
{
	return (r->state == REQUEST_WAITING || r->state == REQUEST_ASKED);
}

bool
request_cancel(struct request *r, const char *why)
{
	switch (r->state) {
	case REQUEST_WAITING:
	case REQUEST_ASKED:
		request_refuse(r, RECEIPT_CANCELLED, why);
		return (true);
	case REQUEST_RECORDED:
	case REQUEST_STARTING:
	case REQUEST_RUNNING:
		if (r->cancelled)
			return (false);
		r->cancelled = true;
		snprintf(r->why, sizeof(r->why), "%s", why);
		r->exec |= EXEC_KILL;
		return (true);
	default:
		return (false);
	}
}

static void
committed(struct request *r)
{
	if (r->state == REQUEST_RECORDED) {
		r->state = REQUEST_STARTING;
		r->exec |= EXEC_GO;
	} else if (r->state == REQUEST_ANSWERED) {
		r->state = REQUEST_FINISHED;
		r->deadline_ms = now_boottime_ms() + ANSWER_KEPT_MS;
		session_tell(r, TELL_DONE);
	}
}

void
request_committed(void)
{
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		output_committed(vm);
		TAILQ_FOREACH (r, &vm->requests, entry)
			committed(r);
	}
}

int64_t
request_deadlines(int64_t now_ms)
{
	struct request *r, *next;
	int64_t first = -1;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		for (r = TAILQ_FIRST(&vm->requests); r != NULL; r = next) {
			next = TAILQ_NEXT(r, entry);
			if (request_waits(r) && r->deadline_ms <= now_ms)
				request_refuse(r, RECEIPT_EXPIRED,
				    r->state == REQUEST_ASKED
					? "expired before a person in dom0 "
					  "had approved it"
					: "expired before its turn came");
			else if (r->state == REQUEST_FINISHED &&
			    r->deadline_ms <= now_ms) {
				request_lapsed(r);
				continue;
			}
			if ((request_waits(r) ||
				r->state == REQUEST_FINISHED) &&
			    (first == -1 || r->deadline_ms < first))
				first = r->deadline_ms;
		}
	}
	return (first);
}

size_t
request_receipt(const struct request *r, char out[RECEIPT_MAX])
{
	struct receipt answer = r->answer;
	const struct vm_key *key = keys_find(r->vm, r->token.key);
	ssize_t n;

	if (r->v1)
		return (v1_meta(r, out));
	/* A key that was revoked since signs nothing more. */
	if (key == NULL)
		answer.has_log = false;
	n = receipt_print(out, RECEIPT_MAX, &answer);
	if (n != -1 && answer.has_log) {
		receipt_mac(key->derived.receipt, out,
		    (size_t)n - RECEIPT_MAC_LINE, answer.mac);
		n = receipt_print(out, RECEIPT_MAX, &answer);
	}
	if (n == -1)
		fatalx("a receipt could not be made");
	return ((size_t)n);
}
