#include "admin/claims.h"
#include "admin/log.h"
#include "admin/seals.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/keeper.h"
#include "admin/kept.h"
#include "admin/options.h"
#include "admin/show.h"

/* The run of the newest record: each segment is of one. */
static uint64_t
newest_run(const struct log *log)
{
	char buf[AUDIT_PEEK];
	struct line_head h;
	size_t n;

	if (log->count == 0)
		return 0;
	n = segment_read(log->segments[log->count - 1].fd, buf, sizeof(buf), 0);
	return line_peek(buf, n, &h) == -1 ? 0 : h.run;
}

static void
print_record(const struct place *p)
{
	if (fwrite(line_at(p), 1, p->len, stdout) != p->len && !pager_gone())
		fail_errno("standard output");
}

void
show_records(const struct request *r)
{
	print_record(&r->asked);
	if (r->result.len > 0 &&
	    (r->result.fd != r->asked.fd ||
		r->result.offset != r->asked.offset))
		print_record(&r->result);
}

/* What is missing in what was shown. */
static void
print_notes(const struct requests *found, bool all)
{
	if (found->more && all)
		fprintf(stderr,
		    "%s: note: only the newest %d are shown; --until shows "
		    "what came before them, `log export` writes all\n",
		    our_name, SHOW_MAX);
	/* VMs choose their ids, and may choose one again. */
	if (found->around != NULL)
		fprintf(stderr,
		    "%s: note: it was looked for within %s of the time that "
		    "it says; with --since, from then on\n",
		    our_name, found->around);
}

static void
log_show(const struct log *log, const struct log_options *o)
{
	bool runs = lock_holder(log->lock) != 0;
	uint64_t run = newest_run(log);
	struct requests found;
	struct request *r;
	size_t i;

	requests_find(log, &o->filter, &found);
	if (found.count > 0)
		pager_start(!o->no_pager);
	for (i = found.count; i > 0 && !pager_gone(); i--) {
		r = &found.list[i - 1];
		if (o->json)
			show_records(r);
		else {
			if (i < found.count)
				putchar('\n');
			show_request(log, r,
			    runs && r->run == run ? FATE_RUNS : FATE_UNKNOWN);
		}
	}
	pager_end();
	print_notes(&found, o->all);
	free(found.list);
}

static void
parse_verify(int argc, char **argv)
{
	static const struct option options[] = {
	    {"key", required_argument, NULL, 'k'},
	    {"since-checkpoint", required_argument, NULL, 'c'},
	    {"witness", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	bool input = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			option_error(argv);
		if (strcmp(optarg, "-") == 0 && input)
			usage_error("log verify: `-`: only once");
		input = input || strcmp(optarg, "-") == 0;
		if (c == 'k')
			seals_add(optarg);
		else
			claims_open(optarg, c == 'w');
	}
	if (optind < argc)
		usage_error("log verify: too many words");
}

int
command_log_verify(int argc, char **argv)
{
	static struct log log;

	parse_verify(argc, argv);
	outputs_begin();
	log_open(&log);
	claims_read();
	return log_verify(&log);
}

int
command_log_checkpoint(int argc, char **argv)
{
	static struct log log;

	(void)argv;
	if (argc > 1)
		usage_error("log checkpoint: too many words");
	if (control_checkpoint())
		return 0;
	log_open(&log);
	return log_checkpoint(&log);
}

int
command_log(int argc, char **argv)
{
	struct log_options o = {.json = false};
	static struct log log;

	log_options(LOG_SHOW, argc, argv, &o);
	if (o.cursor != NULL)
		keeper_start(o.cursor, KEEP_CURSOR);
	log_open(&log);
	if (o.cursor != NULL)
		show_answers(&log, &o);
	else
		log_show(&log, &o);
	return 0;
}
