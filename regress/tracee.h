#ifndef REGRESS_TRACEE_H
#define REGRESS_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * System calls put into a process that is not ours.  It stands at the entry of
 * a call of its own; another number and other arguments take the place of that
 * call's, so its own filter, which the kernel asks after the tracer, judges
 * them.  Afterwards it makes its own call, as if nothing had been.
 */
struct call {
	uint64_t nr, args[6];
};

struct outcome {
	bool ended;
	int status;	/* as waitpid(2) has it, where it has ended */
	int64_t result; /* else: -errno, or what it returned */
};

/* Stops it at the entry of its next call; it dies when we do. */
void tracee_seize(pid_t);
struct outcome tracee_try(pid_t, const struct call *);
/* The same by the i386 gate. */
struct outcome tracee_try_i386(pid_t, uint32_t nr);
/* Writes a short text where the process needs nothing, and says where. */
uint64_t tracee_text(pid_t, const char *);
void tracee_let_go(pid_t);

#endif
