#include "admin/stubs.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/crypto.h"

#define ERASURES_MAX 256

/* What one record has erased, as far as its stubs were read. */
static struct erasure {
	uint64_t by, count, first, last;
	struct sha256 sha; /* of their hashes */
	bool explained;
} erasures[ERASURES_MAX];
static size_t erasure_count;

bool
is_stub(const struct line_head *h)
{
	return strcmp(h->event, STUB) == 0 ||
	    strcmp(h->event, STUB_OF_HEAD) == 0;
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

static struct erasure *
find(uint64_t by)
{
	size_t i;

	for (i = 0; i < erasure_count; i++) {
		if (erasures[i].by == by)
			return &erasures[i];
	}
	return NULL;
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
	e = find(by);
	if (e == NULL && erasure_count == ERASURES_MAX)
		return "too many records have erased something";
	if (e == NULL) {
		e = &erasures[erasure_count++];
		e->by = by;
		e->first = h->seq;
		sha256_init(&e->sha);
	}
	e->count++;
	e->last = h->seq;
	sha256_update(&e->sha, h->hash, sizeof(h->hash));
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

const char *
stubs_erased_by(const struct line_head *h, const char *line, size_t len,
    uint64_t oldest, FILE *words)
{
	static char why[160];
	struct erasure said = {.by = h->seq}, *e = find(h->seq);
	char hex[SHA256_HEX + 1];

	if (line_u64(line, len, "count", &said.count) == -1 ||
	    line_u64(line, len, "first", &said.first) == -1 ||
	    line_u64(line, len, "last", &said.last) == -1 ||
	    line_str(line, len, "sha256", hex, sizeof(hex)) != SHA256_HEX)
		return "it does not say what it erases";
	if (e != NULL)
		e->explained = true;
	if (said.last < oldest && e == NULL)
		return NULL;
	if (said.first < oldest && e != NULL && e->count <= said.count &&
	    e->last == said.last) {
		fprintf(words,
		    "note: part of what record %" PRIu64 " has erased was "
		    "pruned: the rest cannot be counted\n",
		    h->seq);
		return NULL;
	}
	if (e != NULL && same(e, &said, hex))
		return NULL;
	snprintf(why, sizeof(why),
	    "it erases %" PRIu64 " records, and of these or others %" PRIu64
	    " are: `log erase` has not come to its end, or more was erased",
	    said.count, e != NULL ? e->count : 0);
	return why;
}

uint64_t
stubs_count(void)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < erasure_count; i++)
		count += erasures[i].count;
	return count;
}

uint64_t
stubs_unexplained(void)
{
	uint64_t first = 0;
	size_t i;

	for (i = 0; i < erasure_count; i++) {
		if (!erasures[i].explained &&
		    (first == 0 || erasures[i].first < first))
			first = erasures[i].first;
	}
	return first;
}
