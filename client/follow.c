#include <stdbool.h>
#include <string.h>

#include "client/attend.h"
#include "client/file.h"
#include "client/follow.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/say.h"
#include "client/socket.h"
#include "client/text.h"
#include "wire/id.h"

/* 0, or EXIT_USAGE after saying which is none. */
static int
check_ids(const struct args *a)
{
	char word[ID_MAX + 1];
	int i;

	for (i = 0; i < a->argc; i++) {
		if (id_valid(a->argv[i], strlen(a->argv[i])))
			continue;
		text_escape(word, sizeof(word), a->argv[i], strlen(a->argv[i]));
		return (usage_error("%s: not a request's id", word));
	}
	return (0);
}

/* -1: it has not, which was said. */
static int
has_ended(struct wait *w)
{
	const struct home *h = w->home;
	const char *id = w->request->id;
	bool waits = file_exists(h->pending, id, ".auth");
	bool runs = file_exists(h->running, id, ".auth");

	if (history_has_result(h, id) || (!waits && !runs))
		return (0); /* with or without a result */
	say_error("%s %s in dom0; -f waits for its end", id,
	    waits ? "was not taken yet" : "waits or runs");
	outcome_set(&w->outcome, waits ? "queued" : "running", EXIT_OTHER,
	    "it has not ended");
	return (-1);
}

/* w and r are begun; the outcome is in w. */
static void
follow(struct wait *w, struct request *r, const char *id, bool wait)
{
	if (request_load(w->home, id, r) == -1)
		return;
	w->follow = true;
	if (wait || has_ended(w) == 0)
		attend(w);
	explicit_bzero(&r->keys, sizeof(r->keys));
}

/* The first status that is not 0 is that of all. */
int
cmd_wait(const struct home *h, const struct args *a)
{
	struct request r = {0};
	struct wait w;
	int i, signals, status = check_ids(a);

	if (status != 0)
		return (status);
	if ((signals = interrupt_catch()) == -1) {
		say_errno("signals");
		return (EXIT_OTHER);
	}
	for (i = 0; i < a->argc && !interrupted(); i++) {
		attend_begin(&w, h, &r, true);
		w.signals = signals;
		follow(&w, &r, a->argv[i], true);
		attend_end(&w);
		if (status == 0)
			status = w.outcome.exit;
	}
	return (interrupted() ? EXIT_INTERRUPTED : status);
}

int
cmd_result(const struct home *h, const struct args *a)
{
	bool json = (a->options->given & GIVEN(OPT_JSON)) != 0;
	struct request r = {0};
	struct wait w;

	if (check_ids(a) != 0)
		return (EXIT_USAGE);
	attend_begin(&w, h, &r, json);
	if ((w.signals = interrupt_catch()) == -1)
		say_errno("signals");
	else
		follow(&w, &r, a->argv[0], a->flag);
	if (json &&
	    report_json(a->argv[0], &w.outcome, w.out.from, w.err.from) == -1)
		say_errno("standard output");
	attend_end(&w);
	return (w.outcome.exit);
}

/* Its client, or who waits for it, gets dom0's signed answer. */
int
cmd_cancel(const struct home *h, const struct args *a)
{
	struct request r;
	int result;

	if (check_ids(a) != 0)
		return (EXIT_USAGE);
	if (request_load(h, a->argv[0], &r) == -1)
		return (EXIT_OTHER);
	if (history_has_result(h, r.id)) {
		explicit_bzero(&r.keys, sizeof(r.keys));
		say_error("%s has ended already", r.id);
		return (EXIT_OTHER);
	}
	result = request_cancel(h, &r);
	explicit_bzero(&r.keys, sizeof(r.keys));
	if (result == -1)
		return (EXIT_OTHER);
	socket_tell(h, r.id);
	say_note("the cancel is written; qvm-remote result -f %s shows how it "
		 "ended",
	    r.id);
	return (0);
}
