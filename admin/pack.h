#ifndef ADMIN_PACK_H
#define ADMIN_PACK_H

#include <stdint.h>

/*
 * The two children of `log compress`: nobody in particular, with two
 * descriptors, and no system call but write and exit.  0, or what went wrong:
 * errno, or PACK_FAILED.
 */
#define PACK_FAILED 255
/* Writes the segment, packed, into the file. */
int pack(int segment, int file);
/* Whether the file holds the segment, byte for byte. */
int pack_check(int segment, int file);

#endif
