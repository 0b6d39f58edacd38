#include <stdlib.h>
#include <string.h>

#include "poller/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/*
 * Two readers of the same bytes, one in pieces: they must agree, and no piece
 * may lie outside of what was fed.  The first byte says how large the pieces
 * are, the second what is asked whenever nothing stands.
 */

struct trace {
	struct reader r;
	uint64_t sum; /* of all that it said */
	bool bad;
};

static void
note(struct trace *t, uint64_t value)
{
	t->sum = (t->sum ^ value) * 0x100000001b3u;
}

static void
note_bytes(struct trace *t, const char *p, size_t n)
{
	while (n-- > 0)
		note(t, (unsigned char)*p++);
}

/* A piece may be cut anywhere: its bytes count, its borders do not. */
static void
note_event(struct trace *t, enum reader_event ev)
{
	if (ev == READER_BODY || ev == READER_INPUT) {
		note_bytes(t, t->r.data, t->r.data_len);
		return;
	}
	note(t, 0x100 + (uint64_t)ev);
	note(t, (uint64_t)t->r.frame.type);
	if (ev == READER_REQUEST_END || ev == READER_CANCEL)
		note_bytes(t, t->r.token, t->r.token_len);
}

static void
feed(struct trace *t, const char *data, size_t len, bool cancel_only)
{
	enum reader_event ev;
	const char *p = data;
	size_t left = len;

	do {
		if (t->r.asked_count == 0 && t->r.part != PART_GREETING)
			reader_ask(&t->r, cancel_only, 4096);
		ev = reader_next(&t->r, &p, &left);
		if (left > len || p != data + (len - left))
			abort();
		if (ev == READER_BODY || ev == READER_INPUT)
			if (t->r.data < data ||
			    t->r.data + t->r.data_len > data + len)
				abort();
		if (t->r.token_len > TOKEN_PIPE_MAX)
			abort();
		if (ev != READER_MORE && !t->bad)
			note_event(t, ev);
		t->bad |= ev == READER_BAD;
	} while (ev != READER_MORE && ev != READER_BAD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trace whole, pieces;
	const char *text;
	size_t at, n, len;

	if (size < 2)
		return 0;
	n = (size_t)data[0] + 1;
	text = (const char *)data + 2;
	len = size - 2;
	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	reader_init(&whole.r);
	reader_init(&pieces.r);
	feed(&whole, text, len, data[1] % 2 == 1);
	for (at = 0; at < len && !pieces.bad; at += n)
		feed(&pieces, text + at, len - at < n ? len - at : n,
		    data[1] % 2 == 1);
	if (whole.sum != pieces.sum || whole.bad != pieces.bad)
		abort();
	return 0;
}
