#include "audit/piece.h"

#include <endian.h>
#include <string.h>

void
piece_print(uint8_t out[PIECE_LEN], const struct piece *p)
{
	const uint32_t row[] = {htole32(p->ms), htole32(p->stream),
	    htole32(p->len)};

	memcpy(out, row, PIECE_LEN);
}

void
piece_read(const uint8_t in[PIECE_LEN], struct piece *p)
{
	uint32_t row[3];

	memcpy(row, in, PIECE_LEN);
	p->ms = le32toh(row[0]);
	p->stream = le32toh(row[1]);
	p->len = le32toh(row[2]);
}
