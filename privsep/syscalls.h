#ifndef PRIVSEP_SYSCALLS_H
#define PRIVSEP_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The system call tables: data alone, read by seccomp.c and by the tests.
 * A name that this architecture does not have is left out; that several libcs
 * reach the same thing by different calls is why it may be here.
 */
struct syscall_row {
	const char *name;
	const char *why;
	/* Only where argument arg, under mask, is value; mask 0: always. */
	unsigned int arg;
	uint64_t mask, value;
	/* 0: allowed (in a deny-list: never 0); else it fails with this. */
	int error;
};

struct syscall_table {
	const struct syscall_row *rows;
	size_t len;
};

/* What every sandboxed role does. */
extern const struct syscall_table syscalls_base;
/* Beyond that. */
extern const struct syscall_table syscalls_poller;
extern const struct syscall_table syscalls_verifier;
/* What parent, executor and every command may not do. */
extern const struct syscall_table syscalls_deny;

#define SYSCALL_TABLE(name)                             \
	const struct syscall_table name = {name##_rows, \
	    sizeof(name##_rows) / sizeof(name##_rows[0])}

#define ROW(n, w, ...)                                 \
	{                                              \
		.name = (n), .why = (w), ##__VA_ARGS__ \
	}
/* An argument of C type int: the kernel does not look at the upper half. */
#define INT_IS(n, v)  .arg = (n), .mask = 0xffffffff, .value = (uint32_t)(v)
#define BIT_OFF(n, b) .arg = (n), .mask = (uint64_t)(b), .value = 0
#define BIT_ON(n, b)  .arg = (n), .mask = (uint64_t)(b), .value = (uint64_t)(b)

#endif
