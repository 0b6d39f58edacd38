/*
 * clockrun: dom0's clock, put before a program that knows nothing of it.
 *
 *   clockrun [-g CGROUP] FILE CMD [ARG...]
 *
 * Becomes CMD.  What CMD, and the programs below libexec/qvm-remote that it
 * starts, are told by CLOCK_REALTIME is the real time plus as many microseconds
 * as FILE says (a decimal number, read anew at each call); where it says a
 * second number, CLOCK_BOOTTIME is ahead by that, as after a sleep.  A timerfd
 * of that clock is set to go by it, and one that stands when FILE changes stays
 * as it was set.  All else that they start runs untouched.  CLOCK_MONOTONIC and
 * the times of files stay as they are.
 *
 * A process of its own, in CGROUP, traces them: the vDSO, which answers without
 * a system call, is hidden from each new program, and what a call returned is
 * changed before the program sees it.
 */
#include <sys/ptrace.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "where a call's number and arguments are is known for x86_64 only"
#endif

#define SECOND INT64_C(1000000) /* us */
#define WORD   sizeof(long)
#define OPTIONS                                                             \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static const char *clock_file;
static char command[PATH_MAX];

enum {
	REAL,
	BOOT
};

static bool
read_text(const char *path, char *text, size_t size)
{
	ssize_t len = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		len = read(fd, text, size - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* How far a clock is ahead; an empty file says nothing new. */
static int64_t
offset_us(int clock)
{
	static int64_t last[2];
	char text[64], *end;
	int64_t real;

	if (!read_text(clock_file, text, sizeof(text)))
		return last[clock];
	real = strtoll(text, &end, 10);
	if (end != text) {
		last[REAL] = real;
		last[BOOT] = strtoll(end, NULL, 10); /* 0: there is none */
	}
	return last[clock];
}

/* False: it has ended meanwhile, as it may at any time. */
static bool
peek(pid_t pid, uint64_t at, uint64_t *word)
{
	errno = 0;
	*word = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, at, NULL);
	return errno == 0;
}

static bool
poke(pid_t pid, uint64_t at, uint64_t word)
{
	return ptrace(PTRACE_POKEDATA, pid, at, word) == 0;
}

/* Seconds and their parts, of which there are `unit` to a microsecond. */
static void
move_time(pid_t pid, uint64_t at, int64_t unit, int64_t by_us)
{
	uint64_t seconds, parts;
	int64_t us;

	if (at == 0 || !peek(pid, at, &seconds) ||
	    !peek(pid, at + WORD, &parts))
		return;
	us = (int64_t)seconds * SECOND + (int64_t)parts / unit + by_us;
	if (us < 1)
		us = 1; /* a timer with 0 would be none */
	poke(pid, at, (uint64_t)(us / SECOND));
	poke(pid, at + WORD,
	    (uint64_t)(us % SECOND * unit + (int64_t)parts % unit));
}

/* time(2) rounds, so what is added is whole seconds. */
static void
move_seconds(pid_t pid, const struct user_regs_struct *regs)
{
	uint64_t now = regs->rax + (uint64_t)(offset_us(REAL) / SECOND);

	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), now);
	if (regs->rdi != 0)
		poke(pid, regs->rdi, now);
}

static bool
is_boottime_timer(pid_t pid, int fd)
{
	static const char name[] = "clockid: ";
	char path[64], text[512];
	const char *at = NULL;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (read_text(path, text, sizeof(text)))
		at = strstr(text, name);
	return at != NULL &&
	    strtol(at + sizeof(name) - 1, NULL, 10) == CLOCK_BOOTTIME;
}

/* What is set stays moved in the program's memory: ours look at it no more. */
static void
before_call(pid_t pid, const struct user_regs_struct *regs)
{
	uint64_t at = regs->rdx + offsetof(struct itimerspec, it_value);
	uint64_t seconds, parts;

	if (regs->orig_rax != SYS_timerfd_settime ||
	    (regs->rsi & TFD_TIMER_ABSTIME) == 0 ||
	    !is_boottime_timer(pid, (int)regs->rdi))
		return;
	if (!peek(pid, at, &seconds) || !peek(pid, at + WORD, &parts) ||
	    (seconds == 0 && parts == 0))
		return;
	move_time(pid, at, 1000, -offset_us(BOOT));
}

static void
after_call(pid_t pid, const struct user_regs_struct *regs)
{
	clockid_t clock = (clockid_t)regs->rdi;

	switch (regs->orig_rax) {
	case SYS_clock_gettime:
		if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
			move_time(pid, regs->rsi, 1000, offset_us(REAL));
		else if (clock == CLOCK_BOOTTIME)
			move_time(pid, regs->rsi, 1000, offset_us(BOOT));
		break;
	case SYS_gettimeofday:
		move_time(pid, regs->rdi, 1, offset_us(REAL));
		break;
	case SYS_time:
		move_seconds(pid, regs);
		break;
	}
}

/*
 * A tracee stops at a system call's beginning, where its result reads as
 * -ENOSYS, and at its return: its number and arguments are there both times.
 */
static void
called(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) == -1)
		return;
	if ((int64_t)regs.rax == -ENOSYS)
		before_call(pid, &regs);
	else if ((int64_t)regs.rax >= 0)
		after_call(pid, &regs);
}

/* Past as many NULLs, each of which ends a vector. */
static bool
skip_vectors(pid_t pid, uint64_t *at, int count)
{
	uint64_t word;

	while (count > 0) {
		if (!peek(pid, *at, &word))
			return false;
		*at += WORD;
		if (word == 0)
			count--;
	}
	return true;
}

/* A new program's stack: argc, arguments, environment, auxiliary vector. */
static void
hide_vdso(pid_t pid)
{
	struct user_regs_struct regs;
	uint64_t at, type;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) == -1)
		return;
	at = regs.rsp + WORD;
	if (!skip_vectors(pid, &at, 2))
		return;
	while (peek(pid, at, &type) && type != AT_NULL) {
		if (type == AT_SYSINFO_EHDR)
			poke(pid, at, AT_IGNORE);
		at += 2 * WORD;
	}
}

/* The daemon's own programs. */
static bool
is_ours(pid_t pid)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path) - 1);
	if (n == -1)
		return false;
	path[n] = '\0';
	return strcmp(path, command) == 0 ||
	    strstr(path, "/libexec/qvm-remote/") != NULL;
}

static void
executed(pid_t pid)
{
	if (!is_ours(pid)) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		return;
	}
	hide_vdso(pid);
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
}

static bool
is_group_stop(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN ||
	    signo == SIGTTOU;
}

/* One that has ended since is reported by the next wait. */
static void
stopped(pid_t pid, int status)
{
	int signo = WSTOPSIG(status);
	unsigned long pass = 0;

	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		executed(pid);
		return;
	case PTRACE_EVENT_STOP:
		if (is_group_stop(signo)) {
			ptrace(PTRACE_LISTEN, pid, NULL, NULL);
			return;
		}
		break;
	case 0:
		if (signo == (SIGTRAP | 0x80))
			called(pid);
		else
			pass = (unsigned long)signo;
		break;
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, pass);
}

static void
trace(void)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1 && errno == EINTR)
			continue;
		if (pid == -1)
			exit(0);
		if (WIFSTOPPED(status))
			stopped(pid, status);
	}
}

static void
cgroup_join(const char *cgroup)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1 ||
	    write(fd, "0", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

/* Not a child of what CMD becomes, which would wonder. */
static void
tracer(pid_t pid, const char *cgroup, int told)
{
	if (fork() != 0)
		_exit(0);
	if (setsid() == -1)
		err(1, "setsid");
	if (cgroup != NULL)
		cgroup_join(cgroup);
	if (ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS) == -1)
		err(1, "ptrace");
	if (write(told, "", 1) != 1)
		err(1, "pipe");
	close(told);
	trace();
}

int
main(int argc, char **argv)
{
	const char *cgroup = NULL;
	pid_t self = getpid(), child;
	int c, fds[2];
	char byte;

	while ((c = getopt(argc, argv, "+g:")) != -1) {
		if (c != 'g')
			errx(2,
			    "usage: clockrun [-g CGROUP] FILE CMD [ARG...]");
		cgroup = optarg;
	}
	argv += optind;
	if (argc - optind < 2)
		errx(2, "usage: clockrun [-g CGROUP] FILE CMD [ARG...]");
	clock_file = argv[0];
	if (realpath(argv[1], command) == NULL)
		err(127, "%s", argv[1]);
	if (pipe2(fds, O_CLOEXEC) == -1)
		err(1, "pipe");
	switch (child = fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(fds[0]);
		tracer(self, cgroup, fds[1]);
	}
	close(fds[1]);
	if (waitpid(child, NULL, 0) == -1)
		err(1, "waitpid");
	if (read(fds[0], &byte, 1) != 1)
		errx(1, "nobody traces");
	execv(argv[1], argv + 1);
	err(127, "%s", argv[1]);
}
