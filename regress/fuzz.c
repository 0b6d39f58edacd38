#include "regress/fuzz.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fuzz_clock(clockid_t, struct timespec *);
#define clock_gettime fuzz_clock
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "privsep/event.c"
#undef clock_gettime
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "privsep/log.c"

#define BOOTED	 INT64_C(1000000)    /* seconds: an uptime */
#define REALTIME INT64_C(1800000000) /* Unix seconds at that moment */
#define SETTLE	 4		     /* turns after the input */

#define SIZES_WRONG 8 /* of a packet: the others are as they should be */

bool fuzz_runs, fuzz_ours;
void (*fuzz_end)(void);
static int64_t clock_ms;

/* libFuzzer's counters of what was reached. */
extern uint8_t reached[] __asm__("__start___sancov_cntrs");
extern uint8_t reached_end[] __asm__("__stop___sancov_cntrs");
static uint8_t *reached_there; /* in memory that the child shares */

/* What has been freed is kept as memory, and each child gets a copy. */
const char *asan_options(void) __asm__("__asan_default_options");

const char *
asan_options(void)
{
	return ("quarantine_size_mb=4");
}

uint8_t
fuzz_byte(struct fuzz *in)
{
	if (in->left == 0)
		return (0);
	in->left--;
	return (*in->p++);
}

static size_t
reached_size(void)
{
	return ((size_t)(reached_end - reached));
}

static void __attribute__((noreturn)) over(void)
{
	if (fuzz_end != NULL)
		fuzz_end();
	memcpy(reached_there, reached, reached_size());
	_exit(0);
}

/* What is said on stderr is for nobody; what the sanitizers say is. */
static void
mute(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int told = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	if (null == -1 || told == -1 || dup2(null, STDERR_FILENO) == -1)
		abort();
	(void)close(null);
	__sanitizer_set_report_fd((void *)(uintptr_t)told);
}

static void __attribute__((noreturn))
child(void (*run)(struct fuzz *), const uint8_t *data, size_t size)
{
	struct fuzz in = {.p = data, .left = size};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		abort();
	mute();
	fuzz_runs = true;
	run(&in);
	over();
}

/* The linker's names: of what calls exit(), and of the C library's. */
void __attribute__((noreturn)) ended(int) __asm__("__wrap_exit");
void __attribute__((noreturn)) exit_for_real(int) __asm__("__real_exit");

void
ended(int status)
{
	if (fuzz_ours)
		abort();
	if (fuzz_runs)
		over();
	exit_for_real(status);
}

void
fuzz_child(void (*run)(struct fuzz *), const uint8_t *data, size_t size)
{
	int status;
	pid_t pid;

	if (reached_there == NULL)
		reached_there = mmap(NULL, reached_size(),
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reached_there == MAP_FAILED || (pid = fork()) == -1)
		abort();
	if (pid == 0)
		child(run, data, size);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			abort();
	memcpy(reached, reached_there, reached_size());
	if (status != 0)
		abort();
}

static int
fuzz_clock(clockid_t clock, struct timespec *ts)
{
	int64_t base = clock == CLOCK_REALTIME ? REALTIME : BOOTED;

	ts->tv_sec = (time_t)(base + clock_ms / 1000);
	ts->tv_nsec = (long)(clock_ms % 1000) * 1000000;
	return (0);
}

void
fuzz_clock_add(int64_t ms)
{
	clock_ms += ms;
}

static struct {
	struct event ev;
	bool (*step)(void);
	bool between;
	unsigned settled;
} loop;

/* Always readable: once a turn.  Every second one takes what a step has sent. */
static void
tick(struct event *ev, uint32_t revents)
{
	size_t i;

	(void)ev;
	(void)revents;
	for (i = 0; i < QUEUES; i++)
		run_timers(&queues[i].ev, 0);
	loop.between = !loop.between;
	if (loop.between && !loop.step() && ++loop.settled > SETTLE)
		event_stop();
}

void
fuzz_loop(bool (*step)(void), void (*after)(void))
{
	int fd = eventfd(1, EFD_CLOEXEC);

	loop.step = step;
	if (fd == -1)
		abort();
	event_add(&loop.ev, fd, EPOLLIN, tick, NULL);
	event_loop(after);
}

int
fuzz_disk(void)
{
	int fs, mount, fd;

	fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs == -1 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		fatal("a file system in memory");
	mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mount == -1 ||
	    (fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("a file system in memory");
	(void)close(fs);
	(void)close(mount);
	return (fd);
}

int
fuzz_memfd(const void *data, size_t len, bool sealed)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	if (sealed &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		abort();
	return (fd);
}

/* Packets. */

static const struct {
	uint32_t from, to;
	size_t size;
	bool fd;
} messages[IMSG_COUNT] = {
#define X(name, from, to, state, payload, fd) \
	[IMSG_##name] = {from, to, sizeof(struct payload), fd},
    IMSG_TABLE(X)
#undef X
};

struct packet {
	struct imsg_hdr hdr;
	_Alignas(8) unsigned char data[IMSG_MAX];
	size_t len; /* of both */
	int fd[2];  /* or -1 */
};

static bool
may_say(const struct fuzz_peer *p, size_t type)
{
	return ((messages[type].from & (1u << p->me)) != 0 &&
	    (messages[type].to & (1u << p->role)) != 0);
}

/* One of those that the peer may send, or (half of the bytes) any. */
static size_t
choose_type(const struct fuzz_peer *p, uint8_t byte)
{
	size_t type, n = 0;

	if (byte >= 128)
		return ((byte - 128u) % (IMSG_COUNT + 1));
	for (type = 0; type < IMSG_COUNT; type++)
		n += may_say(p, type);
	n = byte % n;
	for (type = 0; !may_say(p, type) || n-- > 0; type++)
		continue;
	return (type);
}

static void
fill(struct fuzz_peer *p, struct packet *k, size_t type, uint8_t arg)
{
	memset(k, 0, sizeof(*k));
	k->fd[0] = k->fd[1] = -1;
	k->hdr.type = (uint16_t)type;
	k->len = sizeof(k->hdr);
	if (type < IMSG_COUNT) {
		p->fill(p, (enum imsg_type)type, arg, &k->hdr, k->data,
		    &k->fd[0]);
		k->len += messages[type].size;
		if (messages[type].fd && k->fd[0] == -1)
			k->fd[0] = fuzz_memfd("", 0, true);
	}
	k->hdr.len = (uint16_t)k->len;
}

static int
other_fd(uint8_t how)
{
	static const char text[] = "not this";
	int pair[2], result;

	switch (how) {
	case 2:
		return (fuzz_memfd(text, sizeof(text), true));
	case 3:
		return (fuzz_memfd(text, sizeof(text), false));
	case 4:
		result = pipe2(pair, O_CLOEXEC | O_NONBLOCK);
		break;
	case 5:
		result = imsg_pair(pair);
		break;
	default:
		return (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	if (result == -1)
		abort();
	(void)close(pair[1]);
	return (pair[0]);
}

/* 0: as it should be. */
static void
change_fd(struct packet *k, uint8_t how)
{
	if (how == 0)
		return;
	if (how == 7) {
		k->fd[1] = other_fd(2);
		if (k->fd[0] == -1)
			k->fd[0] = other_fd(3);
		return;
	}
	if (k->fd[0] != -1)
		(void)close(k->fd[0]);
	k->fd[0] = how == 1 ? -1 : other_fd(how);
}

static void
change_size(struct packet *k, uint8_t how)
{
	static const int by[SIZES_WRONG] = {-1, 1, -4, 4, 64, -64, 4000, -4000};
	int len = (int)k->len;

	if (how >= SIZES_WRONG)
		return;
	len += by[how];
	k->len = len < 0 ? 0 : (size_t)len;
	if (how % 2 == 0)
		k->hdr.len = (uint16_t)k->len;
}

static void
patch(struct packet *k, struct fuzz *in, unsigned count)
{
	size_t at, size = k->len - sizeof(k->hdr);

	for (; count > 0; count--) {
		at = fuzz_byte(in);
		at = at << 8 | fuzz_byte(in);
		k->data[size == 0 ? 0 : at % size] = fuzz_byte(in);
	}
}

/* A full channel loses it: the role has had its turns. */
static void
send_packet(const struct fuzz_peer *p, struct packet *k)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	size_t first = k->len < sizeof(k->hdr) ? k->len : sizeof(k->hdr);
	struct iovec iov[] = {{.iov_base = &k->hdr, .iov_len = first},
	    {.iov_base = k->data, .iov_len = k->len - first}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	size_t i, fds = k->fd[1] != -1 ? 2 : k->fd[0] != -1 ? 1 : 0;
	struct cmsghdr *cmsg;

	if (fds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), k->fd, fds * sizeof(int));
	}
	(void)sendmsg(p->end.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	for (i = 0; i < 2; i++)
		if (k->fd[i] != -1)
			(void)close(k->fd[i]);
}

int
fuzz_peer_open(struct fuzz_peer *p)
{
	int pair[2];

	if (imsg_pair(pair) == -1)
		abort();
	imsg_open(&p->end, pair[0], p->me, p->role, ST_ANY);
	return (pair[1]);
}

void
fuzz_peer_close(struct fuzz_peer *p)
{
	if (p->end.fd != -1)
		(void)close(p->end.fd);
	p->end.fd = -1;
}

/* type, arg, shape: three bits for the descriptor, five for the rest. */
void
fuzz_peer_send(struct fuzz_peer *p, struct fuzz *in)
{
	static struct packet k;
	size_t type = choose_type(p, fuzz_byte(in));
	uint8_t arg = fuzz_byte(in), shape = fuzz_byte(in);

	fill(p, &k, type, arg);
	change_fd(&k, shape & 7);
	shape >>= 3;
	if (shape >= 32 - SIZES_WRONG)
		change_size(&k, (uint8_t)(32 - 1 - shape));
	else
		patch(&k, in, shape);
	send_packet(p, &k);
}

void
fuzz_peer_say(struct fuzz_peer *p, enum imsg_type type, uint8_t arg)
{
	static struct packet k;

	fill(p, &k, type, arg);
	send_packet(p, &k);
}

void
fuzz_peer_drain(struct fuzz_peer *p)
{
	static struct imsg m;
	const char *why;

	while (p->end.fd != -1)
		switch (imsg_recv(&p->end, &m, &why)) {
		case IMSG_OK:
			p->seen(p, &m);
			imsg_free(&m);
			break;
		case IMSG_REFUSED:
			/* No role says what the table does not have. */
			if (why != NULL && strstr(why, "refused: ") != NULL &&
			    strstr(why, "Connection reset") == NULL)
				abort();
			return;
		default:
			return;
		}
}
