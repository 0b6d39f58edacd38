/*
 * What poller and verifier both do.  Left out on purpose: rt_sigprocmask,
 * gettid and tgkill, so that abort() ends by SIGSYS instead of SIGABRT;
 * sigaction and what returns from a handler, for neither has one; futex, for
 * neither has a thread; clone, execve, kill, prctl but for what is listed,
 * ioctl.
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>

#include "privsep/syscalls.h"

static const struct syscall_row syscalls_base_rows[] = {
    /* the loop */
    ROW("epoll_ctl", "event loop"),
    ROW("epoll_wait", "event loop"),
    SIBLING("epoll_pwait", "the same, where epoll_wait is not a call"),
    ROW("timerfd_settime", "timers"),
    SIBLING("timerfd_settime64", "the same, 32 bit"),

    /* descriptors */
    ROW("read", "timers; the poller's pipes and signals"),
    ROW("write", "memfds; the poller's pipes; the log's copy"),
    ROW("pread64", "a memfd shares its offset with its sender"),
    ROW("close", "descriptors"),
    ROW("fcntl", "seal a memfd", INT_IS(1, F_ADD_SEALS)),
    ROW("fcntl", "check its seals", INT_IS(1, F_GET_SEALS)),
    SIBLING("fcntl64", "32 bit", INT_IS(1, F_ADD_SEALS)),
    SIBLING("fcntl64", "32 bit", INT_IS(1, F_GET_SEALS)),
    ROW("memfd_create", "bodies, inputs, texts"),

    /* channels: MSG_OOB has been a way into the kernel */
    ROW("sendmsg", "channels", BIT_OFF(2, MSG_OOB)),
    ROW("recvmsg", "channels", BIT_OFF(2, MSG_OOB)),

    /* time: a real call where the vDSO does not serve, as under Xen */
    VDSO("clock_gettime", "now"),
    VDSO("clock_gettime64", "the same, 32 bit"),

    /* a library's thread: there is none, and it is told so */
    ROW("clone", "never", .error = ENOSYS),
    ROW("clone3", "never", .error = ENOSYS),

    /* ourselves */
    ROW("getpid", "every message's header"),
    ROW("prctl", "the filter is read back", INT_IS(0, PR_GET_SECCOMP)),
    ROW("exit_group", "the end"),
};

SYSCALL_TABLE(syscalls_base);
