/* What the poller does beyond syscalls_base.c: it collects qvm-run's end. */
#include "privsep/syscalls.h"

static const struct syscall_row syscalls_poller_rows[] = {
    ROW("wait4", "qvm-run's status"),
    ROW("waitid", "the same"),
    ROW("waitpid", "the same, 32 bit"),
};

SYSCALL_TABLE(syscalls_poller);
