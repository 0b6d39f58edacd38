#include <stdio.h>

#include "admin/admin.h"
#include "admin/answers.h"
#include "admin/options.h"
#include "admin/show.h"

/* What is new in the log: once, with --cursor, or as it comes. */

static void
show_started(const struct request *r, void *arg)
{
	(void)arg;
	show_announced(r);
	putchar('\n');
	finish_output();
}

static void
show_answered(const struct request *r, void *arg)
{
	show_request(arg, r, FATE_UNKNOWN);
	putchar('\n');
}

static void
print_answered(const struct request *r, void *arg)
{
	(void)arg;
	show_records(r);
}

/* The cursor moves on when all that lies before it was taken. */
static void
save(const struct answers *a)
{
	finish_output();
	keeper_save(&a->at);
}

void
show_answers(struct log *log, const struct log_options *o)
{
	struct answers a = {.log = log,
	    .arg = log,
	    .filter = &o->filter,
	    .answered = o->json ? print_answered : show_answered};

	pager_start(false);
	answers_begin(&a, &keeper_cursor);
	answers_read(&a);
	save(&a);
}

int
command_log_follow(int argc, char **argv)
{
	struct log_options o = {.json = false};
	static struct log log;
	struct answers a = {.log = &log,
	    .arg = &log,
	    .filter = &o.filter,
	    .started = show_started,
	    .answered = show_answered};

	log_options(LOG_FOLLOW, argc, argv, &o);
	keeper_start(o.cursor, KEEP_NEW);
	log_open(&log);
	pager_start(false);
	answers_begin(&a, &keeper_cursor);
	if (o.cursor == NULL)
		a.at.seq = log_newest(&log);
	for (;;) {
		answers_read(&a);
		save(&a);
		keeper_wait(&log);
	}
}
