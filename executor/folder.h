#ifndef EXECUTOR_FOLDER_H
#define EXECUTOR_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The executor's two folders.  All in them is named by a command's sequence
 * number: SPOOL/<seq>.out and .err, WORK/<seq>.
 */

/* Makes and opens both, and removes what is left there.  Fatal on failure. */
void folder_init(const char *root);
/* Removes all that is in both: what cannot be removed is logged. */
void folder_sweep(void);

/* stream is 1 or 2.  A new file, write-only; or -1. */
int spool_create(uint64_t seq, unsigned int stream);
/* Its own open, read-only; or -1. */
int spool_open(uint64_t seq, unsigned int stream);
/* What cannot be removed is logged. */
void spool_remove(uint64_t seq);

/* Makes the work folder: a descriptor of it; or -1. */
int work_make(uint64_t seq);
/* Removes an empty one: whether it is gone. */
bool work_remove(uint64_t seq);

#endif
