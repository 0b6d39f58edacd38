/*
 * supervise: starts and stops what the test bed runs: the daemon, the VMs.
 *
 *   supervise start [-g CGROUP] [-l LOG] [-t SECONDS] STATE CMD [ARG...]
 *       Runs CMD in the background, as the sd_notify client of a process that
 *       stays until CMD ends; returns once it says READY=1.  1: it ended, or
 *       was not ready in time (30 s).
 *   supervise stop STATE [SECONDS]   SIGTERM, then waits.  0: it ended (or did
 *       not run) with status 0; 1 otherwise
 *   supervise pid STATE              prints CMD's pid; 1: it does not run
 *   supervise clear CGROUP           kills what is in it and removes it
 *
 * STATE is a file.  Its lock says who supervises, so a pid is never taken for
 * another process's; it holds "pid N", later "exit N" or "signal N".
 * STATE.told is what CMD said to the notification socket: a line a datagram, its
 * own lines joined by spaces.
 */
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE 30 /* seconds, unless told */
#define LINGER	 5  /* seconds for what CMD leaves behind */

struct job {
	const char *state, *cgroup, *log;
	int seconds;
	char **argv;
	int state_fd, notify_fd, told_fd, signal_fd, report_fd;
	char notify_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	pid_t pid;
	bool ready;
	int64_t deadline; /* ms; when CMD must be ready, or dead */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		err(1, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
seconds(const char *s)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n < 1 || n > 3600)
		errx(2, "%s: not a number of seconds", s);
	return (int)n;
}

/* Who supervises: a pid, or 0. */
static pid_t
holder(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &l) == -1)
		err(1, "F_GETLK");
	return l.l_type == F_UNLCK ? 0 : l.l_pid;
}

static void
state_write(const struct job *j, const char *word, int n)
{
	char line[64];
	int len;

	len = snprintf(line, sizeof(line), "%s %d\n", word, n);
	if (ftruncate(j->state_fd, 0) == -1 ||
	    pwrite(j->state_fd, line, (size_t)len, 0) != len)
		err(1, "%s", j->state);
}

/* To the one who waits in `start`: READY, or why not. */
static void __attribute__((format(printf, 2, 3)))
report(struct job *j, const char *fmt, ...)
{
	va_list ap;

	if (j->report_fd == -1)
		return;
	va_start(ap, fmt);
	vdprintf(j->report_fd, fmt, ap);
	va_end(ap);
	close(j->report_fd);
	j->report_fd = -1;
}

static void
job_lock(struct job *j)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	j->state_fd = open(j->state, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->state_fd == -1)
		err(1, "%s", j->state);
	if (fcntl(j->state_fd, F_SETLK, &l) == -1) {
		report(j, "already runs\n");
		exit(1);
	}
}

static void
job_notify_socket(struct job *j)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s.notify", j->state);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		report(j, "%s.notify: too long for a socket\n", j->state);
		exit(1);
	}
	memcpy(j->notify_path, sun.sun_path, sizeof(sun.sun_path));
	unlink(sun.sun_path);
	j->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (j->notify_fd == -1 ||
	    bind(j->notify_fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", sun.sun_path);
}

static void
job_told(struct job *j)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.told", j->state);
	j->told_fd = open(path,
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (j->told_fd == -1)
		err(1, "%s", path);
}

static void
job_signals(struct job *j)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) == -1 ||
	    (j->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC)) == -1)
		err(1, "signals");
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

static void
job_exec(struct job *j)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1 || setsid() == -1)
		err(1, "job");
	if (j->cgroup != NULL)
		cgroup_join(j->cgroup);
	if (setenv("NOTIFY_SOCKET", j->notify_path, 1) == -1)
		err(1, "setenv");
	execv(j->argv[0], j->argv);
	err(127, "%s", j->argv[0]);
}

/* Its end is written down before its number can be another's. */
static void
job_ended(struct job *j)
{
	struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	siginfo_t info = {0};
	bool exited;

	if (waitid(P_PID, (id_t)j->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		-1 ||
	    info.si_pid == 0)
		return;
	exited = info.si_code == CLD_EXITED;
	state_write(j, exited ? "exit" : "signal", info.si_status);
	if (!j->ready)
		report(j, "ended with %s %d before it was ready\n",
		    exited ? "status" : "signal", info.si_status);
	unlink(j->notify_path);
	if (fcntl(j->state_fd, F_SETLK, &unlock) == -1)
		err(1, "%s", j->state);
	j->pid = 0;
	j->deadline = now_ms() + LINGER * 1000;
}

/* Who has ended and is not reaped yet: 0 for nobody. */
static pid_t
ended(void)
{
	siginfo_t info = {0};

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return 0;
	return info.si_pid;
}

static void
job_signal(struct job *j)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(j->signal_fd, &info, sizeof(info)) != sizeof(info))
		err(1, "signalfd");
	if (info.ssi_signo != SIGCHLD) {
		if (j->pid != 0)
			kill(j->pid, (int)info.ssi_signo);
		return;
	}
	/* CMD itself, whose end is written down first, and orphans. */
	while ((pid = ended()) > 0) {
		if (pid == j->pid)
			job_ended(j);
		if (waitpid(pid, NULL, WNOHANG) == -1)
			err(1, "waitpid");
	}
}

/* All that is there: what it said last is read before its end is seen. */
static void
job_notified(struct job *j)
{
	char text[512], *c;
	ssize_t n;

	while ((n = recv(j->notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT)) >
	    0) {
		text[n] = '\0';
		for (c = text; *c != '\0'; c++)
			if (*c == '\n')
				*c = ' ';
		dprintf(j->told_fd, "%s\n", text);
		if (j->ready || strstr(text, "READY=1") == NULL)
			continue;
		j->ready = true;
		report(j, "READY");
	}
}

static void
job_late(struct job *j)
{
	if (j->ready || j->pid == 0)
		return;
	report(j, "was not ready within %d s\n", j->seconds);
	kill(j->pid, SIGKILL);
	j->ready = true;
}

static bool
orphans(void)
{
	siginfo_t info = {0};

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Until CMD has ended, and what it left too, or LINGER is over. */
static void
job_watch(struct job *j)
{
	struct pollfd p[2] = {{j->signal_fd, POLLIN, 0},
	    {j->notify_fd, POLLIN, 0}};
	int64_t left;
	int n;

	while (j->pid != 0 || orphans()) {
		left = j->deadline - now_ms();
		if (j->pid == 0 && left <= 0)
			return;
		n = poll(p, 2,
		    j->ready && j->pid != 0 ? -1
			: left < 0	    ? 0
					    : (int)left);
		if (n == -1 && errno != EINTR)
			err(1, "poll");
		if (n == 0)
			job_late(j);
		if (n > 0 && p[1].revents != 0)
			job_notified(j);
		if (n > 0 && p[0].revents != 0)
			job_signal(j);
	}
}

static void
job_streams(struct job *j)
{
	int in, out;

	in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	out = open(j->log == NULL ? "/dev/null" : j->log,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (in == -1 || out == -1 || dup2(in, 0) == -1 || dup2(out, 1) == -1 ||
	    dup2(out, 2) == -1)
		err(1, "%s", j->log == NULL ? "/dev/null" : j->log);
	/* Whoever called may wait for the end of what we inherited. */
	if (j->report_fd > 3) {
		if (dup3(j->report_fd, 3, O_CLOEXEC) == -1)
			err(1, "dup3");
		j->report_fd = 3;
	}
	if (close_range(4, ~0u, 0) == -1)
		err(1, "close_range");
}

static void
job_run(struct job *j)
{
	if (setsid() == -1 || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		err(1, "job");
	job_streams(j);
	job_signals(j);
	job_lock(j);
	job_notify_socket(j);
	job_told(j);
	j->deadline = now_ms() + j->seconds * 1000;
	switch (j->pid = fork()) {
	case -1:
		err(1, "fork");
	case 0:
		job_exec(j);
	}
	state_write(j, "pid", j->pid);
	job_watch(j);
	exit(0);
}

static int
start(int argc, char **argv)
{
	struct job j = {.seconds = DEADLINE, .report_fd = -1};
	char why[512];
	int c, fds[2];
	ssize_t n;

	while ((c = getopt(argc, argv, "+g:l:t:")) != -1)
		switch (c) {
		case 'g':
			j.cgroup = optarg;
			break;
		case 'l':
			j.log = optarg;
			break;
		case 't':
			j.seconds = seconds(optarg);
			break;
		default:
			return 2;
		}
	if (argc - optind < 2)
		return 2;
	j.state = argv[optind];
	j.argv = argv + optind + 1;
	if (pipe2(fds, O_CLOEXEC) == -1)
		err(1, "pipe");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(fds[0]);
		j.report_fd = fds[1];
		job_run(&j);
	}
	close(fds[1]);
	n = read(fds[0], why, sizeof(why) - 1);
	why[n > 0 ? n : 0] = '\0';
	if (strcmp(why, "READY") == 0)
		return 0;
	fprintf(stderr, "%s: %s", j.argv[0], n > 0 ? why : "not started\n");
	return 1;
}

static int
state_open(const char *state)
{
	int fd;

	fd = open(state, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno != ENOENT)
		err(1, "%s", state);
	return fd;
}

static void
state_read(int fd, char *line, size_t size)
{
	ssize_t n;

	n = pread(fd, line, size - 1, 0);
	line[n > 0 ? n : 0] = '\0';
}

static int
print_pid(const char *state)
{
	char line[64];
	int fd;

	if ((fd = state_open(state)) == -1 || holder(fd) == 0)
		return 1;
	state_read(fd, line, sizeof(line));
	if (strncmp(line, "pid ", 4) != 0)
		return 1;
	fputs(line + 4, stdout);
	return 0;
}

static int
stop(const char *state, int limit)
{
	struct pollfd p = {.events = POLLIN};
	char line[64];
	int fd;
	pid_t pid;

	if ((fd = state_open(state)) == -1)
		return 0;
	if ((pid = holder(fd)) != 0 && (p.fd = pidfd_open(pid, 0)) != -1 &&
	    holder(fd) == pid) {
		syscall(SYS_pidfd_send_signal, p.fd, SIGTERM, NULL, 0);
		if (poll(&p, 1, limit * 1000) != 1) {
			warnx("%s: has not ended within %d s", state, limit);
			return 1;
		}
	}
	state_read(fd, line, sizeof(line));
	if (strcmp(line, "exit 0\n") == 0)
		return 0;
	fprintf(stderr, "%s: %s", state, line);
	return 1;
}

static int
cgroup_rmdir(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP && rmdir(path) == -1 && errno != ENOENT ? -1 : 0;
}

static bool
populated(int events)
{
	char text[256];
	ssize_t n;

	n = pread(events, text, sizeof(text) - 1, 0);
	if (n == -1)
		return false;
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

static int
clear_cgroup(const char *cgroup)
{
	struct pollfd p = {.events = POLLPRI};
	int64_t deadline = now_ms() + LINGER * 1000, left;
	int dir, killfd;

	dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 && errno == ENOENT)
		return 0;
	if (dir == -1)
		err(1, "%s", cgroup);
	killfd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	p.fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (killfd == -1 || p.fd == -1 || write(killfd, "1", 1) != 1)
		err(1, "%s", cgroup);
	while (populated(p.fd)) {
		left = deadline - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == -1)
			errx(1, "%s: still has processes", cgroup);
	}
	if (nftw(cgroup, cgroup_rmdir, 8, FTW_DEPTH | FTW_PHYS) == -1)
		err(1, "%s: not removed", cgroup);
	return 0;
}

int
main(int argc, char **argv)
{
	int status = 2;

	if (argc > 3 && strcmp(argv[1], "start") == 0)
		status = start(argc - 1, argv + 1);
	else if (argc > 2 && strcmp(argv[1], "stop") == 0)
		status = stop(argv[2], argc > 3 ? seconds(argv[3]) : DEADLINE);
	else if (argc == 3 && strcmp(argv[1], "pid") == 0)
		status = print_pid(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "clear") == 0)
		status = clear_cgroup(argv[2]);
	if (status == 2)
		fputs("usage: supervise start [-g CGROUP] [-l LOG] [-t SECONDS]"
		      " STATE CMD [ARG...]\n"
		      "       supervise stop STATE [SECONDS] | pid STATE |"
		      " clear CGROUP\n",
		    stderr);
	return status;
}
