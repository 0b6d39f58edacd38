#ifndef ADMIN_KEPT_H
#define ADMIN_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "crypto/crypto.h"

/* The outputs that stay in dom0, beside the log. */

enum kept_file {
	KEPT_OUT,
	KEPT_ERR,
	KEPT_TIME,
	KEPT_FILES
};

/* What a result says of them. */
struct kept_record {
	uint64_t len[KEPT_FILES]; /* bytes */
	uint8_t sha256[KEPT_FILES][SHA256_LEN];
};
/* False: of what it is the result of, no output is sealed. */
bool kept_record(const char *line, size_t len, struct kept_record *);

/* Before log_open(): as root.  Fatal on failure, but not where it is missing. */
void kept_open(void);
bool kept_is_there(const char *vm, uint64_t intent, enum kept_file);
/* VM/SEQ.SUFFIX: static. */
const char *kept_name(const char *vm, uint64_t intent, enum kept_file);
/*
 * NULL, or what is wrong with a file.  With a record it is as that says;
 * without one it is what is there.  fd, where not NULL, gets it open, for
 * segment_read(), and len how much of it counts; the caller closes it.
 */
const char *kept_check(const char *vm, uint64_t intent, enum kept_file,
    const struct kept_record *, int *fd, uint64_t *len);

/* As root.  Fatal on failure. */
/* How many files of a VM's are there. */
uint64_t kept_count(const char *vm);
/* Removes them, and their folder. */
void kept_erase(const char *vm);

/* outputs.c: for log verify */
void outputs_begin(void);
/* A record, each in its order. */
void outputs_seen(const struct line_head *, const char *line, size_t len);
/* Whether one is not as its record says, and none so far that it was removed. */
bool outputs_are_suspect(void);
/* Says which are not as they were recorded: whether all are. */
bool outputs_check(void);

#endif
