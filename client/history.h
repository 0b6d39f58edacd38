#ifndef CLIENT_HISTORY_H
#define CLIENT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "client/home.h"

/* What is kept in the VM: history/YYYY-MM-DD/<id>/ and audit.log. */

/* A result is in results/ or was moved to history/. */
bool history_has_result(const struct home *, const char *id);

/*
 * Moves the result of an id, and the body in clients/, to history/; removes
 * the request.  May be done again from any point at which it ended.  0, or -1
 * with errno: what was not moved is where it was.
 */
int history_store(const struct home *, const char *id);

/*
 * Puts in order what clients left that live no longer: a result goes to
 * history, a request that dom0 has not taken is withdrawn, one that runs is
 * left for a later call, and so is one that was detached.  What they left of a
 * key is removed.
 */
void history_sweep(const struct home *);

/*
 * The same of one id; nothing is done where its client lives.
 */
void history_collect(const struct home *, const char *id);
/* Removes what clients/ has of an id: false where its client lives. */
bool history_forget(const struct home *, const char *id);

/*
 * Somebody may wait for an id's result: its client lives, it was detached, or
 * it is of version 1, whose clients leave no lock.
 */
bool history_awaited(const struct home *, const char *id);

/*
 * Takes a request out of pending/, with all names that its client may have
 * left there.  False when dom0 has it already, or it was never there.
 */
bool history_withdraw(const struct home *, const char *id);

/*
 * Appends `[time] <text>` and LF, whole or not at all: 0, or -1 with errno.
 * SUBMIT must succeed before a request is sent, and a failed DONE is told; the
 * other lines are best effort.
 */
int audit_line(const struct home *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

#endif
