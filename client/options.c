#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/options.h"
#include "client/say.h"
#include "client/text.h"
#include "wire/token.h"

#define CODE_BASE 256 /* above every letter */

static const struct row {
	char letter; /* or 0 */
	const char *name, *arg, *help;
} rows[OPTIONS] = {
    [OPT_TIMEOUT] = {'t', "timeout", "SEC", "kill it after SEC seconds"},
    [OPT_WAIT] = {0, "wait", "SEC", "wait at most SEC seconds for its start"},
    [OPT_STDIN] = {'i', "stdin", NULL, "standard input is the command's"},
    [OPT_INPUT] = {0, "input", "FILE", "FILE is the command's input"},
    [OPT_NO_SHELL] = {0, "no-shell", NULL, "the words exactly as they are"},
    [OPT_CHECK] = {0, "check", NULL, "only ask what the policy would do"},
    [OPT_DETACH] = {0, "detach", NULL, "print the request's id, do not wait"},
    [OPT_ONCE] = {0, "idempotency-key", "KEY", "run it once for all of KEY"},
    [OPT_NOTE] = {0, "note", "TEXT", "what it is for: dom0 records it"},
    [OPT_JSON] = {0, "json", NULL, "print one object: answer and output"},
    [OPT_STATUS_FD] = {0, "status-fd", "N", "write what happens to N"},
    [OPT_QUIET] = {'q', "quiet", NULL, "say nothing but errors"},
    [OPT_VERBOSE] = {'v', "verbose", NULL, "say what happens"},
    [OPT_HELP] = {'h', "help", NULL, "this text"},
    [OPT_VERSION] = {0, "version", NULL, "version and protocol"},
};

int
usage_error(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say_error("%s (see qvm-remote --help)", text);
	return (EXIT_USAGE);
}

void
options_help(void)
{
	const struct row *r;
	char left[32];

	for (r = rows; r < rows + OPTIONS; r++) {
		snprintf(left, sizeof(left), "--%s%s%s", r->name,
		    r->arg == NULL ? "" : "=", r->arg == NULL ? "" : r->arg);
		if (r->letter != 0)
			printf("  -%c, %-20s %s\n", r->letter, left, r->help);
		else
			printf("      %-22s %s\n", left, r->help);
	}
}

static void
tables(struct option longs[OPTIONS + 1], char shorts[2 * OPTIONS + 3])
{
	size_t i;

	*shorts++ = '+';
	*shorts++ = ':';
	for (i = 0; i < OPTIONS; i++) {
		longs[i] = (struct option){rows[i].name,
		    rows[i].arg != NULL ? required_argument : no_argument, NULL,
		    CODE_BASE + (int)i};
		if (rows[i].letter == 0)
			continue;
		*shorts++ = rows[i].letter;
		if (rows[i].arg != NULL)
			*shorts++ = ':';
	}
	longs[OPTIONS] = (struct option){0};
	*shorts = '\0';
}

static int
code_of(int c)
{
	int i;

	for (i = 0; i < OPTIONS && c < CODE_BASE; i++) {
		if (rows[i].letter == c)
			return (i);
	}
	return (c - CODE_BASE);
}

static int
set_note(struct options *o, const char *text)
{
	size_t i, len = strlen(text);

	for (i = 0; i < len && text[i] >= 0x20 && text[i] <= 0x7e; i++)
		;
	if (len == 0 || len > NOTE_MAX || i < len || strcmp(text, "-") == 0)
		return (usage_error("--note: 1 to %d printable ASCII "
				    "characters, and not - alone",
		    NOTE_MAX));
	o->note = text;
	return (0);
}

static int
set_status_fd(struct options *o, const char *text)
{
	int32_t fd;

	if (text_seconds(text, 0, INT_MAX, &fd) == -1 ||
	    fcntl(fd, F_GETFD) == -1)
		return (usage_error("--status-fd: the number of an open file"));
	o->status_fd = fd;
	return (0);
}

static int
set_seconds(const char *name, int32_t *to, const char *text)
{
	if (text_seconds(text, 1, TIMEOUT_MAX, to) == -1)
		return (usage_error("%s: 1 to %d seconds", name, TIMEOUT_MAX));
	return (0);
}

/* 0, or EXIT_USAGE. */
static int
set(struct options *o, enum option_code code, const char *arg)
{
	o->given |= GIVEN(code);
	switch (code) {
	case OPT_TIMEOUT:
		return (set_seconds("-t", &o->timeout, arg));
	case OPT_WAIT:
		return (set_seconds("--wait", &o->wait, arg));
	case OPT_NOTE:
		return (set_note(o, arg));
	case OPT_STATUS_FD:
		return (set_status_fd(o, arg));
	case OPT_ONCE:
		/* A variable that is not set, most likely. */
		if (*arg == '\0')
			return (usage_error("--idempotency-key: a key, which "
					    "is not empty"));
		o->once = arg;
		return (0);
	case OPT_INPUT:
		o->input = arg;
		return (0);
	case OPT_QUIET:
		say_level = SAY_QUIET;
		return (0);
	case OPT_VERBOSE:
		say_level = SAY_DETAILS;
		return (0);
	default:
		return (0); /* that it was given is all there is to know */
	}
}

/* What getopt_long did not take, as it was typed; musl may go one too far. */
static int
unknown(int c, int argc, char *const *argv)
{
	char word[64];
	const char *typed = argv[(optind < argc ? optind : argc) - 1];

	if (c == ':') {
		text_escape(word, sizeof(word), typed, strlen(typed));
		return (usage_error("%s: an argument is missing", word));
	}
	if (optopt > 0 && optopt < CODE_BASE) {
		char letter[] = {(char)optopt};

		text_escape(word, sizeof(word), letter, 1);
		return (usage_error("-%s: no such option", word));
	}
	text_escape(word, sizeof(word), typed, strlen(typed));
	return (usage_error("%s: no such option, or one without an argument",
	    word));
}

int
options_parse(int argc, char **argv, struct options *o)
{
	struct option longs[OPTIONS + 1];
	char shorts[2 * OPTIONS + 3];
	int c;

	*o = (struct options){
	    .timeout = TOKEN_TIMEOUT_POLICY,
	    .note = "",
	    .status_fd = -1,
	};
	tables(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?' || c == ':') {
			unknown(c, argc, argv);
			return (-1);
		}
		if (set(o, (enum option_code)code_of(c), optarg) != 0)
			return (-1);
	}
	o->command = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
	o->argc = argc - optind;
	o->argv = argv + optind;
	return (0);
}

int
options_only(const struct options *o, unsigned allowed, const char *what)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++) {
		if ((o->given & ~allowed & GIVEN(i)) == 0)
			continue;
		usage_error("--%s is no option of %s", rows[i].name, what);
		return (-1);
	}
	return (0);
}
