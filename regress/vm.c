/*
 * vm: a simulated VM of the test bed.
 *
 *   vm boot BED NAME UUID XID UIDBASE   runs it until SIGTERM; READY=1 when up
 *   vm enter BED NAME USER CMD [ARG...] CMD in it, as its user
 *
 * A VM is a mount, pid, ipc, uts, net and user namespace.  Its pid 1 is the
 * qrexec agent; its socket and links in BED/run/qubes are there while it runs.
 * Its files are BED/vms/NAME: home (/home/user), etc.
 */
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <net/if.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/vm.h"

#define NAMESPACES                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | \
	    CLONE_NEWUTS | CLONE_NEWNET)
#define IDS 65536

static unsigned int
number(const char *s)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n > UINT_MAX)
		errx(2, "%s: not a number", s);
	return (unsigned int)n;
}

static void
name_file(char *out, size_t size, const char *prefix, const char *name)
{
	int n;

	n = snprintf(out, size, "%s%s", prefix, name);
	if (n < 0 || (size_t)n >= size)
		errx(1, "%s%s: too long", prefix, name);
}

static void
chdir_below(const char *bed, const char *folder)
{
	if (chdir(bed) == -1 || chdir(folder) == -1)
		err(1, "%s/%s", bed, folder);
}

/* qrexec.XID: for root and group qubes, from its first moment on. */
static void
listen_qrexec(struct vm *v)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const struct group *qubes;
	mode_t old;

	if ((qubes = getgrnam("qubes")) == NULL)
		errx(1, "no group qubes");
	chdir_below(v->bed, "run/qubes");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "qrexec.%u", v->xid);
	v->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listener == -1)
		err(1, "socket");
	old = umask(0177);
	if (bind(v->listener, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", sun.sun_path);
	umask(old);
	if (chown(sun.sun_path, 0, qubes->gr_gid) == -1 ||
	    chmod(sun.sun_path, 0660) == -1 || listen(v->listener, 64) == -1)
		err(1, "%s", sun.sun_path);
}

static void
links_remove(const struct vm *v)
{
	char name[PATH_MAX];

	chdir_below(v->bed, "run/qubes");
	name_file(name, sizeof(name), "qrexec.", v->name);
	unlink(name);
	name_file(name, sizeof(name), "qrexec.uuid:", v->uuid);
	unlink(name);
	snprintf(name, sizeof(name), "qrexec.%u", v->xid);
	unlink(name);
}

/* The UUID's first: who sees the name's finds both. */
static void
links_make(const struct vm *v)
{
	char socket_name[32], name[PATH_MAX];

	chdir_below(v->bed, "run/qubes");
	snprintf(socket_name, sizeof(socket_name), "qrexec.%u", v->xid);
	name_file(name, sizeof(name), "qrexec.uuid:", v->uuid);
	if (strcmp(v->uuid, "-") != 0 && symlink(socket_name, name) == -1)
		err(1, "%s", name);
	name_file(name, sizeof(name), "qrexec.", v->name);
	if (symlink(socket_name, name) == -1)
		err(1, "%s", name);
}

/* The VM's pid 1, as dom0 sees it: what `vm enter` reads. */
static void
pid_file(const struct vm *v, pid_t pid)
{
	char name[PATH_MAX];
	FILE *f;

	chdir_below(v->bed, "run/bed");
	name_file(name, sizeof(name), v->name, ".init");
	if (pid == 0) {
		unlink(name);
		return;
	}
	if ((f = fopen(name, "we")) == NULL || fprintf(f, "%d\n", pid) < 0 ||
	    fclose(f) != 0)
		err(1, "%s", name);
}

static void
write_map(pid_t pid, const char *which, unsigned int base)
{
	char path[64], map[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	n = snprintf(map, sizeof(map), "0 %u %d\n", base, IDS);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1 ||
	    write(fd, map, (size_t)n) != n)
		err(1, "%s", path);
	close(fd);
}

static void
loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || ioctl(fd, SIOCSIFFLAGS, &ifr) == -1)
		warn("lo");
	if (fd != -1)
		close(fd);
}

/* In the new namespaces; go is readable once the ids are mapped. */
static void
vm_main(struct vm *v, int go, int ready)
{
	sigset_t none;
	char c;

	sigemptyset(&none);
	if (prctl(PR_SET_NAME, "vm-init") == -1 || setsid() == -1 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		err(1, "vm");
	if (read(go, &c, 1) != 1)
		_exit(1);
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 ||
	    setresuid(0, 0, 0) == -1)
		err(1, "ids");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		err(1, "prctl");
	vm_mount(v);
	if (chdir("/") == -1 || sethostname(v->name, strlen(v->name)) == -1)
		err(1, "vm");
	loopback_up();
	/* The launcher may have died before the death signal was set. */
	if (write(ready, "", 1) != 1)
		_exit(1);
	/* It never execs: nothing of the launcher's stays open. */
	if (dup2(v->listener, 3) == -1 || close_range(4, ~0u, 0) == -1)
		err(1, "vm");
	v->listener = 3;
	vm_agent(v);
}

/* Starts the VM: its pid, and a pidfd; the VM is up. */
static pid_t
vm_clone(struct vm *v, int *pidfd)
{
	struct clone_args args = {.flags = NAMESPACES | CLONE_PIDFD,
	    .pidfd = (uint64_t)(uintptr_t)pidfd,
	    .exit_signal = SIGCHLD};
	int go[2], ready[2];
	pid_t pid;
	char c;

	if (pipe2(go, O_CLOEXEC) == -1 || pipe2(ready, O_CLOEXEC) == -1)
		err(1, "pipe");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == -1)
		err(1, "clone3");
	if (pid == 0) {
		close(go[1]);
		close(ready[0]);
		vm_main(v, go[0], ready[1]);
	}
	close(go[0]);
	close(ready[1]);
	write_map(pid, "uid_map", v->uidbase);
	write_map(pid, "gid_map", v->uidbase);
	if (write(go[1], "", 1) != 1 || read(ready[0], &c, 1) != 1)
		errx(1, "%s did not come up", v->name);
	close(go[1]);
	close(ready[0]);
	close(v->listener);
	return pid;
}

static void
notify_ready(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	int fd;

	if (path == NULL)
		return;
	name_file(sun.sun_path, sizeof(sun.sun_path), "", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&sun, sizeof(sun)) ==
		-1)
		err(1, "NOTIFY_SOCKET");
	close(fd);
}

static int
signals_take(sigset_t *mask)
{
	int fd;

	sigemptyset(mask);
	sigaddset(mask, SIGTERM);
	sigaddset(mask, SIGINT);
	sigaddset(mask, SIGHUP);
	sigaddset(mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, mask, NULL) == -1 ||
	    (fd = signalfd(-1, mask, SFD_CLOEXEC)) == -1)
		err(1, "signals");
	return fd;
}

static int
vm_boot(char **argv)
{
	struct vm v = {.bed = argv[0],
	    .name = argv[1],
	    .uuid = argv[2],
	    .xid = number(argv[3]),
	    .uidbase = number(argv[4])};
	struct signalfd_siginfo info;
	sigset_t mask;
	int pidfd = -1, signals;
	pid_t pid;

	vm_trees_open(&v);
	listen_qrexec(&v);
	signals = signals_take(&mask);
	pid = vm_clone(&v, &pidfd);
	pid_file(&v, pid);
	links_make(&v);
	notify_ready();
	/* SIGTERM, or the VM's end */
	if (read(signals, &info, sizeof(info)) != sizeof(info))
		err(1, "signalfd");
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	/* The number is the VM's until it has been waited for. */
	pid_file(&v, 0);
	if (waitpid(pid, NULL, 0) == -1)
		err(1, "waitpid");
	links_remove(&v);
	return info.ssi_signo == SIGCHLD;
}

static int
init_pidfd(const char *bed, const char *name)
{
	char file[PATH_MAX], line[32];
	FILE *f;
	int fd = -1;

	chdir_below(bed, "run/bed");
	name_file(file, sizeof(file), name, ".init");
	if ((f = fopen(file, "re")) == NULL)
		errx(1, "%s does not run", name);
	if (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		fd = pidfd_open((pid_t)number(line), 0);
	}
	if (fd == -1)
		errx(1, "%s does not run", name);
	fclose(f);
	/* Still there: the number was not somebody else's. */
	if (access(file, F_OK) == -1)
		errx(1, "%s does not run", name);
	return fd;
}

static void
command(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		err(1, "sigprocmask");
	if (vm_become(argv[0], argv[2]) == -1)
		errx(1, "%s: no such user", argv[2]);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		err(1, "prctl");
	execvp(argv[3], argv + 3);
	warn("%s", argv[3]);
	_exit(errno == ENOENT ? 127 : 126);
}

/* What was sent to us is the command's; a terminal has told it already. */
static int
relay_signals(pid_t pid, int signals)
{
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		if (read(signals, &info, sizeof(info)) != sizeof(info))
			err(1, "signalfd");
		if (info.ssi_signo != SIGCHLD) {
			if (info.ssi_code != SI_KERNEL)
				kill(pid, (int)info.ssi_signo);
			continue;
		}
		if (waitpid(pid, &status, WNOHANG) != pid)
			continue;
		return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					   : WEXITSTATUS(status);
	}
}

static int
vm_enter(char **argv)
{
	sigset_t mask;
	int pidfd, signals;
	pid_t pid;

	pidfd = init_pidfd(argv[0], argv[1]);
	signals = signals_take(&mask);
	if (setns(pidfd, NAMESPACES) == -1)
		err(1, "%s: setns", argv[1]);
	close(pidfd);
	switch (pid = fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(signals);
		command(argv);
	}
	return relay_signals(pid, signals);
}

int
main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "boot") == 0)
		return vm_boot(argv + 2);
	if (argc >= 6 && strcmp(argv[1], "enter") == 0)
		/* No exit handlers: a leak checker's child would be in there.
		 */
		_exit(vm_enter(argv + 2));
	fputs("usage: vm boot BED NAME UUID XID UIDBASE\n"
	      "       vm enter BED NAME USER CMD [ARG...]\n",
	    stderr);
	return 2;
}
