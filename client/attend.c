#include <errno.h>
#include <string.h>

#include "client/attend.h"
#include "client/finish.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/say.h"
#include "client/show.h"

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
	    [WAIT_GONE] = {"unknown",
		"nothing is left of the request: it was withdrawn, or its "
		"result was removed"},
	};

	if (end == WAIT_GIVEN_UP) {
		if (w->follow && interrupted())
			say_note("interrupted; the request goes on: "
				 "qvm-remote cancel %s ends it",
			    w->request->id);
		else if (w->uncancelled)
			say_error("the cancel could not be written: the "
				  "command may still run in dom0");
		else if (interrupted())
			say_note("interrupted; the cancel is written");
		return;
	}
	outcome_set(&w->outcome, ends[end].status, EXIT_OTHER,
	    ends[end].reason);
	say_error("%s", ends[end].reason);
	if (!w->follow)
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
store(struct wait *w)
{
	const char *id = w->request->id;
	bool stored;

	if (w->follow) {
		history_collect(w->home, id);
		return;
	}
	/* Otherwise the next invocation tries again. */
	stored = history_store(w->home, id) == 0;
	if (!stored)
		say_errno("cannot move the result to history");
	if (audit_line(w->home, "DONE id=%s exit=%d", id, w->outcome.exit) ==
		-1 &&
	    stored)
		say_errno("audit.log");
}

void
attend(struct wait *w)
{
	enum wait_end end = wait_result(w);

	if (end == WAIT_RESULT)
		finish(w);
	else
		no_result(w, end);
	own_reason(w);
	if (end == WAIT_RESULT)
		store(w);
}

void
attend_begin(struct wait *w, const struct home *h, const struct request *r,
    bool held)
{
	*w = (struct wait){.home = h, .request = r, .report = {.fd = -1}};
	outcome_set(&w->outcome, "error", EXIT_OTHER, "");
	stream_init(&w->out, PART_OUT, "standard output", held ? -1 : 1);
	stream_init(&w->err, PART_ERR, "standard error", held ? -1 : 2);
}

void
attend_show(struct wait *w)
{
	if (!w->outcome.verified)
		return;
	show_file(w->out.from, w->out.printed);
	if (show_end() == -1)
		outcome_set(&w->outcome, "output-error", EXIT_OTHER,
		    "the output cannot be written");
}

void
attend_end(struct wait *w)
{
	stream_close(&w->out);
	stream_close(&w->err);
}
