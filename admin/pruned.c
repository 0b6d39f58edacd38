#include "admin/pruned.h"

#include <string.h>

static struct reader reader;

static bool
read_hash(const char *line, size_t len, const char *name,
    uint8_t hash[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	return line_str(line, len, name, hex, sizeof(hex)) == SHA256_HEX &&
	    hex_parse(hash, hex, SHA256_LEN) == 0;
}

/* What a segment's first record says: its line's head, and the hash before. */
static bool
read_head(const struct segment *s, struct line_head *h,
    uint8_t before[SHA256_LEN])
{
	const char *line, *why;
	size_t len;

	reader_start(&reader, s->fd, 0);
	return reader_line(&reader, &line, &len) &&
	    line_parse(line, len, h, &why) == 0 &&
	    read_hash(line, len, "previous_hash", before);
}

/* The newest record that says what was pruned. */
static bool
read_claim(const struct log *log, struct pruned *p, uint8_t hash[SHA256_LEN])
{
	const char *line, *why;
	struct line_head h;
	bool found = false;
	size_t len;

	reader_start(&reader, log->segments[log->count - 1].fd, 0);
	while (reader_line(&reader, &line, &len)) {
		if (line_peek(line, len, &h) == -1)
			break;
		if (strcmp(h.event, "pruned") != 0 &&
		    strcmp(h.event, "snapshot-pruned") != 0)
			continue;
		if (line_parse(line, len, &h, &why) == -1 ||
		    line_u64(line, len, "last", &p->last) == -1 ||
		    !read_hash(line, len, "last_hash", hash))
			return false;
		p->seq = h.seq;
		found = true;
	}
	return found;
}

/* The one that follows what was pruned: where all has gone, the oldest. */
static const struct segment *
follower(const struct log *log, uint64_t last)
{
	size_t i;

	for (i = 0; i < log->count; i++) {
		if (log->segments[i].first - 1 == last)
			return &log->segments[i];
	}
	return NULL;
}

bool
pruned_read(const struct log *log, struct pruned *p)
{
	uint8_t hash[SHA256_LEN], before[SHA256_LEN];
	const struct segment *s;
	struct line_head h;

	if (log->count == 0 || log->segments[0].first == 1 ||
	    !read_claim(log, p, hash))
		return false;
	s = follower(log, p->last);
	if (s == NULL || !read_head(s, &h, before) ||
	    memcmp(before, hash, sizeof(hash)) != 0 ||
	    !read_head(&log->segments[0], &h, p->before))
		return false;
	p->run = h.run;
	p->step = h.step;
	p->start = strcmp(h.event, "start") == 0;
	return true;
}
