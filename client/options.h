#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What stands before the command.  One table makes the parser and --help;
 * the manual is tested against the latter.
 */
enum option_code {
	OPT_TIMEOUT,
	OPT_WAIT,
	OPT_STDIN,
	OPT_INPUT,
	OPT_NO_SHELL,
	OPT_CHECK,
	OPT_DETACH,
	OPT_ONCE,
	OPT_NOTE,
	OPT_JSON,
	OPT_STATUS_FD,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
	OPTIONS
};
#define GIVEN(code) (1u << (code))

struct options {
	unsigned given;	   /* bits of GIVEN */
	int32_t timeout;   /* seconds, or TOKEN_TIMEOUT_POLICY */
	int32_t wait;	   /* seconds that it may wait to start, or 0 */
	const char *input; /* file for the command, or NULL */
	const char *note;  /* "" for none */
	const char *once;  /* --idempotency-key, or NULL */
	int status_fd;	   /* or -1 */
	bool command;	   /* `--`: what follows is no subcommand */
	int argc;	   /* what follows */
	char **argv;
};

/* 0, or -1 after saying what is wrong in one line. */
int options_parse(int argc, char **argv, struct options *);
/*
 * The options that were given are among these: 0, or -1 after saying which is
 * not; what: of what it is no option.
 */
int options_only(const struct options *, unsigned allowed, const char *what);
/* The options' part of --help. */
void options_help(void);
/* An error of usage, with a hint: EXIT_USAGE. */
int usage_error(const char *, ...) __attribute__((format(printf, 1, 2)));

#define EXIT_USAGE 2

#endif
