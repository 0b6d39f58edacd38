#include "admin/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/when.h"
#include "wire/id.h"

#define SHOW_DEFAULT 20
#define MEMORY_MAX   (768ul * 1024 * 1024) /* with a pattern */

static const char *const statuses[] = {"exited", "signaled", "timeout",
    "cancelled", "checked", "dry-run", "rejected", "denied", "expired",
    "replayed", "interrupted"};

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
	/* A pattern and what it is held against may need all that there is. */
	static const struct rlimit most = {MEMORY_MAX, MEMORY_MAX};
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
	if (setrlimit(RLIMIT_AS, &most) == -1)
		fail_errno("limits");
	f->grep = true;
}

void
filter_vm(struct filter *f, const char *vm)
{
	if (!vm_name_valid(vm, strlen(vm)))
		usage_error("log: --vm: no VM has the name %s", vm);
	f->vm = vm;
}

void
filter_id(struct filter *f, const char *id)
{
	if (!id_valid(id, strlen(id)) && !id_valid_v1_ping(id, strlen(id)))
		usage_error("log: %s is no request's id", id);
	f->id = id;
}

enum {
	OPT_CURSOR = OPT_OWN,
	OPT_FORMAT,
	OPT_JSON,
	OPT_NO_PAGER
};

/* Which command takes which. */
static const struct {
	struct option option;
	unsigned commands;
} table[] = {
    {{"since", required_argument, NULL, OPT_SINCE},
	LOG_SHOW | LOG_EXPORT | LOG_STAT},
    {{"until", required_argument, NULL, OPT_UNTIL},
	LOG_SHOW | LOG_EXPORT | LOG_STAT},
    {{"vm", required_argument, NULL, OPT_VM},
	LOG_SHOW | LOG_FOLLOW | LOG_EXPORT},
    {{"id", required_argument, NULL, OPT_ID}, LOG_SHOW},
    {{"status", required_argument, NULL, OPT_STATUS}, LOG_SHOW},
    {{"grep", required_argument, NULL, OPT_GREP}, LOG_SHOW},
    {{"cursor", required_argument, NULL, OPT_CURSOR},
	LOG_SHOW | LOG_FOLLOW | LOG_EXPORT},
    {{"format", required_argument, NULL, OPT_FORMAT}, LOG_EXPORT},
    {{"json", no_argument, NULL, OPT_JSON}, LOG_SHOW},
    {{"no-pager", no_argument, NULL, OPT_NO_PAGER}, LOG_SHOW},
};
#define OPTIONS (sizeof(table) / sizeof(table[0]))

static void
parse_format(struct log_options *o, const char *s)
{
	o->json = strcmp(s, "json") == 0;
	o->csv = strcmp(s, "csv") == 0;
	if (!o->json && !o->csv)
		usage_error("log export: --format: %s is none: json or csv", s);
}

void
filter_option(int c, struct filter *f)
{
	switch (c) {
	case 'n':
		f->count = parse_count(optarg);
		break;
	case OPT_SINCE:
		f->window.since_us = when_option("--since", optarg);
		break;
	case OPT_UNTIL:
		f->window.until_us = when_option("--until", optarg);
		break;
	case OPT_VM:
		filter_vm(f, optarg);
		break;
	case OPT_ID:
		filter_id(f, optarg);
		break;
	case OPT_STATUS:
		f->status = parse_status(optarg);
		break;
	default:
		parse_grep(f, optarg);
	}
}

static void
take(int c, char **argv, struct log_options *o)
{
	switch (c) {
	case '?':
		option_error(argv);
	case OPT_CURSOR:
		o->cursor = optarg;
		break;
	case OPT_FORMAT:
		parse_format(o, optarg);
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_NO_PAGER:
		o->no_pager = true;
		break;
	default:
		filter_option(c, &o->filter);
	}
}

/* What does not go together, and what is left out. */
static void
complete(enum log_command command, struct log_options *o)
{
	struct filter *f = &o->filter;

	if (o->cursor != NULL && f->count != 0)
		usage_error("log: -n does not go with --cursor, which shows "
			    "all that is new");
	/* Times may go back: it would pass by what lies behind that time. */
	if (o->cursor != NULL && f->window.until_us != INT64_MAX)
		usage_error("log: --until does not go with --cursor, which "
			    "shows all that is new");
	if (command == LOG_EXPORT && !o->json && !o->csv)
		usage_error("log export: --format json, or --format csv");
	o->all = f->count == 0 && f->window.since_us != INT64_MIN;
	if (f->count == 0)
		f->count = o->all ? SHOW_MAX : SHOW_DEFAULT;
}

void
log_options(enum log_command command, int argc, char **argv,
    struct log_options *o)
{
	struct option options[OPTIONS + 1] = {0};
	size_t i, count = 0;
	int c;

	o->filter.window = (struct window)WINDOW_ALL;
	for (i = 0; i < OPTIONS; i++) {
		if ((table[i].commands & command) != 0)
			options[count++] = table[i].option;
	}
	while ((c = getopt_long(argc, argv, command == LOG_SHOW ? "n:" : "",
		    options, NULL)) != -1)
		take(c, argv, o);
	if (command == LOG_SHOW && optind < argc &&
	    strcmp(argv[optind], "show") == 0)
		optind++;
	if (optind < argc)
		usage_error("log: too many words");
	complete(command, o);
}
