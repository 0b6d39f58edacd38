#ifndef EXECUTOR_FOLDER_H
#define EXECUTOR_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The executor's two folders.  All in them is named by a command's sequence
 * number: SPOOL/<seq>.out and .err, WORK/<seq>.
 */

/* Makes path and the folder above it, both 0700, and opens it, or is fatal. */
int folder_open(const char *root, const char *path);
/*
 * Makes and opens both, and empties the work folder.  Fatal on failure.  The
 * spool outlives us: it goes on until spool_sweep().
 */
void folder_init(const char *root);
/* Removes all that is in the work folder; what cannot be is logged. */
void work_sweep(void);

/* This command's output is still owed: false where that is too many. */
bool spool_keep(uint64_t seq);
/* Removes all that is not kept; what cannot be removed is logged. */
void spool_sweep(void);

/* The spool's disk has less free than its reserve: 1 or 0, or -1. */
int spool_disk_is_low(void);

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
