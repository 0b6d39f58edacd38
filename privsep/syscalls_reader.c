/*
 * What the web view's reader does: a loop, a process for each query, and what
 * these read of files that were opened before.  No open, no socket, no exec; no
 * base table, which has it that nobody forks.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include "privsep/syscalls.h"

#define FORK_FLAGS (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)

static const struct syscall_row syscalls_reader_rows[] = {
    /* the loop */
    ROW("epoll_ctl", "event loop"),
    ROW("epoll_wait", "event loop"),
    SIBLING("epoll_pwait", "the same, where epoll_wait is not a call"),
    ROW("timerfd_settime", "timers"),
    SIBLING("timerfd_settime64", "the same, 32 bit"),
    VDSO("clock_gettime", "now"),
    VDSO("clock_gettime64", "the same, 32 bit"),

    /* the channel to web, and that to the keeper */
    ROW("sendmsg", "answers", BIT_OFF(2, MSG_OOB)),
    ROW("recvmsg", "queries, new segments", BIT_OFF(2, MSG_OOB)),
    ROW("poll", "whether the keeper has said something"),
    SIBLING("ppoll", "the same, where poll is not a call"),
    ROW("getpid", "every message's header"),

    /* a process for each query, and its limits */
    ROW("clone", "fork", .arg = 0, .mask = ~0ull, .value = FORK_FLAGS),
    ROW("clone3", "never", .error = ENOSYS),
    ROW("set_robust_list", "what fork does in the new one"),
    SIBLING("rt_sigprocmask", "fork, since glibc 2.38"),
    ROW("dup2", "it prints into the answer"),
    SIBLING("dup3", "the same, where dup2 is not a call"),
    ROW("prlimit64", "its own limits", INT_IS(0, 0)),
    SIBLING("setrlimit", "the same, other libcs"),
    ROW("setpriority", "log verify, aside"),
    ROW("wait4", "its end"),
    ROW("kill", "one that takes 30 s, as no test waits", .unseen = true),

    /* answers */
    ROW("memfd_create", "one each"),
    ROW("write", "what a query prints"),
    ROW("pwrite64", "why there is none"),
    ROW("ftruncate", "instead of what was printed"),
    SIBLING("ftruncate64", "the same, 32 bit"),
    ROW("fcntl", "it stays as it is", INT_IS(1, F_ADD_SEALS)),
    SIBLING("fcntl64", "the same, 32 bit", INT_IS(1, F_ADD_SEALS)),

    /* the log */
    ROW("read", "inotify, signals, timers"),
    ROW("pread64", "records"),
    ROW("fcntl", "does the daemon run", INT_IS(1, F_GETLK)),
    SIBLING("fcntl64", "the same, 32 bit", INT_IS(1, F_GETLK64)),
    SIBLING("newfstatat", "fstat, up to glibc 2.38", BIT_ON(3, AT_EMPTY_PATH)),
    SIBLING("fstat", "the same, since"),
    SIBLING("fstat64", "the same, 32 bit"),
    SIBLING("fstatat64", "the same, 32 bit", BIT_ON(3, AT_EMPTY_PATH)),
    SIBLING("statx", "the same", BIT_ON(2, AT_EMPTY_PATH)),
    ROW("close", "descriptors"),

    /* memory */
    ROW("brk", "malloc"),
    ROW("mmap", "malloc", BIT_OFF(2, PROT_EXEC)),
    SIBLING("mmap2", "the same, 32 bit", BIT_OFF(2, PROT_EXEC)),
    SIBLING("munmap", "less of it, where a library gives back"),
    SIBLING("mremap", "more of it, where a list grows"),
    SIBLING("sysinfo", "qsort of much, before glibc 2.39"),

    /* ourselves */
    ROW("prctl", "the filter is read back", INT_IS(0, PR_GET_SECCOMP)),
    ROW("exit_group", "the end"),
};

SYSCALL_TABLE(syscalls_reader);
