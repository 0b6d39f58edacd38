#ifndef VERIFIER_JOURNAL_H
#define VERIFIER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"

/*
 * The audit log on disk: one append-only writer with group commit.  A write
 * or a sync that fails ends the process: what is then on the disk is not
 * known, and nothing may run on it.
 */

#define JOURNAL_SEGMENT (64 * 1024 * 1024)
#define JOURNAL_RESULT	16384 /* at most one result or refusal record */

/*
 * Reads where the log ends (the newest segment in the folder, which is the
 * root after the chroot) and opens a new segment with a start record, on
 * disk.  seen() is told of each key in what was read, by fingerprint, and of
 * the second from which on its tokens may be new.  Fatal on failure.
 */
void journal_open(int folder, void (*seen)(const char *, int64_t));

/*
 * Whether a record of at most bytes fits, with room left for the result of
 * every command that has an intent record; opens the next segment where the
 * present one is too full.  False: the disk is full.
 */
bool journal_room(uint64_t bytes);
/* Sets aside, or gives back, the room for one result record. */
void journal_reserve(void);
void journal_release(void);

/*
 * One record.  Fields are added to what journal_begin returns; journal_end
 * gives its sequence number and hash.  Only after journal_room().
 */
struct record *journal_begin(const char *event, const char *vm, const char *id);
uint64_t journal_end(uint8_t hash[32]);
/* The sequence number that the next record has. */
uint64_t journal_next_seq(void);

/* Something was appended since the last commit. */
bool journal_dirty(void);
/* fdatasync: all that was appended is on disk; the next step begins. */
void journal_commit(void);

/* The later of the realtime clock and the newest record's time. */
int64_t journal_now_us(void);
int64_t journal_now(void); /* seconds */

/* Closing record, commit, and the segment's reserved rest given back. */
void journal_close(void);

#endif
