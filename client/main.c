/*
 * qvm-remote: what is typed in the VM.
 * Fed by:  the person (words, options, standard input); dom0, through the agent
 * and the queue's files Feeds:   the queue (requests, cancels); standard output
 * and error; agent: dom0, on its pipe May:     files under ~/.qvm-remote, one
 * socket there      May not: the network, other programs
 */
#include <sys/stat.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent.h"
#include "client/key.h"
#include "client/run.h"
#include "client/say.h"
#include "client/text.h"
#include "client/wait.h"
#include "wire/token.h"

#define EXIT_USAGE 2

static const char usage_text[] =
    "usage: qvm-remote [-qv] [-t SEC] [--] COMMAND...\n"
    "       qvm-remote [-qv] [-t SEC] < SCRIPT\n"
    "       qvm-remote key gen | key show [--fingerprint]\n"
    "       qvm-remote [-t SEC] ping\n"
    "       qvm-remote agent [--poll]\n"
    "       qvm-remote --help | --version\n"
    "\n"
    "Runs a command, or the script on standard input, in dom0.\n"
    "\n"
    "  -t, --timeout SEC  kill it after SEC seconds\n"
    "  -q, --quiet        say nothing but errors\n"
    "  -v, --verbose      say what happens\n"
    "  -h, --help         this text\n"
    "      --version      version and protocol\n";

static const struct option options[] = {
    {"timeout", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int32_t timeout = TOKEN_TIMEOUT_POLICY;

/* A subcommand is these words, and no more. */
struct subcommand {
	const char *words[4];
	int (*run)(struct home *);
};

static int
status_of(int result)
{
	return (result == 0 ? 0 : EXIT_OTHER);
}

static int
cmd_key_gen(struct home *h)
{
	return (status_of(key_gen(h)));
}

static int
cmd_key_show(struct home *h)
{
	return (status_of(key_show(h)));
}

static int
cmd_key_fingerprint(struct home *h)
{
	return (status_of(key_show_fingerprint(h)));
}

static int
cmd_ping(struct home *h)
{
	return (run_ping(h, timeout));
}

static int
cmd_agent(struct home *h)
{
	return (agent_main(h, true));
}

static int
cmd_agent_poll(struct home *h)
{
	return (agent_main(h, false));
}

static const struct subcommand subcommands[] = {
    {{"key", "gen"}, cmd_key_gen},
    {{"key", "show"}, cmd_key_show},
    {{"key", "show", "--fingerprint"}, cmd_key_fingerprint},
    {{"ping"}, cmd_ping},
    {{"agent"}, cmd_agent},
    {{"agent", "--poll"}, cmd_agent_poll},
};
#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static int
usage(void)
{
	fputs(usage_text, stderr);
	return (EXIT_USAGE);
}

static bool
same_words(const struct subcommand *s, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc && i < 4; i++) {
		if (s->words[i] == NULL || strcmp(s->words[i], argv[i]) != 0)
			return (false);
	}
	return (i == argc && s->words[i] == NULL);
}

/* The subcommand; *starts: the first word is that of one. */
static const struct subcommand *
find(int argc, char **argv, bool *starts)
{
	size_t i;

	*starts = false;
	for (i = 0; i < SUBCOMMANDS; i++) {
		if (same_words(&subcommands[i], argc, argv))
			return (&subcommands[i]);
		if (strcmp(subcommands[i].words[0], argv[0]) == 0)
			*starts = true;
	}
	return (NULL);
}

static int
run_words(struct home *h, int argc, char **argv)
{
	size_t len;
	char *body = text_join(argc, argv, &len);
	int status;

	if (body == NULL) {
		say_errno("command");
		return (EXIT_OTHER);
	}
	status = run_command(h, body, len, timeout);
	free(body);
	return (status);
}

static int
run_script(struct home *h)
{
	size_t len;
	void *body = run_read_script(&len);
	int status;

	if (body == NULL)
		return (EXIT_OTHER);
	status = run_command(h, body, len, timeout);
	free(body);
	return (status);
}

/* 0: go on.  Otherwise *status is what to end with. */
static int
parse_options(int argc, char **argv, int *status)
{
	int c;

	while ((c = getopt_long(argc, argv, "+t:qvh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			if (text_seconds(optarg, 1, TIMEOUT_MAX, &timeout) == 0)
				break;
			say_error("-t: 1 to %d seconds", TIMEOUT_MAX);
			*status = EXIT_USAGE;
			return (-1);
		case 'q':
			say_level = SAY_QUIET;
			break;
		case 'v':
			say_level = SAY_DETAILS;
			break;
		case 'h':
			fputs(usage_text, stdout);
			*status = 0;
			return (-1);
		case 'V':
			puts("qvm-remote " VERSION " (protocol 2)");
			*status = 0;
			return (-1);
		default:
			*status = usage();
			return (-1);
		}
	}
	return (0);
}

int
main(int argc, char **argv)
{
	const struct subcommand *s = NULL;
	struct home home;
	bool is_command, starts = false;
	int status;

	umask(077);
	if (parse_options(argc, argv, &status) == -1)
		return (fflush(stdout) == 0 ? status : EXIT_OTHER);
	is_command = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
	argc -= optind;
	argv += optind;
	if (argc == 0 && isatty(0)) {
		fputs(usage_text, stdout);
		return (0);
	}
	if (argc > 0 && !is_command)
		s = find(argc, argv, &starts);
	if (starts && s == NULL)
		return (usage());
	if (home_open(&home) == -1)
		return (EXIT_OTHER);
	if (s != NULL)
		return (s->run(&home));
	return (argc > 0 ? run_words(&home, argc, argv) : run_script(&home));
}
