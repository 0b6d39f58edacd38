/*
 * rows: the system call tables of poller and verifier, for `used`: a line a
 * row, in hex: table, call, argument, mask, value, and whether its use must be
 * seen.
 */
#include <inttypes.h>
#include <stdio.h>

#include "privsep/syscalls.h"

static void
print(const char *name, const struct syscall_table *t)
{
	const struct syscall_row *row;

	for (row = t->rows; row < t->rows + t->len; row++)
		printf("%s %s %x %" PRIx64 " %" PRIx64 " %d\n", name, row->name,
		    row->arg, row->mask, row->value,
		    !row->unseen && row->error == 0);
}

int
main(void)
{
	print("base", &syscalls_base);
	print("poller", &syscalls_poller);
	print("verifier", &syscalls_verifier);
	print("web", &syscalls_web);
	print("reader", &syscalls_reader);
	return 0;
}
