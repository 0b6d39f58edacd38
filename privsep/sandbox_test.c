/*
 * Poller and verifier in their real sandbox: what the kernel says of them,
 * that each thing they do works, and that each thing they may not do is their
 * end.  Run as root.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg/messages.h"
#include "privsep/channel.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/sandbox.h"
#include "privsep/syscalls.h"

#define SYSCALLS_END 520 /* beyond the newest */

#define BODY_CASE(name) \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

enum { POLLER, VERIFIER };
static const char *const names[] = { "poller", "verifier" };

static char folder[2][PATH_MAX];
static struct sandbox box[2];

/* The folders as the parent makes them, below the test's own. */
static void
setup(void)
{
	struct passwd *pw;
	char cwd[PATH_MAX / 2];
	int i;

#ifdef __SANITIZE_ADDRESS__
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#endif
#endif
	log_init("test", false, NULL);
	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	for (i = POLLER; i <= VERIFIER; i++) {
		snprintf(folder[i], sizeof(folder[i]), "%s/%s", cwd, names[i]);
		ATF_REQUIRE_EQ(0, mkdir(folder[i], 0700));
		box[i].name = names[i];
		box[i].chroot = folder[i];
		box[i].fsize = RLIM_INFINITY;
	}
	box[POLLER].user = USER_POLLER;
	box[POLLER].nofile = 80;
	box[POLLER].fsize = 16 * 1024 * 1024 + 65536;
	box[VERIFIER].user = USER_VERIFIER;
	box[VERIFIER].nofile = 8500;
	box[VERIFIER].writes = true;
	pw = getpwnam(USER_VERIFIER);
	ATF_REQUIRE_MSG(pw != NULL, "script/users has not been run");
	ATF_REQUIRE_EQ(0, chown(folder[VERIFIER], pw->pw_uid, pw->pw_gid));
}

static int
wait_status(pid_t pid)
{
	int status;

	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

static pid_t
spawn(const struct sandbox *s, void (*fn)(void *), void *arg)
{
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		sandbox_enter(s);
		if (fn != NULL)
			fn(arg);
		_exit(0);
	}
	return pid;
}

static int
run(const struct sandbox *s, void (*fn)(void *), void *arg)
{
	return wait_status(spawn(s, fn, arg));
}

/* In the sandbox there is no ATF: the line is told by the log. */
#define CHECK(cond) \
	do { \
		if (!(cond)) \
			fatal("line %d: %s", __LINE__, #cond); \
	} while (0)

static void
works(int i, void (*fn)(void *), void *arg)
{
	int status = run(&box[i], fn, arg);

	if (WIFSIGNALED(status))
		atf_tc_fail("%s: signal %d", names[i], WTERMSIG(status));
	ATF_REQUIRE_EQ_MSG(0, status, "%s", names[i]);
}

static void
killed(int i, const char *what, void (*fn)(void *), void *arg)
{
	int status = run(&box[i], fn, arg);

	ATF_REQUIRE_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "%s: %s: status %#x", names[i], what, (unsigned int)status);
}

static void
refused(const struct sandbox *s, const char *what)
{
	ATF_REQUIRE_MSG(W_EXITCODE(1, 0) == run(s, NULL, NULL), "%s", what);
}

/* What the kernel says of them. */

static void
read_file(const char *path, char *buf, size_t size)
{
	FILE *f;
	size_t n;

	f = fopen(path, "r");
	ATF_REQUIRE(f != NULL);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
}

static void
wait_here(void *arg)
{
	int *fds = arg;
	char c;

	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(read(fds[0], &c, 1) == 1);
}

static void
status_has(const char *status, const char *fmt, unsigned int id)
{
	char want[128];

	snprintf(want, sizeof(want), fmt, id, id, id, id);
	ATF_REQUIRE_MSG(strstr(status, want) != NULL, "no %sin %s", want,
	    status);
}

static void
check_status(pid_t pid, const struct passwd *pw)
{
	static const char *const lines[] = { "\nGroups:\t \n",
		"\nCapInh:\t0000000000000000\n",
		"\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n",
		"\nCapBnd:\t0000000000000000\n",
		"\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n",
		"\nSeccomp:\t2\n" };
	char path[64], status[4096];
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	read_file(path, status, sizeof(status));
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		status_has(status, lines[i], 0);
	status_has(status, "\nUid:\t%u\t%u\t%u\t%u\n", pw->pw_uid);
	status_has(status, "\nGid:\t%u\t%u\t%u\t%u\n", pw->pw_gid);
}

static void
check_limits(pid_t pid, int i)
{
	char path[64], limits[4096], line[128];

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	read_file(path, limits, sizeof(limits));
	snprintf(line, sizeof(line), "Max open files            %-20ju %-20ju ",
	    (uintmax_t)box[i].nofile, (uintmax_t)box[i].nofile);
	ATF_REQUIRE(strstr(limits, line) != NULL);
	if (box[i].fsize != RLIM_INFINITY) {
		snprintf(line, sizeof(line),
		    "Max file size             %-20ju %-20ju ",
		    (uintmax_t)box[i].fsize, (uintmax_t)box[i].fsize);
		ATF_REQUIRE(strstr(limits, line) != NULL);
	}
	ATF_REQUIRE(strstr(limits, "Max core file size        0 "
				   "                   0 ") != NULL);
	ATF_REQUIRE(strstr(limits, "Max processes             0 "
				   "                   0 ") != NULL);
}

static void
check_root_and_dumpable(pid_t pid, int i)
{
	char path[64], root[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	n = readlink(path, root, sizeof(root) - 1);
	ATF_REQUIRE(n > 0);
	root[n] = '\0';
	ATF_REQUIRE_STREQ(folder[i], root);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	ATF_REQUIRE_EQ(0, stat(path, &st));
	ATF_REQUIRE_EQ_MSG(0, st.st_uid, "dumpable");
}

static void
look_at(int i)
{
	struct passwd *pw = getpwnam(box[i].user);
	int in[2], out[2], fds[2];
	char c;
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe2(in, O_CLOEXEC));
	ATF_REQUIRE_EQ(0, pipe2(out, O_CLOEXEC));
	fds[0] = in[0];
	fds[1] = out[1];
	pid = spawn(&box[i], wait_here, fds);
	close(out[1]);
	ATF_REQUIRE_EQ(1, read(out[0], &c, 1));
	check_status(pid, pw);
	check_limits(pid, i);
	check_root_and_dumpable(pid, i);
	ATF_REQUIRE_EQ(1, write(in[1], "x", 1));
	ATF_REQUIRE_EQ(0, wait_status(pid));
}

BODY_CASE(poller_has_no_right_left)
{
	gid_t groups[] = { 0, 4, 27 };

	setup();
	ATF_REQUIRE_EQ(0, setgroups(3, groups));
	look_at(POLLER);
}

BODY_CASE(verifier_has_no_right_left)
{
	gid_t groups[] = { 0, 4, 27 };

	setup();
	ATF_REQUIRE_EQ(0, setgroups(3, groups));
	look_at(VERIFIER);
}

/* What they do. */

static void
use_memfds(void)
{
	struct stat st;
	char buf[4];
	int fd;

	CHECK((fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING)) != -1);
	CHECK(ftruncate(fd, 4) == 0);
	CHECK(pwrite(fd, "abcd", 4, 0) == 4);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
	CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK));
	CHECK(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "abcd", 4) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 4);
	CHECK(lseek(fd, 0, SEEK_END) == 4);
	CHECK(mmap(NULL, 4, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 0) != -1);
	CHECK(close(fd) == 0);
}

static void
use_memory(void)
{
	char *p;
	int i;

	for (i = 0; i < 64; i++) {
		CHECK((p = malloc((size_t)1 << (i % 24))) != NULL);
		CHECK((p = realloc(p, (size_t)3 << (i % 24))) != NULL);
		if (i % 2 == 0)
			free(p);
	}
	/* the page that getrandom keeps its state in; old kernels: EINVAL */
	mmap(NULL, 4096, PROT_READ | PROT_WRITE, 0x08 | MAP_ANONYMOUS, -1, 0);
	CHECK(syscall(SYS_getrandom, &i, sizeof(i), 0) == sizeof(i));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(madvise(p, 4096, MADV_DONTDUMP) == 0);
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	CHECK(munmap(p, 4096) == 0);
}

static int
compare(const void *x, const void *y)
{
	return *(const unsigned char *)x - *(const unsigned char *)y;
}

/* Real system calls, not the vDSO's; and nothing that opens a file. */
static void
use_time(void)
{
	static unsigned char many[65536];
	struct timespec ts;
	struct timeval tv;
	struct tm tm, *tmp;
	time_t now;

	CHECK(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &ts) == 0);
	CHECK(syscall(SYS_clock_getres, CLOCK_REALTIME, &ts) == 0);
	CHECK(syscall(SYS_gettimeofday, &tv, NULL) == 0);
#ifdef SYS_time
	CHECK(syscall(SYS_time, NULL) != -1);
#endif
	now = tv.tv_sec;
	CHECK(localtime_r(&now, &tm) != NULL);
	CHECK(mktime(&tm) == now);
	CHECK((tmp = localtime(&now)) != NULL);
	CHECK(tmp->tm_hour == tm.tm_hour);
	qsort(many, sizeof(many), 1, compare);
}

static struct channel left, right;
static struct timer timer;
static int got_fds;

static void
got(struct channel *c, struct imsg *m)
{
	int fd = imsg_take_fd(m);

	CHECK(c == &right && m->hdr.type == IMSG_RUN_INPUT && fd != -1);
	CHECK(close(fd) == 0);
	got_fds++;
	channel_close(&left);
}

static void
ended(struct channel *c, const char *why)
{
	CHECK(c == &right && why == NULL);
	event_stop();
}

static void
tick(struct timer *t)
{
	struct msg_seq seq = { .seq = 1 };

	CHECK(t == &timer);
	log_info("a line");
	CHECK(channel_send(&left, IMSG_RUN_INPUT, 0, &seq, sizeof(seq),
		  STDIN_FILENO) == 0);
}

static void
open_channels(void)
{
	int fds[2];

	ATF_REQUIRE_EQ(0, imsg_pair(fds));
	event_init();
	channel_open(&left, fds[0], ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING,
	    "left");
	channel_open(&right, fds[1], ROLE_EXECUTOR, ROLE_VERIFIER, ST_SERVING,
	    "right");
	right.dispatch = got;
	right.closed = ended;
}

static void
use_loop(void)
{
	timer_start(&timer, CLOCK_MONOTONIC, 1, tick, NULL);
	event_loop(NULL);
	CHECK(got_fds == 1);
}

static void
use_all(void *arg)
{
	(void)arg;
	use_memfds();
	use_memory();
	use_time();
	use_loop();
}

static void
fail_as_roles_do(void *arg)
{
	(void)arg;
	printf("unflushed");
	fatalx("as it should");
}

BODY_CASE(poller_and_verifier_can_do_their_work)
{
	int i;

	setup();
	open_channels();
	for (i = POLLER; i <= VERIFIER; i++) {
		works(i, use_all, NULL);
		ATF_REQUIRE_EQ(W_EXITCODE(1, 0),
		    run(&box[i], fail_as_roles_do, NULL));
	}
}

static void
collect(void *arg)
{
	(void)arg;
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

BODY_CASE(poller_can_collect_a_status)
{
	setup();
	works(POLLER, collect, NULL);
}

static void
keep_a_log(void *arg)
{
	struct statvfs vfs;
	DIR *dir;
	int fd, root, n = 0;

	(void)arg;
	CHECK((root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1);
	fd = openat(root, "new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd != -1);
	CHECK(fallocate(fd, 0, 0, 65536) == 0);
	CHECK(pwrite(fd, "line\n", 5, 0) == 5);
	CHECK(fdatasync(fd) == 0);
	CHECK(linkat(root, "new", root, "1.log", 0) == 0);
	CHECK(unlinkat(root, "new", 0) == 0);
	CHECK(fsync(root) == 0);
	CHECK(ftruncate(fd, 5) == 0);
	CHECK(fstatvfs(fd, &vfs) == 0 && vfs.f_blocks > 0);
	CHECK((dir = fdopendir(root)) != NULL);
	while (readdir(dir) != NULL)
		n++;
	CHECK(n == 3);
	CHECK(closedir(dir) == 0);
	CHECK(open("/1.log", O_RDONLY | O_CLOEXEC) != -1);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(open("/../../../etc/passwd", O_RDONLY) == -1);
	CHECK(mlock(&vfs, sizeof(vfs)) == 0);
	CHECK(munlock(&vfs, sizeof(vfs)) == 0);
}

BODY_CASE(verifier_can_keep_its_log)
{
	setup();
	works(VERIFIER, keep_a_log, NULL);
}

/* What they may not do. */

static bool
listed_in(const struct syscall_table *t, int nr, bool *filtered)
{
	bool found = false;
	size_t i;

	for (i = 0; i < t->len; i++) {
		if (seccomp_syscall_resolve_name(t->rows[i].name) != nr)
			continue;
		found = true;
		if (t->rows[i].mask == 0)
			*filtered = false;
	}
	return found;
}

static bool
listed(int i, int nr, bool *filtered)
{
	bool base, own;

	*filtered = true;
	base = listed_in(&syscalls_base, nr, filtered);
	own = listed_in(i == POLLER ? &syscalls_poller : &syscalls_verifier, nr,
	    filtered);
	return base || own;
}

static void
call(void *arg)
{
	syscall(*(int *)arg, -1L, -1L, -1L, -1L, -1L, -1L);
}

/* Every system call that there is, with arguments that make it fail. */
static void
try_all(int i)
{
	bool filtered, is_listed;
	char what[32];
	int nr, status;

	for (nr = 0; nr < SYSCALLS_END; nr++) {
		is_listed = listed(i, nr, &filtered);
		snprintf(what, sizeof(what), "call %d", nr);
		if (!is_listed) {
			killed(i, what, call, &nr);
			continue;
		}
		if (filtered)
			continue;
		status = run(&box[i], call, &nr);
		ATF_REQUIRE_MSG(
		    !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS, "%s",
		    what);
	}
}

BODY_CASE(poller_is_killed_by_every_call_that_is_not_listed)
{
	setup();
	try_all(POLLER);
}

BODY_CASE(verifier_is_killed_by_every_call_that_is_not_listed)
{
	setup();
	try_all(VERIFIER);
}

/* By name: what the table of processes says that a poller may not. */
struct try {
	const char *what;
	long	    args[7];
	int	    roles; /* bits */
};
#define BOTH	  (1 << POLLER | 1 << VERIFIER)
#define ONLY_POLL (1 << POLLER)

static const struct try tries[] = {
	{ "open", { SYS_openat, AT_FDCWD, (long)"/", O_RDONLY }, ONLY_POLL },
	{ "stat", { SYS_newfstatat, AT_FDCWD, (long)"/", 0, 0 }, ONLY_POLL },
	{ "fsync", { SYS_fsync, 0 }, ONLY_POLL },
	{ "wait", { SYS_wait4, -1, 0, 1, 0 }, 1 << VERIFIER },
	{ "socket", { SYS_socket, AF_UNIX, SOCK_STREAM, 0 }, BOTH },
	{ "socketpair", { SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0 }, BOTH },
	{ "connect", { SYS_connect, 0, 0, 0 }, BOTH },
	{ "bind", { SYS_bind, 0, 0, 0 }, BOTH },
	{ "execve", { SYS_execve, (long)"/x", 0, 0 }, BOTH },
	{ "execveat", { SYS_execveat, 0, (long)"", 0, 0, AT_EMPTY_PATH },
	    BOTH },
	{ "kill", { SYS_kill, 1, 0 }, BOTH },
	{ "tgkill", { SYS_tgkill, 1, 1, 0 }, BOTH },
	{ "ptrace", { SYS_ptrace, 0, 0, 0, 0 }, BOTH },
	{ "setuid", { SYS_setuid, 0 }, BOTH },
	{ "chroot", { SYS_chroot, (long)"/" }, BOTH },
	{ "mkdir", { SYS_mkdirat, AT_FDCWD, (long)"/d", 0700 }, BOTH },
	{ "rename", { SYS_renameat2, 0, (long)"a", 0, (long)"b", 0 }, BOTH },
	{ "symlink", { SYS_symlinkat, (long)"a", 0, (long)"b" }, BOTH },
	{ "vfork", { SYS_vfork }, BOTH },
	{ "pidfd_getfd", { SYS_pidfd_getfd, 0, 0, 0 }, BOTH },
	{ "process_vm_readv", { SYS_process_vm_readv, 1, 0, 0, 0, 0, 0 },
	    BOTH },
	{ "io_uring", { SYS_io_uring_setup, 1, 0 }, BOTH },
	{ "bpf", { SYS_bpf, 0, 0, 0 }, BOTH },
	{ "sigaction", { SYS_rt_sigaction, SIGSYS, 0, 0, 8 }, BOTH },
	{ "setrlimit", { SYS_prlimit64, 0, RLIMIT_CORE, 0, 0 }, BOTH },
	{ "ioctl", { SYS_ioctl, 0, 0x5412, (long)"x" }, BOTH }, /* TIOCSTI */
	{ "mmap exec",
	    { SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 },
	    BOTH },
	{ "mprotect exec", { SYS_mprotect, 0, 4096, PROT_EXEC }, BOTH },
	{ "pkey_mprotect", { SYS_pkey_mprotect, 0, 4096, PROT_READ, -1 },
	    BOTH },
	{ "prctl dumpable", { SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0 }, BOTH },
	{ "prctl name", { SYS_prctl, PR_SET_NAME, (long)"x", 0, 0, 0 }, BOTH },
	{ "fcntl dup", { SYS_fcntl, 0, F_DUPFD, 0 }, BOTH },
	{ "fcntl owner", { SYS_fcntl, 0, F_SETOWN, 1 }, BOTH },
	{ "fcntl lock", { SYS_fcntl, 0, F_SETLK, 0 }, BOTH },
	{ "send oob", { SYS_sendmsg, 0, 0, MSG_OOB }, BOTH },
	{ "receive oob", { SYS_recvmsg, 0, 0, MSG_OOB }, BOTH },
	{ "foreign ABI x32", { 0x40000000 | SYS_getpid }, BOTH },
};

static void
try_one(void *arg)
{
	const long *a = ((const struct try *)arg)->args;

	syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
}

BODY_CASE(poller_and_verifier_are_killed_by_what_they_may_not_do)
{
	struct try t;
	size_t i;
	int role;

	setup();
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		for (role = POLLER; role <= VERIFIER; role++) {
			t = tries[i];
			if ((t.roles & 1 << role) != 0)
				killed(role, t.what, try_one, &t);
		}
}

#ifdef __x86_64__
static void
call_i386(void *arg)
{
	long nr = 20; /* getpid there, writev here: both are in the table */

	(void)arg;
	__asm__ volatile("int $0x80" : "+a"(nr) : : "memory");
}

BODY_CASE(poller_and_verifier_are_killed_by_an_i386_call)
{
	setup();
	killed(POLLER, "int 0x80", call_i386, NULL);
	killed(VERIFIER, "int 0x80", call_i386, NULL);
}
#endif

static void
no_thread(void *arg)
{
	(void)arg;
	CHECK(fork() == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

BODY_CASE(poller_and_verifier_cannot_fork)
{
	setup();
	works(POLLER, no_thread, NULL);
	works(VERIFIER, no_thread, NULL);
}

/* What keeps a role from starting. */

BODY_CASE(a_folder_that_is_not_as_it_must_be_is_refused)
{
	struct sandbox s;
	char path[PATH_MAX + 8];

	setup();
	ATF_REQUIRE_EQ(0, chmod(folder[POLLER], 0720));
	refused(&box[POLLER], "group may write");
	ATF_REQUIRE_EQ(0, chmod(folder[POLLER], 0755));
	works(POLLER, NULL, NULL);
	ATF_REQUIRE_EQ(0, chown(folder[POLLER], 65534, 65534));
	refused(&box[POLLER], "not root's");
	ATF_REQUIRE_EQ(0, chown(folder[POLLER], 0, 0));
	snprintf(path, sizeof(path), "%s/file", folder[POLLER]);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	refused(&box[POLLER], "not empty");
	ATF_REQUIRE_EQ(0, unlink(path));
	s = box[POLLER];
	snprintf(path, sizeof(path), "%s.link", folder[POLLER]);
	ATF_REQUIRE_EQ(0, symlink(folder[POLLER], path));
	s.chroot = path;
	refused(&s, "a link");
	s.chroot = "/nonexistent";
	refused(&s, "none");
	s = box[VERIFIER];
	s.chroot = folder[POLLER];
	refused(&s, "another's");
}

BODY_CASE(a_user_that_is_not_there_or_root_is_refused)
{
	struct sandbox s;

	setup();
	s = box[POLLER];
	s.user = "no-such-user";
	refused(&s, "none");
	s.user = "root";
	refused(&s, "root");
	s = box[POLLER];
	s.name = "executor";
	refused(&s, "no table");
}

BODY_CASE(a_limit_that_cannot_be_had_is_refused)
{
	struct rlimit rl;

	setup();
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = rl.rlim_max = 8499;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &rl));
	works(POLLER, NULL, NULL);
	refused(&box[VERIFIER], "limit");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, poller_has_no_right_left);
	ATF_TP_ADD_TC(tp, verifier_has_no_right_left);
	ATF_TP_ADD_TC(tp, poller_and_verifier_can_do_their_work);
	ATF_TP_ADD_TC(tp, poller_can_collect_a_status);
	ATF_TP_ADD_TC(tp, verifier_can_keep_its_log);
	ATF_TP_ADD_TC(tp, poller_is_killed_by_every_call_that_is_not_listed);
	ATF_TP_ADD_TC(tp, verifier_is_killed_by_every_call_that_is_not_listed);
	ATF_TP_ADD_TC(tp,
	    poller_and_verifier_are_killed_by_what_they_may_not_do);
#ifdef __x86_64__
	ATF_TP_ADD_TC(tp, poller_and_verifier_are_killed_by_an_i386_call);
#endif
	ATF_TP_ADD_TC(tp, poller_and_verifier_cannot_fork);
	ATF_TP_ADD_TC(tp, a_folder_that_is_not_as_it_must_be_is_refused);
	ATF_TP_ADD_TC(tp, a_user_that_is_not_there_or_root_is_refused);
	ATF_TP_ADD_TC(tp, a_limit_that_cannot_be_had_is_refused);
	return atf_no_error();
}
