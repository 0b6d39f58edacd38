#ifndef VERIFIER_JOURNAL_H
#define VERIFIER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "imsg/messages.h"
#include "verifier/tail.h"

/*
 * The audit log on disk: one append-only writer with group commit.  A write
 * or a sync that fails ends the process: what is then on the disk is not
 * known, and nothing may run on it.
 */

#define JOURNAL_SEGMENT AUDIT_SEGMENT_MAX
#define JOURNAL_RESULT	16384 /* at most one result or refusal record */

#define BOOT_ID_LEN 36 /* /proc/sys/kernel/random/boot_id */

/*
 * Reads where the log in this folder ends (the root after the chroot), and has
 * seen() told of what it holds, forget() where that does not count (tail.h).
 * Fatal on failure.
 */
void journal_read(int folder, const char *boot, tail_seen *seen,
    void (*forget)(void));
/*
 * Begins a run: takes its seed, and opens a new segment with a start record,
 * to which add() adds fields, and what snapshot() appends; on disk when it
 * returns.  snapshot() is called again at the head of each segment.  Fatal on
 * failure.
 */
void journal_start(void (*snapshot)(void), void (*add)(struct record *));

/*
 * Whether a record of at most bytes fits, with room left for the result of
 * every command that has an intent record; opens the next segment where the
 * present one is too full.  False: the disk is full.
 */
bool journal_room(uint64_t bytes);
/* Opens it in any case. */
bool journal_rotate(void);
/* Sets aside, or gives back, the room for one result record. */
void journal_reserve(void);
void journal_release(void);

/*
 * One record.  Fields are added to what journal_begin returns; journal_end
 * gives its sequence number and hash.  Only after journal_room().
 */
struct record *journal_begin(const char *event, const char *vm, const char *id);
uint64_t journal_end(uint8_t hash[32]);
/* The same for a record that nobody waits for: the next commit takes it along. */
uint64_t journal_end_quietly(void);
/* Whether that record is on disk. */
bool journal_has(uint64_t seq);
/* The first record of the segment that is written now. */
uint64_t journal_segment(void);
/* Bytes of the newest record. */
uint64_t journal_size(void);
/* Somebody waits for the next commit; makes it so. */
bool journal_dirty(void);
void journal_await(void);

/* For people: the run, its segment, and the newest record. */
void journal_status(struct msg_status_log *, struct msg_newest *);
/* fdatasync: all that was appended is on disk; the next step begins. */
void journal_commit(void);

/* The later of the realtime clock and the newest record's time. */
int64_t journal_now_us(void);
int64_t journal_now(void); /* seconds */

/*
 * Takes the realtime clock as now, though records of a later time are there.
 * The caller records it.
 */
void journal_clock_accept(void);

/*
 * When this boot began, by both clocks: a later run sees whether one of them
 * was set.  Unix microseconds.
 */
void journal_add_booted(struct record *);

/* The first record of this run. */
uint64_t journal_run_first(void);

/* Runs have taken a seed of which the log has no record. */
bool journal_lost_runs(void);

/* Closing record, commit, and the segment's reserved rest given back. */
void journal_close(void);

#endif
