/*
 * Each thing that poller and verifier may not do is their end, in their real
 * sandbox: every system call that there is, and by name those that the table
 * of processes speaks of.  Run as root.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "privsep/sandbox_rig.h"
#include "privsep/syscalls.h"

#define SYSCALLS_END 520 /* beyond the newest */

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

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

/*
 * No filter sees uretprobe and uprobe in newer kernels: they are the kernel's
 * own trampolines, and SIGILL for whoever else calls them.
 */
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
		if (nr == 335 || nr == 336) /* u(ret)probe: see call() */
			continue;
		if (!is_listed) {
			rig_killed(i, what, call, &nr);
			continue;
		}
		if (filtered)
			continue;
		status = rig_run(&rig_box[i], call, &nr);
		ATF_REQUIRE_MSG(!WIFSIGNALED(status) ||
			WTERMSIG(status) != SIGSYS,
		    "%s", what);
	}
}

BODY_CASE(poller_is_killed_by_every_call_that_is_not_listed)
{
	rig_setup();
	try_all(POLLER);
}

BODY_CASE(verifier_is_killed_by_every_call_that_is_not_listed)
{
	rig_setup();
	try_all(VERIFIER);
}

/* By name: what the table of processes says that a poller may not. */
struct
try {
	const char *what;
	long args[7];
	int roles; /* bits */
};
#define BOTH	  (1 << POLLER | 1 << VERIFIER)
#define ONLY_POLL (1 << POLLER)

static const struct try tries[] = {
    {"open", {SYS_openat, AT_FDCWD, (long)"/", O_RDONLY}, ONLY_POLL},
    {"stat", {SYS_newfstatat, AT_FDCWD, (long)"/", 0, 0}, ONLY_POLL},
    {"fsync", {SYS_fsync, 0}, ONLY_POLL},
    {"wait", {SYS_wait4, -1, 0, 1, 0}, 1 << VERIFIER},
    {"socket", {SYS_socket, AF_UNIX, SOCK_STREAM, 0}, BOTH},
    {"socketpair", {SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0}, BOTH},
    {"connect", {SYS_connect, 0, 0, 0}, BOTH},
    {"bind", {SYS_bind, 0, 0, 0}, BOTH},
    {"execve", {SYS_execve, (long)"/x", 0, 0}, BOTH},
    {"execveat", {SYS_execveat, 0, (long)"", 0, 0, AT_EMPTY_PATH}, BOTH},
    {"kill", {SYS_kill, 1, 0}, BOTH},
    {"tgkill", {SYS_tgkill, 1, 1, 0}, BOTH},
    {"ptrace", {SYS_ptrace, 0, 0, 0, 0}, BOTH},
    {"setuid", {SYS_setuid, 0}, BOTH},
    {"chroot", {SYS_chroot, (long)"/"}, BOTH},
    {"mkdir", {SYS_mkdirat, AT_FDCWD, (long)"/d", 0700}, BOTH},
    {"rename", {SYS_renameat2, 0, (long)"a", 0, (long)"b", 0}, BOTH},
    {"symlink", {SYS_symlinkat, (long)"a", 0, (long)"b"}, BOTH},
    {"vfork", {SYS_vfork}, BOTH},
    {"pidfd_getfd", {SYS_pidfd_getfd, 0, 0, 0}, BOTH},
    {"process_vm_readv", {SYS_process_vm_readv, 1, 0, 0, 0, 0, 0}, BOTH},
    {"io_uring", {SYS_io_uring_setup, 1, 0}, BOTH},
    {"bpf", {SYS_bpf, 0, 0, 0}, BOTH},
    {"sigaction", {SYS_rt_sigaction, SIGSYS, 0, 0, 8}, BOTH},
    {"setrlimit", {SYS_prlimit64, 0, RLIMIT_CORE, 0, 0}, BOTH},
    {"ioctl", {SYS_ioctl, 0, 0x5412, (long)"x"}, BOTH}, /* TIOCSTI */
    {"mmap exec",
	{SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0},
	BOTH},
    {"mprotect exec", {SYS_mprotect, 0, 4096, PROT_EXEC}, BOTH},
    {"pkey_mprotect", {SYS_pkey_mprotect, 0, 4096, PROT_READ, -1}, BOTH},
    {"prctl dumpable", {SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0}, BOTH},
    {"prctl name", {SYS_prctl, PR_SET_NAME, (long)"x", 0, 0, 0}, BOTH},
    {"fcntl dup", {SYS_fcntl, 0, F_DUPFD, 0}, BOTH},
    {"fcntl owner", {SYS_fcntl, 0, F_SETOWN, 1}, BOTH},
    {"fcntl lock", {SYS_fcntl, 0, F_SETLK, 0}, BOTH},
    {"send oob", {SYS_sendmsg, 0, 0, MSG_OOB}, BOTH},
    {"receive oob", {SYS_recvmsg, 0, 0, MSG_OOB}, BOTH},
    {"foreign ABI x32", {0x40000000 | SYS_getpid}, BOTH},
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

	rig_setup();
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		for (role = POLLER; role <= VERIFIER; role++) {
			t = tries[i];
			if ((t.roles & 1 << role) != 0)
				rig_killed(role, t.what, try_one, &t);
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
	rig_setup();
	rig_killed(POLLER, "int 0x80", call_i386, NULL);
	rig_killed(VERIFIER, "int 0x80", call_i386, NULL);
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
	rig_setup();
	rig_works(POLLER, no_thread, NULL);
	rig_works(VERIFIER, no_thread, NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, poller_is_killed_by_every_call_that_is_not_listed);
	ATF_TP_ADD_TC(tp, verifier_is_killed_by_every_call_that_is_not_listed);
	ATF_TP_ADD_TC(tp,
	    poller_and_verifier_are_killed_by_what_they_may_not_do);
#ifdef __x86_64__
	ATF_TP_ADD_TC(tp, poller_and_verifier_are_killed_by_an_i386_call);
#endif
	ATF_TP_ADD_TC(tp, poller_and_verifier_cannot_fork);
	return atf_no_error();
}
