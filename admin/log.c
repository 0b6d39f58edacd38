#include "admin/claims.h"
#include "admin/log.h"
#include "admin/seals.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/requests.h"
#include "admin/show.h"
#include "admin/when.h"
#include "wire/id.h"

#define SHOW_DEFAULT 20
#define SHOW_MAX     100000

static const char *const statuses[] = {"exited", "signaled", "timeout",
    "cancelled", "checked", "dry-run", "rejected", "denied", "expired",
    "replayed", "interrupted"};

struct options {
	struct filter filter;
	bool json, no_pager;
};

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

static void
print_records(const struct request *r)
{
	print_record(&r->asked);
	if (r->result.len > 0 &&
	    (r->result.fd != r->asked.fd ||
		r->result.offset != r->asked.offset))
		print_record(&r->result);
}

static void
log_show(const struct log *log, const struct options *o)
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
			print_records(r);
		else {
			if (i < found.count)
				putchar('\n');
			show_request(r,
			    runs && r->run == run ? FATE_RUNS : FATE_UNKNOWN);
		}
	}
	pager_end();
	free(found.list);
}

int64_t
when_option(const char *option, const char *text)
{
	struct timespec now;
	int64_t us;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		fail_errno("clock");
	us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	if (when_parse(text, us, &us) == -1)
		usage_error("%s: `%s` is no time: as 'yesterday', '1 hour "
			    "ago', '2026-02-18 14:30' (local), "
			    "'2026-02-18T14:30:22Z' or @1771425022",
		    option, text);
	return us;
}

static size_t
parse_count(const char *s)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno != 0 || n < 1 ||
	    n > SHOW_MAX)
		usage_error("log: -n: a number from 1 to %d", SHOW_MAX);
	return n;
}

static const char *
parse_status(const char *s)
{
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(s, statuses[i]) == 0)
			return statuses[i];
	}
	usage_error("log: --status: %s is none: exited, signaled, timeout, "
		    "cancelled, checked, dry-run, rejected, denied, expired, "
		    "replayed or interrupted",
	    s);
}

static void
parse_grep(struct filter *f, const char *pattern)
{
	char why[256];
	int error;

	if (f->grep)
		usage_error("log: --grep: one pattern");
	error = regcomp(&f->regex, pattern, REG_EXTENDED | REG_NEWLINE);
	if (error != 0) {
		regerror(error, &f->regex, why, sizeof(why));
		usage_error("log: --grep: `%s` is no pattern: %s", pattern,
		    why);
	}
	f->grep = true;
}

static void
parse_vm(struct filter *f, const char *vm)
{
	if (!vm_name_valid(vm, strlen(vm)))
		usage_error("log: --vm: no VM has the name %s", vm);
	f->vm = vm;
}

static void
parse_id(struct filter *f, const char *id)
{
	if (!id_valid(id, strlen(id)) && !id_valid_v1_ping(id, strlen(id)))
		usage_error("log: --id: %s is no request's id", id);
	f->id = id;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	enum {
		OPT_VM = 256,
		OPT_ID,
		OPT_STATUS,
		OPT_GREP,
		OPT_SINCE,
		OPT_UNTIL,
		OPT_JSON,
		OPT_NO_PAGER
	};
	static const struct option options[] = {
	    {"vm", required_argument, NULL, OPT_VM},
	    {"id", required_argument, NULL, OPT_ID},
	    {"status", required_argument, NULL, OPT_STATUS},
	    {"grep", required_argument, NULL, OPT_GREP},
	    {"since", required_argument, NULL, OPT_SINCE},
	    {"until", required_argument, NULL, OPT_UNTIL},
	    {"json", no_argument, NULL, OPT_JSON},
	    {"no-pager", no_argument, NULL, OPT_NO_PAGER}, {NULL, 0, NULL, 0}};
	struct filter *f = &o->filter;
	int c;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			f->count = parse_count(optarg);
			break;
		case OPT_VM:
			parse_vm(f, optarg);
			break;
		case OPT_ID:
			parse_id(f, optarg);
			break;
		case OPT_STATUS:
			f->status = parse_status(optarg);
			break;
		case OPT_GREP:
			parse_grep(f, optarg);
			break;
		case OPT_SINCE:
			f->window.since_us =
			    when_option("log: --since", optarg);
			break;
		case OPT_UNTIL:
			f->window.until_us =
			    when_option("log: --until", optarg);
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_NO_PAGER:
			o->no_pager = true;
			break;
		default:
			option_error(argv);
		}
	}
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
	struct options o = {.filter.window = WINDOW_ALL};
	static struct log log;

	parse_options(argc, argv, &o);
	if (optind < argc)
		usage_error("log: too many words");
	if (o.filter.count == 0)
		o.filter.count = o.filter.window.since_us == INT64_MIN
		    ? SHOW_DEFAULT
		    : SHOW_MAX;
	log_open(&log);
	log_show(&log, &o);
	return 0;
}
