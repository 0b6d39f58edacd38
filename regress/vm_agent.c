#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/relay.h"
#include "regress/vm.h"

#define EXIT_REFUSED 125
#define SYSTEM_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
	const char *name, *home;
	uid_t uid;
} users[] = {
    {"user", "/home/user", 1000},
    {"root", "/root", 0},
};

static void
set(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		err(1, "setenv");
}

static void
environment(const char *bed, const char *user, const char *home)
{
	const char *term = getenv("TERM");
	char *path, *term_kept = NULL;

	if (term != NULL && (term_kept = strdup(term)) == NULL)
		err(1, NULL);
	if (asprintf(&path, "%s/usr/bin:%s", bed, SYSTEM_PATH) == -1)
		err(1, NULL);
	if (clearenv() != 0)
		errx(1, "clearenv");
	set("PATH", path);
	set("HOME", home);
	set("USER", user);
	set("LOGNAME", user);
	set("SHELL", "/bin/bash");
	set("LANG", "C.UTF-8");
	if (term_kept != NULL)
		set("TERM", term_kept);
	free(path);
	free(term_kept);
}

int
vm_become(const char *bed, const char *user)
{
	size_t i;

	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (strcmp(user, users[i].name) == 0)
			break;
	if (i == sizeof(users) / sizeof(users[0])) {
		errno = ENOENT;
		return -1;
	}
	environment(bed, user, users[i].home);
	umask(022);
	if (setgroups(0, NULL) == -1 ||
	    setresgid(users[i].uid, users[i].uid, users[i].uid) == -1 ||
	    setresuid(users[i].uid, users[i].uid, users[i].uid) == -1)
		err(1, "cannot become %s", user);
	if (chdir(users[i].home) == -1)
		err(1, "%s", users[i].home);
	return 0;
}

static void
read_all(int fd, void *buf, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, buf = (char *)buf + n)
		if ((n = read(fd, buf, len)) <= 0)
			exit(1);
}

/* The first frame, USER:COMMAND, is cut in two: the command. */
static const char *
read_command(int sock, char user[QX_CHUNK + 1])
{
	struct qx_hdr hdr;
	char *colon;

	read_all(sock, &hdr, sizeof(hdr));
	if (hdr.type != QX_EXEC || hdr.len > QX_CHUNK)
		exit(1);
	read_all(sock, user, hdr.len);
	user[hdr.len] = '\0';
	colon = strchr(user, ':');
	if (colon == NULL)
		exit(1);
	*colon = '\0';
	return colon + 1;
}

static void
run_login_shell(const char *user, const char *command)
{
	const struct passwd *pw = getpwnam(user);
	char *name;

	if (pw == NULL || asprintf(&name, "-%s", basename(pw->pw_shell)) == -1)
		return;
	execl(pw->pw_shell, name, "-c", command, (char *)NULL);
}

/* A command is the login shell's; the service reads its input instead. */
static void
run_bash(const char *bed, const char *user, const char *command,
    const int fds[3])
{
	sigset_t none;

	sigemptyset(&none);
	if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || setsid() == -1 ||
	    dup2(fds[0], 0) == -1 || dup2(fds[1], 1) == -1 ||
	    dup2(fds[2], 2) == -1 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		_exit(EXIT_REFUSED);
	if (vm_become(bed, user) == -1)
		_exit(EXIT_REFUSED);
	if (strcmp(command, QX_SHELL) == 0)
		execl("/bin/bash", "/bin/bash", (char *)NULL);
	else
		run_login_shell(user, command);
	_exit(EXIT_REFUSED);
}

/* One connection: bash, and its streams until the exit status is sent. */
static void
session(const char *bed, int sock)
{
	static struct relay r;
	static char user[QX_CHUNK + 1];
	const char *command = read_command(sock, user);
	int in[2], out[2], errs[2];

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1 ||
	    pipe2(errs, O_CLOEXEC) == -1)
		err(1, "pipe");
	relay_init(&r, sock);
	switch (r.pid = fork()) {
	case -1:
		err(1, "fork");
	case 0:
		run_bash(bed, user, command,
		    (const int[3]){in[0], out[1], errs[1]});
	}
	close(in[0]);
	close(out[1]);
	close(errs[1]);
	if ((r.pidfd = pidfd_open(r.pid, 0)) == -1 ||
	    fcntl(sock, F_SETFL, O_NONBLOCK) == -1)
		err(1, "session");
	r.to[0] = (struct relay_end){in[1], QX_STDIN};
	r.from[0] = (struct relay_end){out[0], QX_STDOUT};
	r.from[1] = (struct relay_end){errs[0], QX_STDERR};
	/* dom0 has gone: what runs sees its streams end, and is not killed. */
	if (relay_run(&r) == -1 && waitpid(r.pid, NULL, 0) == -1)
		err(1, "waitpid");
	exit(0);
}

static void
connection(struct vm *v)
{
	int sock;

	sock = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock == -1)
		return;
	switch (fork()) {
	case -1:
		warn("fork");
		break;
	case 0:
		close(v->listener);
		session(v->bed, sock);
	}
	close(sock);
}

void
vm_agent(struct vm *v)
{
	struct signalfd_siginfo info;
	struct pollfd p[2];
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) == -1 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		err(1, "signals");
	p[0].fd = v->listener;
	p[1].fd = signalfd(-1, &mask, SFD_CLOEXEC);
	if (p[1].fd == -1)
		err(1, "signalfd");
	p[0].events = p[1].events = POLLIN;
	for (;;) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		if (p[1].revents & POLLIN &&
		    read(p[1].fd, &info, sizeof(info)) == sizeof(info))
			while (waitpid(-1, NULL, WNOHANG) > 0)
				continue;
		if (p[0].revents & POLLIN)
			connection(v);
	}
}
