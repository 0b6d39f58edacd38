/*
 * qvm-remote: what is typed in the VM.
 * Fed by:  the person (words, options, standard input); dom0, through the agent
 *          and the queue's files
 * Feeds:   the queue (requests, cancels); standard output and error; agent:
 *          dom0, on its pipe
 * May:     files under ~/.qvm-remote, one socket there
 * May not: the network, other programs
 */
#include <sys/stat.h>

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/options.h"
#include "client/run.h"
#include "client/v1.h"
#include "client/wait.h"

static void
help(void)
{
	puts("usage: qvm-remote [OPTION...] [--] COMMAND [WORD...]\n"
	     "       qvm-remote [OPTION...] < SCRIPT\n"
	     "       qvm-remote [OPTION...] SUBCOMMAND\n"
	     "\n"
	     "Runs a command, or the script on standard input, in dom0.\n"
	     "\n"
	     "Options:");
	options_help();
	puts("\n"
	     "Subcommands:");
	commands_help();
}

static int
flushed(void)
{
	return (fflush(stdout) == 0 ? 0 : EXIT_OTHER);
}

int
main(int argc, char **argv)
{
	struct options o;
	int status;

	umask(077);
	if (options_parse(argc, argv, &o) == -1)
		return (EXIT_USAGE);
	if ((o.given & GIVEN(OPT_VERSION)) != 0) {
		puts("qvm-remote " VERSION " (protocol 2)");
		return (flushed());
	}
	if ((o.given & GIVEN(OPT_HELP)) != 0 || (o.argc == 0 && isatty(0))) {
		help();
		return (flushed());
	}
	if (v1_check() != 0)
		return (EXIT_USAGE);
	if (commands_run(&o, &status))
		return (status);
	return (run_command(&o));
}
