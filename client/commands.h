#ifndef CLIENT_COMMANDS_H
#define CLIENT_COMMANDS_H

#include <stdbool.h>

#include "client/home.h"
#include "client/options.h"

/* The subcommands: one table for what runs and for --help. */

/* What stands behind a subcommand's words. */
struct args {
	const struct options *options;
	int argc;
	char **argv;
	bool flag;	   /* its own option was given */
	const char *value; /* its argument */
};

/*
 * False: the words are a command for dom0.  Otherwise *status is how the
 * subcommand ended, or EXIT_USAGE.
 */
bool commands_run(const struct options *, int *status);
void commands_help(void);

#endif
