#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/aside.h"
#include "admin/kept.h"
#include "admin/log.h"
#include "admin/packed.h"
#include "admin/proof.h"
#include "admin/pruned.h"
#include "admin/seals.h"
#include "admin/stubs.h"
#include "admin/witness.h"
#include "audit/text.h"

#define EXIT_ALTERED 1
#define EXIT_OPEN    3

#define SEAL_BROKEN "its seal does not hold"

/* How far the log has been found whole. */
struct chain {
	uint64_t seq, run, step; /* seq: of the next record */
	uint8_t hash[SHA256_LEN];
	int64_t time_us;
	bool stopped; /* the newest record closes its run */
};

/* A segment, as far as it has been read. */
struct part {
	uint64_t first;
	int fd;
	off_t good_end;
	uint64_t erased; /* bytes before it that are not there any more */
	const char *why; /* what is wrong with the line there; or NULL */
	uint64_t tail;	 /* bytes there, reserved zeros aside */
	uint8_t tail_sha256[SHA256_LEN];
};

static struct reader reader;
static FILE *words; /* where what is found is said */
static uint64_t oldest =
    1; /* the first record, or where all before was pruned */
static struct pruned pruned;

/* Says which record is wrong, and ends; or that an earlier one's seal is. */
static void __attribute__((noreturn, format(printf, 2, 3)))
altered(uint64_t seq, const char *fmt, ...)
{
	uint64_t unsealed;
	va_list ap;

	if (!aside_found(&unsealed))
		warn("the process that checks the seals has ended");
	seals_wipe();
	if (unsealed != 0 && unsealed <= seq) {
		seq = unsealed;
		fmt = SEAL_BROKEN;
	}
	fprintf(words, "altered: record %" PRIu64 ": ", seq);
	va_start(ap, fmt);
	vfprintf(words, fmt, ap);
	va_end(ap);
	fputc('\n', words);
	finish_output();
	exit(EXIT_ALTERED);
}

/* All of a packed segment is checked before a line of it is read. */
static void
damaged(uint64_t first, const char *why)
{
	altered(first, "the packed segment that begins with it is damaged: %s",
	    why);
}

static bool
same_u64(const char *line, size_t len, const char *name, uint64_t want)
{
	uint64_t value;

	return line_u64(line, len, name, &value) == 0 && value == want;
}

static bool
same_hash(const char *line, size_t len, const char *name,
    const uint8_t want[SHA256_LEN])
{
	char text[SHA256_HEX + 1], hex[SHA256_HEX + 1];

	hex_print(hex, want, SHA256_LEN);
	return line_str(line, len, name, text, sizeof(text)) == SHA256_HEX &&
	    strcmp(text, hex) == 0;
}

static bool
is_event(const struct line_head *h, const char *event)
{
	return strcmp(h->event, event) == 0;
}

/* Run and step: NULL, or what is wrong. */
static const char *
check_order(const struct chain *c, const struct line_head *h, bool first)
{
	bool start = is_event(h, "start");

	if (first != (start || is_event(h, "segment")))
		return first ? "no segment begins with such a record"
			     : "it stands within a segment";
	if (start) {
		if (h->run <= c->run)
			return "its run was there before";
		return h->step == 0 ? NULL : "its run's first step is not 0";
	}
	if (h->run != c->run || h->run == 0)
		return "another run, without its start";
	if (c->stopped)
		return "it stands behind its run's closing record";
	if (h->step < c->step)
		return "its step goes back";
	if (h->step > c->step + 1)
		return "a step is left out";
	/* A step has a record: of a pruned log nothing else bounds the first. */
	return h->step < h->seq ? NULL
				: "its step is higher than there were records "
				  "before it";
}

static bool
has_hash(const struct chain *c, const char *line, const struct line_head *h)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, c->hash, sizeof(c->hash));
	sha256_update(&sha, line, h->covered);
	sha256_final(&sha, digest);
	return memcmp(digest, h->hash, sizeof(digest)) == 0;
}

static const char *
check_line(const struct chain *c, const char *line, size_t len, bool first,
    struct line_head *h)
{
	const char *why;

	if (line_parse(line, len, h, &why) == -1)
		return why;
	if (h->seq != c->seq)
		return "another sequence number stands in its place";
	if (!is_stub(h) && !has_hash(c, line, h))
		return "its hash is not that of what it says";
	if (first && !same_hash(line, len, "previous_hash", c->hash))
		return "it names another hash before it";
	why = check_order(c, h, first);
	if (why == NULL &&
	    (is_event(h, "start") || (h->seq == oldest && oldest > 1)))
		why = seals_start(line, len, h, words);
	return why != NULL ? why : seals_check(h);
}

static void
advance(struct chain *c, const struct line_head *h)
{
	if (h->run != c->run && c->run != 0 && !c->stopped)
		fprintf(words,
		    "note: run %" PRIu64 " has no closing record: a crash, or "
		    "its end was replaced\n",
		    c->run);
	if (h->run > c->run + 1)
		fprintf(words,
		    "note: runs %" PRIu64 " to %" PRIu64
		    " have no record: their starts ended too early, or they "
		    "were removed\n",
		    c->run + 1, h->run - 1);
	c->seq++;
	c->run = h->run;
	c->step = h->step;
	c->stopped = is_event(h, "stop");
	c->time_us = h->time_us;
	memcpy(c->hash, h->hash, sizeof(c->hash));
}

/* A segment's first record says how the one before ends. */
static void
check_previous(const struct part *previous, const struct line_head *h,
    const char *line, size_t len)
{
	uint64_t none;

	if (previous == NULL) {
		if (oldest == 1 && line_u64(line, len, "previous", &none) == 0)
			altered(h->seq,
			    "it follows a segment that is not "
			    "there");
		return;
	}
	if (!same_u64(line, len, "previous", previous->first))
		altered(h->seq, "it names another segment before it");
	/* A segment that was full ends with its last record. */
	if (is_event(h, "segment")
		? previous->tail != 0
		: !same_u64(line, len, "good_end",
		      (uint64_t)previous->good_end + previous->erased) ||
		    !same_u64(line, len, "tail_length", previous->tail) ||
		    !same_hash(line, len, "tail_sha256", previous->tail_sha256))
		altered(h->seq, "segment %" PRIu64 " does not end as it says",
		    previous->first);
	if (previous->tail != 0)
		fprintf(words,
		    "note: segment %" PRIu64 ": %" PRIu64
		    " bytes behind record %" PRIu64
		    " (a crash), as the next one says\n",
		    previous->first, previous->tail, h->seq - 1);
}

static const char *
check_erased(struct part *p, const struct line_head *h, const char *line,
    size_t len)
{
	const char *why = NULL;
	uint64_t length = len;

	if (is_stub(h))
		why = stubs_take(h, line, len, &length);
	else if (is_event(h, "erase"))
		why = stubs_erased_by(h, line, len, oldest, words);
	p->erased += length - len;
	return why;
}

/* Reads on from good_end, as far as the chain holds. */
static void
read_on(struct chain *c, struct part *p, const struct part *previous)
{
	const char *line, *why;
	struct line_head h;
	size_t len;

	p->why = NULL;
	reader_start(&reader, p->fd, p->good_end);
	while (reader_line(&reader, &line, &len)) {
		p->why = check_line(c, line, len, p->good_end == 0, &h);
		if (p->why != NULL)
			return;
		if (p->good_end == 0)
			check_previous(previous, &h, line, len);
		why = check_erased(p, &h, line, len);
		if (why != NULL)
			altered(h.seq, "%s", why);
		why = witness_check(&h, line, len, words);
		if (why != NULL)
			altered(h.seq, "%s", why);
		outputs_seen(&h, line, len);
		advance(c, &h);
		p->good_end = reader_offset(&reader);
	}
}

/* What lies behind good_end, without the zeros at its end. */
static void
measure_tail(struct part *p)
{
	static char buf[65536];
	struct sha256 sha;
	off_t off = p->good_end;
	uint64_t zeros = 0;
	size_t kept, n;

	p->tail = 0;
	sha256_init(&sha);
	while ((n = segment_read(p->fd, buf, sizeof(buf), off)) > 0) {
		for (kept = n; kept > 0 && buf[kept - 1] == '\0';)
			kept--;
		if (kept > 0) {
			sha256_zeros(&sha, zeros);
			sha256_update(&sha, buf, kept);
			p->tail = (uint64_t)(off - p->good_end) + kept;
			zeros = 0;
		}
		zeros += n - kept;
		off += (off_t)n;
	}
	sha256_final(&sha, p->tail_sha256);
}

/* The segment that comes next does not continue the chain. */
static void __attribute__((noreturn)) bad_beginning(const struct chain *c,
    const struct part *p, const struct part *previous)
{
	if (p->first == c->seq)
		altered(c->seq, "%s",
		    p->why != NULL ? p->why : "it is not whole");
	if (previous != NULL && previous->tail > 0)
		altered(c->seq, "%s",
		    previous->why != NULL ? previous->why : "it is not whole");
	if (p->first > c->seq)
		altered(c->seq,
		    "missing: the next segment begins with record %" PRIu64,
		    p->first);
	altered(p->first, "a second segment has it");
}

/*
 * Whether a record of a later step than the next lies behind the end: a step
 * begins when the one before is on disk, so no crash explains that.
 */
static bool
later_step(const struct chain *c, const struct part *p)
{
	struct line_head h;
	const char *line, *why;
	size_t len;

	reader_start(&reader, p->fd, p->good_end);
	do {
		while (reader_line(&reader, &line, &len)) {
			if (line_parse(line, len, &h, &why) == 0 &&
			    h.run == c->run && h.step > c->step + 1)
				return true;
		}
	} while (reader_skip(&reader));
	return false;
}

/* The newest segment: it may be growing. */
static void
check_end(struct chain *c, struct part *p, const struct part *previous)
{
	off_t before;

	while (p->why == NULL && later_step(c, p)) {
		before = p->good_end;
		read_on(c, p, previous);
		if (p->why == NULL && p->good_end == before)
			altered(c->seq, "it is gone, and later ones are there");
	}
	if (p->why != NULL)
		altered(c->seq, "%s", p->why);
}

/*
 * Where record 1 is not there and nothing says that it was pruned, it is
 * missed.
 */
static void
begin_chain(const struct log *log, struct chain *c)
{
	memset(c, 0, sizeof(*c));
	if (pruned_read(log, &pruned)) {
		oldest = log->segments[0].first;
		c->run = pruned.run - pruned.start;
		c->step = pruned.step;
		c->stopped = pruned.start;
		memcpy(c->hash, pruned.before, sizeof(c->hash));
		seals_pruned(pruned.run);
		witness_pruned(oldest - 1);
	}
	c->seq = oldest;
}

static void
read_segments(const struct log *log, struct chain *c, struct part *p)
{
	struct part previous;
	size_t i;

	packed_on_damage(damaged);
	begin_chain(log, c);
	for (i = 0; i < log->count; i++) {
		if (i > 0)
			previous = *p;
		memset(p, 0, sizeof(*p));
		p->first = log->segments[i].first;
		p->fd = log->segments[i].fd;
		if (p->first == c->seq)
			read_on(c, p, i > 0 ? &previous : NULL);
		if (p->good_end == 0)
			bad_beginning(c, p, i > 0 ? &previous : NULL);
		if (i + 1 == log->count)
			check_end(c, p, i > 0 ? &previous : NULL);
		measure_tail(p);
		if (i + 1 < log->count && p->tail > 0 &&
		    (c->stopped || later_step(c, p)))
			altered(c->seq, "%s",
			    p->why != NULL ? p->why
					   : "something stands behind the "
					     "closing record");
	}
	if (stubs_unexplained() != 0)
		altered(stubs_unexplained(),
		    "it was erased, and no record says so");
}

static void
print_end(const struct chain *c, bool runs)
{
	if (runs)
		printf("note: a daemon runs: end not proven\n");
	else if (!c->stopped)
		printf("note: run %" PRIu64 " has no closing record and no "
		       "daemon runs: a crash, or the end was cut off\n",
		    c->run);
}

int
log_verify(const struct log *log)
{
	/* Before and after: one that ends or begins meanwhile is no crash. */
	bool runs = lock_holder(log->lock) != 0, fits, cut, kept;
	uint64_t unsealed;
	off_t end;
	struct chain c;
	struct part last;
	const char *word;

	words = stdout;
	if (log->count == 0)
		fail("there is no log");
	if (seals_given())
		aside_start();
	read_segments(log, &c, &last);
	runs = runs || lock_holder(log->lock) != 0;
	/* One may have gone meanwhile, its record before it. */
	do {
		end = last.good_end;
		if (runs && outputs_are_suspect())
			read_on(&c, &last, NULL);
	} while (last.good_end > end);
	if (!aside_found(&unsealed))
		fail("the process that checks the seals has ended");
	if (unsealed != 0)
		altered(unsealed, SEAL_BROKEN);
	if (c.stopped && last.tail > 0 && !runs)
		altered(c.seq, "something stands behind the closing record");
	if (last.tail > 0 && !runs)
		printf("note: %" PRIu64 " bytes behind the last record\n",
		    last.tail);
	cut = !witness_end(c.seq - 1, words);
	word = cut		  ? "cut"
	    : witness_disagrees() ? "disputed"
	    : runs || c.stopped	  ? "whole"
				  : "intact";
	printf("%s: %" PRIu64 " records in %zu segments; ", word,
	    c.seq - oldest, log->count);
	fits = seals_print();
	seals_wipe();
	print_end(&c, runs);
	kept = outputs_check();
	proof_print(oldest, c.seq - 1, &pruned);
	finish_output();
	if (!fits || cut || !kept || witness_disagrees())
		return EXIT_ALTERED;
	return runs || c.stopped ? 0 : EXIT_OPEN;
}

void
checkpoint_print(uint64_t seq, int64_t time_us, const uint8_t hash[32])
{
	char time[TIME_TEXT_LEN + 1], hex[SHA256_HEX + 1];

	if (time_print(time, time_us) == -1)
		fail("the newest record has no time");
	hex_print(hex, hash, SHA256_LEN);
	printf("qvm-remote-checkpoint 1 %s %" PRIu64 " %s\n", time, seq, hex);
	finish_output();
}

int
log_checkpoint(const struct log *log)
{
	struct chain c;
	struct part last;

	words = stderr;
	if (log->count == 0)
		fail("there is no log");
	read_segments(log, &c, &last);
	checkpoint_print(c.seq - 1, c.time_us, c.hash);
	return 0;
}
