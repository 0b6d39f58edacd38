#include "admin/stubs.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "crypto/crypto.h"

/* What one record has erased, as far as its stubs were read. */
struct erasure {
	uint64_t by, count, first, last;
	struct sha256 sha; /* of their hashes */
};

/* Those whose record is still to come, by its number: a tree, for a log that
 * was made to have many of them must not take longer than it is. */
static void *pending;
static size_t pending_count;
static uint64_t stub_count, first_unexplained;
static struct stubs_uncounted uncounted;

/* What is left of a line that is compared as it is made. */
struct rest {
	const char *line;
	size_t len;
};

bool
is_stub(const struct line_head *h)
{
	return strcmp(h->event, STUB) == 0 ||
	    strcmp(h->event, STUB_OF_HEAD) == 0;
}

int
stub_write(const struct line_head *h, const char *event, uint64_t by,
    uint64_t len, int (*sink)(void *, const void *, size_t), void *arg)
{
	static struct record r;
	struct record_head head = {.seq = h->seq,
	    .time_us = h->time_us,
	    .run = h->run,
	    .step = h->step,
	    .event = event};

	record_begin(&r, sink, arg, &head);
	record_u64(&r, "by", by);
	record_u64(&r, "length", len);
	if (record_covered(&r) == -1)
		return -1;
	return record_end(&r, h->hash, h->has_mac ? h->mac : NULL);
}

bool
stub_is_of(const struct line_head *h, const char *line, size_t len,
    const char *vm)
{
	char asker[VM_NAME_MAX + 2] = "";

	if (strcmp(h->vm, vm) == 0)
		return true;
	/* Whose key it was before it was another VM's. */
	return strcmp(h->event, "snapshot-request") == 0 &&
	    line_str(line, len, "asker", asker, sizeof(asker)) > 0 &&
	    strcmp(asker, vm) == 0;
}

static int
compare(const void *a, const void *b)
{
	const struct erasure *x = a, *y = b;

	return (x->by > y->by) - (x->by < y->by);
}

static struct erasure *
find(uint64_t by)
{
	struct erasure key = {.by = by}, **node;

	node = tfind(&key, &pending, compare);
	return node != NULL ? *node : NULL;
}

static struct erasure *
add(uint64_t by, uint64_t first)
{
	struct erasure *e = calloc(1, sizeof(*e));

	if (e == NULL)
		fail_errno("what was erased");
	e->by = by;
	e->first = first;
	sha256_init(&e->sha);
	if (tsearch(e, &pending, compare) == NULL)
		fail_errno("what was erased");
	pending_count++;
	return e;
}

static int
compare_bytes(void *arg, const void *data, size_t len)
{
	struct rest *rest = arg;

	if (len > rest->len || memcmp(rest->line, data, len) != 0)
		return -1;
	rest->line += len;
	rest->len -= len;
	return 0;
}

/* Its hash is of what was there: of the line itself each byte is looked at. */
static bool
is_as_written(const struct line_head *h, const char *line, size_t len,
    uint64_t by, uint64_t length)
{
	struct rest rest = {line, len};

	return stub_write(h, h->event, by, length, compare_bytes, &rest) == 0 &&
	    rest.len == 0;
}

const char *
stubs_take(const struct line_head *h, const char *line, size_t len,
    uint64_t *length)
{
	struct erasure *e;
	uint64_t by;

	if (line_u64(line, len, "by", &by) == -1 || by <= h->seq ||
	    line_u64(line, len, "length", length) == -1 ||
	    *length > AUDIT_LINE_MAX)
		return "it does not say what has erased it";
	if (!is_as_written(h, line, len, by, *length))
		return "it was erased, and its line is not as `log erase` "
		       "writes it";
	e = find(by);
	if (e == NULL && pending_count == ERASURES_MAX)
		return "1048576 records are named before it that have erased "
		       "something: no daemon writes so many";
	if (e == NULL)
		e = add(by, h->seq);
	e->count++;
	e->last = h->seq;
	sha256_update(&e->sha, h->hash, sizeof(h->hash));
	stub_count++;
	return NULL;
}

static bool
same(const struct erasure *e, const struct erasure *said, const char *hex)
{
	char have[SHA256_HEX + 1];
	uint8_t digest[SHA256_LEN];
	struct sha256 sha = e->sha;

	sha256_final(&sha, digest);
	hex_print(have, digest, sizeof(digest));
	return e->count == said->count && e->first == said->first &&
	    e->last == said->last && strcmp(have, hex) == 0;
}

static void
add_uncounted(const struct erasure *e)
{
	if (uncounted.count == 0 || e->first < uncounted.first)
		uncounted.first = e->first;
	if (e->last > uncounted.last)
		uncounted.last = e->last;
	uncounted.count += e->count;
}

const struct stubs_uncounted *
stubs_uncounted(void)
{
	return &uncounted;
}

/* What its record says: NULL, or what is wrong. */
static const char *
check(const struct erasure *e, const struct erasure *said, const char *hex,
    uint64_t oldest, FILE *words)
{
	static char why[160];

	if (said->last < oldest && e == NULL)
		return NULL;
	if (said->first < oldest && e != NULL && e->count <= said->count &&
	    e->last == said->last) {
		fprintf(words,
		    "note: part of what record %" PRIu64 " has erased was "
		    "pruned: the rest, %" PRIu64
		    " records, cannot be counted\n",
		    said->by, e->count);
		add_uncounted(e);
		return NULL;
	}
	if (e != NULL && same(e, said, hex))
		return NULL;
	snprintf(why, sizeof(why),
	    "it erases %" PRIu64 " records, and of these or others %" PRIu64
	    " are: `log erase` has not come to its end, or more was erased",
	    said->count, e != NULL ? e->count : 0);
	return why;
}

const char *
stubs_erased_by(const struct line_head *h, const char *line, size_t len,
    uint64_t oldest, FILE *words)
{
	struct erasure said = {.by = h->seq}, *e = find(h->seq);
	char hex[SHA256_HEX + 1];
	const char *why;

	if (line_u64(line, len, "count", &said.count) == -1 ||
	    line_u64(line, len, "first", &said.first) == -1 ||
	    line_u64(line, len, "last", &said.last) == -1 ||
	    line_str(line, len, "sha256", hex, sizeof(hex)) != SHA256_HEX)
		return "it does not say what it erases";
	why = check(e, &said, hex, oldest, words);
	if (e != NULL) {
		/* No later stub may name it. */
		(void)tdelete(e, &pending, compare);
		free(e);
		pending_count--;
	}
	return why;
}

uint64_t
stubs_count(void)
{
	return stub_count;
}

static void
take_first(const void *node, VISIT which, int depth)
{
	const struct erasure *e = *(struct erasure *const *)node;

	(void)depth;
	if ((which == postorder || which == leaf) &&
	    (first_unexplained == 0 || e->first < first_unexplained))
		first_unexplained = e->first;
}

uint64_t
stubs_unexplained(void)
{
	first_unexplained = 0;
	twalk(pending, take_first);
	return first_unexplained;
}
