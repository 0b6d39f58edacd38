#include "audit/audit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * The reader, and that it takes only what the writer makes: the parts of a
 * line that are known by name are written again and must stand in it.
 */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define VALUE_MAX 65536
static struct {
	char data[8 * VALUE_MAX];
	size_t len;
} m;

static int
sink(void *arg, const void *data, size_t len)
{
	(void)arg;
	if (len > sizeof(m.data) - m.len)
		return -1;
	memcpy(m.data + m.len, data, len);
	m.len += len;
	return 0;
}

/* What begin writes: the line's beginning. */
static struct record *
begin(const struct line_head *h)
{
	static struct record r;
	struct record_head head = {.seq = h->seq,
	    .time_us = h->time_us,
	    .run = h->run,
	    .step = h->step,
	    .event = h->event,
	    .vm = h->vm[0] != '\0' ? h->vm : NULL,
	    .id = h->id[0] != '\0' ? h->id : NULL};

	m.len = 0;
	record_begin(&r, sink, NULL, &head);
	return &r;
}

static void
check_field(const char *line, size_t len, const struct line_head *h,
    const char *name)
{
	static char value[VALUE_MAX];
	struct record *r;
	size_t start;
	ssize_t n;

	n = line_str(line, len, name, value, sizeof(value));
	if (n < 0 || n >= VALUE_MAX)
		return;
	r = begin(h);
	assert(record_covered(r) == 0);
	start = m.len;
	record_bytes(r, name, value, (size_t)n);
	assert(record_covered(r) == 0);
	assert(memmem(line, len, m.data + start, m.len - start) != NULL);
}

static void
check_ends(const char *line, size_t len, const struct line_head *h)
{
	struct record *r = begin(h);
	size_t start;

	assert(record_covered(r) == 0);
	assert(m.len <= h->covered && memcmp(line, m.data, m.len) == 0);
	start = m.len;
	assert(record_end(r, h->hash, h->has_mac ? h->mac : NULL) == 0);
	assert(m.len - start == len - h->covered);
	assert(memcmp(line + h->covered, m.data + start, m.len - start) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"body", "x", "note", "reason",
	    "input", "out_head"};
	const char *line = (const char *)data, *why;
	struct line_head h, peek;
	uint64_t n;
	size_t i;

	/* What is a line has its head in its beginning. */
	if (line_peek(line, size < AUDIT_PEEK ? size : AUDIT_PEEK, &peek) == -1)
		assert(line_parse(line, size, &h, &why) == -1);
	if (line_parse(line, size, &h, &why) == 0) {
		assert(h.seq == peek.seq && h.time_us == peek.time_us);
		check_ends(line, size, &h);
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			check_field(line, size, &h, names[i]);
	}
	/* They must stand what is no line, too. */
	line_str(line, size, "body", NULL, 0);
	line_u64(line, size, "intent", &n);
	return 0;
}
