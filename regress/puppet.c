/*
 * puppet: a poller that its VM has taken over, or an executor that somebody
 * has.  It stands where the real one stood, with its channels, its real user
 * and its real sandbox, and says what it is told to: a poller by the agent in
 * its VM, which is reached by qvm-run as ever; an executor by a program that
 * it becomes.  See regress/puppeteer.
 *
 * Where NAME.real stands beside it, that is run, but for a VM, or an
 * executor, of which there is a file hands.NAME.
 */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/policy.h"
#include "poller/qvmrun.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"

#define NOFILE_MAX 80
#define FSIZE_MAX  (INPUT_POLICY_MAX + PIECE_MAX)
#define SLOTS	   10
#define FDS_MAX	   16
#define SHOWN_MAX  65536 /* of a descriptor that came */
#define ROOM_MS	   10000

static struct channel parent;
static struct qvmrun qvm;
static int verifier = -1;
static int slots[SLOTS], slot_count;
static int others[128]; /* by letter: what no poller could open */
static struct stat stats[128];
static int waiting; /* for which its sandbox has epoll alone */

/* The table, as the driver reads it. */
static void
print_table(int fd)
{
#define X(name, from, to, state, payload, with)                                \
	if (dprintf(fd, "message %d %s %u %u %u %zu %d\n", IMSG_##name, #name, \
		(unsigned)(from), (unsigned)(to), (unsigned)(state),           \
		sizeof(struct payload), with) < 0)                             \
		fatal("the table");
	IMSG_TABLE(X)
#undef X
	if (dprintf(fd, "go\n") < 0)
		fatal("the table");
}

/* The pipes. */

/* Whether it has come in time; ms -1: whenever it comes. */
static bool
wait_for(int fd, uint32_t events, int ms)
{
	struct epoll_event ev = {.events = events};
	int n;

	if (epoll_ctl(waiting, EPOLL_CTL_ADD, fd, &ev) == -1)
		fatal("epoll_ctl");
	n = epoll_wait(waiting, &ev, 1, ms);
	if (n == -1 || epoll_ctl(waiting, EPOLL_CTL_DEL, fd, NULL) == -1)
		fatal("epoll_wait");
	return n == 1;
}

static void
say(const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(qvm.in, p, len);
		if (n == -1 && errno != EAGAIN)
			exit(0);
		if (n == -1)
			(void)wait_for(qvm.in, EPOLLOUT, -1);
		else {
			p += n;
			len -= (size_t)n;
		}
	}
}

static void
hear(void *data, size_t len)
{
	char *p = data;
	ssize_t n;

	while (len > 0) {
		n = read(qvm.out, p, len);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			exit(0);
		if (n == -1)
			(void)wait_for(qvm.out, EPOLLIN, -1);
		else {
			p += n;
			len -= (size_t)n;
		}
	}
}

static void
hear_line(char *line, size_t size)
{
	size_t n = 0;

	do {
		if (n + 1 == size)
			fatalx("an order that is too long");
		hear(line + n, 1);
	} while (line[n++] != '\n');
	line[n - 1] = '\0';
}

/* Orders. */

static int
slot(int n)
{
	if (n < 0 || n >= slot_count)
		fatalx("no such slot");
	return slots[n];
}

static void
do_new(void)
{
	char text[32];

	if (slot_count == SLOTS)
		fatalx("too many slots");
	slots[slot_count] =
	    memfd_create("puppet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (slots[slot_count] == -1)
		fatal("memfd_create");
	snprintf(text, sizeof(text), "slot %d\n", slot_count++);
	say(text, strlen(text));
}

static void
do_put(int n, size_t len)
{
	static char buf[65536];
	size_t part;

	for (; len > 0; len -= part) {
		part = len < sizeof(buf) ? len : sizeof(buf);
		hear(buf, part);
		if (write(slot(n), buf, part) != (ssize_t)part)
			fatal("write");
	}
}

static int
which_fd(char c)
{
	if (c >= '0' && c <= '9')
		return slot(c - '0');
	if (c == 'p')
		return qvm.err;
	if (c == 's')
		return verifier;
	return others[(unsigned char)c];
}

static void
do_length(char kind)
{
	char text[32];

	snprintf(text, sizeof(text), "length %lld\n",
	    (long long)stats[(unsigned char)kind & 127].st_size);
	say(text, strlen(text));
}

static int
send_once(int fd, void *data, size_t len, const char *kinds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	size_t i, n = strcmp(kinds, "-") == 0 ? 0 : strlen(kinds);
	int one;

	memset(&control, 0, sizeof(control));
	if (n > FDS_MAX)
		fatalx("too many descriptors");
	if (n > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	}
	for (i = 0; i < n; i++) {
		one = which_fd(kinds[i]);
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &one, sizeof(one));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == -1 ? errno : 0;
}

/* The same packet again and again, as fast as there is room. */
static void
do_send(char end, long count, size_t len, const char *kinds)
{
	static char data[2 * IMSG_MAX];
	int fd = end == 'v' ? verifier : parent.end.fd, error = 0;
	char text[64];
	long i;

	if (len > sizeof(data))
		fatalx("a packet that is too long");
	hear(data, len);
	for (i = 0; i < count && error == 0; i++) {
		while ((error = send_once(fd, data, len, kinds)) == EAGAIN &&
		    wait_for(fd, EPOLLOUT, ROOM_MS))
			continue;
	}
	snprintf(text, sizeof(text), "sent %ld %d\n", i - (error != 0), error);
	say(text, strlen(text));
}

/* One packet, and what lies in the descriptor that came with it. */
static void
do_recv(int ms)
{
	static char data[IMSG_MAX], shown[SHOWN_MAX];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.buf,
	    .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg;
	char text[64];
	ssize_t n = -1, held = 0;
	int fd;

	if (wait_for(verifier, EPOLLIN, ms)) {
		n = recvmsg(verifier, &msg, MSG_CMSG_CLOEXEC);
		if (n == -1)
			n = 0; /* ECONNRESET: it is the end */
		cmsg = CMSG_FIRSTHDR(&msg);
		if (n > 0 && cmsg != NULL) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			held = pread(fd, shown, sizeof(shown), 0);
			close(fd);
		}
	}
	held = held < 0 ? 0 : held;
	snprintf(text, sizeof(text), "got %zd %zd\n", n, held);
	say(text, strlen(text));
	say(data, n > 0 ? (size_t)n : 0);
	say(shown, (size_t)held);
}

/* The driver is ours: a number that is none is 0. */
static long
number(char **p)
{
	return strtol(*p, p, 10);
}

static void
obey(char *line)
{
	char *p = strchr(line, ' '), end;
	struct epoll_event ev;
	long a, b;

	if (p == NULL)
		p = line + strlen(line);
	if (strcmp(line, "new") == 0)
		do_new();
	else if (strcmp(line, "hold") == 0)
		(void)epoll_wait(waiting, &ev, 1, -1);
	else if (strcmp(line, "close") == 0)
		close(verifier);
	else if (strncmp(line, "length ", 7) == 0)
		do_length(line[7]);
	else if (strncmp(line, "recv ", 5) == 0)
		do_recv((int)number(&p));
	else if (strncmp(line, "put ", 4) == 0) {
		a = number(&p);
		do_put((int)a, (size_t)number(&p));
	} else if (strncmp(line, "seal ", 5) == 0) {
		a = number(&p);
		if (fcntl(slot((int)a), F_ADD_SEALS, (int)number(&p)) == -1)
			fatal("seal");
	} else if (strncmp(line, "send ", 5) == 0) {
		end = line[5];
		p = line + 6;
		a = number(&p);
		b = number(&p);
		do_send(end, a, (size_t)b, p + 1);
	} else
		fatalx("no such order");
}

/* The roles. */

static void __attribute__((noreturn)) be_poller(void)
{
	struct msg_settings settings;
	struct msg_session session;
	char empty[PATH_MAX], line[256];
	struct sandbox box = {.name = "poller",
	    .user = USER_POLLER,
	    .chroot = empty,
	    .nofile = NOFILE_MAX,
	    .fsize = FSIZE_MAX};

	role_begin(&parent, ROLE_POLLER, &settings);
	role_await_payload(&parent, IMSG_SESSION, &session, sizeof(session));
	verifier = role_await_fd(&parent, IMSG_VERIFIER_CHANNEL);
	if (path_join(empty, sizeof(empty), settings.root, PATH_EMPTY) == -1)
		fatal("%s", settings.root);
	waiting = epoll_create1(EPOLL_CLOEXEC);
	others['d'] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	others['o'] = open("/etc/passwd", O_PATH | O_CLOEXEC);
	others['f'] = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	others['n'] = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (waiting == -1 || fstat(others['o'], &stats['o']) == -1 ||
	    fstat(others['f'], &stats['f']) == -1)
		fatal("setup");
	qvmrun_start(&qvm, settings.root, &session, settings.once != 0);
	print_table(qvm.in);
	role_ready(&parent, sandbox_enter(&box));
	slot_count = 0;
	others['k'] = parent.end.fd;
	for (;;) {
		hear_line(line, sizeof(line));
		obey(line);
	}
}

/* What it becomes has the channels as 3 and 4, and the table to read. */
static void __attribute__((noreturn)) be_executor(void)
{
	struct msg_settings settings;
	char program[PATH_MAX];
	int table[2];

	role_begin(&parent, ROLE_EXECUTOR, &settings);
	verifier = role_await_fd(&parent, IMSG_VERIFIER_CHANNEL);
	if (path_join(program, sizeof(program), settings.root,
		"/usr/libexec/bed/puppeteer") == -1 ||
	    pipe(table) == -1)
		fatal("setup");
	role_ready(&parent, sandbox_deny_list());
	print_table(table[1]);
	if (dup2(verifier, 4) == -1 || fcntl(3, F_SETFD, 0) == -1 ||
	    dup2(table[0], 0) == -1)
		fatal("descriptors");
	sandbox_close_from(5);
	execl("/usr/bin/python3", "qvm-remote: executor", "-B", program,
	    "executor", settings.root, (char *)NULL);
	fatal("python3");
}

/* Beside what we are: 0 when it is there. */
static int
beside(char path[PATH_MAX], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);

	if (n == -1)
		fatal("readlink");
	while (path[n - 1] != '/')
		n--;
	snprintf(path + n, PATH_MAX - (size_t)n, "%.60s", name);
	return access(path, F_OK);
}

int
main(int argc, char *argv[])
{
	char path[PATH_MAX], name[64] = "", real[64], role[16] = "";

	log_init("puppet", false, NULL);
	if (argc < 1 ||
	    sscanf(argv[0], "qvm-remote: %15s [%31[^]]", role, name) < 1)
		fatalx("started by qvm-remote-dom0, not by hand");
	snprintf(real, sizeof(real), "hands.%s", name[0] ? name : role);
	if (beside(path, real) == -1) {
		snprintf(real, sizeof(real), "%s.real", role);
		(void)beside(path, real);
		execv(path, argv);
		fatal("%s", path);
	}
	if (strcmp(role, "executor") == 0)
		be_executor();
	be_poller();
}
