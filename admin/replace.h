#ifndef ADMIN_REPLACE_H
#define ADMIN_REPLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "admin/log.h"

/*
 * A closed segment of the log is replaced by another file: log compress, log
 * erase.  All is fatal on failure, which leaves the segment as it was.
 */

/* The folder: others are locked out, and what a crash has left is removed. */
int replace_begin(void);
/* A new file of the segment's owner. */
int replace_create(int folder, const struct segment *, const struct stat *);
/* There is nothing to replace: the new file goes. */
void replace_forget(int folder, const struct segment *);
/* On disk, with the segment's time. */
void replace_sync(int folder, int fd, const struct segment *,
    const struct stat *);
/* PACK_FAILED or errno; removes the new file. */
void replace_failed(int folder, const struct segment *, const char *what,
    int error) __attribute__((noreturn));
/*
 * The new file takes the segment's place, packed or not, whatever that was.
 * False: the daemon has pruned the segment meanwhile, and both are gone.
 */
bool replace_segment(int folder, const struct segment *, bool packed);

#endif
