#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/finish.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/run.h"
#include "client/say.h"
#include "client/wait.h"
#include "client/key.h"
#include "wire/frame.h"

#define PATIENCE_S 30 /* beyond the time-out, to be taken and answered */
#define PING_S	   10

void *
run_read_script(size_t *len)
{
	/* One byte more shows that there is too much. */
	size_t size = BODY_MAX + 1, have = 0;
	char *script = malloc(size);
	ssize_t n = -1;

	if (script == NULL) {
		say_errno("script");
		return (NULL);
	}
	while (have < size) {
		n = read(0, script + have, size - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (n == -1) {
		say_errno("standard input");
		free(script);
		return (NULL);
	}
	*len = have;
	return (script);
}

/* What to call the end of a request that brought no result. */
static int
no_result(const struct wait *w, enum wait_end end)
{
	switch (end) {
	case WAIT_NEVER_TAKEN:
		say_error("dom0 has not taken the request; it is withdrawn");
		break;
	case WAIT_UNKNOWN:
		say_error("dom0 took the request and has no session here any "
			  "more: the outcome is not known");
		break;
	case WAIT_FULL:
		say_error("this VM's disk is full: the output cannot be "
			  "stored; the command may have run: outcome unknown");
		break;
	case WAIT_GIVEN_UP:
	case WAIT_RESULT:
		if (w->uncancelled)
			say_error("the cancel could not be written: the "
				  "command may still run in dom0");
		else if (interrupted())
			say_note("interrupted; the cancel is written");
		return (EXIT_OTHER);
	}
	audit_line(w->home, "TIMEOUT id=%s after=%ds", w->request->id,
	    (int)w->request->patience);
	return (EXIT_OTHER);
}

/* A signal or an output that cannot be written outweighs the answer. */
static int
own_reason(const struct wait *w, int status)
{
	const struct stream *s = w->out.error != 0 ? &w->out : &w->err;

	if (interrupted())
		return (EXIT_INTERRUPTED);
	if (w->out.error == EPIPE || w->err.error == EPIPE)
		return (EXIT_BROKEN_PIPE);
	if (s->error != 0) {
		errno = s->error;
		say_errno("%s", s->name);
		return (EXIT_OTHER);
	}
	return (status);
}

static int
wait_for_end(struct wait *w)
{
	enum wait_end end = wait_result(w);
	bool stored = true;
	int status;

	if (end == WAIT_RESULT) {
		status = own_reason(w, finish(w));
		/* Otherwise the next invocation tries again. */
		stored = history_store(w->home, w->request->id) == 0;
		if (!stored)
			say_errno("cannot move the result to history");
		if (audit_line(w->home, "DONE id=%s exit=%d", w->request->id,
			status) == -1 &&
		    stored)
			say_errno("audit.log");
	} else {
		status = own_reason(w, no_result(w, end));
	}
	stream_close(&w->out);
	stream_close(&w->err);
	return (status);
}

static int
send_request(const struct home *h, struct request *r, int64_t limit_ms)
{
	struct wait w = {.home = h, .request = r};
	int status;

	if (key_load(h, &r->keys) == -1)
		return (EXIT_OTHER);
	/* From here on there is something to clean up. */
	w.signals = interrupt_catch();
	if (w.signals == -1) {
		say_errno("signals");
		return (EXIT_OTHER);
	}
	if (request_submit(h, r) == -1) {
		explicit_bzero(&r->keys, sizeof(r->keys));
		return (EXIT_OTHER);
	}
	say_detail("request %s", r->id);
	stream_init(&w.out, ".out", "standard output", 1);
	stream_init(&w.err, ".err", "standard error", 2);
	if (limit_ms != 0)
		w.limit_ms = now_ms() + limit_ms;
	status = wait_for_end(&w);
	explicit_bzero(&r->keys, sizeof(r->keys));
	return (status);
}

int
run_command(const struct home *h, const void *body, size_t len, int32_t timeout)
{
	struct request r = {.kind = TOKEN_RUN, .timeout = timeout};
	const char *rule;

	/* dom0 would reject it for the same reason, in the same words. */
	if ((rule = body_rule(body, len)) != NULL) {
		say_error("%s", rule);
		return (EXIT_OTHER);
	}
	r.body = body;
	r.body_len = len;
	r.patience =
	    timeout == TOKEN_TIMEOUT_POLICY ? TIMEOUT_DEFAULT : timeout;
	r.patience += PATIENCE_S;
	if (r.patience > EXPIRES_MAX)
		r.patience = EXPIRES_MAX;
	return (send_request(h, &r, 0));
}

int
run_ping(const struct home *h, int32_t timeout)
{
	struct request r = {
	    .kind = TOKEN_PING,
	    .timeout = TOKEN_TIMEOUT_POLICY,
	    .body = "",
	};

	r.patience = timeout == TOKEN_TIMEOUT_POLICY ? PING_S : timeout;
	return (send_request(h, &r, (int64_t)r.patience * 1000) == 0 ? 0 : 1);
}
