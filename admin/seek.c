#include "admin/seek.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "admin/admin.h"
#include "admin/packed.h"

#define CHUNK 16384

/* The first byte that nobody has written: what is behind it is none either. */
static off_t
written_end(int fd)
{
	off_t low = 0, high, middle;
	struct stat st;
	char byte;

	if (fstat(packed_plain(fd), &st) == -1)
		fail_errno("log: read");
	high = st.st_size;
	if (high == 0 ||
	    (segment_read(fd, &byte, 1, high - 1) == 1 && byte != 0))
		return high;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (segment_read(fd, &byte, 1, middle) == 1 && byte != 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

off_t
segment_end(const struct segment *s)
{
	off_t end = written_end(s->fd);
	char buf[CHUNK];
	const char *lf;
	size_t n;

	while (end > 0) {
		n = end < CHUNK ? (size_t)end : CHUNK;
		if (segment_read(s->fd, buf, n, end - (off_t)n) != n)
			fail("the log has changed while it was read");
		lf = memrchr(buf, '\n', n);
		if (lf != NULL)
			return end - (off_t)n + (lf + 1 - buf);
		end -= (off_t)n;
	}
	return 0;
}

/* Where the first line begins that begins at offset or behind it. */
static off_t
line_start(int fd, off_t offset, off_t end)
{
	char buf[4096];
	const char *lf;
	size_t n;

	if (offset == 0)
		return 0;
	for (offset--; offset < end; offset += (off_t)n) {
		n = segment_read(fd, buf, sizeof(buf), offset);
		if (n == 0)
			break;
		lf = memchr(buf, '\n', n);
		if (lf != NULL)
			return offset + (lf + 1 - buf);
	}
	return end;
}

/* What is looked for: a seq, or a time in a segment. */
struct target {
	bool (*reached)(const struct line_head *, const struct target *);
	uint64_t seq;
	int64_t time_us;
};

/* The first record that begins at offset or behind it: end where there is none. */
static off_t
record_start(int fd, off_t offset, off_t end, struct line_head *h)
{
	char buf[AUDIT_PEEK];
	size_t n;

	for (;; offset++) {
		offset = line_start(fd, offset, end);
		if (offset >= end)
			return end;
		n = segment_read(fd, buf, sizeof(buf), offset);
		if (line_peek(buf, n, h) == 0)
			return offset;
	}
}

/* The first record that has reached the target: all behind it have, too. */
static off_t
bisect(int fd, off_t end, const struct target *t)
{
	off_t low = 0, high = end, found = end, middle, start;
	struct line_head head;

	while (low < high) {
		middle = low + (high - low) / 2;
		start = record_start(fd, middle, found, &head);
		if (start < found && !t->reached(&head, t))
			low = start + 1;
		else {
			found = start;
			high = middle;
		}
	}
	return found;
}

static bool
reached_seq(const struct line_head *h, const struct target *t)
{
	return h->seq >= t->seq;
}

static off_t
segment_seq(const struct segment *s, uint64_t seq, off_t end)
{
	struct target t = {.reached = reached_seq, .seq = seq};

	return bisect(s->fd, end, &t);
}

bool
is_head(const struct line_head *h)
{
	return strcmp(h->event, "start") == 0 ||
	    strcmp(h->event, "segment") == 0 ||
	    strncmp(h->event, "snapshot", 8) == 0;
}

static bool
reached_time(const struct line_head *h, const struct target *t)
{
	return !is_head(h) && h->time_us >= t->time_us;
}

/* Lines from one offset up to another. */
struct range {
	off_t from, to;
};

/* Lines from the end of a range to its beginning. */
static struct {
	int fd;
	off_t from, base; /* of the range; of buf[start] in the file */
	size_t start, end, unscanned;
	char *buf;
} back;
#define BACK_SIZE (AUDIT_LINE_MAX + CHUNK)

static void
back_start(int fd, const struct range *r)
{
	if (back.buf == NULL && (back.buf = malloc(BACK_SIZE)) == NULL)
		fail_errno("log");
	back.fd = fd;
	back.from = r->from;
	back.base = r->to;
	back.start = back.end = back.unscanned = BACK_SIZE;
}

/* Reads what lies before: false where there is nothing, or no room. */
static bool
back_fill(void)
{
	size_t len = back.end - back.start, n = CHUNK;

	if (back.base - back.from < CHUNK)
		n = (size_t)(back.base - back.from);
	if (n == 0 || len + n > BACK_SIZE)
		return false;
	if (back.start < n) {
		memmove(back.buf + BACK_SIZE - len, back.buf + back.start, len);
		back.start = BACK_SIZE - len;
		back.end = BACK_SIZE;
	}
	back.unscanned = back.start;
	back.start -= n;
	back.base -= (off_t)n;
	if (segment_read(back.fd, back.buf + back.start, n, back.base) != n)
		fail("the log has changed while it was read");
	return true;
}

/* The line before; its last byte is an LF, which begins no search. */
static bool
back_line(const char **line, struct place *p)
{
	size_t limit;
	char *lf;

	for (;;) {
		limit =
		    back.unscanned < back.end ? back.unscanned : back.end - 1;
		lf = limit <= back.start
		    ? NULL
		    : memrchr(back.buf + back.start, '\n', limit - back.start);
		if (lf != NULL)
			break;
		if (back_fill())
			continue;
		if (back.start == back.end)
			return false;
		lf = back.buf + back.start - 1;
		break;
	}
	*line = lf + 1;
	p->fd = back.fd;
	p->len = (size_t)(back.buf + back.end - *line);
	p->offset = back.base + (*line - (back.buf + back.start));
	back.end = back.unscanned = (size_t)(*line - back.buf);
	return true;
}

/* Not before any record's time; INT64_MIN where there is nothing but a head. */
static int64_t
last_time(const struct segment *s, off_t end)
{
	struct range all = {.from = 0, .to = end};
	struct line_head h;
	struct place p;
	const char *line;

	back_start(s->fd, &all);
	if (!back_line(&line, &p))
		return INT64_MIN;
	if (line_peek(line, p.len, &h) == -1)
		return INT64_MAX;
	return is_head(&h) ? INT64_MIN : h.time_us;
}

/* A packed one need not be unpacked for that. */
static bool
is_outside(const struct segment *s, const struct window *w)
{
	int64_t first, last;

	return (w->since_us != INT64_MIN || w->until_us != INT64_MAX) &&
	    packed_times(s->fd, &first, &last) &&
	    (last < w->since_us || first > w->until_us);
}

static struct range
segment_range(const struct segment *s, const struct window *w)
{
	struct range r = {.from = 0, .to = 0};
	struct target t = {.reached = reached_time};
	int64_t last;
	off_t since, before;

	if (is_outside(s, w))
		return r;
	r.to = segment_end(s);
	if (w->seq > s->first)
		r.from = segment_seq(s, w->seq, r.to);
	if (w->before != 0) {
		before = segment_seq(s, w->before, r.to);
		r.to = before > r.from ? before : r.from;
	}
	if (w->until_us == INT64_MAX && w->since_us == INT64_MIN)
		return r;
	last = last_time(s, r.to);
	if (last < w->since_us)
		r.from = r.to;
	if (r.from < r.to && last > w->until_us) {
		t.time_us = w->until_us + 1;
		r.to = bisect(s->fd, r.to, &t);
	}
	if (r.from < r.to && w->since_us != INT64_MIN) {
		t.time_us = w->since_us;
		since = bisect(s->fd, r.to, &t);
		r.from = since > r.from ? since : r.from;
	}
	return r;
}

/*
 * Whether a line is a record to be shown, which is told at its beginning: only
 * these are looked at whole.
 */
static bool
take(const struct segment *s, const char *line, const struct place *p,
    struct line_head *h, bool *warned)
{
	const char *why = NULL;

	if (line_peek(line, p->len, h) == 0 &&
	    strcmp(h->event, "intent") != 0 &&
	    strcmp(h->event, "result") != 0 &&
	    strncmp(h->event, "refused", 7) != 0)
		return false;
	if (line_parse(line, p->len, h, &why) == 0)
		return true;
	if (!*warned)
		warn("segment %" PRIu64 ", byte %jd: %s; it is not shown (`log "
		     "verify` says more)",
		    s->first, (intmax_t)p->offset, why);
	*warned = true;
	return false;
}

static bool
segment_backward(const struct segment *s, const struct window *w, each_fn *fn,
    void *arg)
{
	struct range r = segment_range(s, w);
	struct line_head h;
	struct place p;
	const char *line;
	bool warned = false;

	back_start(s->fd, &r);
	while (back_line(&line, &p)) {
		if (take(s, line, &p, &h, &warned)) {
			if (!fn(&h, line, &p, arg))
				return false;
		} else if (strcmp(h.event, "snapshot") == 0)
			break; /* before it is the rest of the head: megabytes */
	}
	return true;
}

void
log_backward(const struct log *log, const struct window *w, each_fn *fn,
    void *arg)
{
	const struct segment *s;
	size_t i;

	for (i = log->count; i > 0; i--) {
		s = &log->segments[i - 1];
		/* Told by its name: a packed one need not be unpacked. */
		if (w->before != 0 && s->first >= w->before)
			continue;
		if (!segment_backward(s, w, fn, arg) || s->first <= w->seq)
			break;
	}
}

static struct reader reader;

static bool
segment_forward(const struct segment *s, const struct window *w, each_fn *fn,
    void *arg)
{
	struct range r = segment_range(s, w);
	struct place p = {.fd = s->fd};
	struct line_head h;
	const char *line;
	bool warned = false;

	reader_start(&reader, s->fd, r.from);
	while (p.offset = reader_offset(&reader), p.offset < r.to) {
		if (!reader_line(&reader, &line, &p.len))
			break;
		if (take(s, line, &p, &h, &warned) && !fn(&h, line, &p, arg))
			return false;
	}
	return true;
}

void
log_forward(const struct log *log, const struct window *w, each_fn *fn,
    void *arg)
{
	size_t i = 0;

	while (i + 1 < log->count && log->segments[i + 1].first <= w->seq)
		i++;
	while (i < log->count && segment_forward(&log->segments[i], w, fn, arg))
		i++;
}

uint64_t
log_newest(const struct log *log)
{
	struct range all = {.from = 0};
	struct line_head h;
	struct place p;
	const char *line;
	size_t i;

	for (i = log->count; i > 0; i--) {
		all.to = segment_end(&log->segments[i - 1]);
		back_start(log->segments[i - 1].fd, &all);
		while (back_line(&line, &p)) {
			if (line_peek(line, p.len, &h) == 0)
				return h.seq;
		}
	}
	return 0;
}

const char *
line_at(const struct place *p)
{
	static char *line;
	size_t i;

	if (line == NULL && (line = malloc(AUDIT_LINE_MAX)) == NULL)
		fail_errno("log");
	if (p->len > AUDIT_LINE_MAX ||
	    segment_read(p->fd, line, p->len, p->offset) != p->len ||
	    line[p->len - 1] != '\n')
		fail("the log has changed while it was read");
	for (i = 0; i < p->len - 1; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			fail("the log is altered: a byte of a record is not "
			     "printable ASCII: qvm-remote-dom0 log verify");
	return line;
}

const char *
line_of_seq(const struct log *log, uint64_t seq, struct place *p,
    struct line_head *h)
{
	static struct reader found;
	const char *line, *why;
	const struct segment *s;
	size_t i = log->count;

	while (i > 0 && log->segments[i - 1].first > seq)
		i--;
	if (i == 0)
		return NULL;
	s = &log->segments[i - 1];
	p->fd = s->fd;
	p->offset = segment_seq(s, seq, segment_end(s));
	reader_start(&found, p->fd, p->offset);
	if (!reader_line(&found, &line, &p->len) ||
	    line_parse(line, p->len, h, &why) == -1 || h->seq != seq)
		return NULL;
	return line;
}
