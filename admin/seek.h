#ifndef ADMIN_SEEK_H
#define ADMIN_SEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/log.h"

/*
 * Places in the log without reading what lies before them.
 *
 * seq goes up through all segments.  time goes up within a segment, behind its
 * head (its first record and the snapshot): what goes back with clock-accept is
 * a segment of its own.
 */

/* Where a record's line is. */
struct place {
	int fd;
	off_t offset;
	size_t len;
};

/* Times of records, both included, the least seq, and the first one behind. */
struct window {
	int64_t since_us, until_us;
	uint64_t seq, before; /* before 0: none is */
};
#define WINDOW_ALL                                           \
	{                                                    \
		.since_us = INT64_MIN, .until_us = INT64_MAX \
	}

/* Of a segment's head, which has times from before a clock-accept behind it. */
bool is_head(const struct line_head *);
/* Behind the last whole line, as far as the file is written. */
off_t segment_end(const struct segment *);
/* The seq of the log's newest record; 0: there is none. */
uint64_t log_newest(const struct log *);

/*
 * Calls fn with the records of requests (their events begin with one of
 * intent, result and refused; refused-summary is one) in the window, newest first or oldest first,
 * until it returns false.  Lines that are no records are warned of.
 */
typedef bool each_fn(const struct line_head *, const char *line,
    const struct place *, void *arg);
void log_backward(const struct log *, const struct window *, each_fn *,
    void *arg);
void log_forward(const struct log *, const struct window *, each_fn *,
    void *arg);

/* A line again, valid until the next call. */
const char *line_at(const struct place *);
/* The record with this seq, and its place: its line, or NULL. */
const char *line_of_seq(const struct log *, uint64_t seq, struct place *,
    struct line_head *);

#endif
