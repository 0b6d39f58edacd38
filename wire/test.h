#ifndef WIRE_TEST_H
#define WIRE_TEST_H

/*
 * For tests: numbers that look random and are the same in every run, valid
 * ids and texts made of them, and changes to a text.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <atf-c.h>

#include "wire/id.h"

/* Two structs, padding included: each was filled with zeros first. */
static inline bool
same_bytes(const void *a, const void *b, size_t len)
{
	return (memcmp(a, b, len) == 0);
}

/*
 * Replaces the first `from` in a text, which is there: what a test says that
 * it changes, it changes.  The length; a NUL follows.
 */
static inline size_t
edit(char *out, size_t size, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	int n;

	ATF_REQUIRE_MSG(at != NULL, "no \"%s\" to replace", from);
	n = snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to,
	    at + strlen(from));
	ATF_REQUIRE(n > 0 && (size_t)n < size);
	return ((size_t)n);
}

/* The one state: a test program runs one case, so each starts here. */
static uint64_t random_state = 0x9e3779b97f4a7c15;

/* xorshift64 */
static inline uint64_t
random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state);
}

static inline uint64_t
random_below(uint64_t n)
{
	return (random_next() % n);
}

/* 0 to max, small numbers and max itself more often than by chance. */
static inline uint64_t
random_number(uint64_t max)
{
	switch (random_below(4)) {
	case 0:
		return (max);
	case 1:
		return (
		    random_below(11) > max ? 0 : random_below(11) % (max + 1));
	default:
		return (random_next() % (max + 1));
	}
}

static inline void
random_fill(void *out, size_t len)
{
	unsigned char *p = out;

	while (len-- > 0)
		*p++ = (unsigned char)random_next();
}

/* Half of them "", else up to max bytes 0x20-0x7E that are not `-`. */
static inline void
random_text(char *out, size_t max)
{
	size_t i, len = random_below(2) * (1 + random_number(max - 1));

	for (i = 0; i < len; i++)
		out[i] = (char)(0x20 + random_below(0x7f - 0x20));
	out[len] = '\0';
	if (strcmp(out, "-") == 0)
		out[0] = '+';
}

static inline void
random_id(char out[ID_MAX + 1], bool v1)
{
	struct tm tm = {.tm_year = (int)random_below(10000) - 1900,
	    .tm_mon = (int)random_below(12),
	    .tm_mday = 1 + (int)random_below(28),
	    .tm_hour = (int)random_below(24),
	    .tm_min = (int)random_below(60),
	    .tm_sec = (int)random_below(60)};

	if (v1 && random_below(4) == 0)
		snprintf(out, ID_MAX + 1, "ping-%llu-%llu",
		    (unsigned long long)random_number(INT64_MAX),
		    (unsigned long long)random_number(UINT32_MAX));
	else
		id_print(out, &tm, (uint32_t)random_number(UINT32_MAX),
		    (uint32_t)random_next());
}

/*
 * One change to a text of *len bytes, which has room for one more: a byte
 * replaced, put in, or taken out; most often by one that the formats use.
 */
static inline void
random_change(char *text, size_t *len)
{
	static const char used[] = "0123456789abcdef- \n.";
	size_t at = random_below(*len);
	char byte = random_below(4) == 0 ? (char)random_next()
					 : used[random_below(sizeof(used))];

	switch (random_below(3)) {
	case 0:
		text[at] = byte;
		break;
	case 1:
		memmove(text + at + 1, text + at, *len - at);
		text[at] = byte;
		(*len)++;
		break;
	default:
		if (*len == 1)
			break;
		memmove(text + at, text + at + 1, *len - at - 1);
		(*len)--;
		break;
	}
}

#endif
