#ifndef ADMIN_LOG_H
#define ADMIN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/audit.h"

/* Reading the log: what `log` and `log verify` share. */

struct segment {
	uint64_t first; /* sequence number that its name says */
	int fd;		/* for segment_read() */
	bool packed;
};
struct log {
	struct segment *segments; /* in order */
	size_t count;
	int lock; /* lock_open() */
};

/*
 * Opens the folder, its segments and the lock as root, then becomes the user
 * that may read nothing else.  Fatal on failure.
 */
void log_open(struct log *);
/* The same, but that it stays root. */
void log_take(struct log *);
/* Those in the folder that begin behind that seq.  Fatal on failure. */
void segments_open(struct log *, int folder, uint64_t behind);
void segment_add(struct log *, const struct segment *);
/* Each step read back.  Fatal on failure. */
void become_nobody(void);

/* A segment's lines.  Zeroed before its first use; its buffer is kept. */
struct reader {
	int fd;
	char *buf;
	size_t pos, len;       /* in buf */
	size_t scanned, clean; /* from pos on no LF, no NUL is before these */
	off_t base;	       /* of buf in the file */
	size_t torn;	       /* bytes that have no LF */
};
void reader_start(struct reader *, int fd, off_t offset);
/*
 * The next line with its LF, valid until the next call.  False at the first
 * NUL, at the end of the file, and at a line that is too long.
 */
bool reader_line(struct reader *, const char **, size_t *len);
/* Behind what ended the lines, and the NULs there; false: that was the end. */
bool reader_skip(struct reader *);
/* Where the next line begins. */
off_t reader_offset(const struct reader *);
/* Up to size bytes at an offset of what a file, or a packed segment, holds: 0
 * at the end.  Fatal on failure. */
size_t segment_read(int fd, void *, size_t size, off_t offset);

/* verify.c: their exit status */
int log_verify(const struct log *);
/* One line to keep elsewhere, of the newest record; 1 where a record is bad. */
int log_checkpoint(const struct log *);
void checkpoint_print(uint64_t seq, int64_t time_us, const uint8_t hash[32]);

#endif
