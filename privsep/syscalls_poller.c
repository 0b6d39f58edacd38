/*
 * What the poller does beyond syscalls_base.c: it collects qvm-run's end.  It
 * allocates nothing, so it needs no memory from the kernel.
 */
#include "privsep/syscalls.h"

static const struct syscall_row syscalls_poller_rows[] = {
    ROW("wait4", "qvm-run's status"),
    SIBLING("waitid", "the same, where wait4 is not a call"),
};

SYSCALL_TABLE(syscalls_poller);
