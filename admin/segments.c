#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/keeper.h"
#include "admin/log.h"
#include "admin/packed.h"
#include "privsep/path.h"

#define READ_SIZE (256 * 1024)
#define TRIES_MAX 1000 /* while segments are pruned */

/* One descriptor a segment: as many as the hard limit gives. */
static void
raise_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1)
		fail_errno("limits");
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) == -1)
		fail_errno("limits");
}

static int
compare(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->first == y->first)
		return (int)x->packed - (int)y->packed;
	return x->first < y->first ? -1 : 1;
}

void
segment_add(struct log *log, const struct segment *add)
{
	struct segment *s;

	if (log->count % 64 == 0) {
		s = reallocarray(log->segments, log->count + 64, sizeof(*s));
		if (s == NULL)
			fail_errno("log");
		log->segments = s;
	}
	log->segments[log->count++] = *add;
}

/* -1: it has just been pruned. */
static int
open_segment(int folder, const struct segment *s)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];
	struct stat st;
	int fd;

	if (s->packed)
		packed_name(name, s->first);
	else
		segment_name(name, s->first);
	fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return -1;
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_errno("log segment %s", name);
	if (!S_ISREG(st.st_mode))
		fail("log segment %s: not a regular file", name);
	return fd;
}

static bool
parse_name(const char *name, struct segment *s)
{
	s->packed = packed_name_parse(name, &s->first) == 0;
	return s->packed || segment_name_parse(name, &s->first) == 0;
}

/* One that was packed and is still there stands in front. */
static void
drop_doubles(struct log *log)
{
	size_t i, kept = 0;

	for (i = 0; i < log->count; i++) {
		if (kept > 0 &&
		    log->segments[kept - 1].first == log->segments[i].first)
			continue;
		log->segments[kept++] = log->segments[i];
	}
	log->count = kept;
}

static void
list_segments(struct log *log, DIR *d, uint64_t behind)
{
	struct segment s = {.fd = -1};
	struct dirent *e;

	log->count = 0;
	rewinddir(d);
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (parse_name(e->d_name, &s) && s.first > behind)
			segment_add(log, &s);
	}
	if (errno != 0)
		fail_errno("the log's folder");
	if (log->count > 0)
		qsort(log->segments, log->count, sizeof(*log->segments),
		    compare);
	drop_doubles(log);
}

/* The oldest are pruned first, and opened first: none goes between two. */
static bool
open_listed(struct log *log, int folder)
{
	size_t i;

	for (i = 0; i < log->count; i++) {
		log->segments[i].fd = open_segment(folder, &log->segments[i]);
		if (log->segments[i].fd != -1)
			continue;
		while (i > 0)
			close(log->segments[--i].fd);
		return false;
	}
	return true;
}

/* The lock: none is packed, and so gets another name, meanwhile. */
void
segments_open(struct log *log, int folder, uint64_t behind)
{
	int tries = 0;
	DIR *d;

	raise_limit();
	folder = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder == -1 || flock(folder, LOCK_SH) == -1 ||
	    (d = fdopendir(folder)) == NULL)
		fail_errno("the log's folder");
	do {
		if (tries++ == TRIES_MAX)
			fail("the log's folder: segments are pruned faster "
			     "than they are opened: try again later");
		list_segments(log, d, behind);
	} while (!open_listed(log, folder));
	closedir(d);
}

static void
open_all(struct log *log)
{
	char path[PATH_MAX];
	size_t i;
	int folder;

	at_root(path, PATH_LOG);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1)
		fail_errno("%s", path);
	segments_open(log, folder, 0);
	close(folder);
	for (i = 0; i < log->count; i++) {
		if (log->segments[i].packed)
			packed_add(log->segments[i].fd, log->segments[i].first);
	}
}

void
become_nobody(void)
{
	const struct passwd *pw;
	uid_t r, e, s;
	gid_t rg, eg, sg;

	pw = getpwnam(USER_LOG);
	if (pw == NULL || pw->pw_uid == 0 || pw->pw_gid == 0)
		fail("there is no user %s", USER_LOG);
	if (setgroups(0, NULL) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fail_errno("becoming %s", USER_LOG);
	if (getresuid(&r, &e, &s) == -1 || getresgid(&rg, &eg, &sg) == -1)
		fail_errno("becoming %s", USER_LOG);
	if (r != pw->pw_uid || e != r || s != r || rg != pw->pw_gid ||
	    eg != rg || sg != rg || getgroups(0, NULL) != 0 ||
	    setuid(0) != -1 || setgid(0) != -1)
		fail("becoming %s: still somebody else", USER_LOG);
}

void
log_take(struct log *log)
{
	memset(log, 0, sizeof(*log));
	tzset();
	log->lock = lock_open();
	open_all(log);
}

void
log_open(struct log *log)
{
	log_take(log);
	/* A copy of the log, which its owner verifies. */
	if (geteuid() == 0)
		become_nobody();
	keeper_bind();
}

size_t
segment_read(int fd, void *buf, size_t size, off_t offset)
{
	ssize_t n;

	fd = packed_plain(fd);
	do
		n = pread(fd, buf, size, offset);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		fail_errno("log: read");
	return (size_t)n;
}

void
reader_start(struct reader *r, int fd, off_t offset)
{
	if (r->buf == NULL) {
		r->buf = malloc(AUDIT_LINE_MAX);
		if (r->buf == NULL)
			fail_errno("log");
	}
	r->fd = fd;
	r->base = offset;
	r->pos = r->scanned = r->clean = r->len = r->torn = 0;
}

off_t
reader_offset(const struct reader *r)
{
	return r->base + (off_t)r->pos;
}

/* Makes room and reads on: false when there is nothing more. */
static bool
reader_fill(struct reader *r)
{
	size_t room;

	if (r->pos > 0) {
		r->len -= r->pos;
		r->scanned -= r->pos;
		r->clean -= r->pos;
		memmove(r->buf, r->buf + r->pos, r->len);
		r->base += (off_t)r->pos;
		r->pos = 0;
	}
	room = AUDIT_LINE_MAX - r->len;
	if (room > READ_SIZE)
		room = READ_SIZE;
	if (room == 0)
		return false;
	room =
	    segment_read(r->fd, r->buf + r->len, room, r->base + (off_t)r->len);
	r->len += room;
	return room > 0;
}

/* Goes on: no LF and no NUL is looked for twice, whatever stands there. */
static void
reader_move(struct reader *r, size_t n)
{
	r->pos += n;
	if (r->scanned < r->pos)
		r->scanned = r->pos;
	if (r->clean < r->pos)
		r->clean = r->pos;
}

bool
reader_line(struct reader *r, const char **line, size_t *len)
{
	const char *lf, *nul;

	for (;;) {
		lf = memchr(r->buf + r->scanned, '\n', r->len - r->scanned);
		r->scanned = lf != NULL ? (size_t)(lf - r->buf) : r->len;
		nul = memchr(r->buf + r->clean, '\0', r->scanned - r->clean);
		r->clean = nul != NULL ? (size_t)(nul - r->buf) : r->scanned;
		if (nul != NULL) {
			r->torn = r->clean - r->pos;
			return false;
		}
		if (lf != NULL)
			break;
		if (!reader_fill(r)) {
			r->torn = r->len - r->pos;
			return false;
		}
	}
	*line = r->buf + r->pos;
	*len = (size_t)(lf + 1 - *line);
	reader_move(r, *len);
	return true;
}

bool
reader_skip(struct reader *r)
{
	size_t zeros;

	reader_move(r, r->torn);
	r->torn = 0;
	do {
		for (zeros = 0;
		     r->pos + zeros < r->len && r->buf[r->pos + zeros] == '\0';)
			zeros++;
		reader_move(r, zeros);
		if (r->pos < r->len)
			return true;
	} while (reader_fill(r));
	return false;
}
