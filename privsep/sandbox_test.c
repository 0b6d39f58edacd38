/*
 * Poller and verifier in their real sandbox: what the kernel says of them, that
 * each thing they do works, and what keeps them from starting.  Run as root.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
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
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/channel.h"
#include "privsep/sandbox_rig.h"

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

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
	if (strstr(status, want) != NULL)
		return;
	/* A test's reason is one line. */
	fprintf(stderr, "no %s in %s\n", want, status);
	atf_tc_fail("a line is missing: see the test's output");
}

static void
check_status(pid_t pid, const struct passwd *pw)
{
	static const char *const lines[] = {"\nGroups:\t \n",
	    "\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
	    "\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
	    "\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n",
	    "\nSeccomp:\t2\n"};
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
	    (uintmax_t)rig_box[i].nofile, (uintmax_t)rig_box[i].nofile);
	ATF_REQUIRE(strstr(limits, line) != NULL);
	if (rig_box[i].fsize != RLIM_INFINITY) {
		snprintf(line, sizeof(line),
		    "Max file size             %-20ju %-20ju ",
		    (uintmax_t)rig_box[i].fsize, (uintmax_t)rig_box[i].fsize);
		ATF_REQUIRE(strstr(limits, line) != NULL);
	}
	ATF_REQUIRE(strstr(limits,
			"Max core file size        0 "
			"                   0 ") != NULL);
	ATF_REQUIRE(strstr(limits,
			"Max processes             0 "
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
	ATF_REQUIRE_STREQ(rig_folder[i], root);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	ATF_REQUIRE_EQ(0, stat(path, &st));
	ATF_REQUIRE_EQ_MSG(0, st.st_uid, "dumpable");
}

/* The change of uid alone would not take capabilities then. */
static void
have_more(void)
{
	const struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};

	CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	CHECK(setrlimit(RLIMIT_CORE, &core) == 0);
}

static void
look_at(int i)
{
	struct passwd *pw = getpwnam(rig_box[i].user);
	int in[2], out[2], fds[2];
	char c;
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe2(in, O_CLOEXEC));
	ATF_REQUIRE_EQ(0, pipe2(out, O_CLOEXEC));
	rig_before = have_more;
	fds[0] = in[0];
	fds[1] = out[1];
	pid = rig_spawn(&rig_box[i], wait_here, fds);
	close(out[1]);
	ATF_REQUIRE_EQ(1, read(out[0], &c, 1));
	check_status(pid, pw);
	check_limits(pid, i);
	check_root_and_dumpable(pid, i);
	ATF_REQUIRE_EQ(1, write(in[1], "x", 1));
	ATF_REQUIRE_EQ(0, rig_wait(pid));
}

BODY_CASE(poller_has_no_right_left)
{
	gid_t groups[] = {0, 4, 27};

	rig_setup();
	ATF_REQUIRE_EQ(0, setgroups(3, groups));
	look_at(POLLER);
}

BODY_CASE(verifier_has_no_right_left)
{
	gid_t groups[] = {0, 4, 27};

	rig_setup();
	ATF_REQUIRE_EQ(0, setgroups(3, groups));
	look_at(VERIFIER);
}

/* What they do. */

static void
use_memfds(void)
{
	char buf[4];
	int fd;

	CHECK((fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING)) != -1);
	CHECK(write(fd, "abcd", 4) == 4);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
	CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK));
	CHECK(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "abcd", 4) == 0);
	CHECK(close(fd) == 0);
}

/* A real system call, not the vDSO's; and nothing that opens a file. */
static void
use_time(void)
{
	struct timespec ts;
	struct tm tm, *tmp;

	CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0);
	CHECK(localtime_r(&ts.tv_sec, &tm) != NULL);
	CHECK(mktime(&tm) == ts.tv_sec);
	CHECK((tmp = localtime(&ts.tv_sec)) != NULL);
	CHECK(tmp->tm_hour == tm.tm_hour);
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
	struct msg_seq seq = {.seq = 1};

	CHECK(t == &timer);
	log_info("a line");
	CHECK(channel_send(&left, IMSG_RUN_INPUT, 0, &seq, sizeof(seq),
		  STDIN_FILENO) == 0);
}

static void
open_channels(void)
{
	int fds[2];

	CHECK(imsg_pair(fds) == 0);
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
	use_time();
	use_loop();
}

static void
fail_as_roles_do(void *arg)
{
	(void)arg;
	fatalx("as it should");
}

BODY_CASE(poller_and_verifier_can_do_their_work)
{
	int i;

	rig_setup();
	rig_before = open_channels;
	for (i = POLLER; i <= VERIFIER; i++) {
		rig_works(i, use_all, NULL);
		ATF_REQUIRE_EQ(W_EXITCODE(1, 0),
		    rig_run(&rig_box[i], fail_as_roles_do, NULL));
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
	rig_setup();
	rig_works(POLLER, collect, NULL);
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
}

BODY_CASE(verifier_can_keep_its_log)
{
	rig_setup();
	rig_works(VERIFIER, keep_a_log, NULL);
}

static int
compare(const void *x, const void *y)
{
	return *(const unsigned char *)x - *(const unsigned char *)y;
}

static void
use_memory(void *arg)
{
	static unsigned char many[65536];
	char *p;
	int i;

	(void)arg;
	for (i = 0; i < 64; i++) {
		CHECK((p = malloc((size_t)1 << (i % 24))) != NULL);
		if (i % 2 == 0)
			free(p);
	}
	CHECK(syscall(SYS_getrandom, &i, sizeof(i), 0) == sizeof(i));
	qsort(many, sizeof(many), 1, compare);
}

BODY_CASE(verifier_can_allocate)
{
	rig_setup();
	rig_works(VERIFIER, use_memory, NULL);
}

/* What keeps a role from starting. */

BODY_CASE(a_folder_that_is_not_as_it_must_be_is_refused)
{
	struct sandbox s;
	char path[PATH_MAX + 8];

	rig_setup();
	ATF_REQUIRE_EQ(0, chmod(rig_folder[POLLER], 0720));
	rig_refused(&rig_box[POLLER], "group may write");
	ATF_REQUIRE_EQ(0, chmod(rig_folder[POLLER], 0755));
	rig_works(POLLER, NULL, NULL);
	ATF_REQUIRE_EQ(0, chown(rig_folder[POLLER], 65534, 65534));
	rig_refused(&rig_box[POLLER], "not root's");
	ATF_REQUIRE_EQ(0, chown(rig_folder[POLLER], 0, 0));
	snprintf(path, sizeof(path), "%s/file", rig_folder[POLLER]);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	rig_refused(&rig_box[POLLER], "not empty");
	ATF_REQUIRE_EQ(0, unlink(path));
	s = rig_box[POLLER];
	snprintf(path, sizeof(path), "%s.link", rig_folder[POLLER]);
	ATF_REQUIRE_EQ(0, symlink(rig_folder[POLLER], path));
	s.chroot = path;
	rig_refused(&s, "a link");
	s.chroot = "/nonexistent";
	rig_refused(&s, "none");
	s = rig_box[VERIFIER];
	s.chroot = rig_folder[POLLER];
	rig_refused(&s, "another's");
}

BODY_CASE(a_user_that_is_not_there_or_root_is_refused)
{
	struct sandbox s;

	rig_setup();
	s = rig_box[POLLER];
	s.user = "no-such-user";
	rig_refused(&s, "none");
	s.user = "root";
	rig_refused(&s, "root");
	s = rig_box[POLLER];
	s.name = "executor";
	rig_refused(&s, "no table");
}

BODY_CASE(a_limit_that_cannot_be_had_is_refused)
{
	struct rlimit rl;

	rig_setup();
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = rl.rlim_max = 8499;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &rl));
	rig_works(POLLER, NULL, NULL);
	rig_refused(&rig_box[VERIFIER], "limit");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, poller_has_no_right_left);
	ATF_TP_ADD_TC(tp, verifier_has_no_right_left);
	ATF_TP_ADD_TC(tp, poller_and_verifier_can_do_their_work);
	ATF_TP_ADD_TC(tp, poller_can_collect_a_status);
	ATF_TP_ADD_TC(tp, verifier_can_keep_its_log);
	ATF_TP_ADD_TC(tp, verifier_can_allocate);
	ATF_TP_ADD_TC(tp, a_folder_that_is_not_as_it_must_be_is_refused);
	ATF_TP_ADD_TC(tp, a_user_that_is_not_there_or_root_is_refused);
	ATF_TP_ADD_TC(tp, a_limit_that_cannot_be_had_is_refused);
	return atf_no_error();
}
