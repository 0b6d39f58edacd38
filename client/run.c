#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/attend.h"
#include "client/body.h"
#include "client/interrupt.h"
#include "client/key.h"
#include "client/once.h"
#include "client/run.h"
#include "client/say.h"
#include "client/socket.h"
#include "client/v1.h"

#define PATIENCE_S 30 /* beyond the time-out, to be taken and answered */

static bool
given(const struct options *o, enum option_code code)
{
	return ((o->given & GIVEN(code)) != 0);
}

static int32_t
patience(const struct options *o)
{
	int32_t seconds =
	    o->timeout == TOKEN_TIMEOUT_POLICY ? TIMEOUT_DEFAULT : o->timeout;

	if (o->wait != 0)
		return (o->wait);
	if (given(o, OPT_DETACH))
		return (EXPIRES_MAX);
	seconds += PATIENCE_S;
	return (seconds > EXPIRES_MAX ? EXPIRES_MAX : seconds);
}

/* The request of what was typed: 0, or -1 after saying why. */
static int
fill(struct request *r, const struct options *o, void **body, void **input)
{
	*r = (struct request){
	    .kind = given(o, OPT_CHECK) ? TOKEN_CHECK : TOKEN_RUN,
	    .timeout = o->timeout,
	    .patience = patience(o),
	    .note = o->note,
	    .queue = given(o, OPT_DETACH),
	};
	*input = NULL;
	if (body_read(o, body, &r->body_len) == -1 ||
	    input_read(o, input, &r->input_len) == -1)
		return (-1);
	r->body = *body;
	r->input = *input;
	return (0);
}

/* Writes the request, or finds the one that has the key: 0, or -1. */
static int
submit(struct wait *w, struct request *r, const char *once)
{
	if (key_load(w->home, KEY_FILE, &r->keys) == -1)
		return (-1);
	/* From here on there is something to clean up. */
	w->signals = interrupt_catch();
	if (w->signals == -1) {
		say_errno("signals");
		return (-1);
	}
	if (once != NULL)
		return (once_submit(w->home, once, r, &w->follow));
	return (
	    request_make(r) == 0 && request_submit(w->home, r) == 0 ? 0 : -1);
}

static void
run(struct wait *w, struct request *r, const struct options *o)
{
	if (submit(w, r, o->once) == -1)
		return;
	say_detail("request %s", r->id);
	if (!given(o, OPT_DETACH)) {
		report_queued(&w->report, r->id, -1);
		attend(w);
		return;
	}
	socket_tell(w->home, r->id);
	if (puts(r->id) != EOF && fflush(stdout) == 0)
		outcome_set(&w->outcome, "queued", 0, "");
	else
		say_errno("standard output");
}

/* Options that do not go together: 0, or EXIT_USAGE. */
static int
conflicts(const struct options *o)
{
	if (o->argc == 0 && (given(o, OPT_STDIN) || given(o, OPT_NO_SHELL)))
		return (usage_error("-i and --no-shell need a command"));
	if (o->input != NULL && given(o, OPT_STDIN))
		return (usage_error("-i and --input: one of them"));
	if (given(o, OPT_DETACH) &&
	    (given(o, OPT_JSON) || given(o, OPT_STATUS_FD) ||
		given(o, OPT_CHECK)))
		return (usage_error("--detach goes with none of --check, "
				    "--json and --status-fd"));
	return (0);
}

int
run_command(const struct options *o)
{
	bool json = given(o, OPT_JSON), check = given(o, OPT_CHECK);
	void *body = NULL, *input = NULL;
	struct request r;
	struct home home;
	struct wait w;

	if (conflicts(o) != 0)
		return (EXIT_USAGE);
	if (v1_asked())
		return (v1_run(o));
	attend_begin(&w, &home, &r, json || check);
	w.report.fd = o->status_fd;
	if (fill(&r, o, &body, &input) == 0 && home_open(&home) == 0)
		run(&w, &r, o);
	explicit_bzero(&r.keys, sizeof(r.keys));
	if (check && !json)
		attend_show(&w);
	if (json && report_json(r.id, &w.outcome, w.out.from, w.err.from) == -1)
		say_errno("standard output");
	report_exit(&w.report, r.id, &w.outcome);
	attend_end(&w);
	free(body);
	free(input);
	return (w.outcome.exit);
}
