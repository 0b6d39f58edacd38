#ifndef ADMIN_PACKED_H
#define ADMIN_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"

/*
 * Packed segments (audit.h): what stands before them, and reading them.  Who
 * opens one says so with packed_add(); then segment_read() reads what it holds.
 */

/*
 * The text before a packed segment: its first line; the beginning of its first
 * record behind its head, and of its last line, AUDIT_PEEK bytes at most and an
 * LF each, which are empty where it has nothing but a head.  Pure.
 */
#define PACKED_LINE_MAX 8192
#define PACKED_TEXT_MAX (PACKED_LINE_MAX + 2 * (AUDIT_PEEK + 1))
/* Its length, or 0: the segment does not begin with a line of that length. */
size_t packed_text(const char *segment, size_t len, char out[PACKED_TEXT_MAX]);

/* The descriptor is that of a packed segment, of that first record. */
void packed_add(int fd, uint64_t first);
/* It is to be closed. */
void packed_drop(int fd);
/* All descriptors are closed. */
void packed_forget(void);
/* Is told of one that is damaged, and does not return; else it is fatal. */
typedef void damaged_fn(uint64_t first, const char *why);
void packed_on_damage(damaged_fn *);
/*
 * What the segment holds: fd itself, or a sealed memfd that is valid until the
 * next call with another one.  Fatal where it is damaged.
 */
int packed_plain(int fd);
/*
 * The times of the first record behind its head and of its last one, without
 * unpacking.  False: it is not packed, or that is not known.
 */
bool packed_times(int fd, int64_t *first_us, int64_t *last_us);

#endif
