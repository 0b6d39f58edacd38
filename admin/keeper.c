#include "admin/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "privsep/path.h"

#define PREFIX_TEXT "qvm-remote-cursor 1 "
#define TEXT_MAX    (sizeof(PREFIX_TEXT) + 20 + 1 + SHA256_HEX + 1)

struct cursor keeper_cursor;

static struct {
	const char *path, *name; /* the cursor's file, and that in its folder */
	int folder;
	int channel;   /* to the other process */
	int log;       /* its folder, where it is followed */
	int created;   /* inotify: a segment has got its name */
	int modified;  /* inotify: something was written */
	uint64_t sent; /* the newest segment that the reader has */
} keeper = {.folder = -1,
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

static void
open_folder(void)
{
	char path[PATH_MAX];

	at_root(path, PATH_LOG);
	keeper.log =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (keeper.log == -1)
		fail_errno("%s", path);
	keeper.created = watch(path, IN_CREATE | IN_MOVED_TO);
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

static void
send_segment(const struct segment *s)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	uint64_t first = s->first;
	struct iovec iov = {.iov_base = &first, .iov_len = sizeof(first)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.buf,
	    .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &s->fd, sizeof(int));
	if (sendmsg(keeper.channel, &msg, MSG_NOSIGNAL) == -1 && errno != EPIPE)
		fail_errno("a new segment");
}

/* Those that the reader does not have, in their order; first, it has them all. */
static void
send_new_segments(bool have_all)
{
	struct log log = {.lock = -1};
	size_t i;

	segments_open(&log, keeper.log, keeper.sent);
	for (i = 0; i < log.count; i++) {
		if (!have_all)
			send_segment(&log.segments[i]);
		keeper.sent = log.segments[i].first;
		close(log.segments[i].fd);
	}
	free(log.segments);
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
	    {.fd = keeper.created, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			fail_errno("poll");
		if (fds[0].revents != 0 && !take_cursor())
			return;
		if (fds[1].revents == 0)
			continue;
		drain(keeper.created);
		send_new_segments(false);
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
keeper_start(const char *path, bool follow)
{
	int ends[2];
	pid_t reader;

	if (path != NULL)
		read_cursor(path);
	/* The reader opens the log later, and so has what is there now. */
	if (follow) {
		open_folder();
		send_new_segments(true);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1 ||
	    (reader = fork()) == -1)
		fail_errno("a process that reads the log");
	keeper.channel = ends[reader == 0];
	close(ends[reader != 0]);
	if (reader == 0)
		return;
	keep();
	end_as(reader);
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

/* False: the keeper has ended. */
static bool
take_segment(struct log *log)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct segment s = {.packed = false};
	struct iovec iov = {.iov_base = &s.first, .iov_len = sizeof(s.first)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(keeper.channel, &msg, MSG_CMSG_CLOEXEC) != sizeof(s.first))
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(&s.fd, CMSG_DATA(c), sizeof(s.fd));
	/* What was there already when the log was opened. */
	if (log->count > 0 && s.first <= log->segments[log->count - 1].first)
		close(s.fd);
	else
		segment_add(log, &s);
	return true;
}

bool
keeper_take(struct log *log)
{
	struct pollfd fd = {.fd = keeper.channel, .events = POLLIN};

	drain(keeper.modified);
	while (poll(&fd, 1, 0) == 1)
		if (!take_segment(log))
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
