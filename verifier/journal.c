#include "verifier/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "privsep/event.h"
#include "privsep/log.h"
#include "verifier/seal.h"

#define NEW_NAME ".new"

static struct {
	int folder, fd;
	off_t end;	     /* of what was written */
	uint64_t first, seq; /* of the segment; of the next record */
	uint64_t synced;     /* all before it are on disk */
	uint64_t run_first;
	uint64_t run, step;
	uint8_t hash[32]; /* of the newest record */
	int64_t newest_us;
	unsigned reserved; /* results to come */
	bool appended;	   /* since the last commit */
	bool awaited;	   /* by somebody who acts once it is on disk */
	uint64_t size;	   /* of the newest record */
	struct seal_line line;
	char boot[BOOT_ID_LEN + 1];
	void (*snapshot)(void);
	struct log_end end_before; /* of the log that this start found */
	struct record record;
	struct sha256 sha;
} j = {.folder = -1, .fd = -1};

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

void
journal_clock_accept(void)
{
	j.newest_us = now_realtime_us();
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
	j.size = (uint64_t)j.end;
	sha256_init(&j.sha);
	sha256_update(&j.sha, j.hash, sizeof(j.hash));
	record_begin(&j.record, sink, NULL, &head);
	return (&j.record);
}

uint64_t
journal_end_quietly(void)
{
	uint8_t mac[SHA256_LEN];

	if (record_covered(&j.record) == -1)
		fatalx("log: a record could not be made");
	sha256_final(&j.sha, j.hash);
	seal_record(j.hash, mac);
	if (record_end(&j.record, j.hash, mac) == -1)
		fatalx("log: a record could not be ended");
	j.size = (uint64_t)j.end - j.size;
	j.appended = true;
	return (j.seq++);
}

uint64_t
journal_end(uint8_t hash[32])
{
	uint64_t seq = journal_end_quietly();

	memcpy(hash, j.hash, sizeof(j.hash));
	j.awaited = true;
	return (seq);
}

bool
journal_has(uint64_t seq)
{
	return (seq < j.synced);
}

uint64_t
journal_segment(void)
{
	return (j.first);
}

uint64_t
journal_size(void)
{
	return (j.size);
}

bool
journal_dirty(void)
{
	return (j.awaited);
}

void
journal_await(void)
{
	j.awaited = true;
}

void
journal_status(struct msg_status_log *log, struct msg_newest *newest)
{
	*log = (struct msg_status_log){.run = j.run,
	    .segment = j.first,
	    .seq = j.seq,
	    .used = (uint64_t)j.end,
	    .size = JOURNAL_SEGMENT,
	    .seed_seen = j.line.seen};
	*newest = (struct msg_newest){.seq = j.seq - 1, .time_us = j.newest_us};
	memcpy(newest->hash, j.hash, sizeof(j.hash));
}

void
journal_commit(void)
{
	j.awaited = false;
	if (!j.appended)
		return;
	if (fdatasync(j.fd) == -1)
		fatal("log: fdatasync");
	seal_step();
	j.appended = false;
	j.synced = j.seq;
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

/* Not synced: its records are on disk, and zeros behind them do no harm. */
static void
segment_trim(void)
{
	if (ftruncate(j.fd, j.end) == -1)
		log_warn("log: cannot trim the segment: %s", strerror(errno));
	close(j.fd);
}

/* What a segment begins with, after its first record: all that is known. */
static void
segment_begin(void)
{
	j.snapshot();
	segment_name_it();
}

void
journal_add_booted(struct record *r)
{
	record_i64(r, "booted", now_realtime_us() - now_boottime_ms() * 1000);
}

static void
add_boot(struct record *r)
{
	record_str(r, "boot", j.boot);
	journal_add_booted(r);
}

/* In each segment: the ones before it may be pruned. */
static void
add_seed(struct record *r)
{
	record_str(r, "seed", j.line.first);
	record_u64(r, "seed_run", j.line.first_run);
	record_bool(r, "seed_seen", j.line.seen);
}

bool
journal_rotate(void)
{
	uint8_t previous_hash[32];
	uint64_t previous = j.first;
	bool awaited = j.awaited;
	struct record *r;
	int fd;

	fd = segment_create();
	if (fd == -1)
		return (false);
	journal_commit();
	segment_trim();
	j.fd = fd;
	j.end = 0;
	j.first = j.seq;
	memcpy(previous_hash, j.hash, sizeof(previous_hash));
	r = journal_begin("segment", NULL, NULL);
	record_u64(r, "previous", previous);
	record_hex(r, "previous_hash", previous_hash, sizeof(previous_hash));
	add_boot(r);
	add_seed(r);
	journal_end_quietly();
	segment_begin();
	/* Who waits for a commit has not been told of this one. */
	j.awaited = awaited;
	return (true);
}

bool
journal_room(uint64_t bytes)
{
	uint64_t need;

	need = bytes + ((uint64_t)j.reserved + 2) * JOURNAL_RESULT;
	if ((uint64_t)j.end + need <= JOURNAL_SEGMENT)
		return (true);
	return (journal_rotate());
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

void
journal_read(int folder, const char *boot, tail_seen *seen,
    void (*forget)(void))
{
	j.folder = folder;
	memcpy(j.boot, boot, sizeof(j.boot));
	tail_read(folder, seen, forget, &j.end_before);
	j.seq = j.end_before.seq + 1;
	j.run = j.end_before.run;
	j.newest_us = j.end_before.newest_us;
	memcpy(j.hash, j.end_before.hash, sizeof(j.hash));
}

static void
write_start(void (*add)(struct record *))
{
	const struct log_end *before = &j.end_before;
	uint8_t previous_hash[32];
	struct record *r;

	memcpy(previous_hash, j.hash, sizeof(previous_hash));
	r = journal_begin("start", NULL, NULL);
	record_str(r, "version", VERSION);
	record_hex(r, "previous_hash", previous_hash, sizeof(previous_hash));
	if (before->any) {
		record_u64(r, "previous", before->first);
		record_u64(r, "good_end", (uint64_t)before->good_end);
		record_u64(r, "tail_length", before->length);
		record_hex(r, "tail_sha256", before->sha256,
		    sizeof(before->sha256));
	}
	add_boot(r);
	add_seed(r);
	if (j.line.next[0] != '\0')
		record_str(r, "next_seed", j.line.next);
	add(r);
	journal_end_quietly();
}

/* What a crash left reserved behind the segment before. */
static void
give_back(void)
{
	const struct log_end *before = &j.end_before;
	off_t end = before->good_end + (off_t)before->length;
	char name[AUDIT_SEGMENT_NAME_LEN + 1];
	struct stat st;
	int fd;

	segment_name(name, before->first);
	fd = openat(j.folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    (st.st_size > end && ftruncate(fd, end) == -1))
		log_warn("log: cannot trim %s: %s", name, strerror(errno));
	if (fd != -1)
		close(fd);
}

uint64_t
journal_run_first(void)
{
	return (j.run_first);
}

bool
journal_lost_runs(void)
{
	return (j.run > j.end_before.run + 1);
}

void
journal_start(void (*snapshot)(void), void (*add)(struct record *))
{
	j.snapshot = snapshot;
	/* Room first: a start that fails for want of it uses up no run. */
	j.fd = segment_create();
	if (j.fd == -1)
		fatal("log: a new segment of %d MiB",
		    JOURNAL_SEGMENT / (1024 * 1024));
	seal_take(j.folder, j.run, &j.line);
	j.run = j.line.run;
	j.first = j.run_first = j.seq;
	write_start(add);
	segment_begin();
	if (j.end_before.any)
		give_back();
}

void
journal_close(void)
{
	journal_begin("stop", NULL, NULL);
	journal_end_quietly();
	journal_commit();
	segment_trim();
}
