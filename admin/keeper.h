#ifndef ADMIN_KEEPER_H
#define ADMIN_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/log.h"
#include "crypto/crypto.h"

/*
 * keeper: what stays root while another process reads the log.
 * Fed by:  the reader (cursors); inotify
 * Feeds:   the reader (descriptors of segments, and of the copy for people); the
 *          cursor's file
 * May:     open segments, replace that file      May not: read a segment
 */

/* The newest record that was read; seq 0: none. */
struct cursor {
	uint64_t seq;
	uint8_t hash[SHA256_LEN];
};

/*
 * Returns in the process that is to read, before it opens the log; the other
 * stays, and ends as this one does.  path, or NULL: the cursor's file.
 */
enum keep {
	KEEP_CURSOR,
	KEEP_NEW, /* new segments are handed on */
	KEEP_ALL /* those that were replaced, which ones have gone, and the copy */
};
void keeper_start(const char *path, enum keep);

/* The log for people, or -1: there is none yet. */
extern int keeper_copy;
/* How often a segment was replaced or has gone. */
extern uint64_t keeper_changes;

/*
 * The reader ends where the keeper was killed.  Behind a change of user, which
 * undoes it; nothing where there is no keeper.  A loop notices by keeper_take().
 */
void keeper_bind(void);

/* What the file said. */
extern struct cursor keeper_cursor;
/* Has the file replaced, where there is one. */
void keeper_save(const struct cursor *);

/* Waits until something has been written; new segments are in the log then. */
void keeper_wait(struct log *);
/* The same for a loop: what to wait for, and what follows; false: it has ended. */
void keeper_fds(int fds[2]);
bool keeper_take(struct log *);

#endif
