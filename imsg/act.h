#ifndef IMSG_ACT_H
#define IMSG_ACT_H

#include <stdint.h>

#include "imsg/imsg.h"

/*
 * What a person has done while no daemon ran waits in the log's folder: one line
 * each, "DONE EVENT VM WHO TTY FINGERPRINT", in Unix microseconds and words, "-"
 * where there is none.  An LF stands before it, too: one that a full disk has cut
 * spoils no other.  The next start takes the file in, under its other name.
 */

#define ACTS_FILE  "acts"
#define ACTS_TAKEN "acts.taken"
#define ACTS_MAX   65536 /* bytes: then nobody adds to it */
#define ACT_MAX	   192	 /* of one, and a NUL */

/* The event's name; act is an enum act. */
const char *act_event(uint64_t act);
/* The line between its LFs: their length, or -1 where a word is none. */
int act_print(char out[ACT_MAX], int64_t done_us, const struct msg_act *);
/* Of a line without LF, which it changes: 0, or -1.  What the words mean is
 * not looked at. */
int act_parse(char *line, int64_t *done_us, struct msg_act *);

#endif
