/*
 * What poller and verifier both do.  Left out on purpose: rt_sigprocmask,
 * gettid and tgkill, so that abort() ends by SIGSYS instead of SIGABRT;
 * sigaction, clone, execve, kill, prctl but for what is listed, ioctl.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>

#include "privsep/syscalls.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static const struct syscall_row syscalls_base_rows[] = {
    /* the loop */
    ROW("epoll_ctl", "event loop"),
    ROW("epoll_wait", "event loop"),
    ROW("epoll_pwait", "the same, where epoll_wait is not a call"),
    ROW("epoll_pwait2", "the same, with a longer time"),
    ROW("timerfd_settime", "timers"),
    ROW("timerfd_settime64", "the same, 32 bit"),
    ROW("poll", "wait for one descriptor"),
    ROW("ppoll", "the same, where poll is not a call"),
    ROW("ppoll_time64", "the same, 32 bit"),
    ROW("restart_syscall", "an interrupted wait goes on"),
    ROW("rt_sigreturn", "a tracer's signal"),
    ROW("sigreturn", "the same, 32 bit"),

    /* descriptors */
    ROW("read", "timers, signals, pipes, memfds"),
    ROW("readv", "the same"),
    ROW("write", "memfds, pipes, files"),
    ROW("writev", "the same"),
    ROW("pread64", "a memfd shares its offset with its sender"),
    ROW("preadv", "the same"),
    ROW("pwrite64", "memfds, files"),
    ROW("pwritev", "the same"),
    ROW("lseek", "stdio"),
    ROW("_llseek", "the same, 32 bit"),
    ROW("close", "descriptors"),
    ROW("fstat", "sizes"),
    ROW("fstat64", "the same, 32 bit"),
    ROW("newfstatat", "fstat of some libcs", BIT_ON(3, AT_EMPTY_PATH)),
    ROW("fstatat64", "the same, 32 bit", BIT_ON(3, AT_EMPTY_PATH)),
    ROW("statx", "the same", BIT_ON(2, AT_EMPTY_PATH)),
    ROW("fcntl", "descriptors' flags", INT_IS(1, F_GETFD)),
    ROW("fcntl", "descriptors' flags", INT_IS(1, F_SETFD)),
    ROW("fcntl", "descriptors' flags", INT_IS(1, F_GETFL)),
    ROW("fcntl", "non-blocking", INT_IS(1, F_SETFL)),
    ROW("fcntl", "duplicates", INT_IS(1, F_DUPFD_CLOEXEC)),
    ROW("fcntl", "seal a memfd", INT_IS(1, F_ADD_SEALS)),
    ROW("fcntl", "check its seals", INT_IS(1, F_GET_SEALS)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_GETFD)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_SETFD)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_GETFL)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_SETFL)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_DUPFD_CLOEXEC)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_ADD_SEALS)),
    ROW("fcntl64", "32 bit", INT_IS(1, F_GET_SEALS)),
    ROW("memfd_create", "bodies, inputs, texts"),
    ROW("ftruncate", "their size; the log's"),
    ROW("ftruncate64", "the same, 32 bit"),

    /* channels: MSG_OOB has been a way into the kernel */
    ROW("sendmsg", "channels", BIT_OFF(2, MSG_OOB)),
    ROW("recvmsg", "channels", BIT_OFF(2, MSG_OOB)),

    /* memory: none that can be executed */
    ROW("brk", "malloc"),
    ROW("mmap", "malloc, memfds, getrandom's page", BIT_OFF(2, PROT_EXEC)),
    ROW("mmap2", "the same, 32 bit", BIT_OFF(2, PROT_EXEC)),
    ROW("mprotect", "malloc", BIT_OFF(2, PROT_EXEC)),
    ROW("munmap", "malloc"),
    ROW("mremap", "realloc"),
    ROW("madvise", "malloc; keep keys out of dumps"),

    /* time: real calls where the vDSO does not serve, as under Xen */
    ROW("clock_gettime", "now"),
    ROW("clock_gettime64", "the same, 32 bit"),
    ROW("clock_getres", "now"),
    ROW("clock_getres_time64", "the same, 32 bit"),
    ROW("gettimeofday", "now"),
    ROW("time", "now"),

    /* what a libc does unasked */
    ROW("getrandom", "malloc's and our own randomness"),
    ROW("sched_getaffinity", "the first getrandom of glibc 2.41"),
    ROW("prctl", "the same names its page", INT_IS(0, PR_SET_VMA)),
    ROW("sysinfo", "qsort before glibc 2.37"),
    ROW("futex", "locks within the libc"),
    ROW("futex_time64", "the same, 32 bit"),
    ROW("rseq", "registered anew by some"),
    ROW("set_robust_list", "the same"),
    ROW("clone", "never: a library's thread", .error = ENOSYS),
    ROW("clone3", "the same", .error = ENOSYS),

    /* ourselves */
    ROW("getpid", "every message's header"),
    ROW("prctl", "the filter is read back", INT_IS(0, PR_GET_SECCOMP)),
    ROW("exit", "the end"),
    ROW("exit_group", "the end"),
};

SYSCALL_TABLE(syscalls_base);
