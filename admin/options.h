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

struct log_options {
	struct filter filter;
	const char *cursor; /* a file; NULL: none */
	bool json, csv, no_pager;
};

/* Of this VM; with this id.  Fatal where it is none. */
void filter_vm(struct filter *, const char *);
void filter_id(struct filter *, const char *);

/* Each takes its own; fatal where one is wrong. */
void log_options(enum log_command, int argc, char **argv, struct log_options *);

/* Of one option; fatal where it is wrong. */
void parse_grep(struct filter *, const char *);
const char *parse_status(const char *);
size_t parse_count(const char *);

#endif
