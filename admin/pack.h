#ifndef ADMIN_PACK_H
#define ADMIN_PACK_H

#include <stdint.h>

/*
 * The children of `log compress` and `log erase`: nobody in particular, with two
 * descriptors, and no system call but write and exit.  0, or what went wrong:
 * errno, or PACK_FAILED.
 */
#define PACK_FAILED  255
#define PACK_NOTHING 254
/* Writes the segment, packed, into the file. */
int pack(int segment, int file);
/* Whether the file holds the segment, byte for byte. */
int pack_check(int segment, int file);
/*
 * Writes the segment, packed or not, into the file, with a stub in the place of
 * each record of the VM before that one, which erases them.  PACK_NOTHING: there
 * is none.
 */
int pack_erase(int segment, int file, const char *vm, uint64_t by);

#endif
