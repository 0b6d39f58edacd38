/*
 * qvm-remote-dom0: what is typed in dom0.
 * Fed by:  the administrator; the files of keys and policies; the log
 * Feeds:   the administrator; the daemon (files, then SIGHUP)
 * May:     all that root may      May not: parse the log as root
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "imsg/messages.h"

/* A command of two words stands behind that of its first one. */
static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *help;
} commands[] = {
    {"authorize", command_authorize, "VM [KEY]",
	"lets VM run commands; asks for its key"},
    {"revoke", command_revoke, "VM [--drain]",
	"removes VM's key; with --drain, what runs may end"},
    {"rotate", command_rotate, "VM [--finish]",
	"gives VM a next key; with --finish it replaces the present one"},
    {"keys", command_keys, "[--json]",
	"lists keys by fingerprint, and policies"},
    {"status", command_status, "[--json]",
	"shows the daemon's processes, log and VMs"},
    {"kill", command_kill, "[VM:]ID", "ends a request that runs or waits"},
    {"approve", command_approve, "[[VM:]ID | --revoke VM]",
	"shows what waits for approval, and asks whether it may run"},
    {"deny", command_deny, "[VM:]ID",
	"denies a request that waits for approval"},
    {"queue", command_queue, "[--json] [VM]",
	"shows what waits, runs and is owed"},
    {"queue status", command_queue, "[--json] [VM]", "the same"},
    {"queue clean", command_queue_clean, "[--json] [VM]", "refuses what waits"},
    {"queue recover", command_queue_recover, "[--json] [VM]",
	"says why nothing is to do after a crash"},
    {"queue debug", command_queue_debug, "[--json] [VM]",
	"shows the queue and the daemon's status"},
    {"clock", command_clock, "accept",
	"takes dom0's present time as right, after it was wrong"},
    {"connect", command_connect, "VM [KEY]",
	"authorizes VM, and adds it to remote.conf's list"},
    {"disconnect", command_disconnect, "VM",
	"revokes VM, and takes it off remote.conf's list"},
    {"config", command_config, "[--json]",
	"shows remote.conf's settings, and what has set each"},
    {"enable", command_enable, "[--yes-i-know]",
	"starts the daemon now and at each boot; asks first"},
    {"disable", command_disable, "",
	"stops the daemon, and starts it at no boot"},
    {"policy check", command_policy_check, "[--json] [--with FILE] [VM]",
	"says what is wrong with policies, and what is risky"},
    {"policy explain", command_policy_explain, "[--json] VM COMMAND...",
	"says whether VM may run it, by which line, as whom"},
    {"policy replay", command_policy_replay,
	"VM --with FILE [--since TIME] [--json]",
	"says what another policy would make of the log's commands"},
    {"log", command_log,
	"[show] [-n N] [--since TIME] [--until TIME] [--vm VM] [--id ID] "
	"[--status STATUS] [--grep REGEX] [--cursor FILE] [--json] "
	"[--no-pager]",
	"shows the last requests"},
    {"log follow", command_log_follow, "[--vm VM] [--cursor FILE]",
	"shows requests as they are answered"},
    {"log export", command_log_export,
	"--format FORMAT [--since TIME] [--until TIME] [--vm VM] "
	"[--cursor FILE]",
	"prints answered requests as json or csv"},
    {"log stat", command_log_stat, "[--since TIME] [--until TIME]",
	"counts each VM's requests"},
    {"log output", command_log_output, "[--vm VM] [--raw] ID",
	"shows the output of a command, where dom0 has kept it"},
    {"log replay", command_log_replay, "[--vm VM] [--speed N] ID",
	"the same, with the pauses with which it came"},
    {"log verify", command_log_verify,
	"[--key FILE|-]... [--since-checkpoint FILE|-]... "
	"[--witness FILE|-]...",
	"checks the log: its chain, seals, checkpoints, receipts, outputs"},
    {"log checkpoint", command_log_checkpoint, "",
	"prints a line to keep elsewhere"},
    {"log compress", command_log_compress, "", "packs the log's older files"},
    {"log erase", command_log_erase, "VM [--yes]",
	"erases the records of a VM without key or policy; asks first"},
    {"log init", command_log_init, "[--key-file FILE]",
	"begins the seals anew, and shows their key once"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool
first_word_is(const struct command *c, const char *word)
{
	size_t len = strcspn(c->name, " ");

	return strlen(word) == len && memcmp(c->name, word, len) == 0;
}

/* NULL: none; count becomes the number of words that it has. */
static const struct command *
command_find(char **words, int *count)
{
	const struct command *c, *found = NULL;
	const char *verb;
	int given = *count;

	for (c = commands; c < commands + COMMANDS; c++) {
		if (!first_word_is(c, words[0]))
			continue;
		verb = strchr(c->name, ' ');
		if (verb != NULL &&
		    (given < 2 || strcmp(words[1], verb + 1) != 0))
			continue;
		found = c;
		*count = verb == NULL ? 1 : 2;
	}
	return found;
}

static void
help(void)
{
	size_t i;

	printf("usage: qvm-remote-dom0 [--root DIR] [-v] [--vm NAME]... "
	       "[--once] [--dry-run]\n"
	       "       qvm-remote-dom0 [--root DIR] COMMAND [ARG]...\n\n"
	       "Without a command: the daemon, in the foreground.\n\n"
	       "  -v, --verbose  says more\n"
	       "  --vm NAME      serves this VM (and others named so) only\n"
	       "  --once         serves what is pending now, then ends\n"
	       "  --dry-run      checks and records, and runs nothing\n"
	       "  --root DIR     everything lies below DIR\n"
	       "  -h, --help     this\n"
	       "  --version      the version\n\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-14s %s\n%18s%s\n", commands[i].name,
		    commands[i].args, "", commands[i].help);
}

static bool
asks_for_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

/* Of the command and of those whose first word it is; returns if none is. */
static void
command_help(const char *name)
{
	const struct command *c;
	bool found = false;
	size_t len = strlen(name);

	for (c = commands; c < commands + COMMANDS; c++) {
		if (strncmp(c->name, name, len) != 0 ||
		    (c->name[len] != '\0' && c->name[len] != ' '))
			continue;
		printf("%s qvm-remote-dom0 [--root DIR] %s%s%s\n"
		       "           %s\n",
		    found ? "      " : "usage:", c->name,
		    c->args[0] == '\0' ? "" : " ", c->args, c->help);
		found = true;
	}
	if (!found)
		return;
	finish_output();
	exit(0);
}

/* It is the first of two words. */
static bool
begins_commands(const char *word)
{
	const struct command *c;

	for (c = commands; c < commands + COMMANDS; c++) {
		if (first_word_is(c, word))
			return true;
	}
	return false;
}

/* The command that words name, and how many words do. */
static const struct command *
command_of(char **words, int *count)
{
	int i, given = *count;
	const struct command *c = command_find(words, count);

	if (c == NULL) {
		if (given > 1 && asks_for_help(words[1]))
			command_help(words[0]);
		if (given == 1 && begins_commands(words[0]))
			usage_error("%s: which of its commands?", words[0]);
		usage_error("unknown command %s%s%s", words[0],
		    given > 1 ? " " : "", given > 1 ? words[1] : "");
	}
	for (i = *count; i < given && strcmp(words[i], "--") != 0; i++) {
		if (asks_for_help(words[i]))
			command_help(c->name);
		/* Behind the VM stands a command with its own options. */
		if (c->run == command_policy_explain && words[i][0] != '-')
			break;
	}
	return c;
}

/* What stands before the command, and what of it the daemon gets. */
struct given {
	char *options[2 * VMS_MAX + 8];
	size_t count;
	const char *only; /* one that is the daemon's */
};

static void
pass_on(struct given *g, char *option, char *value)
{
	if (g->count + 2 > sizeof(g->options) / sizeof(g->options[0]))
		usage_error("too many options");
	g->options[g->count++] = option;
	if (value != NULL)
		g->options[g->count++] = value;
}

/* One place for the daemon's paths: absolute, without a slash at its end. */
static void
set_root(struct given *g, char *dir)
{
	static char option[] = "--root";
	size_t len = strlen(dir);

	if (dir[0] != '/' || len >= IMSG_PATH_MAX)
		usage_error("--root: an absolute path, less than %d bytes",
		    IMSG_PATH_MAX);
	while (len > 0 && dir[len - 1] == '/')
		dir[--len] = '\0';
	root = dir;
	if (len > 0)
		pass_on(g, option, dir);
}

static void
parse_options(int argc, char **argv, struct given *g)
{
	enum {
		OPT_ROOT = 256,
		OPT_VM,
		OPT_ONCE,
		OPT_DRY_RUN,
		OPT_VERSION
	};
	static const struct option options[] = {
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, OPT_VERSION},
	    {"verbose", no_argument, NULL, 'v'},
	    {"vm", required_argument, NULL, OPT_VM},
	    {"once", no_argument, NULL, OPT_ONCE},
	    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
	    {"root", required_argument, NULL, OPT_ROOT}, {NULL, 0, NULL, 0}};
	static char verbose[] = "-v", vm[] = "--vm";
	static char once[] = "--once", dry_run[] = "--dry-run";
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+hv", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			help();
			finish_output();
			exit(0);
		case OPT_VERSION:
			printf("qvm-remote-dom0 %s\n", VERSION);
			finish_output();
			exit(0);
		case 'v':
			pass_on(g, verbose, NULL);
			break;
		case OPT_VM:
			g->only = "--vm";
			pass_on(g, vm, optarg);
			break;
		case OPT_ONCE:
			g->only = "--once";
			pass_on(g, once, NULL);
			break;
		case OPT_DRY_RUN:
			g->only = "--dry-run";
			pass_on(g, dry_run, NULL);
			break;
		case OPT_ROOT:
			set_root(g, optarg);
			break;
		default:
			option_error(argv);
		}
	}
}

/* Who has a copy of the log may verify it. */
static bool
for_anybody(const struct command *c)
{
	return c != NULL && c->run == command_log_verify && root[0] != '\0';
}

int
main(int argc, char **argv)
{
	const struct command *command = NULL;
	struct given given = {.count = 0};
	int first, words;

	parse_options(argc, argv, &given);
	first = optind;
	words = argc - first;
	if (words > 0) {
		command = command_of(argv + first, &words);
		if (given.only != NULL)
			usage_error("%s before a command: it is the daemon's",
			    given.only);
	}
	if (geteuid() != 0 && !for_anybody(command))
		fail("must be run as root");
	if (command == NULL)
		daemon_start(given.options, given.count);
	/* The command parses its own words from their beginning. */
	optind = 0;
	first += words - 1;
	return command->run(argc - first, argv + first);
}
