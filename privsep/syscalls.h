#ifndef PRIVSEP_SYSCALLS_H
#define PRIVSEP_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system call tables: data alone, read by seccomp.c and by the tests.
 * A name that this architecture does not have is left out.  What the tests have
 * never seen used is not here, unless it is marked.
 */
struct syscall_row {
	const char *name;
	const char *why;
	/* Only where argument arg, under mask, is value; mask 0: always. */
	unsigned int arg;
	uint64_t mask, value;
	/* 0: allowed (in a deny-list: never 0); else it fails with this. */
	int error;
	/* The tests need not see it used: SIBLING, VDSO. */
	bool unseen;
};

struct syscall_table {
	const struct syscall_row *rows;
	size_t len;
};

/* What every sandboxed role of the daemon does, and web. */
extern const struct syscall_table syscalls_base;
/* Beyond that. */
extern const struct syscall_table syscalls_poller;
extern const struct syscall_table syscalls_verifier;
extern const struct syscall_table syscalls_web;
/* All that the web view's reader does: it forks, as nobody else may. */
extern const struct syscall_table syscalls_reader;
/* What parent, executor and every command may not do. */
extern const struct syscall_table syscalls_deny;

#define SYSCALL_TABLE(name)                             \
	const struct syscall_table name = {name##_rows, \
	    sizeof(name##_rows) / sizeof(name##_rows[0])}

#define ROW(n, w, ...)                                 \
	{                                              \
		.name = (n), .why = (w), ##__VA_ARGS__ \
	}
/* What another libc, or another architecture, does instead. */
#define SIBLING(n, w, ...) ROW(n, w, .unseen = true, ##__VA_ARGS__)
/* What is a call only where the vDSO does not serve. */
#define VDSO(n, w) ROW(n, w, .unseen = true)
/* An argument of C type int: the kernel does not look at the upper half. */
#define INT_IS(n, v)  .arg = (n), .mask = 0xffffffff, .value = (uint32_t)(v)
#define BIT_OFF(n, b) .arg = (n), .mask = (uint64_t)(b), .value = 0
#define BIT_ON(n, b)  .arg = (n), .mask = (uint64_t)(b), .value = (uint64_t)(b)

#endif
