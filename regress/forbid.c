/*
 * forbid: a role of the daemon is made to do what it may not.
 *
 *   forbid ROOT LIBEXEC poller | verifier
 *       Starts LIBEXEC's own again and again, in their real sandbox, with ROOT
 *       before their paths.  Every system call that is, every value of an
 *       argument that its table speaks of, and every foreign ABI is its end, or
 *       what the table says.
 *   forbid PID deny
 *       The running parent or executor: each call of the deny-list fails as
 *       the table says.  It lives on.
 *   forbid PID NUMBER | i386
 *       That call, or one by the i386 gate, and nothing else: prints what
 *       became of it.
 *
 * A line for each thing that is not as it should be (exit 1), and how many were
 * tried.  Bad arguments: what is allowed does nothing.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/syscalls.h"
#include "regress/start.h"
#include "regress/tracee.h"

#define NUMBERS_MAX 4096 /* far beyond the newest */
#define BEYOND	    64	 /* numbers that no library knows yet */
#define X32_BIT	    UINT64_C(0x40000000)
#define X32_FIRST   512 /* numbers of x32 alone, without its bit */
#define X32_END	    548
#define BAD	    UINT64_MAX /* as an argument */
#define KILLED	    INT_MIN    /* what a table says */

static enum role role;
static const char *root, *libexec;
static struct started now;
static bool lives;
static unsigned int tried, wrong;

static void __attribute__((format(printf, 2, 3)))
complain(const struct call *c, const char *fmt, ...)
{
	char *name;
	va_list ap;

	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)c->nr);
	printf("%s: call %#llx (%s) with %#llx %#llx %#llx %#llx: ",
	    role_name(role), (unsigned long long)c->nr,
	    name != NULL ? name : "no name", (unsigned long long)c->args[0],
	    (unsigned long long)c->args[1], (unsigned long long)c->args[2],
	    (unsigned long long)c->args[3]);
	free(name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	wrong++;
}

/* The process that is tried, at the entry of a call. */
static pid_t
tracee(void)
{
	if (!lives) {
		start_role(&now, role, root, libexec);
		tracee_seize(now.pid);
		lives = true;
	}
	return now.pid;
}

static void
ended(void)
{
	start_forget(&now);
	lives = false;
	/* qvm-run, whose poller is gone */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

static bool
by_filter(const struct outcome *o)
{
	return o->ended && WIFSIGNALED(o->status) &&
	    WTERMSIG(o->status) == SIGSYS;
}

/* What the table says: KILLED, 0 for allowed, or an errno. */
static int
row_verdict(const struct syscall_row *row, const struct call *c)
{
	int nr = seccomp_syscall_resolve_name(row->name);

	if (nr < 0 || (uint64_t)nr != c->nr)
		return KILLED;
	if (row->mask != 0 && (c->args[row->arg] & row->mask) != row->value)
		return KILLED;
	return row->error;
}

static int
table_verdict(const struct syscall_table *t, const struct call *c)
{
	int verdict = KILLED;
	size_t i;

	for (i = 0; i < t->len && verdict == KILLED; i++)
		verdict = row_verdict(&t->rows[i], c);
	return verdict;
}

static const struct syscall_table *
own_table(void)
{
	return role == ROLE_POLLER ? &syscalls_poller : &syscalls_verifier;
}

static int
role_verdict(const struct call *c)
{
	int verdict = table_verdict(&syscalls_base, c);

	return verdict == KILLED ? table_verdict(own_table(), c) : verdict;
}

static void
try_call(const struct call *c)
{
	int verdict = role_verdict(c);
	struct outcome o;

	o = tracee_try(tracee(), c);
	tried++;
	if (verdict == KILLED && !by_filter(&o))
		complain(c, "not killed");
	else if (verdict != KILLED && by_filter(&o))
		complain(c, "killed");
	else if (verdict > 0 && (o.ended || o.result != -verdict))
		complain(c, "not refused as the table says");
	if (o.ended)
		ended();
}

static struct call
bad_call(uint64_t nr)
{
	const struct call c = {nr, {BAD, BAD, BAD, BAD, BAD, BAD}};

	return c;
}

/*
 * No filter sees uretprobe and uprobe in newer kernels: they are the kernel's
 * own trampolines, and SIGILL for whoever else calls them.
 */
static bool
is_trampoline(int nr)
{
	return nr == 335 || nr == 336;
}

/* The end of what the library knows, and more. */
static int
numbers_end(void)
{
	int nr, end = 0;
	char *name;

	for (nr = 0; nr < NUMBERS_MAX; nr++) {
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
		if (name != NULL)
			end = nr + 1;
		free(name);
	}
	return end + BEYOND;
}

static void
try_numbers(void)
{
	struct call c;
	int nr, end = numbers_end();

	for (nr = 0; nr < end || nr < X32_END; nr++) {
		c = bad_call((uint64_t)nr);
		if (!is_trampoline(nr))
			try_call(&c);
	}
}

/* Each bit of a row's argument, small numbers, and those that start at 1024. */
static void
try_values(const struct syscall_row *row)
{
	struct call c =
	    bad_call((uint64_t)seccomp_syscall_resolve_name(row->name));
	uint64_t *value = &c.args[row->arg];
	int bit;

	for (*value = 0; *value < 80; ++*value)
		try_call(&c);
	for (*value = 1024; *value < 1048; ++*value)
		try_call(&c);
	for (bit = 7; bit < 32; bit++) {
		*value = UINT64_C(1) << bit;
		try_call(&c);
	}
	/* What the kernel does not look at must not decide. */
	*value = row->value | UINT64_C(1) << 32;
	try_call(&c);
	*value = row->value;
	try_call(&c);
}

static bool
is_first_of_its_name(const struct syscall_table *t, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(t->rows[j].name, t->rows[i].name) == 0)
			return false;
	return true;
}

static void
try_arguments(const struct syscall_table *t)
{
	const struct syscall_row *row;
	size_t i;

	for (i = 0; i < t->len; i++) {
		row = &t->rows[i];
		if (row->mask != 0 && is_first_of_its_name(t, i) &&
		    seccomp_syscall_resolve_name(row->name) >= 0)
			try_values(row);
	}
}

/* What the table allows, with the numbers of other ABIs. */
static void
try_foreign(const struct syscall_table *t)
{
	struct outcome o;
	struct call c;
	size_t i;
	int nr;

	for (i = 0; i < t->len; i++) {
		nr = seccomp_syscall_resolve_name(t->rows[i].name);
		if (nr >= 0) {
			c = bad_call(X32_BIT | (uint64_t)nr);
			try_call(&c);
		}
		nr = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86,
		    t->rows[i].name);
		if (nr < 0)
			continue;
		c = bad_call((uint64_t)nr);
		o = tracee_try_i386(tracee(), (uint32_t)nr);
		tried++;
		if (!by_filter(&o))
			complain(&c, "not killed by the i386 gate");
		if (o.ended)
			ended();
	}
}

/* Whatever the tables say: what the design's table of processes forbids. */
#define BOTH   (1u << ROLE_POLLER | 1u << ROLE_VERIFIER)
#define POLLER (1u << ROLE_POLLER)
static const struct {
	unsigned int roles;
	struct call call;
} never[] = {
    {POLLER, {SYS_open, {BAD, O_RDONLY}}},
    {POLLER, {SYS_openat, {BAD, BAD, O_RDONLY}}},
    {POLLER, {SYS_newfstatat, {BAD, BAD, BAD, 0}}},
    {POLLER, {SYS_getdents64, {BAD, BAD, BAD}}},
    {BOTH, {SYS_openat2, {BAD, BAD, BAD, BAD}}},
    {BOTH, {SYS_open_by_handle_at, {BAD, BAD, BAD}}},
    {BOTH, {SYS_readlinkat, {BAD, BAD, BAD, BAD}}},
    {BOTH, {SYS_mkdirat, {BAD, BAD, 0}}},
    {BOTH, {SYS_mknodat, {BAD, BAD, 0, 0}}},
    {BOTH, {SYS_renameat2, {BAD, BAD, BAD, BAD, 0}}},
    {BOTH, {SYS_symlinkat, {BAD, BAD, BAD}}},
    {BOTH, {SYS_chroot, {BAD}}},
    {BOTH, {SYS_mount, {BAD, BAD, BAD, 0, BAD}}},
    {BOTH, {SYS_socket, {1, 1, 0}}},
    {BOTH, {SYS_socketpair, {1, 1, 0, BAD}}},
    {BOTH, {SYS_connect, {BAD, BAD, 0}}},
    {BOTH, {SYS_bind, {BAD, BAD, 0}}},
    {BOTH, {SYS_accept4, {BAD, BAD, BAD, 0}}},
    {BOTH, {SYS_sendto, {BAD, BAD, 0, 0, BAD, 0}}},
    {BOTH, {SYS_sendmsg, {BAD, BAD, MSG_OOB}}},
    {BOTH, {SYS_recvmsg, {BAD, BAD, MSG_OOB}}},
    {BOTH, {SYS_execve, {BAD, BAD, BAD}}},
    {BOTH, {SYS_execveat, {BAD, BAD, BAD, BAD, AT_EMPTY_PATH}}},
    {BOTH, {SYS_vfork, {0}}},
    {BOTH, {SYS_clone, {SIGCHLD, 0, 0, 0, 0}}},
    {BOTH, {SYS_clone3, {BAD, 0}}},
    {BOTH, {SYS_kill, {1, 0}}},
    {BOTH, {SYS_tgkill, {1, 1, 0}}},
    {BOTH, {SYS_pidfd_open, {1, 0}}},
    {BOTH, {SYS_pidfd_getfd, {BAD, 0, 0}}},
    {BOTH, {SYS_ptrace, {BAD, 0, 0, 0}}},
    {BOTH, {SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}}},
    {BOTH, {SYS_setuid, {0}}},
    {BOTH, {SYS_unshare, {0}}},
    {BOTH, {SYS_setns, {BAD, 0}}},
    {BOTH, {SYS_bpf, {BAD, 0, 0}}},
    {BOTH, {SYS_io_uring_setup, {1, 0}}},
    {BOTH, {SYS_seccomp, {BAD, 0, 0}}},
    {BOTH, {SYS_rt_sigaction, {BAD, 0, 0, 8}}},
    {BOTH, {SYS_prlimit64, {0, BAD, 0, 0}}},
    {BOTH, {SYS_ioctl, {BAD, 0x5412, BAD}}}, /* TIOCSTI */
    {BOTH, {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, BAD, BAD, BAD}}},
    {BOTH, {SYS_mprotect, {BAD, 4096, PROT_EXEC}}},
    {BOTH, {SYS_pkey_mprotect, {BAD, 4096, PROT_READ, BAD}}},
    {BOTH, {SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}}},
    {BOTH, {SYS_prctl, {PR_SET_NAME, BAD, 0, 0, 0}}},
    {BOTH, {SYS_fcntl, {BAD, F_DUPFD, 0}}},
    {BOTH, {SYS_fcntl, {BAD, F_SETOWN, 1}}},
    {BOTH, {SYS_fcntl, {BAD, F_SETLK, 0}}},
};

static bool
is_refused(const struct call *c, const struct outcome *o)
{
	/* What libc tries and does without. */
	if (c->nr == SYS_clone || c->nr == SYS_clone3)
		return !o->ended && o->result == -ENOSYS;
	return by_filter(o);
}

static void
try_never(void)
{
	struct outcome o;
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if ((never[i].roles & 1u << role) == 0)
			continue;
		o = tracee_try(tracee(), &never[i].call);
		tried++;
		if (!is_refused(&never[i].call, &o))
			complain(&never[i].call, "never allowed");
		if (o.ended)
			ended();
	}
}

/* The verifier's own folder is all that there is. */
static void
try_paths(void)
{
	static const char *const paths[] = {"/etc/passwd", "etc/passwd",
	    "../etc/passwd", "/../../../../etc/passwd", "/proc/self/root",
	    "/dev/null"};
	struct call c = {.nr = SYS_openat};
	struct outcome o;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (fd = -1; fd < 16; fd++) {
			c.args[0] = (uint64_t)(fd == -1 ? AT_FDCWD : fd);
			c.args[1] = tracee_text(tracee(), paths[i]);
			c.args[2] = O_RDONLY;
			o = tracee_try(tracee(), &c);
			tried++;
			if (o.ended ||
			    (o.result != -ENOENT && o.result != -ENOTDIR &&
				o.result != -EBADF))
				complain(&c, "%s, from %d: %lld", paths[i], fd,
				    (long long)o.result);
			if (o.ended)
				ended();
		}
}

static void
try_role(void)
{
	/* What qvm-run was is ours when its poller has ended. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		err(1, "prctl");
	try_numbers();
	try_arguments(&syscalls_base);
	try_arguments(own_table());
	try_foreign(&syscalls_base);
	try_foreign(own_table());
	try_never();
	if (role == ROLE_VERIFIER)
		try_paths();
	if (lives)
		kill(now.pid, SIGKILL);
}

static void
try_denied(pid_t pid)
{
	const struct syscall_row *row;
	struct outcome o;
	struct call c;
	size_t i;
	int nr;

	role = ROLE_PARENT;
	tracee_seize(pid);
	for (i = 0; i < syscalls_deny.len; i++) {
		row = &syscalls_deny.rows[i];
		nr = seccomp_syscall_resolve_name(row->name);
		if (nr < 0)
			continue;
		c = bad_call((uint64_t)nr);
		o = tracee_try(pid, &c);
		tried++;
		if (o.ended || o.result != -row->error)
			complain(&c, "not refused as the table says");
		if (o.ended)
			return;
	}
	tracee_let_go(pid);
}

static void
try_once(pid_t pid, const char *what)
{
	struct call c;
	struct outcome o;

	tracee_seize(pid);
	if (strcmp(what, "i386") == 0)
		o = tracee_try_i386(pid, 20);
	else {
		c = bad_call(strtoul(what, NULL, 0));
		o = tracee_try(pid, &c);
	}
	tried++;
	if (!o.ended) {
		printf("%lld\n", (long long)o.result);
		tracee_let_go(pid);
	} else if (WIFSIGNALED(o.status))
		printf("killed by signal %d\n", WTERMSIG(o.status));
	else
		printf("ended with status %d\n", WEXITSTATUS(o.status));
}

static pid_t
pid_of(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (end == text || *end != '\0' || pid <= 1 || pid > INT_MAX)
		errx(2, "%s: not a process", text);
	return (pid_t)pid;
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[2], "deny") == 0)
		try_denied(pid_of(argv[1]));
	else if (argc == 3) {
		try_once(pid_of(argv[1]), argv[2]);
		return 0;
	} else if (argc == 4) {
		root = argv[1];
		libexec = argv[2];
		role = strcmp(argv[3], "poller") == 0 ? ROLE_POLLER
						      : ROLE_VERIFIER;
		try_role();
	} else
		errx(2, "see the head of regress/forbid.c");
	printf("%u tried, %u wrong\n", tried, wrong);
	return wrong != 0;
}
