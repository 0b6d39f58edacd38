#include "audit/audit.h"

#include <string.h>

#include "audit/text.h"

#define FIELDS_MAX 48

enum value {
	VALUE_STRING,
	VALUE_NUMBER,
	VALUE_BOOL
};

struct field {
	const char *name;
	size_t name_len;
	enum value type;
	const char *value; /* a string's without its quotes */
	size_t len;
};

struct cursor {
	const char *p, *end;
	const char *why;
};

static int
refuse(struct cursor *c, const char *why)
{
	c->why = why;
	return -1;
}

static int
expect(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(c->end - c->p) < len || memcmp(c->p, text, len) != 0)
		return refuse(c, "not of a record's form");
	c->p += len;
	return 0;
}

/* One more than a digit's value.  Verifying a log reads most bytes by these. */
static const uint8_t hex_digits[256] = {['0'] = 1,
    ['1'] = 2,
    ['2'] = 3,
    ['3'] = 4,
    ['4'] = 5,
    ['5'] = 6,
    ['6'] = 7,
    ['7'] = 8,
    ['8'] = 9,
    ['9'] = 10,
    ['a'] = 11,
    ['b'] = 12,
    ['c'] = 13,
    ['d'] = 14,
    ['e'] = 15,
    ['f'] = 16};
/* Printable, and neither a quote nor a backslash. */
static const bool plain[256] = {[' ' ... '!'] = true,
    ['#' ... '['] = true,
    [']' ... '~'] = true};

static int
hex_value(char ch)
{
	return hex_digits[(uint8_t)ch] - 1;
}

/* The four digits behind \u. */
static int
scan_unit(struct cursor *c, uint32_t *unit)
{
	int i, v;

	*unit = 0;
	for (i = 0; i < 4; i++) {
		v = c->p < c->end ? hex_value(*c->p) : -1;
		if (v == -1)
			return refuse(c, "a bad escape in a string");
		*unit = *unit << 4 | (uint32_t)v;
		c->p++;
	}
	return 0;
}

static int
scan_unicode(struct cursor *c, uint32_t *cp)
{
	uint32_t low;

	if (scan_unit(c, cp) == -1)
		return -1;
	if (*cp < 0xa0 || (*cp >= 0xdc00 && *cp <= 0xdfff))
		return refuse(c, "an escape that is not the shortest");
	if (*cp < 0xd800 || *cp > 0xdbff)
		return 0;
	if (expect(c, "\\u") == -1 || scan_unit(c, &low) == -1)
		return -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(c, "half a surrogate pair");
	*cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

static int
scan_escape(struct cursor *c, uint32_t *cp)
{
	char ch;

	ch = c->p < c->end ? *c->p++ : '\0';
	switch (ch) {
	case 't':
		*cp = '\t';
		return 0;
	case 'n':
		*cp = '\n';
		return 0;
	case 'r':
		*cp = '\r';
		return 0;
	case '"':
	case '\\':
		*cp = (uint32_t)ch;
		return 0;
	case 'u':
		return scan_unicode(c, cp);
	default:
		return refuse(c, "a bad escape in a string");
	}
}

/* One character within a string, exactly as the writer makes it. */
static int
scan_char(struct cursor *c, uint32_t *cp)
{
	char ch = *c->p++;

	if (ch == '\\')
		return scan_escape(c, cp);
	if (ch < 0x20 || ch > 0x7e)
		return refuse(c, "a byte that is not printable ASCII");
	*cp = (uint32_t)ch;
	return 0;
}

static int
scan_string(struct cursor *c, struct field *f)
{
	uint32_t cp;

	f->type = VALUE_STRING;
	f->value = ++c->p;
	for (;;) {
		while (c->p < c->end && plain[(uint8_t)*c->p])
			c->p++;
		if (c->p == c->end || *c->p == '"')
			break;
		if (scan_char(c, &cp) == -1)
			return -1;
	}
	f->len = (size_t)(c->p - f->value);
	return expect(c, "\"");
}

static int
parse_u64(const char *p, size_t len, uint64_t *out)
{
	uint64_t digit, value = 0;
	size_t i;

	if (len == 0 || (p[0] == '0' && len > 1))
		return -1;
	for (i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		digit = (uint64_t)(p[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}

/* -9223372036854775808 to 18446744073709551615, no leading zero, no -0. */
static int
scan_number(struct cursor *c, struct field *f)
{
	uint64_t value;
	size_t sign;

	f->type = VALUE_NUMBER;
	f->value = c->p;
	sign = *c->p == '-';
	for (c->p += sign; c->p < c->end && *c->p >= '0' && *c->p <= '9';)
		c->p++;
	f->len = (size_t)(c->p - f->value);
	if (parse_u64(f->value + sign, f->len - sign, &value) == -1 ||
	    (sign == 1 && (value == 0 || value > (uint64_t)INT64_MAX + 1)))
		return refuse(c, "a bad number");
	return 0;
}

static int
scan_bool(struct cursor *c, struct field *f)
{
	f->type = VALUE_BOOL;
	f->value = c->p;
	if (expect(c, *c->p == 't' ? "true" : "false") == -1)
		return -1;
	f->len = (size_t)(c->p - f->value);
	return 0;
}

static int
scan_name(struct cursor *c, struct field *f)
{
	if (expect(c, "\"") == -1)
		return -1;
	f->name = c->p;
	while (c->p < c->end &&
	    ((*c->p >= 'a' && *c->p <= 'z') || (*c->p >= '0' && *c->p <= '9') ||
		*c->p == '_'))
		c->p++;
	f->name_len = (size_t)(c->p - f->name);
	if (f->name_len == 0)
		return refuse(c, "a field without a name");
	return expect(c, "\":");
}

/* "name":value */
static int
scan_field(struct cursor *c, struct field *f)
{
	if (scan_name(c, f) == -1)
		return -1;
	if (c->p == c->end)
		return refuse(c, "a field without a value");
	if (*c->p == '"')
		return scan_string(c, f);
	if (*c->p == '-' || (*c->p >= '0' && *c->p <= '9'))
		return scan_number(c, f);
	return scan_bool(c, f);
}

static bool
is_named(const struct field *f, const char *name)
{
	return strlen(name) == f->name_len &&
	    memcmp(f->name, name, f->name_len) == 0;
}

static bool
is_base64(const struct field *f)
{
	return f->name_len > 4 &&
	    memcmp(f->name + f->name_len - 4, "_b64", 4) == 0;
}

/* The name without its _b64. */
static size_t
base_len(const struct field *f)
{
	return is_base64(f) ? f->name_len - 4 : f->name_len;
}

/* Base64 of what the writer would not have written as a string. */
static int
check_base64(struct cursor *c, const struct field *f)
{
	struct utf8 u = {0};
	bool is_text = true;
	uint8_t bytes[3];
	size_t i, k, n;
	uint32_t cp;
	int got;

	if (f->type != VALUE_STRING || f->len % 4 != 0)
		return refuse(c, "bad base64");
	for (i = 0; i < f->len; i += 4) {
		n = base64_decode(bytes, f->value + i);
		if (n == 0 || (n < 3 && i + 4 < f->len))
			return refuse(c, "bad base64");
		for (k = 0; k < n && is_text; k++) {
			got = utf8_feed(&u, bytes[k], &cp);
			if (got == -1 || (got == 1 && !text_allowed(cp)))
				is_text = false;
		}
	}
	if (is_text && u.left == 0)
		return refuse(c, "base64 of what is text");
	return 0;
}

/* The fields of one line so far: none may come twice. */
struct seen {
	struct field fields[FIELDS_MAX];
	size_t count;
};

static int
check_new(struct cursor *c, struct seen *seen, const struct field *f)
{
	size_t i, len = base_len(f);

	if (seen->count == FIELDS_MAX)
		return refuse(c, "too many fields");
	if ((len == 3 && memcmp(f->name, "mac", 3) == 0) ||
	    (len == 4 && memcmp(f->name, "hash", 4) == 0))
		return refuse(c, "a mac or hash that is not at the end");
	for (i = 0; i < seen->count; i++) {
		if (base_len(&seen->fields[i]) == len &&
		    memcmp(seen->fields[i].name, f->name, len) == 0)
			return refuse(c, "a field twice");
	}
	seen->fields[seen->count++] = *f;
	return is_base64(f) ? check_base64(c, f) : 0;
}

static int
head_u64(struct cursor *c, struct seen *seen, const char *name, uint64_t *out)
{
	struct field f;

	if (scan_field(c, &f) == -1)
		return -1;
	if (!is_named(&f, name) || f.type != VALUE_NUMBER ||
	    parse_u64(f.value, f.len, out) == -1)
		return refuse(c, "not the first fields of a record");
	return check_new(c, seen, &f);
}

/* A short string without escapes: out has size bytes. */
static int
take_plain(struct cursor *c, const struct field *f, char *out, size_t size)
{
	if (f->type != VALUE_STRING || f->len == 0 || f->len >= size ||
	    memchr(f->value, '\\', f->len) != NULL)
		return refuse(c, "a bad name or id");
	memcpy(out, f->value, f->len);
	out[f->len] = '\0';
	return 0;
}

static int
head_str(struct cursor *c, struct seen *seen, const char *name, char *out,
    size_t size)
{
	struct field f;

	if (scan_field(c, &f) == -1)
		return -1;
	if (!is_named(&f, name))
		return refuse(c, "not the first fields of a record");
	if (take_plain(c, &f, out, size) == -1)
		return -1;
	return check_new(c, seen, &f);
}

static int
head_fields(struct cursor *c, struct seen *seen, struct line_head *h)
{
	char time[TIME_TEXT_LEN + 1];

	if (expect(c, "{") == -1 || head_u64(c, seen, "seq", &h->seq) == -1 ||
	    expect(c, ",") == -1 ||
	    head_str(c, seen, "time", time, sizeof(time)) == -1)
		return -1;
	if (strlen(time) != TIME_TEXT_LEN ||
	    time_parse(time, &h->time_us) == -1)
		return refuse(c, "a bad time");
	if (expect(c, ",") == -1 || head_u64(c, seen, "run", &h->run) == -1 ||
	    expect(c, ",") == -1 || head_u64(c, seen, "step", &h->step) == -1 ||
	    expect(c, ",") == -1)
		return -1;
	return head_str(c, seen, "event", h->event, sizeof(h->event));
}

/* vm and id have their place: right behind the head's fields. */
static int
take_optional(struct cursor *c, const struct seen *seen, const struct field *f,
    struct line_head *h)
{
	if (is_named(f, "vm")) {
		if (seen->count != 5)
			return refuse(c, "vm is not in its place");
		return take_plain(c, f, h->vm, sizeof(h->vm));
	}
	if (is_named(f, "id")) {
		if (seen->count != (h->vm[0] == '\0' ? 5u : 6u))
			return refuse(c, "id is not in its place");
		return take_plain(c, f, h->id, sizeof(h->id));
	}
	return 0;
}

static int
take_hash(struct cursor *c, const struct field *f, uint8_t out[32])
{
	size_t i;
	int high, low;

	if (f->type != VALUE_STRING || f->len != 64)
		return refuse(c, "a bad hash");
	for (i = 0; i < 32; i++) {
		high = hex_value(f->value[2 * i]);
		low = hex_value(f->value[2 * i + 1]);
		if ((high | low) < 0)
			return refuse(c, "a bad hash");
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* What follows the hash: nothing, or the mac. */
static int
tail_fields(struct cursor *c, struct line_head *h)
{
	struct field f;

	if (c->p < c->end && *c->p == ',') {
		c->p++;
		if (scan_field(c, &f) == -1)
			return -1;
		if (!is_named(&f, "mac"))
			return refuse(c, "a field behind the hash");
		if (take_hash(c, &f, h->mac) == -1)
			return -1;
		h->has_mac = true;
	}
	if (expect(c, "}\n") == -1)
		return -1;
	return c->p == c->end ? 0 : refuse(c, "something behind the end");
}

static int
parse(struct cursor *c, struct line_head *h)
{
	struct seen seen = {.count = 0};
	const char *start = c->p;
	struct field f;

	if (head_fields(c, &seen, h) == -1)
		return -1;
	for (;;) {
		h->covered = (size_t)(c->p - start);
		if (expect(c, ",") == -1 || scan_field(c, &f) == -1)
			return -1;
		if (is_named(&f, "hash"))
			break;
		if (take_optional(c, &seen, &f, h) == -1 ||
		    check_new(c, &seen, &f) == -1)
			return -1;
	}
	if (take_hash(c, &f, h->hash) == -1)
		return -1;
	return tail_fields(c, h);
}

int
line_parse(const char *line, size_t len, struct line_head *h, const char **why)
{
	struct cursor c = {.p = line, .end = line + len};

	memset(h, 0, sizeof(*h));
	if (len > AUDIT_LINE_MAX) {
		*why = "a line that is too long";
		return -1;
	}
	if (parse(&c, h) == -1) {
		*why = c.why;
		return -1;
	}
	return 0;
}

int
line_peek(const char *line, size_t len, struct line_head *h)
{
	struct cursor c = {.p = line, .end = line + len};
	struct seen seen = {.count = 0};

	memset(h, 0, sizeof(*h));
	return head_fields(&c, &seen, h);
}

/* Finds a field, or its _b64 form, from *at on: 0, or -1. */
static int
find_from(const char *line, size_t len, size_t *at, const char *name,
    struct field *f)
{
	size_t name_len = strlen(name);
	struct cursor c = {.p = line + *at, .end = line + len};

	while (expect(&c, *at == 0 && c.p == line ? "{" : ",") == 0 &&
	    scan_field(&c, f) == 0) {
		if (base_len(f) != name_len ||
		    memcmp(f->name, name, name_len) != 0)
			continue;
		*at = (size_t)(c.p - line);
		return 0;
	}
	return -1;
}

/* A field of the line: looked for where the last one was, then from the start. */
static int
find(struct line_fields *l, const char *name, struct field *f)
{
	size_t start = 0;

	if (l->at > 0 && find_from(l->line, l->len, &l->at, name, f) == 0)
		return 0;
	if (find_from(l->line, l->len, &start, name, f) == -1)
		return -1;
	l->at = start;
	return 0;
}

/* Where a value goes: what does not fit is counted. */
struct out {
	char *buf;
	size_t size, len;
};

static void
out_put(struct out *o, const void *data, size_t len)
{
	size_t room = o->size > o->len ? o->size - o->len : 0;

	if (room > 0)
		memcpy(o->buf + o->len, data, len < room ? len : room);
	o->len += len;
}

static void
decode_string(const struct field *f, struct out *o)
{
	struct cursor c = {.p = f->value, .end = f->value + f->len};
	uint32_t cp;
	char utf8[4];

	while (c.p < c.end && scan_char(&c, &cp) == 0)
		out_put(o, utf8, utf8_encode(utf8, cp));
}

static int
decode_base64(const struct field *f, struct out *o)
{
	struct cursor c = {.p = NULL};
	uint8_t bytes[3];
	size_t i;

	if (check_base64(&c, f) == -1)
		return -1;
	for (i = 0; i < f->len; i += 4)
		out_put(o, bytes, base64_decode(bytes, f->value + i));
	return 0;
}

ssize_t
field_str(struct line_fields *l, const char *name, char *buf, size_t size)
{
	struct out o = {.buf = buf, .size = size > 0 ? size - 1 : 0};
	struct field f;

	if (find(l, name, &f) == -1 || f.type != VALUE_STRING)
		return -1;
	if (!is_base64(&f))
		decode_string(&f, &o);
	else if (decode_base64(&f, &o) == -1)
		return -1;
	if (size > 0)
		buf[o.len < o.size ? o.len : o.size] = '\0';
	return (ssize_t)o.len;
}

int
field_u64(struct line_fields *l, const char *name, uint64_t *value)
{
	struct field f;

	if (find(l, name, &f) == -1 || f.type != VALUE_NUMBER)
		return -1;
	return parse_u64(f.value, f.len, value);
}

ssize_t
line_str(const char *line, size_t len, const char *name, char *buf, size_t size)
{
	struct line_fields l = {.line = line, .len = len};

	return field_str(&l, name, buf, size);
}

int
line_u64(const char *line, size_t len, const char *name, uint64_t *value)
{
	struct line_fields l = {.line = line, .len = len};

	return field_u64(&l, name, value);
}

int
line_bool(const char *line, size_t len, const char *name, bool *value)
{
	struct line_fields l = {.line = line, .len = len};
	struct field f;

	if (find(&l, name, &f) == -1 || f.type != VALUE_BOOL)
		return -1;
	*value = f.value[0] == 't';
	return 0;
}
