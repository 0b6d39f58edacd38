/*
 * What is handed to others: privdrop_exec() and the deny-list, as the program
 * that is executed sees them; Landlock alone; a role's first steps.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/landlock.h"
#include "privsep/log.h"
#include "privsep/privdrop.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"
#include "privsep/syscalls.h"

#define SOMEBODY 65530
#define GROUP	 65531

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

/* In a child there is no ATF: the exit status is the line. */
#define CHECK(cond)                                                   \
	do {                                                          \
		if (!(cond)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #cond); \
			_exit(99);                                    \
		}                                                     \
	} while (0)

static char output[16384];

/* fn in a child, its standard output in output; the wait status. */
static int
run(void (*fn)(void))
{
	size_t len = 0;
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe2(fds, O_CLOEXEC));
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		alarm(60);
		log_init("test", false, NULL);
		dup2(fds[1], STDOUT_FILENO);
		fn();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(fds[0]);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

static void
works(void (*fn)(void))
{
	int status = run(fn);

	ATF_REQUIRE_MSG(status == 0, "status %#x", (unsigned int)status);
}

static void
has(const char *line)
{
	if (strstr(output, line) != NULL)
		return;
	/* A test's reason is one line. */
	fprintf(stderr, "no %s in %s\n", line, output);
	atf_tc_fail("a line is missing: see the test's output");
}

static void
show_status(void)
{
	execl("/bin/cat", "cat", "/proc/self/status", (char *)NULL);
	_exit(98);
}

static void
drop_and_show(void)
{
	gid_t groups[] = {0, 4};

	CHECK(setgroups(2, groups) == 0);
	privdrop_exec(SOMEBODY, SOMEBODY, GROUP);
	show_status();
}

BODY_CASE(what_is_executed_after_privdrop_has_no_right_left)
{
	static const char *const lines[] = {
	    "\nUid:\t65530\t65530\t65530\t65530\n",
	    "\nGid:\t65530\t65530\t65530\t65530\n", "\nGroups:\t65531 \n",
	    "\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
	    "\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
	    "\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"};
	size_t i;

	works(drop_and_show);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		has(lines[i]);
}

static void
drop_to_root(void)
{
	privdrop_exec(0, SOMEBODY, GROUP);
}

static void
drop_to_group_root(void)
{
	privdrop_exec(SOMEBODY, 0, GROUP);
}

static void
drop_without_rights(void)
{
	CHECK(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	privdrop_exec(SOMEBODY, SOMEBODY, GROUP);
}

BODY_CASE(privdrop_that_fails_ends_with_126)
{
	ATF_REQUIRE_EQ(W_EXITCODE(126, 0), run(drop_to_root));
	ATF_REQUIRE_EQ(W_EXITCODE(126, 0), run(drop_to_group_root));
	ATF_REQUIRE_EQ(W_EXITCODE(126, 0), run(drop_without_rights));
}

/* The library reports success here: the read-back must not. */
static void
bounding_set_too_late(void)
{
	CHECK(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	CHECK(drop_bounding_set() != NULL);
}

static void
group_kept(void)
{
	CHECK(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	CHECK(drop_is_final() != NULL);
}

static void
saved_uid_kept(void)
{
	CHECK(setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	CHECK(setresuid(SOMEBODY, SOMEBODY, 0) == 0);
	CHECK(drop_is_final() != NULL);
}

static void
capabilities_kept(void)
{
	CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	CHECK(drop_ids(SOMEBODY, SOMEBODY, 0, NULL) == NULL);
	CHECK(drop_capabilities() == NULL);
	CHECK(drop_is_final() == NULL);
}

BODY_CASE(a_drop_that_did_not_happen_is_noticed)
{
	works(bounding_set_too_late);
	works(saved_uid_kept);
	works(group_kept);
	works(capabilities_kept);
}

static void
only_setup_caps(void)
{
	CHECK(chmod("open", 0) == 0);
	sandbox_setup_caps();
	CHECK(open("other", O_RDONLY) == -1 && errno == EACCES);
	privdrop_exec(SOMEBODY, SOMEBODY, GROUP);
	show_status();
}

BODY_CASE(with_the_capabilities_of_setup_privileges_can_be_dropped)
{
	close(open("open", O_CREAT | O_WRONLY, 0600));
	close(open("other", O_CREAT | O_WRONLY, 0600));
	ATF_REQUIRE_EQ(0, chown("other", SOMEBODY, SOMEBODY));
	works(only_setup_caps);
	has("\nCapBnd:\t0000000000000000\n");
}

/* The deny-list. */

static void
deny_and_show(void)
{
	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	show_status();
}

static void
caps_line(char line[64])
{
	char *p;

	ATF_REQUIRE_EQ(0, run(show_status));
	p = strstr(output, "\nCapBnd:");
	ATF_REQUIRE(p != NULL);
	snprintf(line, 64, "%.26s", p);
}

BODY_CASE(the_deny_list_is_in_force_and_takes_nothing_else)
{
	char bounding[64];

	caps_line(bounding);
	works(deny_and_show);
	has("\nSeccomp:\t2\n");
	has("\nNoNewPrivs:\t0\n");
	has(bounding);
	ATF_REQUIRE(strstr(output, "\nCapEff:\t0000000000000000\n") == NULL);
}

static void
try_denied(void)
{
	const struct syscall_row *row;
	size_t i;
	int nr, tried = 0;

	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	for (i = 0; i < syscalls_deny.len; i++) {
		row = &syscalls_deny.rows[i];
		nr = seccomp_syscall_resolve_name(row->name);
		if (nr < 0)
			continue;
		CHECK(syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L) == -1);
		CHECK(errno == row->error);
		tried++;
	}
	CHECK(tried >= 7);
}

/* Different without the list, so the list it is. */
static void
try_undenied(void)
{
	CHECK(syscall(SYS_io_uring_setup, 1, NULL) == -1);
	CHECK(errno == EFAULT || errno == ENOSYS || errno == EPERM);
	CHECK(syscall(SYS_userfaultfd, -1) == -1 && errno != EPERM);
}

BODY_CASE(what_is_denied_fails)
{
	works(try_denied);
	works(try_undenied);
}

#ifdef __x86_64__
static void
call_i386(void)
{
	long nr = 20;

	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	__asm__ volatile("int $0x80" : "+a"(nr) : : "memory");
}

static void
call_x32(void)
{
	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	syscall(0x40000000 | SYS_getpid);
}

BODY_CASE(a_foreign_abi_ends_the_process)
{
	int status;

	status = run(call_i386);
	ATF_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = run(call_x32);
	ATF_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
#endif

static void
become_root_by_file(void)
{
	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	CHECK(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	execl("./id", "id", "-u", (char *)NULL);
	_exit(98);
}

static void
make_setuid_file(void)
{
	execl("/usr/bin/install", "install", "-m", "04755", "/usr/bin/id", "id",
	    (char *)NULL);
	_exit(98);
}

BODY_CASE(under_the_deny_list_sudo_still_works)
{
	works(make_setuid_file);
	works(become_root_by_file);
	ATF_REQUIRE_STREQ("0\n", output);
}

static void
ordinary_command(void)
{
	CHECK(sandbox_deny_list() == SANDBOX_SECCOMP);
	execl("/bin/bash", "bash", "-c",
	    "set -o pipefail; (echo ok | cat) && kill -0 $$", (char *)NULL);
	_exit(98);
}

BODY_CASE(under_the_deny_list_a_shell_works)
{
	works(ordinary_command);
	ATF_REQUIRE_STREQ("ok\n", output);
}

/* Landlock, without the other walls. */

static void
landlock_nothing(void)
{
	CHECK(drop_new_privs() == NULL);
	if (!landlock_enter(false))
		_exit(77);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == EACCES);
	CHECK(mkdir("d", 0700) == -1 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)NULL) == -1);
	CHECK(errno == EACCES);
}

static void
landlock_files(void)
{
	int fd;

	CHECK(drop_new_privs() == NULL);
	if (!landlock_enter(true))
		_exit(77);
	fd = open("log", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd != -1 && ftruncate(fd, 10) == 0);
	CHECK(linkat(AT_FDCWD, "log", AT_FDCWD, "1.log", 0) == 0);
	CHECK(unlink("log") == 0);
	CHECK(mkdir("d", 0700) == -1 && errno == EACCES);
	CHECK(symlink("a", "b") == -1 && errno == EACCES);
	CHECK(mkfifo("f", 0600) == -1 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)NULL) == -1);
	CHECK(errno == EACCES);
}

static int abi;

static void
landlock_net_and_signals(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX,
	    .sun_path = "\0qvm-remote-privdrop-test"};
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(9)};
	int fd, tcp, server;

	CHECK((server = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	CHECK(bind(server, (struct sockaddr *)&un, sizeof(un)) == 0);
	CHECK(listen(server, 1) == 0);
	CHECK(drop_new_privs() == NULL && landlock_enter(false));
	CHECK((tcp = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	if (abi >= 4) {
		CHECK(connect(tcp, (struct sockaddr *)&in, sizeof(in)) == -1);
		CHECK(errno == EACCES);
	}
	if (abi >= 6) {
		CHECK(connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1);
		CHECK(errno == EPERM);
		CHECK(kill(getppid(), 0) == -1 && errno == EPERM);
	}
}

BODY_CASE(landlock_forbids_all_that_it_can)
{
	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	if (abi < 1)
		atf_tc_skip("this kernel has no Landlock");
	works(landlock_nothing);
	works(landlock_files);
	works(landlock_net_and_signals);
}

/* The first steps of a role. */

static int role_fds[2];

static void
place_parent_fd(void)
{
	CHECK(dup2(role_fds[1], 50) == 50);
	CHECK(dup2(role_fds[1], 3) == 3);
}

static void
begin_poller(void)
{
	static struct channel parent;
	struct msg_settings s;
	mode_t mask;

	place_parent_fd();
	role_begin(&parent, ROLE_POLLER, &s);
	CHECK(strcmp(s.root, "/bed") == 0 && s.verbose == 1);
	CHECK(fcntl(3, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(50, F_GETFD) == -1);
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHECK(open("other", O_RDONLY) == -1 && errno == EACCES);
	mask = umask(0);
	CHECK(mask == 077);
	close(role_await_fd(&parent, IMSG_VERIFIER_CHANNEL));
	role_ready(&parent, SANDBOX_SECCOMP);
	CHECK(parent.end.state == ST_SERVING);
}

static void
begin_by_hand(void)
{
	static struct channel parent;
	struct msg_settings s;

	dup2(STDOUT_FILENO, STDERR_FILENO);
	close(3);
	role_begin(&parent, ROLE_POLLER, &s);
}

static void
begin_with_another_message(void)
{
	static struct channel parent;
	struct msg_settings s;

	place_parent_fd();
	role_begin(&parent, ROLE_EXECUTOR, &s);
	close(role_await_fd(&parent, IMSG_VERIFIER_CHANNEL));
}

static struct imsg_end
parent_end(enum role role)
{
	struct msg_settings s;
	struct imsg_end end;

	memset(&s, 0, sizeof(s));
	snprintf(s.root, sizeof(s.root), "/bed");
	s.verbose = 1;
	ATF_REQUIRE_EQ(0, imsg_pair(role_fds));
	imsg_open(&end, role_fds[0], ROLE_PARENT, role, ST_SETUP);
	ATF_REQUIRE_EQ(0, imsg_send(&end, IMSG_SETTINGS, 0, &s, sizeof(s), -1));
	return end;
}

BODY_CASE(a_role_begins_with_its_settings_and_says_ready)
{
	struct imsg_end end = parent_end(ROLE_POLLER);
	struct msg_ready ready;
	struct imsg m;
	const char *why;

	close(open("other", O_CREAT | O_WRONLY, 0600));
	ATF_REQUIRE_EQ(0, chown("other", SOMEBODY, SOMEBODY));
	ATF_REQUIRE_EQ(0,
	    imsg_send(&end, IMSG_VERIFIER_CHANNEL, 0, NULL, 0, STDIN_FILENO));
	works(begin_poller);
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&end, &m, &why));
	ATF_REQUIRE_EQ(IMSG_READY, m.hdr.type);
	ATF_REQUIRE_EQ(0, imsg_payload(&m, &ready, sizeof(ready)));
	ATF_REQUIRE_EQ(SANDBOX_SECCOMP, ready.sandbox);
}

BODY_CASE(a_role_started_by_hand_says_so)
{
	ATF_REQUIRE_EQ(W_EXITCODE(1, 0), run(begin_by_hand));
	has("qvm-remote: poller: started by qvm-remote-dom0, not by hand\n");
}

BODY_CASE(a_role_fails_on_another_message_than_the_next)
{
	struct imsg_end end = parent_end(ROLE_EXECUTOR);
	struct msg_settings s;
	struct imsg m;
	const char *why;

	memset(&s, 0, sizeof(s));
	ATF_REQUIRE_EQ(0, imsg_send(&end, IMSG_SETTINGS, 0, &s, sizeof(s), -1));
	ATF_REQUIRE_EQ(W_EXITCODE(1, 0), run(begin_with_another_message));
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&end, &m, &why));
	ATF_REQUIRE_EQ(IMSG_LOG, m.hdr.type);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_executed_after_privdrop_has_no_right_left);
	ATF_TP_ADD_TC(tp, privdrop_that_fails_ends_with_126);
	ATF_TP_ADD_TC(tp, a_drop_that_did_not_happen_is_noticed);
	ATF_TP_ADD_TC(tp,
	    with_the_capabilities_of_setup_privileges_can_be_dropped);
	ATF_TP_ADD_TC(tp, the_deny_list_is_in_force_and_takes_nothing_else);
	ATF_TP_ADD_TC(tp, what_is_denied_fails);
#ifdef __x86_64__
	ATF_TP_ADD_TC(tp, a_foreign_abi_ends_the_process);
#endif
	ATF_TP_ADD_TC(tp, under_the_deny_list_sudo_still_works);
	ATF_TP_ADD_TC(tp, under_the_deny_list_a_shell_works);
	ATF_TP_ADD_TC(tp, landlock_forbids_all_that_it_can);
	ATF_TP_ADD_TC(tp, a_role_begins_with_its_settings_and_says_ready);
	ATF_TP_ADD_TC(tp, a_role_started_by_hand_says_so);
	ATF_TP_ADD_TC(tp, a_role_fails_on_another_message_than_the_next);
	return atf_no_error();
}
