#include "audit/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/text.h"

static void
flush(struct record *r)
{
	if (!r->bad && r->used > 0 && r->sink(r->arg, r->buf, r->used) == -1)
		r->bad = true;
	r->used = 0;
}

static void
put(struct record *r, const char *data, size_t len)
{
	size_t n;

	while (len > 0) {
		if (r->used == sizeof(r->buf))
			flush(r);
		n = sizeof(r->buf) - r->used;
		if (n > len)
			n = len;
		memcpy(r->buf + r->used, data, n);
		r->used += n;
		data += n;
		len -= n;
	}
}

static void
put_str(struct record *r, const char *s)
{
	put(r, s, strlen(s));
}

static void
put_hex(struct record *r, const uint8_t *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	char two[2];
	size_t i;

	for (i = 0; i < len; i++) {
		two[0] = hex[data[i] >> 4];
		two[1] = hex[data[i] & 0xf];
		put(r, two, sizeof(two));
	}
}

static void
put_name(struct record *r, const char *name, const char *suffix)
{
	put_str(r, ",\"");
	put_str(r, name);
	put_str(r, suffix);
	put_str(r, "\":");
}

static void
put_unit(struct record *r, uint32_t unit)
{
	uint8_t bytes[2] = {(uint8_t)(unit >> 8), (uint8_t)unit};

	put_str(r, "\\u");
	put_hex(r, bytes, sizeof(bytes));
}

static void
put_cp(struct record *r, uint32_t cp)
{
	char c = (char)cp;

	if (cp == '\t')
		put_str(r, "\\t");
	else if (cp == '\n')
		put_str(r, "\\n");
	else if (cp == '\r')
		put_str(r, "\\r");
	else if (cp > 0xffff) {
		put_unit(r, 0xd800 + ((cp - 0x10000) >> 10));
		put_unit(r, 0xdc00 + ((cp - 0x10000) & 0x3ff));
	} else if (cp > 0x7f)
		put_unit(r, cp);
	else {
		if (c == '"' || c == '\\')
			put_str(r, "\\");
		put(r, &c, 1);
	}
}

/* A name that stands in a line as it is: the reader takes nothing else. */
static void
put_plain(struct record *r, const char *name, const char *s, size_t max)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\')
			r->bad = true;
	}
	if (i == 0 || i > max)
		r->bad = true;
	put_name(r, name, "");
	put_str(r, "\"");
	put(r, s, i);
	put_str(r, "\"");
}

void
record_begin(struct record *r, int (*sink)(void *, const void *, size_t),
    void *arg, const struct record_head *h)
{
	char time[TIME_TEXT_LEN + 1];
	char text[96];

	r->sink = sink;
	r->arg = arg;
	r->bad = false;
	r->used = 0;
	if (time_print(time, h->time_us) == -1) {
		time[0] = '\0';
		r->bad = true;
	}
	snprintf(text, sizeof(text), "{\"seq\":%" PRIu64 ",\"time\":\"%s\"",
	    h->seq, time);
	put_str(r, text);
	record_u64(r, "run", h->run);
	record_u64(r, "step", h->step);
	put_plain(r, "event", h->event,
	    sizeof(((struct line_head *)0)->event) - 1);
	if (h->vm != NULL)
		put_plain(r, "vm", h->vm, VM_NAME_MAX);
	if (h->id != NULL)
		put_plain(r, "id", h->id, ID_MAX);
}

void
record_str(struct record *r, const char *name, const char *s)
{
	record_bytes(r, name, s, strlen(s));
}

void
record_u64(struct record *r, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_name(r, name, "");
	put_str(r, text);
}

void
record_i64(struct record *r, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_name(r, name, "");
	put_str(r, text);
}

void
record_bool(struct record *r, const char *name, bool value)
{
	put_name(r, name, "");
	put_str(r, value ? "true" : "false");
}

void
record_hex(struct record *r, const char *name, const uint8_t *data, size_t len)
{
	put_name(r, name, "");
	put_str(r, "\"");
	put_hex(r, data, len);
	put_str(r, "\"");
}

/* Bytes in memory (data) or in a file, read twice: what are they, and then. */
struct source {
	const uint8_t *data;
	int fd;
	uint64_t len;
	uint8_t buf[3072]; /* whole groups of base64 */
};

/* The next piece from off on, or NULL where it cannot be read whole. */
static const uint8_t *
piece(struct source *s, uint64_t off, size_t *len)
{
	size_t done = 0;
	ssize_t n;

	*len = sizeof(s->buf);
	if (s->len - off < *len)
		*len = (size_t)(s->len - off);
	if (s->data != NULL)
		return s->data + off;
	while (done < *len) {
		n = pread(s->fd, s->buf + done, *len - done,
		    (off_t)(off + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		done += (size_t)n;
	}
	return s->buf;
}

/* Calls put_cp for every code point where r is not NULL.  -1: no reading. */
static int
walk_text(struct source *s, struct record *r, bool *is_text)
{
	struct utf8 u = {0};
	const uint8_t *p;
	uint64_t off;
	uint32_t cp;
	size_t i, n;
	int got;

	*is_text = false;
	for (off = 0; off < s->len; off += n) {
		p = piece(s, off, &n);
		if (p == NULL)
			return -1;
		for (i = 0; i < n; i++) {
			got = utf8_feed(&u, p[i], &cp);
			if (got == -1 || (got == 1 && !text_allowed(cp)))
				return 0;
			if (got == 1 && r != NULL)
				put_cp(r, cp);
		}
	}
	*is_text = u.left == 0;
	return 0;
}

static int
put_base64(struct source *s, struct record *r)
{
	const uint8_t *p;
	uint64_t off;
	char four[4];
	size_t i, n;

	for (off = 0; off < s->len; off += n) {
		p = piece(s, off, &n);
		if (p == NULL)
			return -1;
		for (i = 0; i < n; i += 3) {
			base64_encode(four, p + i, n - i);
			put(r, four, sizeof(four));
		}
	}
	return 0;
}

static int
put_source(struct record *r, const char *name, struct source *s)
{
	bool is_text, again = true;
	int ret;

	if (walk_text(s, NULL, &is_text) == -1) {
		r->bad = true;
		return -1;
	}
	put_name(r, name, is_text ? "" : "_b64");
	put_str(r, "\"");
	ret = is_text ? walk_text(s, r, &again) : put_base64(s, r);
	put_str(r, "\"");
	/* A file that changed between the two readings is no record. */
	if (ret == -1 || !again) {
		r->bad = true;
		return -1;
	}
	return 0;
}

void
record_bytes(struct record *r, const char *name, const void *data, size_t len)
{
	struct source s = {.data = data, .fd = -1, .len = len};

	put_source(r, name, &s);
}

int
record_bytes_fd(struct record *r, const char *name, int fd, uint64_t len)
{
	struct source s = {.fd = fd, .len = len};

	return put_source(r, name, &s);
}

int
record_covered(struct record *r)
{
	flush(r);
	return r->bad ? -1 : 0;
}

int
record_end(struct record *r, const uint8_t hash[32], const uint8_t *mac)
{
	record_hex(r, "hash", hash, 32);
	if (mac != NULL)
		record_hex(r, "mac", mac, 32);
	put_str(r, "}\n");
	return record_covered(r);
}

uint64_t
record_bound(uint64_t len)
{
	/* Three for one: two bytes of UTF-8, as \uXXXX.  All else is less. */
	return 3 * len + 4096;
}
