#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/receipt.h"

/* What programs are told: lines of --status-fd, and --json. */

/*
 * How a request ended.  status is the receipt's, or one of ours: error (never
 * sent), never-taken, unknown, disk-full, unsigned, unverified, signal,
 * broken-pipe, output-error.
 */
struct outcome {
	const char *status;
	int exit;
	char reason[REASON_MAX + 1];
	bool verified; /* then there is a receipt that is to be relied on */
	struct receipt receipt;
};

struct report {
	int fd;	      /* of --status-fd, or -1 */
	bool running; /* was told */
};

void outcome_set(struct outcome *, const char *status, int exit,
    const char *reason);
/* before: how many of this VM's are, or -1. */
void report_queued(const struct report *, const char *id, int64_t before);
void report_running(struct report *, const char *id);
void report_exit(struct report *, const char *id, const struct outcome *);
/* The object of --json, with what the files hold: 0, or -1 with errno. */
int report_json(const char *id, const struct outcome *, int out, int err);

#endif
