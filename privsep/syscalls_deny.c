/*
 * What parent, executor, qvm-run and every command may not do: calls that no
 * administration command needs, and that attacks on the kernel are made of.
 * It narrows what a command that runs as another user can try; root has other
 * ways.  Not here, since tools of an administrator use them: bpf, keyctl,
 * perf_event_open, ptrace, mount, unshare, init_module, personality.
 *
 * Foreign ABIs (x32, i386) are no row: they end the process.
 */
#include <errno.h>

#include "privsep/syscalls.h"

static const struct syscall_row syscalls_deny_rows[] = {
    ROW("kexec_load", "another kernel in the place of this one",
	.error = EPERM),
    ROW("kexec_file_load", "the same", .error = EPERM),
    ROW("userfaultfd", "holds the kernel still in the middle of a race",
	.error = EPERM),
    ROW("io_uring_setup", "does calls that no filter sees", .error = ENOSYS),
    ROW("io_uring_enter", "the same", .error = ENOSYS),
    ROW("io_uring_register", "the same", .error = ENOSYS),
    ROW("modify_ldt", "segments of 16-bit programs", .error = ENOSYS),
    ROW("vm86", "the same", .error = ENOSYS),
    ROW("vm86old", "the same", .error = ENOSYS),
    ROW("lookup_dcookie", "of an old profiler", .error = ENOSYS),
    ROW("uselib", "of a.out", .error = ENOSYS),
    ROW("_sysctl", "gone from the kernel", .error = ENOSYS),
    ROW("nfsservctl", "gone from the kernel", .error = ENOSYS),
};

SYSCALL_TABLE(syscalls_deny);
