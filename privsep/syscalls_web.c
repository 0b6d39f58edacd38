/*
 * What the web view's HTTP process does beyond syscalls_base.c: connections of
 * a socket that it was handed, and memory, none of which can be executed.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "privsep/syscalls.h"

static const struct syscall_row syscalls_web_rows[] = {
    /* connections */
    ROW("accept4", "a browser"),
    ROW("recvfrom", "what it asks"),
    ROW("sendto", "the answer"),
    ROW("setsockopt", "whether to wait for more", INT_IS(1, IPPROTO_TCP)),
    ROW("shutdown", "the answer's end"),

    /* memory */
    ROW("brk", "malloc"),
    ROW("mmap", "malloc, answers", BIT_OFF(2, PROT_EXEC)),
    SIBLING("mmap2", "the same, 32 bit", BIT_OFF(2, PROT_EXEC)),
    ROW("munmap", "malloc, answers"),
};

SYSCALL_TABLE(syscalls_web);
