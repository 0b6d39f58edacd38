#include "regress/tracee.h"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "where a call's number and arguments are is known for x86_64 only"
#endif

#define SYSCALL_LEN  2	  /* bytes of the instruction */
#define RED_ZONE     4096 /* below the stack, more than enough */
#define INT_80	     0x80cd
#define SYSCALL_STOP (SIGTRAP | 0x80)

static void
get_regs(pid_t pid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_GETREGS, pid, NULL, regs) == -1)
		err(1, "registers of %d", pid);
}

static void
set_regs(pid_t pid, const struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, regs) == -1)
		err(1, "registers of %d", pid);
}

/* On to the next entry or return of a call: false when it has ended. */
static bool
go_on(pid_t pid, int *status)
{
	unsigned long pass = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, pass) == -1 &&
		    errno != ESRCH)
			err(1, "trace %d", pid);
		if (waitpid(pid, status, __WALL) != pid)
			err(1, "wait for %d", pid);
		if (!WIFSTOPPED(*status))
			return false;
		if (WSTOPSIG(*status) == SYSCALL_STOP)
			return true;
		pass = 0;
		if (*status >> 16 == 0)
			pass = (unsigned long)WSTOPSIG(*status);
	}
}

void
tracee_seize(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL,
		PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == -1 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1)
		err(1, "trace %d", pid);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		errx(1, "%d has ended", pid);
	do {
		if (!go_on(pid, &status))
			errx(1, "%d has ended", pid);
		get_regs(pid, &regs);
	} while ((int64_t)regs.rax != -ENOSYS); /* it returns from one */
}

/*
 * From a call's entry, through its return, to where it goes on from `then`.  The
 * kernel reports the return of a call for which the filter kills, too.
 */
static struct outcome
outcome(pid_t pid, struct user_regs_struct *then)
{
	struct outcome o = {.ended = false};
	struct user_regs_struct regs;

	o.ended = !go_on(pid, &o.status);
	if (o.ended)
		return o;
	get_regs(pid, &regs);
	o.result = (int64_t)regs.rax;
	set_regs(pid, then);
	o.ended = !go_on(pid, &o.status);
	return o;
}

struct outcome
tracee_try(pid_t pid, const struct call *c)
{
	struct user_regs_struct own, regs;

	get_regs(pid, &own);
	regs = own;
	regs.orig_rax = c->nr;
	regs.rdi = c->args[0];
	regs.rsi = c->args[1];
	regs.rdx = c->args[2];
	regs.r10 = c->args[3];
	regs.r8 = c->args[4];
	regs.r9 = c->args[5];
	set_regs(pid, &regs);
	own.rip -= SYSCALL_LEN;
	own.rax = own.orig_rax;
	return outcome(pid, &own);
}

struct outcome
tracee_try_i386(pid_t pid, uint32_t nr)
{
	struct user_regs_struct own, regs;
	struct outcome o;
	uint64_t word;

	get_regs(pid, &own);
	errno = 0;
	word = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, own.rip, NULL);
	if (errno != 0 ||
	    ptrace(PTRACE_POKETEXT, pid, own.rip,
		(word & ~UINT64_C(0xffff)) | INT_80) == -1)
		err(1, "text of %d", pid);
	/* Its own call becomes a harmless one, and then it stands at ours. */
	regs = own;
	regs.orig_rax = SYS_getpid;
	set_regs(pid, &regs);
	regs.rax = nr;
	regs.orig_rax = UINT64_MAX;
	o = outcome(pid, &regs);
	if (o.ended)
		return o;
	if (ptrace(PTRACE_POKETEXT, pid, own.rip, word) == -1)
		err(1, "text of %d", pid);
	own.rip -= SYSCALL_LEN;
	own.rax = own.orig_rax;
	return outcome(pid, &own);
}

uint64_t
tracee_text(pid_t pid, const char *text)
{
	struct user_regs_struct regs;
	uint64_t at, word;
	size_t done, len = strlen(text) + 1, n;

	get_regs(pid, &regs);
	at = (regs.rsp - RED_ZONE) & ~UINT64_C(7);
	for (done = 0; done < len; done += n) {
		n = len - done < sizeof(word) ? len - done : sizeof(word);
		word = 0;
		memcpy(&word, text + done, n);
		if (ptrace(PTRACE_POKEDATA, pid, at + done, word) == -1)
			err(1, "stack of %d", pid);
	}
	return at;
}

void
tracee_let_go(pid_t pid)
{
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) == -1)
		err(1, "let %d go", pid);
}
