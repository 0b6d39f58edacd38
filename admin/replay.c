#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/seek.h"
#include "admin/when.h"
#include "policy/find.h"
#include "wire/id.h"

/*
 * policy replay: what another policy would make of the commands that the log
 * has.  The policy is read as root; the log, as in `log`, by nobody in
 * particular, who may look into fewer folders than root.
 */

#define COMMAND_SHOW 160 /* bytes of a command's first line */

/* What became of a command, and what would. */
enum change {
	CHANGE_NONE,
	CHANGE_DENIED, /* it ran, and would not */
	CHANGE_RUN,    /* it was denied, and would run */
	CHANGE_ASK,
	CHANGE_UNKNOWN,
	CHANGES
};
static const struct {
	char mark;
	const char *name, *summary;
} changes[CHANGES] = {
    [CHANGE_NONE] = {' ', "none", "as before"},
    [CHANGE_DENIED] = {'-', "denied", "ran, and would be denied"},
    [CHANGE_RUN] = {'+', "run", "denied, and would run"},
    [CHANGE_ASK] = {'=', "ask", "would wait for a person"},
    [CHANGE_UNKNOWN] = {'?', "unknown",
	"in a folder that only root can look into"},
};

static struct {
	const char *vm, *file;
	char shown[PATH_MAX]; /* the file, printable */
	struct window window;
	bool json, closed; /* a folder was */
	size_t count[CHANGES];
	struct policy policy;
	char body[BODY_MAX + 1];
} replay = {.window = WINDOW_ALL};

static int
find(void *arg, const char *name, char path[POLICY_PATH_MAX])
{
	int found = policy_find(arg, name, path);

	if (found == -1 && errno == EACCES)
		replay.closed = true;
	return found;
}

static void
take_warning(void *arg, const char *text)
{
	(void)arg;
	warn("%s", text);
}

static const struct policy_env env = {.find = find, .warn = take_warning};

static void
read_policy(void)
{
	static char text[POLICY_FILE_MAX];
	char err[1024];
	size_t n;

	n = read_draft(replay.file, text, sizeof(text), replay.shown);
	if (policy_load(replay.shown, text, n, &env, &replay.policy, err,
		sizeof(err)) == -1)
		fail("%s", err);
	/* What is kept from the VM is not from who wrote it. */
	replay.policy.hide = false;
}

/* Beside the command itself, what it asked for must fit. */
static bool
within_limits(const char *line, size_t len, struct policy_decision *d)
{
	const struct policy *p = &replay.policy;
	uint64_t n;

	if (line_u64(line, len, "timeout", &n) == 0 && n > p->timeout) {
		d->line = p->key_line[POLICY_KEY_TIMEOUT];
		snprintf(d->reason, sizeof(d->reason),
		    "its timeout of %ju s is over %ju s", (uintmax_t)n,
		    (uintmax_t)p->timeout);
	} else if (line_u64(line, len, "input_length", &n) == 0 &&
	    n > p->input_limit) {
		d->line = p->key_line[POLICY_KEY_INPUT_LIMIT];
		snprintf(d->reason, sizeof(d->reason),
		    "its input of %ju bytes is over %ju", (uintmax_t)n,
		    (uintmax_t)p->input_limit);
	} else
		return true;
	return false;
}

static void
print_command(size_t len)
{
	char escaped[4 * COMMAND_SHOW + 1];
	size_t shown = strcspn(replay.body, "\n");

	if (shown > len)
		shown = len;
	if (shown > COMMAND_SHOW)
		shown = COMMAND_SHOW;
	escape(escaped, sizeof(escaped), replay.body, shown);
	printf("%s%s", escaped, len > shown + 1 ? " ..." : "");
}

/* Whole, as the record has it: `"body":"..."` or `"body_b64":"..."`. */
static void
print_body(const char *line, size_t len)
{
	static const char *const names[] = {",\"body\":\"", ",\"body_b64\":\""};
	const char *p = NULL, *end = line + len;
	int quotes = 0;
	size_t i;

	/* No quote in a string is without its backslash. */
	for (i = 0; i < 2 && p == NULL; i++)
		p = memmem(line, len, names[i], strlen(names[i]));
	if (p == NULL)
		return;
	do {
		putchar(*p);
		if (*p == '\\')
			putchar(*++p);
		else
			quotes += *p == '"';
	} while (++p < end && quotes < 4);
}

static void
print_words(const struct line_head *h, const char *was,
    const struct policy_decision *d, enum change change, size_t len)
{
	time_t t = (time_t)(h->time_us / 1000000);
	char text[32];
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fail("a time that is none");
	printf("%c %s  %-9s  ", changes[change].mark, text, was);
	if (d->line > 0)
		printf("%-4s %s:%u  ", policy_verdict(d), replay.shown,
		    d->line);
	else
		printf("%-4s default of %s  ", policy_verdict(d), replay.shown);
	print_command(len);
	if (!d->run)
		printf("  (%s)", d->reason);
	putchar('\n');
}

static void
print_object(const struct line_head *h, const char *was,
    const struct policy_decision *d, enum change change, const char *line,
    size_t len)
{
	printf("{\"seq\":%ju,\"id\":", (uintmax_t)h->seq);
	print_json(h->id);
	printf(",\"was\":");
	print_json(was);
	printf(",\"run\":%s,\"ask\":%s,\"line\":", d->run ? "true" : "false",
	    d->ask ? "true" : "false");
	if (d->line > 0)
		printf("%u", d->line);
	else
		printf("null");
	printf(",\"reason\":");
	print_json(d->reason);
	printf(",\"change\":\"%s\"", changes[change].name);
	print_body(line, len);
	printf("}\n");
}

/* What became of it: a result without an intent is of what never ran. */
static bool
was_asked(const struct line_head *h, const char *line, size_t len, char was[64])
{
	char kind[16], status[16];
	uint64_t intent;
	ssize_t n;

	if (strcmp(h->vm, replay.vm) != 0 ||
	    line_str(line, len, "kind", kind, sizeof(kind)) != 3 ||
	    memcmp(kind, "run", 3) != 0)
		return false;
	if (strcmp(h->event, "intent") == 0) {
		memcpy(was, "ran", sizeof("ran"));
		return true;
	}
	if (strcmp(h->event, "result") != 0 ||
	    (line_u64(line, len, "intent", &intent) == 0 && intent != 0))
		return false;
	n = line_str(line, len, "status", status, sizeof(status));
	if (n <= 0 || (size_t)n > sizeof(status))
		return false;
	escape(was, 64, status, strnlen(status, (size_t)n));
	return true;
}

static enum change
change_of(const char *was, const struct policy_decision *d)
{
	if (!d->run && replay.closed)
		return CHANGE_UNKNOWN;
	if (d->ask)
		return CHANGE_ASK;
	if (!d->run && strcmp(was, "ran") == 0)
		return CHANGE_DENIED;
	if (d->run && strcmp(was, "denied") == 0)
		return CHANGE_RUN;
	return CHANGE_NONE;
}

static bool
replay_record(const struct line_head *h, const char *line,
    const struct place *p, void *arg)
{
	size_t len = p->len;
	static char words[POLICY_COMMAND_MAX + 1];
	struct policy_decision d;
	enum change change;
	char was[64];
	uint64_t input;
	ssize_t n;

	(void)arg;
	if (!was_asked(h, line, len, was))
		return true;
	n = line_str(line, len, "body", replay.body, sizeof(replay.body) - 1);
	if (n < 0 || n > BODY_MAX)
		return true;
	replay.body[n] = '\0';
	replay.closed = false;
	policy_decide(&replay.policy, &env, replay.body, (size_t)n,
	    line_u64(line, len, "input_length", &input) == 0, words,
	    sizeof(words), &d);
	if ((d.run || d.ask) && !within_limits(line, len, &d))
		d.run = d.ask = false;
	change = change_of(was, &d);
	replay.count[change]++;
	if (replay.json)
		print_object(h, was, &d, change, line, len);
	else
		print_words(h, was, &d, change, (size_t)n);
	return true;
}

static void
print_summary(void)
{
	enum change change;
	size_t all = 0;

	for (change = 0; change < CHANGES; change++)
		all += replay.count[change];
	printf("%zu command%s", all, all == 1 ? "" : "s");
	for (change = 0; change < CHANGES; change++) {
		if (replay.count[change] > 0)
			printf("; %zu %s", replay.count[change],
			    changes[change].summary);
	}
	putchar('\n');
}

static void
parse_replay(int argc, char **argv)
{
	enum {
		OPT_WITH = 256,
		OPT_SINCE,
		OPT_JSON
	};
	static const struct option options[] = {
	    {"with", required_argument, NULL, OPT_WITH},
	    {"since", required_argument, NULL, OPT_SINCE},
	    {"json", no_argument, NULL, OPT_JSON}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_WITH:
			replay.file = optarg;
			break;
		case OPT_SINCE:
			replay.window.since_us =
			    when_option("policy replay: --since", optarg);
			break;
		case OPT_JSON:
			replay.json = true;
			break;
		default:
			option_error(argv);
		}
	}
	if (argc - optind != 1 || replay.file == NULL)
		usage_error("policy replay: one VM, and --with FILE");
	replay.vm = argv[optind];
	if (!vm_name_valid(replay.vm, strlen(replay.vm)))
		fail("`%s` is no VM's name", replay.vm);
}

int
command_policy_replay(int argc, char **argv)
{
	static struct log log;

	parse_replay(argc, argv);
	read_policy();
	log_open(&log);
	log_forward(&log, &replay.window, replay_record, NULL);
	if (!replay.json)
		print_summary();
	finish_output();
	return 0;
}
