#ifndef CLIENT_FILE_H
#define CLIENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

/* Small files in a folder that is open as dir.  None of these says anything. */

#define NAME_SIZE (ID_MAX + 16)

/* <prefix><id><suffix>; ids are at most ID_MAX long. */
void file_name(char out[NAME_SIZE], const char *prefix, const char *id,
    const char *suffix);

/*
 * Opens <id><suffix> for reading: a regular file, no link; never waits for a
 * fifo's other end.  The descriptor and its length, or -1 with errno.
 */
int file_open(int dir, const char *id, const char *suffix, uint64_t *len);
/* All of it: the length, or -1 with errno (EFBIG: more than size). */
ssize_t file_read(int dir, const char *id, const char *suffix, void *,
    size_t size);
/* The same of an open file of that length, which is closed. */
ssize_t file_read_all(int fd, uint64_t len, void *, size_t size);
/* Closes, and leaves errno as it is. */
void close_quietly(int fd);
bool file_exists(int dir, const char *id, const char *suffix);

int write_all(int fd, const void *, size_t);
/*
 * Writes .<id><suffix> and renames it.  0, or -1 with errno and nothing left
 * behind.  fd: NULL, or gets the open file, the caller's to sync and close.
 */
int file_write(int dir, const char *id, const char *suffix, const void *,
    size_t, int *fd);
/* True when it was there and is now gone. */
bool file_remove(int dir, const char *id, const char *suffix);

#endif
