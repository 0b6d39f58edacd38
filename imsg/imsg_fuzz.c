/*
 * Any bytes as a packet on any channel: what passes obeys the table, and its
 * readers stay within it.  The first four bytes choose the channel.
 */
#include <stdlib.h>
#include <string.h>

#include "imsg/imsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const size_t sizes[] = {
#define X(name, from, to, state, payload, fd) sizeof(struct payload),
    IMSG_TABLE(X)
#undef X
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct imsg m;
	struct imsg_end end;
	unsigned char out[IMSG_MAX];
	size_t got;

	if (size < 4)
		return 0;
	imsg_open(&end, -1, data[0] % ROLE_COUNT, data[1] % ROLE_COUNT,
	    data[2]);
	got = size - 4;
	if (got > IMSG_MAX)
		got = IMSG_MAX;
	memset(&m, 0, sizeof(m));
	m.fd = -1;
	memcpy(&m.hdr, data + 4, got < sizeof(m.hdr) ? got : sizeof(m.hdr));
	if (imsg_check(&end, &m.hdr, got, data[3] & 1) != NULL)
		return 0;
	memcpy(m.data, data + 4 + sizeof(m.hdr), got - sizeof(m.hdr));
	if (m.hdr.type >= IMSG_COUNT ||
	    got != sizeof(m.hdr) + sizes[m.hdr.type] ||
	    imsg_may_send(&(struct imsg_end){.me = end.peer, .peer = end.me},
		m.hdr.type, sizes[m.hdr.type], data[3] & 1) != NULL ||
	    imsg_payload(&m, out, sizes[m.hdr.type]) == -1)
		abort();
	imsg_text_ok((const char *)m.data, got - sizeof(m.hdr));
	return 0;
}
