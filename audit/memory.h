#ifndef AUDIT_MEMORY_H
#define AUDIT_MEMORY_H

/* For tests: a sink that keeps what a record is, and what goes into one. */

#include <string.h>

#include "audit/audit.h"

struct memory {
	char data[8 * 1024 * 1024];
	size_t len;
	size_t fail_at; /* 0: never */
};

static inline int
memory_sink(void *arg, const void *data, size_t len)
{
	struct memory *m = arg;

	if ((m->fail_at != 0 && m->len + len > m->fail_at) ||
	    len > sizeof(m->data) - 1 - m->len)
		return -1;
	memcpy(m->data + m->len, data, len);
	m->len += len;
	m->data[m->len] = '\0';
	return 0;
}

static const struct record_head memory_head = {.seq = 7,
    .time_us = 1771425022514000,
    .run = 1,
    .step = 3,
    .event = "intent",
    .vm = "work",
    .id = "20260218-143022-1234-a1b2c3d4"};

static inline void
memory_begin(struct memory *m, struct record *r)
{
	m->len = m->fail_at = 0;
	record_begin(r, memory_sink, m, &memory_head);
}

/* Ends it with a hash of 0x11 and, where asked for, a mac of 0x22. */
static inline int
memory_end(struct record *r, int mac)
{
	uint8_t hash[32], tag[32];

	memset(hash, 0x11, sizeof(hash));
	memset(tag, 0x22, sizeof(tag));
	if (record_covered(r) == -1)
		return -1;
	return record_end(r, hash, mac ? tag : NULL);
}

/* Numbers that look random and are the same in every run: xorshift64. */
static inline uint64_t
memory_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

#define MEMORY_HEAD                                                      \
	"{\"seq\":7,\"time\":\"2026-02-18T14:30:22.514000Z\",\"run\":1," \
	"\"step\":3,\"event\":\"intent\",\"vm\":\"work\","               \
	"\"id\":\"20260218-143022-1234-a1b2c3d4\""
#define MEMORY_64(d) d d d d d d d d d d d d d d d d
#define MEMORY_HASH  ",\"hash\":\"" MEMORY_64("1111") "\""
#define MEMORY_MAC   ",\"mac\":\"" MEMORY_64("2222") "\""

#endif
