#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imsg/imsg.h"
#include "policy/policy.h"
#include "wire/frame.h"
#include "privsep/path.h"

/*
 * The real poller in its real sandbox.  This is its parent and its verifier;
 * qvm-run is a shell script, which is given the session's rules as functions.
 */

#define ID	"20260218-143022-1234-a1b2c3d4"
#define WAIT_MS 10000
#define NOBODY	65534
#define GROUP	65533 /* stands for group qubes */

static char root[64];
static char prog[4096];
static pid_t pid;
static enum transport transport; /* qvm-run, if not said */
static struct imsg_end par, ver;
static struct imsg m;

#define SCRIPT_HEAD                                                      \
	"#!/bin/sh\n"                                                    \
	"line() { IFS= read -r l || exit 9; echo \"$l\" >>\"$log\"; }\n" \
	"bytes() { dd bs=1 count=$1 2>/dev/null >>\"$log\"; }\n"         \
	"rest() { cat >/dev/null; }\n"                                   \
	"ready() { line; echo \"ready 2 test/1 ${1-wait}\"; }\n"         \
	"log=${0%/usr/bin/*}/tmp/log\n"

static void
join(char *out, size_t size, const char *path)
{
	ATF_REQUIRE(path_join(out, size, root, path) == 0);
}

static void
make_folder(const char *path, mode_t mode)
{
	char full[256];

	join(full, sizeof(full), path);
	ATF_REQUIRE(mkdir(full, mode) == 0);
	ATF_REQUIRE(chmod(full, mode) == 0);
}

/* A root folder that qvm-run's user can pass, unlike the test's own. */
static void
make_root(const char *script)
{
	char path[256];
	FILE *f;

	(void)snprintf(root, sizeof(root), "/tmp/poller_test.XXXXXX");
	ATF_REQUIRE(mkdtemp(root) != NULL);
	ATF_REQUIRE(symlink(root, "root") == 0);
	ATF_REQUIRE(chmod(root, 0755) == 0);
	make_folder("/run", 0755);
	make_folder("/run/qvm-remote", 0755);
	make_folder(PATH_EMPTY, 0555);
	make_folder("/usr", 0755);
	make_folder("/usr/bin", 0755);
	make_folder("/tmp", 0777);
	join(path, sizeof(path), "/tmp/fifo");
	ATF_REQUIRE(mkfifo(path, 0600) == 0 && chmod(path, 0666) == 0);
	join(path, sizeof(path),
	    transport == TRANSPORT_QVM_RUN ? PATH_QVM_RUN : PATH_QREXEC);
	f = fopen(path, "w");
	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE(fprintf(f, "%s%s\n", SCRIPT_HEAD, script) > 0);
	ATF_REQUIRE(fchmod(fileno(f), 0755) == 0);
	ATF_REQUIRE(fclose(f) == 0);
}

static void
send_msg(struct imsg_end *end, enum imsg_type type, uint32_t id,
    const void *payload, size_t len, int fd)
{
	ATF_REQUIRE_EQ_MSG(0, imsg_send(end, type, id, payload, len, fd),
	    "%s: %s", imsg_name(type), strerror(errno));
}

/* The next packet of that end, or its end of file. */
static enum imsg_status
receive(struct imsg_end *end, int ms)
{
	struct pollfd p = {.fd = end->fd, .events = POLLIN};
	const char *why;
	enum imsg_status s;

	ATF_REQUIRE_MSG(poll(&p, 1, ms) == 1, "nothing came");
	s = imsg_recv(end, &m, &why);
	ATF_REQUIRE_MSG(s == IMSG_OK || s == IMSG_EOF, "%s", why);
	return s;
}

static void
expect_in(struct imsg_end *end, enum imsg_type type, int ms)
{
	struct msg_log log;

	ATF_REQUIRE_MSG(receive(end, ms) == IMSG_OK, "%s: end instead",
	    imsg_name(type));
	if (m.hdr.type == IMSG_LOG && type != IMSG_LOG &&
	    imsg_payload(&m, &log, sizeof(log)) == 0)
		atf_tc_fail("poller: %s", log.text);
	ATF_REQUIRE_STREQ(imsg_name(type), imsg_name(m.hdr.type));
}

static void
expect(struct imsg_end *end, enum imsg_type type)
{
	expect_in(end, type, WAIT_MS);
}

static void
get(void *payload, size_t len)
{
	ATF_REQUIRE_EQ(0, imsg_payload(&m, payload, len));
}

static void
spawn_poller(int channel)
{
	char title[] = "qvm-remote: poller [work]";
	char *const argv[] = {title, NULL};
	int null;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid > 0)
		return;
	null = open("/dev/null", O_RDWR);
	if (dup2(channel, 3) == -1 || fcntl(3, F_SETFD, 0) == -1 ||
	    dup2(null, 0) == -1 || dup2(null, 1) == -1)
		_exit(126);
	(void)execv(prog, argv);
	_exit(126);
}

/* A poller that has its settings, and no session yet. */
static void
begin(const atf_tc_t *tc, const char *script)
{
	struct msg_settings set = {.verbose = 0};
	int own[2];

#ifdef __SANITIZE_ADDRESS__
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#endif
#endif
	make_root(script);
	(void)snprintf(prog, sizeof(prog), "%s/poller",
	    atf_tc_get_config_var(tc, "srcdir"));
	ATF_REQUIRE(imsg_pair(own) == 0);
	spawn_poller(own[1]);
	ATF_REQUIRE(close(own[1]) == 0);
	imsg_open(&par, own[0], ROLE_PARENT, ROLE_POLLER, ST_SETUP);
	memcpy(set.root, root, strlen(root));
	send_msg(&par, IMSG_SETTINGS, 0, &set, sizeof(set), -1);
}

static void
start(const atf_tc_t *tc, const char *script)
{
	struct msg_session ses = {.vm = "work",
	    .user = "user",
	    .uid = NOBODY,
	    .gid = NOBODY,
	    .qubes_gid = GROUP,
	    .transport = transport};
	int vers[2];

	begin(tc, script);
	ATF_REQUIRE(imsg_pair(vers) == 0);
	imsg_open(&ver, vers[0], ROLE_VERIFIER, ROLE_POLLER,
	    ST_SERVING | ST_ASKED);
	send_msg(&par, IMSG_SESSION, 0, &ses, sizeof(ses), -1);
	send_msg(&par, IMSG_VERIFIER_CHANNEL, 0, NULL, 0, vers[1]);
	ATF_REQUIRE(close(vers[1]) == 0);
	expect(&par, IMSG_READY);
	imsg_set_state(&par, ST_SERVING);
}

static void
open_session(const atf_tc_t *tc, const char *script)
{
	start(tc, script);
	expect(&ver, IMSG_OPEN);
}

static void
send_next(uint32_t cancel_only)
{
	struct msg_next n = {.input_limit = INPUT_MAX,
	    .cancel_only = cancel_only};

	send_msg(&ver, IMSG_NEXT, 0, &n, sizeof(n), -1);
}

static void
expect_exit(int status)
{
	int s;

	ATF_REQUIRE_EQ(pid, waitpid(pid, &s, 0));
	ATF_CHECK_MSG(WIFEXITED(s) && WEXITSTATUS(s) == status, "status %x",
	    (unsigned)s);
}

/* The problem is the last word, and the poller ends by itself. */
static void
expect_problem(struct msg_problem *p, uint32_t problem, int ms)
{
	expect_in(&ver, IMSG_PROBLEM, ms);
	get(p, sizeof(*p));
	ATF_CHECK_EQ_MSG(problem, p->problem, "%u: %s", p->problem, p->rule);
	ATF_CHECK_EQ(IMSG_EOF, receive(&ver, WAIT_MS));
	expect_exit(0);
}

static void
expect_violation(const char *rule)
{
	struct msg_problem p;

	expect_problem(&p, PROBLEM_VIOLATION, WAIT_MS);
	ATF_CHECK_MSG(strstr(p.rule, rule) != NULL, "%s", p.rule);
}

static void
check_log(const char *want)
{
	char path[256], got[8192];
	ssize_t n;
	int fd;

	join(path, sizeof(path), "/tmp/log");
	fd = open(path, O_RDONLY);
	ATF_REQUIRE(fd != -1);
	n = read(fd, got, sizeof(got) - 1);
	ATF_REQUIRE(n >= 0 && close(fd) == 0);
	got[n] = '\0';
	ATF_CHECK_STREQ(want, got);
}

static void
check_fd(const char *want)
{
	const int seals =
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct msg_memfd msg;
	char got[64];
	ssize_t n;
	int fd = imsg_take_fd(&m);

	get(&msg, sizeof(msg));
	ATF_CHECK_EQ(strlen(want), msg.length);
	ATF_CHECK_EQ(seals, fcntl(fd, F_GET_SEALS) & seals);
	n = pread(fd, got, sizeof(got), 0);
	ATF_CHECK_EQ((ssize_t)strlen(want), n);
	ATF_CHECK(n >= 0 && memcmp(want, got, (size_t)n) == 0);
	ATF_REQUIRE(close(fd) == 0);
}

static int
spool(const char *text)
{
	int fd = memfd_create("spool", MFD_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void
send_output(uint32_t serial, uint32_t stream, const char *text)
{
	struct msg_stream s = {.stream = stream, .id = ID};
	int fd = spool(text);

	send_msg(&ver, IMSG_OUTPUT, serial, &s, sizeof(s), fd);
	ATF_REQUIRE(close(fd) == 0);
}

static void
send_done(uint32_t serial, uint64_t out, uint64_t err)
{
	struct msg_done d = {.id = ID,
	    .out = out,
	    .err = err,
	    .exit = 3,
	    .receipt_len = 4,
	    .receipt = "rec\n"};

	send_msg(&ver, IMSG_DONE, serial, &d, sizeof(d), -1);
}

/* A line of a /proc/PID/status, without its name. */
static const char *
status_line(const char *path, const char *name)
{
	static char line[512];
	size_t len = strlen(name);
	FILE *f;

	f = fopen(path, "r");
	ATF_REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			(void)fclose(f);
			line[strcspn(line, "\n")] = '\0';
			return line + len + 1 + strspn(line + len + 1, " \t");
		}
	atf_tc_fail("%s has no %s", path, name);
}

static void
check_status(const char *path, const char *name, const char *want)
{
	ATF_CHECK_STREQ_MSG(want, status_line(path, name), "%s", name);
}

#define NONE "0000000000000000"
static void
check_no_caps(const char *path)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff",
	    "CapBnd", "CapAmb"};
	size_t i;

	for (i = 0; i < 5; i++)
		check_status(path, sets[i], NONE);
	check_status(path, "NoNewPrivs", "1");
}

#define CASE(name)                                             \
	ATF_TC_WITH_CLEANUP(name);                             \
	ATF_TC_HEAD(name, tc)                                  \
	{                                                      \
		atf_tc_set_md_var(tc, "require.user", "root"); \
	}                                                      \
	ATF_TC_CLEANUP(name, tc)                               \
	{                                                      \
		clean_up();                                    \
	}                                                      \
	ATF_TC_BODY(name, tc)

static void
clean_up(void)
{
	char link[64], cmd[] = "rm", rf[] = "-rf";
	char *const argv[] = {cmd, rf, link, NULL};
	ssize_t n = readlink("root", link, sizeof(link) - 1);
	pid_t child;

	if (n <= 0 || strncmp(link, "/tmp/poller_test.", 17) != 0)
		return;
	link[n] = '\0';
	child = fork();
	if (child == 0) {
		(void)execvp(cmd, argv);
		_exit(127);
	}
	(void)waitpid(child, NULL, 0);
}

CASE(the_session_opens_after_a_greeting)
{
	struct msg_open o;

	open_session(tc, "echo Welcome; ready poll; line; rest");
	get(&o, sizeof(o));
	ATF_CHECK_STREQ("test/1", o.program);
	ATF_CHECK_EQ(0, o.wait);
	check_log("qvm-remote 2\n");
}

/* The command line, with CMD for what the VM runs, and the environment. */
#define SAY_ARGS                                                       \
	"for a; do case $a in *exec*agent*) a=${a%%exec*}CMD;; esac; " \
	"echo \"$a\" >>\"$log\"; done; "                               \
	"env | sort >>\"$log\"; ready; rest"

CASE(qvm_run_is_asked_for_the_vm_and_not_to_start_it)
{
	start(tc, SAY_ARGS);
	expect(&ver, IMSG_OPEN);
	check_log("--pass-io\n--no-autostart\n--no-gui\n--user\nuser\nwork\n"
		  "CMD\nHOME=/\nLC_ALL=C.UTF-8\nPATH=/usr/bin:/bin\nPWD=/\n"
		  "qvm-remote 2\n");
}

CASE(qrexec_client_is_asked_for_the_vm_as_its_user)
{
	transport = TRANSPORT_QREXEC_CLIENT;
	start(tc, SAY_ARGS);
	expect(&ver, IMSG_OPEN);
	check_log("-d\nwork\nuser:CMD\n"
		  "HOME=/\nLC_ALL=C.UTF-8\nPATH=/usr/bin:/bin\nPWD=/\n"
		  "qvm-remote 2\n");
}

/* As root it has what gives up all, and nothing else: SETGID, SETUID, SETPCAP,
 * SYS_CHROOT. */
#define SETUP_CAPS "00000000000401c0"

CASE(it_starts_with_four_capabilities)
{
	int tries = WAIT_MS;
	char path[64];

	begin(tc, "rest");
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	while (
	    strcmp(status_line(path, "CapEff"), SETUP_CAPS) != 0 && tries-- > 0)
		(void)poll(NULL, 0, 1);
	check_status(path, "CapEff", SETUP_CAPS);
	check_status(path, "CapPrm", SETUP_CAPS);
	check_status(path, "CapInh", NONE);
	ATF_REQUIRE(close(par.fd) == 0);
	expect_exit(1);
}

/* DESIGN.md, Sandbox: each of the two, as the kernel sees it. */
CASE(the_poller_has_given_up_all)
{
	char path[64], want[128], link[256] = "";

	open_session(tc, "ready; rest");
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	ATF_REQUIRE(readlink(path, link, sizeof(link) - 1) > 0);
	join(want, sizeof(want), PATH_EMPTY);
	ATF_CHECK_STREQ(want, link);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	check_no_caps(path);
	check_status(path, "Seccomp", "2");
	check_status(path, "Groups", "");
	ATF_CHECK(strncmp(status_line(path, "Uid"), "0", 1) != 0);
	ATF_CHECK(strncmp(status_line(path, "Gid"), "0", 1) != 0);
}

CASE(qvm_run_has_given_up_all)
{
	char path[64];

	/* A shell blocks signals while it forks: it looks at itself. */
	open_session(tc,
	    "while IFS= read -r l; do echo \"$l\"; done "
	    "</proc/$$/status >\"$log\".status; ready; rest");
	join(path, sizeof(path), "/tmp/log.status");
	check_no_caps(path);
	check_status(path, "Groups", "65533 ");
	check_status(path, "Uid", "65534\t65534\t65534\t65534");
	check_status(path, "Gid", "65534\t65534\t65534\t65534");
	check_status(path, "SigBlk", NONE);
	check_status(path, "SigIgn", NONE);
}

CASE(qvm_run_gets_three_descriptors)
{
	open_session(tc,
	    "ls /proc/self/fd | wc -l >>\"$log\"; ready; "
	    "rest");
	/* 0, 1, 2, and the one that ls itself opens. */
	check_log("4\nqvm-remote 2\n");
}

CASE(a_request_is_handed_on_sealed)
{
	struct msg_request q;

	open_session(tc,
	    "ready; line; "
	    "printf 'request " ID " 17 3 5 2\\ntokbody\\nin'; "
	    "rest");
	send_next(0);
	expect(&ver, IMSG_BODY);
	check_fd("body\n");
	expect(&ver, IMSG_INPUT);
	check_fd("in");
	expect(&ver, IMSG_REQUEST);
	get(&q, sizeof(q));
	ATF_CHECK_STREQ(ID, q.id);
	ATF_CHECK_EQ(17, q.clock);
	ATF_CHECK_EQ(3, q.token_len);
	ATF_CHECK_EQ(5, q.body_len);
	ATF_CHECK_EQ(2, q.input_len);
	ATF_CHECK_STREQ("tok", q.token);
	check_log("qvm-remote 2\nnext any 1048576\n");
}

CASE(a_maximal_request_passes)
{
	struct msg_memfd msg;

	open_session(tc,
	    "ready; line; printf 'request " ID " 17 1 1048576 1048576\\nt'; "
	    "head -c 2097152 /dev/zero; rest");
	send_next(0);
	expect(&ver, IMSG_BODY);
	get(&msg, sizeof(msg));
	ATF_CHECK_EQ(BODY_MAX, msg.length);
	expect(&ver, IMSG_INPUT);
	expect(&ver, IMSG_REQUEST);
}

CASE(over_a_limit_only_the_lengths_are_handed_on)
{
	struct msg_request q;

	open_session(tc,
	    "ready; line; echo 'request " ID " 17 3 1048577 0'; "
	    "line; echo none; rest");
	send_next(0);
	expect(&ver, IMSG_REQUEST);
	get(&q, sizeof(q));
	ATF_CHECK_EQ(1048577, q.body_len);
	ATF_CHECK_STREQ("", q.token);
	send_next(0);
	expect(&ver, IMSG_NONE);
}

CASE(a_long_token_is_read_and_not_handed_on)
{
	struct msg_request q;

	open_session(tc,
	    "ready; line; echo 'request " ID " 17 1025 1 0'; "
	    "printf '%01026d' 0; line; echo none; rest");
	send_next(0);
	expect(&ver, IMSG_BODY);
	check_fd("0");
	expect(&ver, IMSG_REQUEST);
	get(&q, sizeof(q));
	ATF_CHECK_EQ(1025, q.token_len);
	ATF_CHECK_STREQ("", q.token);
	send_next(0);
	expect(&ver, IMSG_NONE);
}

CASE(a_cancel_is_handed_on)
{
	struct msg_cancel c;

	open_session(tc,
	    "ready; line; printf 'cancel " ID " 17 3\\ntok'; "
	    "rest");
	send_next(1);
	expect(&ver, IMSG_CANCEL);
	get(&c, sizeof(c));
	ATF_CHECK_STREQ(ID, c.id);
	ATF_CHECK_STREQ("tok", c.token);
	check_log("qvm-remote 2\nnext cancel full\n");
}

CASE(output_and_receipt_are_delivered)
{
	struct msg_sizes s = {.out = 3, .err = 2};

	open_session(tc,
	    "ready; line; bytes 3; line; bytes 2; line; bytes 4; "
	    "echo 'kept " ID "'; rest");
	send_output(77, 1, "out");
	send_output(77, 2, "er");
	send_msg(&ver, IMSG_SIZES, 77, &s, sizeof(s), -1);
	send_done(77, 3, 2);
	expect(&ver, IMSG_KEPT);
	ATF_CHECK_EQ(77, m.hdr.id);
	check_log("qvm-remote 2\nout " ID " 0 3\nouterr " ID " 0 2\n"
		  "erdone " ID " 3 4\nrec\n");
}

CASE(a_second_next_is_written_at_once)
{
	open_session(tc,
	    "ready; line; line; echo none; echo none; "
	    "rest");
	send_next(0);
	send_next(1);
	expect(&ver, IMSG_NONE);
	expect(&ver, IMSG_NONE);
	check_log("qvm-remote 2\nnext any 1048576\nnext cancel full\n");
}

CASE(after_a_quick_none_the_next_waits)
{
	open_session(tc,
	    "ready poll; line; echo none; line; echo none; "
	    "rest");
	send_next(0);
	expect(&ver, IMSG_NONE);
	send_next(0);
	/* Not within most of its second. */
	ATF_CHECK_EQ(0,
	    poll(&(struct pollfd){.fd = ver.fd, .events = POLLIN}, 1, 700));
	expect(&ver, IMSG_NONE);
}

CASE(what_was_not_asked_for_ends_the_session)
{
	open_session(tc, "ready; echo none; rest");
	expect_violation("not asked for");
}

CASE(a_second_kept_ends_the_session)
{
	open_session(tc,
	    "ready; line; bytes 4; echo 'kept " ID "'; "
	    "echo 'kept " ID "'; rest");
	send_done(5, 0, 0);
	expect(&ver, IMSG_KEPT);
	expect_violation("kept");
}

CASE(the_end_of_qvm_run_is_told_with_its_stderr)
{
	struct msg_problem p;

	start(tc,
	    "printf '\\033[1mno\\n' >&2; head -c 100000 /dev/zero >&2; "
	    "exit 5");
	expect_problem(&p, PROBLEM_ENDED, WAIT_MS);
	ATF_CHECK_EQ(5, p.status);
	ATF_CHECK_MSG(strncmp(p.stderr_text, "\\x1b[1mno\\x0a\\x00", 17) == 0,
	    "%s", p.stderr_text);
}

CASE(what_came_before_the_end_counts)
{
	struct msg_problem p;

	open_session(tc, "ready; line; echo none; exit 0");
	send_next(0);
	expect(&ver, IMSG_NONE);
	expect_problem(&p, PROBLEM_ENDED, WAIT_MS);
	ATF_CHECK_EQ(0, p.status);
}

CASE(a_silent_vm_ends_the_session)
{
	struct msg_problem p;

	start(tc, "line; rest");
	expect_problem(&p, PROBLEM_SILENT, 35000);
	ATF_CHECK_MSG(strstr(p.rule, "ready") != NULL, "%s", p.rule);
}

CASE(bye_is_said_and_the_agents_end_awaited)
{
	open_session(tc, "ready; line; sleep 0.2; echo ended >>\"$log\"");
	send_msg(&ver, IMSG_BYE, 0, NULL, 0, -1);
	/* Its channels may close meanwhile. */
	ATF_REQUIRE(close(par.fd) == 0);
	ATF_CHECK_EQ(IMSG_EOF, receive(&ver, WAIT_MS));
	expect_exit(0);
	check_log("qvm-remote 2\nbye\nended\n");
}

CASE(without_its_parent_it_ends)
{
	open_session(tc, "ready; rest");
	ATF_REQUIRE(close(par.fd) == 0);
	ATF_CHECK_EQ(IMSG_EOF, receive(&ver, WAIT_MS));
	expect_exit(0);
}

CASE(without_the_verifier_it_ends)
{
	open_session(tc, "ready; rest");
	ATF_REQUIRE(close(ver.fd) == 0);
	expect_exit(0);
}

CASE(a_third_next_is_fatal)
{
	char path[64];
	int fd;

	open_session(tc, "ready; line; line; echo >\"${log%log}fifo\"; rest");
	send_next(0);
	send_next(0);
	/* Both stand, once somebody opens the other end. */
	join(path, sizeof(path), "/tmp/fifo");
	fd = open(path, O_RDONLY);
	ATF_REQUIRE(fd != -1 && close(fd) == 0);
	send_next(0);
	expect(&par, IMSG_LOG);
	expect_exit(1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, the_session_opens_after_a_greeting);
	ATF_TP_ADD_TC(tp, qvm_run_is_asked_for_the_vm_and_not_to_start_it);
	ATF_TP_ADD_TC(tp, qrexec_client_is_asked_for_the_vm_as_its_user);
	ATF_TP_ADD_TC(tp, it_starts_with_four_capabilities);
	ATF_TP_ADD_TC(tp, the_poller_has_given_up_all);
	ATF_TP_ADD_TC(tp, qvm_run_has_given_up_all);
	ATF_TP_ADD_TC(tp, qvm_run_gets_three_descriptors);
	ATF_TP_ADD_TC(tp, a_request_is_handed_on_sealed);
	ATF_TP_ADD_TC(tp, a_maximal_request_passes);
	ATF_TP_ADD_TC(tp, over_a_limit_only_the_lengths_are_handed_on);
	ATF_TP_ADD_TC(tp, a_long_token_is_read_and_not_handed_on);
	ATF_TP_ADD_TC(tp, a_cancel_is_handed_on);
	ATF_TP_ADD_TC(tp, output_and_receipt_are_delivered);
	ATF_TP_ADD_TC(tp, a_second_next_is_written_at_once);
	ATF_TP_ADD_TC(tp, after_a_quick_none_the_next_waits);
	ATF_TP_ADD_TC(tp, what_was_not_asked_for_ends_the_session);
	ATF_TP_ADD_TC(tp, a_second_kept_ends_the_session);
	ATF_TP_ADD_TC(tp, the_end_of_qvm_run_is_told_with_its_stderr);
	ATF_TP_ADD_TC(tp, what_came_before_the_end_counts);
	ATF_TP_ADD_TC(tp, a_silent_vm_ends_the_session);
	ATF_TP_ADD_TC(tp, bye_is_said_and_the_agents_end_awaited);
	ATF_TP_ADD_TC(tp, without_its_parent_it_ends);
	ATF_TP_ADD_TC(tp, without_the_verifier_it_ends);
	ATF_TP_ADD_TC(tp, a_third_next_is_fatal);
	return atf_no_error();
}
