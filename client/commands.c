#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "client/agent.h"
#include "client/commands.h"
#include "client/follow.h"
#include "client/keycmd.h"
#include "client/past.h"
#include "client/ping.h"
#include "client/queue.h"
#include "client/status.h"
#include "client/v1.h"
#include "client/wait.h"

#define QUIETNESS (GIVEN(OPT_QUIET) | GIVEN(OPT_VERBOSE))

static int
cmd_agent(const struct home *h, const struct args *a)
{
	return (agent_main(h, !a->flag));
}

static const struct subcommand {
	const char *words[2];
	const char *option; /* its own, NULL for none */
	const char *value;  /* the option's argument, NULL for none */
	int min, max;	    /* words that follow */
	const char *args;   /* as --help shows them */
	unsigned allowed;   /* options before it */
	bool v1;	    /* version 1 has it, or it needs no dom0 */
	int (*run)(const struct home *, const struct args *);
	const char *help;
} subcommands[] = {
    {{"key", "gen"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_key_gen,
	"make this VM's key, and show it"},
    {{"key", "show"}, "--fingerprint", NULL, 0, 0, NULL, 0, true, cmd_key_show,
	"show the key, or what names it"},
    {{"key", "import"}, NULL, NULL, 0, 1, "[KEY]", 0, true, cmd_key_import,
	"take a key from standard input"},
    {{"key", "rotate"}, "--finish", NULL, 0, 0, NULL, 0, false, cmd_key_rotate,
	"make the next key; use it from now on"},
    {{"ping", NULL}, "-c", "N", 0, 0, NULL, GIVEN(OPT_TIMEOUT), true, cmd_ping,
	"ask dom0 for a sign of life, N times"},
    {{"policy", NULL}, NULL, NULL, 0, 0, NULL, GIVEN(OPT_TIMEOUT), false,
	cmd_policy, "what this VM may run, in dom0's words"},
    {{"status", NULL}, NULL, NULL, 0, 0, NULL, 0, true, cmd_status,
	"key, session and queue"},
    {{"queue", NULL}, NULL, NULL, 0, 0, NULL, 0, true, cmd_queue_status,
	"how many wait, run and have ended"},
    {{"queue", "status"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_queue_status,
	"the same"},
    {{"queue", "list"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_queue_list,
	"each of them"},
    {{"queue", "clean"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_queue_clean,
	"remove what belongs to nobody"},
    {{"queue", "debug"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_queue_debug,
	"every file of the queue"},
    {{"log", NULL}, "-n", "N", 0, 1, "[N]", 0, true, cmd_log,
	"the last N lines of what was sent and got"},
    {{"history", NULL}, "-n", "N", 0, 1, "[N]", 0, true, cmd_history,
	"the last N requests that have ended"},
    {{"history", "show"}, NULL, NULL, 1, 1, "ID", 0, true, cmd_history_show,
	"one of them, whole"},
    {{"history", "search"}, NULL, NULL, 1, 1, "TEXT", 0, true,
	cmd_history_search, "those with TEXT in command or output"},
    {{"history", "verify"}, NULL, NULL, 0, 0, NULL, 0, true, cmd_history_verify,
	"all of them against their receipts"},
    {{"history", "export"}, "--witness", NULL, 0, 1, "[FILE]", 0, true,
	cmd_history_export, "their receipts, for dom0's log verify"},
    {{"wait", NULL}, NULL, NULL, 1, INT_MAX, "ID...", 0, false, cmd_wait,
	"wait for the end of what was detached"},
    {{"result", NULL}, "-f", NULL, 1, 1, "ID", GIVEN(OPT_JSON), false,
	cmd_result, "its output and status; -f: as it comes"},
    {{"cancel", NULL}, NULL, NULL, 1, 1, "ID", 0, false, cmd_cancel,
	"end it in dom0"},
    {{"agent", NULL}, "--poll", NULL, 0, 0, NULL, 0, true, cmd_agent,
	"the VM's end of a session: dom0 starts it"},
};
#define END (subcommands + sizeof(subcommands) / sizeof(subcommands[0]))

void
commands_help(void)
{
	const struct subcommand *s;
	char left[64];

	for (s = subcommands; s < END; s++) {
		snprintf(left, sizeof(left), "%s%s%s%s%s%s%s%s%s%s",
		    s->words[0], s->words[1] == NULL ? "" : " ",
		    s->words[1] == NULL ? "" : s->words[1],
		    s->option == NULL ? "" : " [",
		    s->option == NULL ? "" : s->option,
		    s->value == NULL ? "" : " ",
		    s->value == NULL ? "" : s->value,
		    s->option == NULL ? "" : "]", s->args == NULL ? "" : " ",
		    s->args == NULL ? "" : s->args);
		printf("  %-26s %s\n", left, s->help);
	}
}

/* How many of its words these begin with, if with all of them. */
static int
matches(const struct subcommand *s, int argc, char *const *argv)
{
	if (strcmp(s->words[0], argv[0]) != 0)
		return (0);
	if (s->words[1] == NULL)
		return (1);
	return (argc > 1 && strcmp(s->words[1], argv[1]) == 0 ? 2 : 0);
}

/* The one with the most words; *known: the first word is that of one. */
static const struct subcommand *
find(int argc, char *const *argv, bool *known, int *words)
{
	const struct subcommand *s, *best = NULL;
	int n;

	*known = false;
	*words = 0;
	for (s = subcommands; s < END; s++) {
		*known |= strcmp(s->words[0], argv[0]) == 0;
		if ((n = matches(s, argc, argv)) > *words) {
			*words = n;
			best = s;
		}
	}
	return (best);
}

/* Takes its option out of the words, wherever it stands among them. */
static int
take_option(const struct subcommand *s, struct args *a, int argc, char **argv)
{
	size_t len = s->option == NULL ? 0 : strlen(s->option);
	const char *rest;
	int i;

	a->argv = argv;
	for (i = 0; i < argc; i++) {
		if (argv[i][0] != '-') {
			argv[a->argc++] = argv[i];
			continue;
		}
		if (len == 0 || strncmp(argv[i], s->option, len) != 0 ||
		    a->flag)
			return (-1);
		a->flag = true;
		rest = argv[i] + len;
		/* A letter's value may follow it at once: -n5 is -n 5. */
		if (s->value != NULL)
			a->value = *rest != '\0' ? rest : argv[++i];
		if (s->value == NULL ? *rest != '\0' : a->value == NULL)
			return (-1);
	}
	return (a->argc >= s->min && a->argc <= s->max ? 0 : -1);
}

static int
run(const struct subcommand *s, const struct options *o, int words)
{
	struct args a = {.options = o};
	struct home home;

	if (options_only(o, s->allowed | QUIETNESS, s->words[0]) == -1)
		return (EXIT_USAGE);
	if (v1_asked() && !s->v1)
		return (usage_error("version 1 of the protocol has no %s%s%s",
		    s->words[0], s->words[1] == NULL ? "" : " ",
		    s->words[1] == NULL ? "" : s->words[1]));
	if (take_option(s, &a, o->argc - words, o->argv + words) == -1)
		return (usage_error("%s: not used so; if it is a command for "
				    "dom0, put -- before it",
		    s->words[0]));
	if (home_open(&home) == -1)
		return (EXIT_OTHER);
	return (s->run(&home, &a));
}

bool
commands_run(const struct options *o, int *status)
{
	const struct subcommand *s;
	bool known;
	int words;

	if (o->command || o->argc == 0 || (o->given & GIVEN(OPT_NO_SHELL)) != 0)
		return (false);
	s = find(o->argc, o->argv, &known, &words);
	if (!known)
		return (false);
	if (s != NULL)
		*status = run(s, o, words);
	else
		*status = usage_error("%s: what of it?  If it is a command for "
				      "dom0, put -- before it",
		    o->argv[0]);
	return (true);
}
