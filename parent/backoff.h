#ifndef PARENT_BACKOFF_H
#define PARENT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* How long a VM waits for its next session.  Pure; milliseconds. */

#define BACKOFF_MIN_MS	 1000
#define BACKOFF_MAX_MS	 60000
#define BACKOFF_BURST	 6 /* starts at once, per minute */
#define BACKOFF_BURST_MS 60000
#define BACKOFF_LONG_MS	 60000 /* a session that long was no failure */

struct backoff {
	int64_t wait_ms;		/* the next wait; 0: BACKOFF_MIN_MS */
	int64_t at_once[BACKOFF_BURST]; /* when; a ring */
	unsigned used;
};

/* Forgets failures, not the starts at once. */
void backoff_reset(struct backoff *);
/*
 * A session that lasted lasted_ms has ended at now_ms.  good: it delivered
 * something and broke no rule.
 */
int64_t backoff_after(struct backoff *, int64_t now_ms, int64_t lasted_ms,
    bool good);

#endif
