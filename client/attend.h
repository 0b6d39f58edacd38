#ifndef CLIENT_ATTEND_H
#define CLIENT_ATTEND_H

#include "client/wait.h"

/* From a request that is written to what is said of its end. */

/* held: output is not shown as it comes.  The outcome is an error, so far. */
void attend_begin(struct wait *, const struct home *, const struct request *,
    bool held);
/*
 * Waits, verifies, stores the result in history.  The outcome tells how it
 * ended, and so does a line on standard error where a person must know.
 */
void attend(struct wait *);
/* What dom0 itself says, shown once it is known to come from there. */
void attend_show(struct wait *);
void attend_end(struct wait *);

#endif
