/*
 * What the verifier does beyond syscalls_base.c: files of its own folder, the
 * chroot, and memory, none of which can be executed.
 */
#include <sys/mman.h>

#include <fcntl.h>

#include "privsep/syscalls.h"

static const struct syscall_row syscalls_verifier_rows[] = {
    /* the log's folder */
    ROW("openat", "segments of the log"),
    SIBLING("open", "the same, other libcs"),
    ROW("getdents64", "which segments there are"),
    ROW("fcntl", "what reads a folder looks at", INT_IS(1, F_GETFL)),
    ROW("fcntl", "and sets", INT_IS(1, F_SETFD)),
    SIBLING("fcntl64", "32 bit", INT_IS(1, F_GETFL)),
    SIBLING("fcntl64", "32 bit", INT_IS(1, F_SETFD)),
    ROW("linkat", "a segment gets its name when it is on disk"),
    SIBLING("link", "the same, other libcs"),
    ROW("unlinkat", "its first name; one that could not be begun"),
    SIBLING("unlink", "the same, other libcs"),
    ROW("fsync", "the folder, after a segment was made"),
    ROW("fstatfs", "what is free on the log's disk"),
    SIBLING("fstatfs64", "the same, 32 bit"),

    /* its files, and what others send */
    SIBLING("newfstatat", "fstat, up to glibc 2.38", BIT_ON(3, AT_EMPTY_PATH)),
    SIBLING("fstat", "the same, since"),
    SIBLING("fstat64", "the same, 32 bit"),
    SIBLING("fstatat64", "the same, 32 bit", BIT_ON(3, AT_EMPTY_PATH)),
    SIBLING("statx", "the same", BIT_ON(2, AT_EMPTY_PATH)),
    ROW("pwrite64", "records"),
    ROW("fallocate", "room is reserved before a command runs"),
    ROW("fdatasync", "recorded, then run"),
    ROW("ftruncate", "what was reserved and not used"),
    SIBLING("ftruncate64", "the same, 32 bit"),

    /* memory */
    ROW("brk", "malloc"),
    ROW("mmap", "malloc", BIT_OFF(2, PROT_EXEC)),
    SIBLING("mmap2", "the same, 32 bit", BIT_OFF(2, PROT_EXEC)),
    ROW("munmap", "malloc"),
    SIBLING("sysinfo", "qsort of much, before glibc 2.39"),

    /* a log's first seed */
    ROW("getrandom", "a seed"),
};

SYSCALL_TABLE(syscalls_verifier);
