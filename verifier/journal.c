#include "verifier/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "privsep/event.h"
#include "privsep/log.h"

#define NEW_NAME ".new"

static struct {
	int folder, fd;
	off_t end;	     /* of what was written */
	uint64_t first, seq; /* of the segment; of the next record */
	uint64_t run, step;
	uint8_t hash[32]; /* of the newest record */
	int64_t newest_us;
	unsigned reserved; /* results to come */
	bool dirty;
	struct record record;
	struct sha256 sha;
} j = {.folder = -1, .fd = -1};

/* Where the segment before this run's ends. */
struct tail {
	bool any;
	uint64_t first, length; /* bytes behind the good end */
	off_t good_end;
	uint8_t sha256[32]; /* of those bytes, zeros at the end aside */
};

static int
sink(void *arg, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	(void)arg;
	sha256_update(&j.sha, data, len);
	while (len > 0) {
		n = pwrite(j.fd, p, len, j.end);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			fatal("log: write");
		p += n;
		len -= (size_t)n;
		j.end += n;
	}
	return (0);
}

int64_t
journal_now_us(void)
{
	int64_t now = now_realtime_us();

	return (now > j.newest_us ? now : j.newest_us);
}

int64_t
journal_now(void)
{
	return (journal_now_us() / 1000000);
}

struct record *
journal_begin(const char *event, const char *vm, const char *id)
{
	struct record_head head = {.seq = j.seq,
	    .run = j.run,
	    .step = j.step,
	    .event = event,
	    .vm = vm,
	    .id = id};

	head.time_us = journal_now_us();
	j.newest_us = head.time_us;
	sha256_init(&j.sha);
	sha256_update(&j.sha, j.hash, sizeof(j.hash));
	record_begin(&j.record, sink, NULL, &head);
	return (&j.record);
}

uint64_t
journal_end(uint8_t hash[32])
{
	if (record_covered(&j.record) == -1)
		fatalx("log: a record could not be made");
	sha256_final(&j.sha, j.hash);
	if (record_end(&j.record, j.hash, NULL) == -1)
		fatalx("log: a record could not be ended");
	memcpy(hash, j.hash, sizeof(j.hash));
	j.dirty = true;
	return (j.seq++);
}

uint64_t
journal_next_seq(void)
{
	return (j.seq);
}

bool
journal_dirty(void)
{
	return (j.dirty);
}

void
journal_commit(void)
{
	if (fdatasync(j.fd) == -1)
		fatal("log: fdatasync");
	j.dirty = false;
	j.step++;
}

/* A new segment is made under another name: a named one has a whole line. */
static int
segment_create(void)
{
	int fd;

	if (unlinkat(j.folder, NEW_NAME, 0) == -1 && errno != ENOENT)
		return (-1);
	fd = openat(j.folder, NEW_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return (-1);
	if (fallocate(fd, 0, 0, JOURNAL_SEGMENT) == -1) {
		close(fd);
		if (unlinkat(j.folder, NEW_NAME, 0) == -1)
			log_warn("log: cannot remove %s", NEW_NAME);
		return (-1);
	}
	return (fd);
}

/* Its first record is in it: on disk, and then under its name. */
static void
segment_name_it(void)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1];

	journal_commit();
	segment_name(name, j.first);
	if (linkat(j.folder, NEW_NAME, j.folder, name, 0) == -1)
		fatal("log: %s", name);
	if (unlinkat(j.folder, NEW_NAME, 0) == -1)
		fatal("log: remove %s", NEW_NAME);
	if (fsync(j.folder) == -1)
		fatal("log: sync of its folder");
}

static void
segment_trim(void)
{
	if (ftruncate(j.fd, j.end) == -1)
		log_warn("log: cannot trim the segment: %s", strerror(errno));
	if (fdatasync(j.fd) == -1)
		fatal("log: fdatasync");
	close(j.fd);
}

static bool
segment_rotate(void)
{
	uint8_t previous_hash[32], hash[32];
	uint64_t previous = j.first;
	struct record *r;
	int fd;

	fd = segment_create();
	if (fd == -1)
		return (false);
	if (j.dirty)
		journal_commit();
	segment_trim();
	j.fd = fd;
	j.end = 0;
	j.first = j.seq;
	memcpy(previous_hash, j.hash, sizeof(previous_hash));
	r = journal_begin("segment", NULL, NULL);
	record_u64(r, "previous", previous);
	record_hex(r, "previous_hash", previous_hash, sizeof(previous_hash));
	journal_end(hash);
	segment_name_it();
	/* Who waits for a commit learns of this one from the next. */
	j.dirty = true;
	return (true);
}

bool
journal_room(uint64_t bytes)
{
	uint64_t need;

	need = bytes + ((uint64_t)j.reserved + 2) * JOURNAL_RESULT;
	if ((uint64_t)j.end + need <= JOURNAL_SEGMENT)
		return (true);
	return (segment_rotate());
}

void
journal_reserve(void)
{
	j.reserved++;
}

void
journal_release(void)
{
	j.reserved--;
}

/* Reading where the log ends. */

static uint64_t
newest_segment(void)
{
	struct dirent *e;
	uint64_t first, newest = 0;
	DIR *dir;
	int fd;

	fd = openat(j.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		fatal("log: its folder");
	while ((errno = 0, e = readdir(dir)) != NULL) {
		if (segment_name_parse(e->d_name, &first) == 0 &&
		    first > newest)
			newest = first;
	}
	if (errno != 0)
		fatal("log: its folder");
	closedir(dir);
	return (newest);
}

static char *
segment_read(uint64_t first, size_t *len)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1], *buf;
	struct stat st;
	size_t done;
	ssize_t n;
	int fd;

	segment_name(name, first);
	fd = openat(j.folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("log: %s", name);
	if (!S_ISREG(st.st_mode) || st.st_size > JOURNAL_SEGMENT)
		fatalx("log: %s is not a log segment", name);
	buf = malloc((size_t)st.st_size + 1);
	if (buf == NULL)
		fatal("log: %s", name);
	for (done = 0; done < (size_t)st.st_size; done += (size_t)n) {
		n = pread(fd, buf + done, (size_t)st.st_size - done,
		    (off_t)done);
		if (n <= 0)
			fatal("log: %s: read", name);
	}
	close(fd);
	while (done > 0 && buf[done - 1] == '\0')
		done--;
	*len = done;
	return (buf);
}

/*
 * Takes a line that follows the one before.  A segment's first line states
 * the hash that it follows, so that one segment can be read alone.
 */
static bool
line_follows(const char *line, size_t len, bool is_first, uint64_t first)
{
	char hex[SHA256_HEX + 1];
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;
	struct line_head head;
	const char *why;

	if (line_parse(line, len, &head, &why) == -1)
		return (false);
	if (is_first) {
		if (head.seq != first ||
		    line_str(line, len, "previous_hash", hex, sizeof(hex)) !=
			SHA256_HEX ||
		    hex_parse(j.hash, hex, sizeof(j.hash)) == -1)
			return (false);
	} else if (head.seq != j.seq)
		return (false);
	sha256_init(&sha);
	sha256_update(&sha, j.hash, sizeof(j.hash));
	sha256_update(&sha, line, head.covered);
	sha256_final(&sha, digest);
	if (memcmp(digest, head.hash, sizeof(digest)) != 0)
		return (false);
	memcpy(j.hash, head.hash, sizeof(j.hash));
	j.seq = head.seq + 1;
	j.run = head.run;
	j.newest_us = head.time_us;
	return (true);
}

/* A key, and a second after all that it is known to have signed. */
static void
tell_seen(const char *line, size_t len, void (*seen)(const char *, int64_t))
{
	char key[FINGERPRINT_HEX + 1] = "";
	uint64_t at;

	if (line_str(line, len, "key", key, sizeof(key)) == FINGERPRINT_HEX &&
	    line_u64(line, len, "issued", &at) == 0)
		seen(key, (int64_t)at + 1);
	else if (line_str(line, len, "fingerprint", key, sizeof(key)) ==
		FINGERPRINT_HEX &&
	    line_u64(line, len, "known_since", &at) == 0)
		seen(key, (int64_t)at);
}

static void
find_end(struct tail *tail, void (*seen)(const char *, int64_t))
{
	size_t len, off;
	char *buf, *lf;

	memset(tail, 0, sizeof(*tail));
	tail->first = newest_segment();
	if (tail->first == 0)
		return;
	tail->any = true;
	buf = segment_read(tail->first, &len);
	for (off = 0; off < len; off = (size_t)(lf + 1 - buf)) {
		lf = memchr(buf + off, '\n', len - off);
		if (lf == NULL ||
		    !line_follows(buf + off, (size_t)(lf + 1 - buf) - off,
			off == 0, tail->first))
			break;
		tell_seen(buf + off, (size_t)(lf + 1 - buf) - off, seen);
	}
	if (off == 0)
		fatalx("log: segment %llu has no whole record: look at it, "
		       "then move it out of the folder",
		    (unsigned long long)tail->first);
	tail->good_end = (off_t)off;
	tail->length = len - off;
	sha256(buf + off, len - off, tail->sha256);
	free(buf);
}

static void
write_start(const struct tail *tail)
{
	uint8_t previous_hash[32], hash[32];
	struct record *r;

	memcpy(previous_hash, j.hash, sizeof(previous_hash));
	r = journal_begin("start", NULL, NULL);
	record_str(r, "version", VERSION);
	record_hex(r, "previous_hash", previous_hash, sizeof(previous_hash));
	if (tail->any) {
		record_u64(r, "previous", tail->first);
		record_u64(r, "good_end", (uint64_t)tail->good_end);
		record_u64(r, "tail_length", tail->length);
		record_hex(r, "tail_sha256", tail->sha256,
		    sizeof(tail->sha256));
	}
	journal_end(hash);
}

void
journal_open(int folder, void (*seen)(const char *, int64_t))
{
	struct tail tail;

	j.folder = folder;
	j.seq = 1;
	find_end(&tail, seen);
	j.run++;
	j.fd = segment_create();
	if (j.fd == -1)
		fatal("log: a new segment of %d MiB",
		    JOURNAL_SEGMENT / (1024 * 1024));
	j.first = j.seq;
	write_start(&tail);
	segment_name_it();
}

void
journal_close(void)
{
	uint8_t hash[32];

	journal_begin("stop", NULL, NULL);
	journal_end(hash);
	journal_commit();
	segment_trim();
}
