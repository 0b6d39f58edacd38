#include "verifier/verifier.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * The log's beginning that is kept no longer.  It is looked at when a segment
 * has begun: a record says up to where, and is on disk, before the first file
 * goes, and each snapshot says it again, so that `log verify` can tell what was
 * pruned from what was stolen.  A start goes on with what is left of it.
 */

#define LOOK_MAX 64   /* segments in one look: what is left has another */
#define HEAD_MAX 8192 /* a segment's first record is not longer */
#define DAY_S	 INT64_C(86400)

struct found {
	uint64_t first, bytes;
	int64_t mtime; /* seconds: when it was closed */
};

static struct {
	int folder;
	struct msg_retain retain;
	struct pruned pruned;
	uint64_t recorded; /* the newest record that says so; 0: none of now */
	uint64_t looked;   /* the segment whose beginning was taken up */
	bool going;
} prune = {.folder = -1};

/* The folder: its oldest segments, and what all take on the disk. */
static struct {
	struct found oldest[LOOK_MAX];
	unsigned count;
	uint64_t bytes;
	struct found before; /* the one before that which is written now */
} seen;

void
prune_init(int folder)
{
	prune.folder = folder;
}

void
prune_settings(const struct msg_retain *retain)
{
	prune.retain = *retain;
}

void
prune_restore(const struct pruned *p)
{
	prune.pruned = *p;
}

uint64_t
prune_last(void)
{
	return (prune.pruned.last);
}

static void
add_fields(struct record *r)
{
	const struct pruned *p = &prune.pruned;

	record_u64(r, "last", p->last);
	record_hex(r, "last_hash", p->hash, sizeof(p->hash));
	record_u64(r, "segments", p->segments);
	record_u64(r, "bytes", p->bytes);
	record_i64(r, "from", p->from_us);
	record_i64(r, "to", p->to_us);
}

void
prune_snapshot(void)
{
	if (prune.pruned.last == 0)
		return;
	add_fields(journal_begin("snapshot-pruned", NULL, NULL));
	journal_end_quietly();
}

static void
take_found(const struct found *f)
{
	unsigned i;

	seen.bytes += f->bytes;
	if (f->first < prune.looked && f->first > seen.before.first)
		seen.before = *f;
	/* One that was just packed has two names for a moment. */
	for (i = 0; i < seen.count; i++) {
		if (seen.oldest[i].first == f->first) {
			seen.oldest[i].bytes += f->bytes;
			return;
		}
	}
	if (i == LOOK_MAX && seen.oldest[--i].first < f->first)
		return;
	for (; i > 0 && seen.oldest[i - 1].first > f->first; i--)
		seen.oldest[i] = seen.oldest[i - 1];
	seen.oldest[i] = *f;
	if (seen.count < LOOK_MAX)
		seen.count++;
}

static int
open_file(const char *name)
{
	return (openat(prune.folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

static int
look_at(const char *name, uint64_t first)
{
	int fd = open_file(name), error;
	struct found f = {.first = first};
	struct stat st;

	/* It is being packed. */
	if (fd == -1 && errno == ENOENT)
		return (0);
	if (fd == -1)
		return (-1);
	error = fstat(fd, &st);
	close(fd);
	if (error == -1)
		return (-1);
	f.bytes = (uint64_t)st.st_size;
	f.mtime = st.st_mtim.tv_sec;
	take_found(&f);
	return (0);
}

static int
scan(void)
{
	struct dirent *e;
	uint64_t first;
	int fd, error;
	DIR *dir;

	memset(&seen, 0, sizeof(seen));
	fd = openat(prune.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return (-1);
	while ((errno = 0, e = readdir(dir)) != NULL) {
		if (segment_name_parse(e->d_name, &first) == -1 &&
		    packed_name_parse(e->d_name, &first) == -1)
			continue;
		if (look_at(e->d_name, first) == -1)
			break;
	}
	error = errno;
	closedir(dir);
	errno = error;
	return (error == 0 ? 0 : -1);
}

/*
 * How many of the oldest are due; the newest two never are.  Age counts from
 * the end of the newest closed one: a clock that is wrong prunes nothing of
 * what was written before it was.
 */
static unsigned
due(void)
{
	int64_t days = (int64_t)prune.retain.days;
	uint64_t left = seen.bytes;
	const struct found *f;
	unsigned i;

	/* One at least is needed that stays. */
	for (i = 0; i + 1 < seen.count; i++) {
		f = &seen.oldest[i];
		if (f->first >= seen.before.first)
			break;
		if ((days == 0 ||
			seen.before.mtime - f->mtime <= days * DAY_S) &&
		    (prune.retain.bytes == 0 || left <= prune.retain.bytes))
			break;
		left -= f->bytes;
	}
	return (i);
}

struct head {
	int64_t time_us;
	uint64_t previous; /* 0: there is none */
	uint8_t previous_hash[SHA256_LEN];
};

/* A segment's beginning, packed or not: its length, or -1. */
static ssize_t
read_beginning(uint64_t first, char buf[HEAD_MAX])
{
	char name[AUDIT_PACKED_NAME_LEN + 1];
	off_t at = 0;
	ssize_t n;
	int fd;

	segment_name(name, first);
	fd = open_file(name);
	if (fd == -1 && errno == ENOENT) {
		packed_name(name, first);
		fd = open_file(name);
		at = AUDIT_PACKED_HEAD;
	}
	if (fd == -1)
		return (-1);
	n = pread(fd, buf, HEAD_MAX, at);
	close(fd);
	return (n);
}

/* What a segment's first record says of the one before: 0, or -1. */
static int
read_head(uint64_t first, struct head *head)
{
	char line[HEAD_MAX], hex[SHA256_HEX + 1];
	struct line_head h;
	const char *lf, *why;
	ssize_t n;
	size_t len;

	n = read_beginning(first, line);
	lf = n <= 0 ? NULL : memchr(line, '\n', (size_t)n);
	if (lf == NULL)
		return (-1);
	len = (size_t)(lf + 1 - line);
	if (line_parse(line, len, &h, &why) == -1 || h.seq != first ||
	    line_str(line, len, "previous_hash", hex, sizeof(hex)) !=
		SHA256_HEX ||
	    hex_parse(head->previous_hash, hex, SHA256_LEN) == -1)
		return (-1);
	if (line_u64(line, len, "previous", &head->previous) == -1)
		head->previous = 0;
	head->time_us = h.time_us;
	return (0);
}

/* Whether it is the oldest one that there should be. */
static bool
begins_right(uint64_t first, const struct head *h)
{
	const struct pruned *p = &prune.pruned;

	return (first == p->last + 1 &&
	    (p->last == 0 ||
		memcmp(h->previous_hash, p->hash, sizeof(p->hash)) == 0));
}

/* Adds the n oldest; false where one is missing: pruning would hide that. */
static bool
add_oldest(unsigned n, struct pruned *p)
{
	const struct found *f = seen.oldest;
	struct head h;
	unsigned i;

	for (i = 0; i <= n; i++, f++) {
		if (read_head(f->first, &h) == -1 ||
		    (i == 0 ? !begins_right(f->first, &h)
			    : h.previous != f[-1].first)) {
			log_warn("log: segment %" PRIu64 " does not follow "
				 "what there is before it: nothing is pruned "
				 "(log verify)",
			    f->first);
			return (false);
		}
		if (i == 0 && p->last == 0)
			p->from_us = h.time_us;
		if (i == n)
			break;
		p->segments++;
		p->bytes += f->bytes;
	}
	p->last = f->first - 1;
	memcpy(p->hash, h.previous_hash, sizeof(p->hash));
	p->to_us = h.time_us;
	return (true);
}

/* Whether there is more to do. */
static bool
record_due(void)
{
	struct pruned p = prune.pruned;
	unsigned n = due();
	char text[64];

	if (n == 0 || !add_oldest(n, &p) || !journal_room(JOURNAL_RESULT))
		return (false);
	prune.pruned = p;
	add_fields(journal_begin("pruned", NULL, NULL));
	prune.recorded = journal_end_quietly();
	journal_await();
	snprintf(text, sizeof(text), "records 1 to %" PRIu64, p.last);
	copy_event("", "", "pruned", text);
	return (true);
}

static bool
remove_file(const char *name)
{
	if (unlinkat(prune.folder, name, 0) == 0 || errno == ENOENT)
		return (true);
	log_warn("log: cannot remove %s: %s", name, strerror(errno));
	return (false);
}

/*
 * By both of its names.  Not synced: what a crash brings back goes at the next
 * start.
 */
static bool
remove_oldest(uint64_t first)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];

	segment_name(name, first);
	if (!remove_file(name))
		return (false);
	packed_name(name, first);
	return (remove_file(name));
}

/* One file, or one record: whether there is more to do. */
static bool
step(void)
{
	uint64_t first;

	if (scan() == -1) {
		log_warn("log: nothing is pruned: %s", strerror(errno));
		return (false);
	}
	first = seen.oldest[0].first;
	if (first <= prune.pruned.last && first < seen.before.first)
		return (remove_oldest(first));
	return (record_due());
}

int64_t
prune_pulse(int64_t now_ms)
{
	uint64_t segment = journal_segment();

	if (!config_known())
		return (-1);
	/* Where all is kept and nothing is left to remove, none is looked at. */
	if (segment != prune.looked)
		prune.going = prune.pruned.last > 0 || prune.retain.days > 0 ||
		    prune.retain.bytes > 0;
	prune.looked = segment;
	if (prune.going && journal_has(prune.recorded))
		prune.going = step();
	return (prune.going ? now_ms : -1);
}
