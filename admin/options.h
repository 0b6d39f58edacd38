#ifndef ADMIN_OPTIONS_H
#define ADMIN_OPTIONS_H

#include <stdbool.h>

#include "admin/requests.h"

/* What `log` and its commands that show requests are told. */

enum log_command {
	LOG_SHOW = 1,
	LOG_FOLLOW = 2,
	LOG_EXPORT = 4,
	LOG_STAT = 8
};

#define SHOW_MAX 100000

struct log_options {
	struct filter filter;
	const char *cursor; /* a file; NULL: none */
	bool json, csv, no_pager;
	bool all; /* there is no -n: up to SHOW_MAX */
};

/* Of this VM; with this id.  Fatal where it is none. */
void filter_vm(struct filter *, const char *);
void filter_id(struct filter *, const char *);

/* Each takes its own; fatal where one is wrong. */
void log_options(enum log_command, int argc, char **argv, struct log_options *);

/* Long options that choose requests; a caller's own begin at OPT_OWN. */
enum {
	OPT_SINCE = 256,
	OPT_UNTIL,
	OPT_VM,
	OPT_ID,
	OPT_STATUS,
	OPT_GREP,
	OPT_OWN
};
/* One of them, or `n`, with optarg; fatal where that is wrong. */
void filter_option(int c, struct filter *);

#endif
