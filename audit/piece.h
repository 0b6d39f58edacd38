#ifndef AUDIT_PIECE_H
#define AUDIT_PIECE_H

#include <stdint.h>

/*
 * The time file of a kept output: a row for each piece, in the order in which
 * they came.  Three little-endian numbers of four bytes: milliseconds since
 * its command began, the stream, and its length.
 */
#define PIECE_LEN 12

struct piece {
	uint32_t ms;
	uint32_t stream; /* 1 or 2 */
	uint32_t len;	 /* bytes */
};

void piece_print(uint8_t out[PIECE_LEN], const struct piece *);
void piece_read(const uint8_t in[PIECE_LEN], struct piece *);

#endif
