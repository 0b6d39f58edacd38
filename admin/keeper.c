#include "admin/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/packed.h"
#include "privsep/path.h"

#define PREFIX_TEXT "qvm-remote-cursor 1 "
#define TEXT_MAX    (sizeof(PREFIX_TEXT) + 20 + 1 + SHA256_HEX + 1)

struct cursor keeper_cursor;
int keeper_copy = -1;
uint64_t keeper_changes;

/* What the reader is told: of a segment, or of the copy. */
enum part_what {
	PART_SEGMENT, /* a new one, or in the place of that which it has */
	PART_PACKED,  /* the same, packed */
	PART_GONE,    /* no descriptor */
	PART_COPY
};
struct part {
	uint64_t first;
	enum part_what what;
};

/* What the reader has. */
struct sent {
	uint64_t first;
	dev_t dev;
	ino_t ino;
};

static struct {
	const char *path, *name; /* the cursor's file, and that in its folder */
	int folder;
	pid_t pid;    /* of this process, which stays */
	int lock;     /* of the cursor, until this process ends */
	int channel;  /* to the other process */
	int log;      /* its folder, where it is followed */
	int created;  /* inotify: a segment has got its name */
	int modified; /* inotify: something was written */
	int copied;   /* inotify: something has got a name beside the copy */
	enum keep keep;
	struct sent *sent, copy; /* segments, in order; the copy */
	size_t sent_count;
} keeper = {.folder = -1,
    .lock = -1,
    .copied = -1,
    .channel = -1,
    .log = -1,
    .created = -1,
    .modified = -1};

static size_t
cursor_print(const struct cursor *c, char out[TEXT_MAX])
{
	char hash[SHA256_HEX + 1];
	int n;

	hex_print(hash, c->hash, sizeof(c->hash));
	n = snprintf(out, TEXT_MAX, PREFIX_TEXT "%" PRIu64 " %s\n", c->seq,
	    hash);
	return (size_t)n;
}

/* Exactly as it is printed. */
static bool
cursor_parse(const char *text, size_t len, struct cursor *c)
{
	char again[TEXT_MAX], *end;
	const size_t prefix = strlen(PREFIX_TEXT);

	if (len < prefix + 2 + SHA256_HEX + 1 || len >= TEXT_MAX ||
	    memcmp(text, PREFIX_TEXT, prefix) != 0)
		return false;
	c->seq = strtoull(text + prefix, &end, 10);
	return c->seq > 0 && end + 2 + SHA256_HEX == text + len &&
	    hex_parse(c->hash, end + 1, sizeof(c->hash)) == 0 &&
	    cursor_print(c, again) == len && memcmp(again, text, len) == 0;
}

/*
 * Two with one file would show the same.  The file itself is replaced, and is
 * not there at first: the lock is on one beside it, which stays.
 */
static void
lock_cursor(void)
{
	char name[NAME_MAX];
	int n = snprintf(name, sizeof(name), ".%s.lock", keeper.name);

	if (n < 0 || (size_t)n >= sizeof(name))
		fail("--cursor: %s: too long", keeper.path);
	keeper.lock = openat(keeper.folder, name,
	    O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (keeper.lock == -1)
		fail_errno("--cursor: %s", name);
	if (flock(keeper.lock, LOCK_EX | LOCK_NB) == 0)
		return;
	if (errno != EWOULDBLOCK)
		fail_errno("--cursor: %s", name);
	fail("--cursor: %s is in use: wait for the other one, or take another "
	     "file",
	    keeper.path);
}

/* A file that is not there yet says: from the beginning. */
static void
read_cursor(const char *path)
{
	char folder[PATH_MAX] = ".", text[TEXT_MAX + 1];
	const char *slash = strrchr(path, '/'), *why = NULL;
	ssize_t n;

	keeper.path = path;
	keeper.name = slash == NULL ? path : slash + 1;
	if (keeper.name[0] == '\0' || strlen(path) >= sizeof(folder))
		fail("--cursor: %s is no file", path);
	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s",
		    slash == path ? 1 : (int)(slash - path), path);
	keeper.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper.folder == -1)
		fail_errno("%s", folder);
	lock_cursor();
	n = read_file(keeper.folder, keeper.name, text, TEXT_MAX, 0, &why);
	if (n == -1 && errno == ENOENT)
		return;
	if (n == -1 && errno == 0)
		fail("%s: %s", path, why);
	if (n == -1)
		fail_errno("%s", path);
	text[n] = '\0';
	if (!cursor_parse(text, (size_t)n, &keeper_cursor))
		fail("%s is no cursor: where it is removed, all is new", path);
}

static int
watch(const char *path, uint32_t mask)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd == -1 || inotify_add_watch(fd, path, mask | IN_ONLYDIR) == -1)
		fail_errno("%s", path);
	return fd;
}

static bool
is_sent(const struct sent *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

/* Another one than before, or -1. */
static int
open_copy(void)
{
	struct stat st;
	char path[PATH_MAX];
	int fd;

	at_root(path, PATH_COPY);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return -1;
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_errno("%s", path);
	if (!S_ISREG(st.st_mode) || is_sent(&keeper.copy, &st)) {
		close(fd);
		return -1;
	}
	keeper.copy.dev = st.st_dev;
	keeper.copy.ino = st.st_ino;
	return fd;
}

/* Where its folder is not there, there is none, and will be none. */
static void
watch_copy(void)
{
	char path[PATH_MAX];

	at_root(path, PATH_COPY);
	*strrchr(path, '/') = '\0';
	if (access(path, F_OK) == -1 && errno == ENOENT)
		return;
	keeper.copied = watch(path, IN_CREATE | IN_MOVED_TO);
	keeper_copy = open_copy();
}

static void
open_folder(void)
{
	char path[PATH_MAX];

	at_root(path, PATH_LOG);
	keeper.log =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (keeper.log == -1)
		fail_errno("%s", path);
	keeper.created = watch(path, IN_CREATE | IN_MOVED_TO | IN_DELETE);
	keeper.modified = watch(path, IN_MODIFY);
}

/* How many events there were does not matter. */
static void
drain(int fd)
{
	char buf[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1 && errno != EAGAIN)
		fail_errno("inotify");
}

/* fd -1: none goes with it. */
static void
send_part(uint64_t first, enum part_what what, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct part part = {.first = first, .what = what};
	struct iovec iov = {.iov_base = &part, .iov_len = sizeof(part)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fd != -1) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(keeper.channel, &msg, MSG_NOSIGNAL) == -1 && errno != EPIPE)
		fail_errno("a new segment");
}

/* One that the reader has as it is, has otherwise, or does not have. */
static void
send_segment(const struct segment *s, const struct sent *had, struct sent *now)
{
	struct stat st;

	if (fstat(s->fd, &st) == -1)
		fail_errno("a segment");
	*now = (struct sent){s->first, st.st_dev, st.st_ino};
	if (keeper.channel != -1 && (had == NULL || !is_sent(had, &st)) &&
	    (had == NULL || keeper.keep == KEEP_ALL))
		send_part(s->first, s->packed ? PART_PACKED : PART_SEGMENT,
		    s->fd);
	close(s->fd);
}

static void
send_gone(const struct sent *had)
{
	if (keeper.keep == KEEP_ALL)
		send_part(had->first, PART_GONE, -1);
}

/*
 * What has changed, in order.  Before there is a reader, which opens the same
 * later, nothing is sent.
 */
static void
send_segments(void)
{
	struct log log = {.lock = -1};
	struct sent *now, *had = keeper.sent, *end = had + keeper.sent_count;
	size_t i;

	segments_open(&log, keeper.log, 0);
	now = reallocarray(NULL, log.count + 1, sizeof(*now));
	if (now == NULL)
		fail_errno("log");
	for (i = 0; i < log.count; i++) {
		for (; had < end && had->first < log.segments[i].first; had++)
			send_gone(had);
		if (had < end && had->first == log.segments[i].first)
			send_segment(&log.segments[i], had++, &now[i]);
		else
			send_segment(&log.segments[i], NULL, &now[i]);
	}
	for (; had < end; had++)
		send_gone(had);
	free(keeper.sent);
	keeper.sent = now;
	keeper.sent_count = log.count;
	free(log.segments);
}

static void
send_copy(void)
{
	int fd = open_copy();

	if (fd == -1)
		return;
	send_part(0, PART_COPY, fd);
	close(fd);
}

/* False: the reader has ended. */
static bool
take_cursor(void)
{
	char text[TEXT_MAX + 1];
	struct cursor c;
	ssize_t n;

	n = recv(keeper.channel, text, TEXT_MAX, 0);
	if (n == -1 && errno != EINTR && errno != ECONNRESET)
		fail_errno("the reader");
	if (n <= 0)
		return n == -1 && errno == EINTR;
	text[n] = '\0';
	if (keeper.name == NULL || !cursor_parse(text, (size_t)n, &c))
		fail("the reader said what it may not");
	write_file(keeper.folder, keeper.name, text, (size_t)n, 0600, 0);
	return true;
}

static void
keep(void)
{
	struct pollfd fds[] = {{.fd = keeper.channel, .events = POLLIN},
	    {.fd = keeper.created, .events = POLLIN},
	    {.fd = keeper.copied, .events = POLLIN}};
	const nfds_t count = keeper.copied == -1 ? 2 : 3;

	for (;;) {
		if (poll(fds, count, -1) == -1 && errno != EINTR)
			fail_errno("poll");
		if (fds[0].revents != 0 && !take_cursor())
			return;
		if (fds[1].revents != 0) {
			drain(keeper.created);
			send_segments();
		}
		if (fds[2].revents != 0) {
			drain(keeper.copied);
			send_copy();
		}
	}
}

/* As the reader did. */
static void __attribute__((noreturn)) end_as(pid_t reader)
{
	int status;

	while (waitpid(reader, &status, 0) == -1)
		if (errno != EINTR)
			fail_errno("the reader");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void
keeper_start(const char *path, enum keep what)
{
	int ends[2];
	pid_t reader;

	if (path != NULL)
		read_cursor(path);
	/* The reader opens the log later, and so has what is there now. */
	keeper.keep = what;
	if (what != KEEP_CURSOR) {
		open_folder();
		send_segments();
	}
	if (what == KEEP_ALL)
		watch_copy();
	keeper.pid = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1 ||
	    (reader = fork()) == -1)
		fail_errno("a process that reads the log");
	keeper.channel = ends[reader == 0];
	close(ends[reader != 0]);
	if (reader == 0) {
		if (keeper.lock != -1)
			close(keeper.lock);
		return;
	}
	keep();
	end_as(reader);
}

void
keeper_bind(void)
{
	if (keeper.pid == 0)
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fail_errno("the end of the process that stays root");
	/* It may have ended before. */
	if (getppid() != keeper.pid)
		exit(1);
}

void
keeper_save(const struct cursor *c)
{
	char text[TEXT_MAX];
	size_t n;

	if (keeper.path == NULL || c->seq == keeper_cursor.seq)
		return;
	keeper_cursor = *c;
	n = cursor_print(c, text);
	if (send(keeper.channel, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		fail_errno("the cursor");
}

/* Where it stands in the log; its count: nowhere. */
static size_t
place_of(const struct log *log, uint64_t first)
{
	size_t i;

	for (i = 0; i < log->count && log->segments[i].first != first;)
		i++;
	return i;
}

static void
close_segment(const struct segment *s)
{
	packed_drop(s->fd);
	close(s->fd);
	keeper_changes++;
}

static void
drop_segment(struct log *log, uint64_t first)
{
	size_t i = place_of(log, first);

	if (i == log->count)
		return;
	close_segment(&log->segments[i]);
	memmove(&log->segments[i], &log->segments[i + 1],
	    (--log->count - i) * sizeof(log->segments[0]));
}

/* One that has come since, or what an older one was replaced with. */
static void
put_segment(struct log *log, const struct segment *s)
{
	size_t i = place_of(log, s->first);

	if (i < log->count && keeper.keep == KEEP_ALL) {
		close_segment(&log->segments[i]);
		log->segments[i] = *s;
	} else if (log->count == 0 ||
	    s->first > log->segments[log->count - 1].first)
		segment_add(log, s);
	else {
		close(s->fd);
		return;
	}
	if (s->packed)
		packed_add(s->fd, s->first);
}

static void
put_part(struct log *log, const struct part *part, int fd)
{
	struct segment s = {.first = part->first,
	    .fd = fd,
	    .packed = part->what == PART_PACKED};

	if (part->what == PART_COPY) {
		if (keeper_copy != -1)
			close(keeper_copy);
		keeper_copy = fd;
	} else
		put_segment(log, &s);
}

/* False: the keeper has ended. */
static bool
take_part(struct log *log)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct part part;
	struct iovec iov = {.iov_base = &part, .iov_len = sizeof(part)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(keeper.channel, &msg, MSG_CMSG_CLOEXEC) != sizeof(part))
		return false;
	if (part.what == PART_GONE) {
		drop_segment(log, part.first);
		return true;
	}
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	put_part(log, &part, fd);
	return true;
}

bool
keeper_take(struct log *log)
{
	struct pollfd fd = {.fd = keeper.channel, .events = POLLIN};

	drain(keeper.modified);
	while (poll(&fd, 1, 0) == 1)
		if (!take_part(log))
			return false;
	return true;
}

void
keeper_wait(struct log *log)
{
	struct pollfd fds[] = {{.fd = keeper.channel, .events = POLLIN},
	    {.fd = keeper.modified, .events = POLLIN}};

	while (poll(fds, 2, -1) == -1)
		if (errno != EINTR)
			fail_errno("poll");
	if (!keeper_take(log))
		exit(1);
}

void
keeper_fds(int fds[2])
{
	fds[0] = keeper.channel;
	fds[1] = keeper.modified;
}
