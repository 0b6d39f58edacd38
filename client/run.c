#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/finish.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/body.h"
#include "client/run.h"
#include "client/say.h"
#include "client/show.h"
#include "client/wait.h"
#include "client/key.h"
#include "wire/token.h"

#define PATIENCE_S 30 /* beyond the time-out, to be taken and answered */
#define PING_S	   10

/* A request that brought no result. */
static void
no_result(struct wait *w, enum wait_end end)
{
	static const struct {
		const char *status, *reason;
	} ends[] = {
	    [WAIT_NEVER_TAKEN] = {"never-taken",
		"dom0 has not taken the request; it is withdrawn"},
	    [WAIT_UNKNOWN] = {"unknown",
		"dom0 took the request and has no session here any more: the "
		"outcome is not known"},
	    [WAIT_FULL] = {"disk-full",
		"this VM's disk is full: the output cannot be stored; the "
		"command may have run: outcome unknown"},
	};

	if (end == WAIT_GIVEN_UP) {
		if (w->uncancelled)
			say_error("the cancel could not be written: the "
				  "command may still run in dom0");
		else if (interrupted())
			say_note("interrupted; the cancel is written");
		return;
	}
	outcome_set(&w->outcome, ends[end].status, EXIT_OTHER,
	    ends[end].reason);
	say_error("%s", ends[end].reason);
	audit_line(w->home, "TIMEOUT id=%s after=%ds", w->request->id,
	    (int)w->request->patience);
}

/* A signal or an output that cannot be written outweighs the answer. */
static void
own_reason(struct wait *w)
{
	const struct stream *s = w->out.error != 0 ? &w->out : &w->err;

	if (interrupted()) {
		outcome_set(&w->outcome, "signal", EXIT_INTERRUPTED,
		    "interrupted here");
	} else if (w->out.error == EPIPE || w->err.error == EPIPE) {
		outcome_set(&w->outcome, "broken-pipe", EXIT_BROKEN_PIPE,
		    "nobody reads the output");
	} else if (s->error != 0) {
		errno = s->error;
		say_errno("%s", s->name);
		outcome_set(&w->outcome, "output-error", EXIT_OTHER,
		    "the output cannot be written");
	}
}

static void
wait_for_end(struct wait *w)
{
	enum wait_end end = wait_result(w);
	bool stored;

	if (end != WAIT_RESULT) {
		no_result(w, end);
		own_reason(w);
		return;
	}
	finish(w);
	own_reason(w);
	/* Otherwise the next invocation tries again. */
	stored = history_store(w->home, w->request->id) == 0;
	if (!stored)
		say_errno("cannot move the result to history");
	if (audit_line(w->home, "DONE id=%s exit=%d", w->request->id,
		w->outcome.exit) == -1 &&
	    stored)
		say_errno("audit.log");
}

/* Submits and waits; the outcome is in w, which has been begun. */
static void
send_request(struct wait *w, struct request *r, int64_t limit_ms)
{
	if (key_load(w->home, &r->keys) == -1)
		return;
	/* From here on there is something to clean up. */
	w->signals = interrupt_catch();
	if (w->signals == -1) {
		say_errno("signals");
	} else if (request_submit(w->home, r) == 0) {
		say_detail("request %s", r->id);
		report_queued(&w->report, r->id, -1);
		if (limit_ms != 0)
			w->limit_ms = now_ms() + limit_ms;
		wait_for_end(w);
	}
	explicit_bzero(&r->keys, sizeof(r->keys));
}

/* held: output is not shown as it comes. */
static void
begin(struct wait *w, const struct home *h, const struct request *r, bool held)
{
	*w = (struct wait){.home = h, .request = r, .report = {.fd = -1}};
	outcome_set(&w->outcome, "error", EXIT_OTHER, "");
	stream_init(&w->out, ".out", "standard output", held ? -1 : 1);
	stream_init(&w->err, ".err", "standard error", held ? -1 : 2);
}

/* What dom0 itself says is shown once it is known to come from there. */
static void
show_answer(struct wait *w)
{
	if (!w->outcome.verified)
		return;
	show_file(w->out.from, w->out.printed);
	if (show_end() == -1)
		outcome_set(&w->outcome, "output-error", EXIT_OTHER,
		    "the output cannot be written");
}

static void
end(struct wait *w)
{
	stream_close(&w->out);
	stream_close(&w->err);
}

static int32_t
patience(const struct options *o)
{
	int32_t seconds =
	    o->timeout == TOKEN_TIMEOUT_POLICY ? TIMEOUT_DEFAULT : o->timeout;

	if (o->wait != 0)
		return (o->wait);
	seconds += PATIENCE_S;
	return (seconds > EXPIRES_MAX ? EXPIRES_MAX : seconds);
}

/* The request of what was typed: 0, or -1 after saying why. */
static int
fill(struct request *r, const struct options *o, void **body, void **input)
{
	*r = (struct request){
	    .kind =
		(o->given & GIVEN(OPT_CHECK)) != 0 ? TOKEN_CHECK : TOKEN_RUN,
	    .timeout = o->timeout,
	    .patience = patience(o),
	    .note = o->note,
	};
	*input = NULL;
	if (body_read(o, body, &r->body_len) == -1 ||
	    input_read(o, input, &r->input_len) == -1)
		return (-1);
	r->body = *body;
	r->input = *input;
	return (0);
}

/* Options that do not go together: 0, or EXIT_USAGE. */
static int
conflicts(const struct options *o)
{
	if (o->argc == 0 &&
	    (o->given & (GIVEN(OPT_STDIN) | GIVEN(OPT_NO_SHELL))) != 0)
		return (usage_error("-i and --no-shell need a command"));
	if (o->input != NULL && (o->given & GIVEN(OPT_STDIN)) != 0)
		return (usage_error("-i and --input: one of them"));
	return (0);
}

int
run_command(const struct options *o)
{
	bool json = (o->given & GIVEN(OPT_JSON)) != 0;
	bool check = (o->given & GIVEN(OPT_CHECK)) != 0;
	void *body = NULL, *input = NULL;
	struct request r;
	struct home home;
	struct wait w;

	if (conflicts(o) != 0)
		return (EXIT_USAGE);
	begin(&w, &home, &r, json || check);
	w.report.fd = o->status_fd;
	r.id[0] = '\0';
	if (fill(&r, o, &body, &input) == 0 && home_open(&home) == 0)
		send_request(&w, &r, 0);
	if (check && !json)
		show_answer(&w);
	if (json && report_json(r.id, &w.outcome, w.out.from, w.err.from) == -1)
		say_errno("standard output");
	report_exit(&w.report, r.id, &w.outcome);
	end(&w);
	free(body);
	free(input);
	return (w.outcome.exit);
}

int
run_ping(const struct home *h, int32_t timeout)
{
	struct request r = {
	    .kind = TOKEN_PING,
	    .timeout = TOKEN_TIMEOUT_POLICY,
	    .body = "",
	    .note = "",
	};
	struct wait w;

	r.patience = timeout == TOKEN_TIMEOUT_POLICY ? PING_S : timeout;
	begin(&w, h, &r, true);
	send_request(&w, &r, (int64_t)r.patience * 1000);
	show_answer(&w);
	end(&w);
	return (w.outcome.exit == 0 ? 0 : 1);
}
