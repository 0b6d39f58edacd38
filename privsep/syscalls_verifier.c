/*
 * What the verifier does beyond syscalls_base.c: files of its own folder, the
 * chroot, and locked memory.
 */
#include "privsep/syscalls.h"

static const struct syscall_row syscalls_verifier_rows[] = {
    ROW("openat", "segments of the log"),
    ROW("open", "the same, older libcs"),
    ROW("newfstatat", "what a name leads to"),
    ROW("fstatat64", "the same, 32 bit"),
    ROW("statx", "the same"),
    ROW("getdents64", "which segments there are"),
    ROW("fallocate", "room is reserved before a command runs"),
    ROW("fdatasync", "recorded, then run"),
    ROW("fsync", "the folder, after a segment was made"),
    ROW("linkat", "a segment gets its name when it is on disk"),
    ROW("link", "the same, other libcs"),
    ROW("unlinkat", "its first name; one that could not be begun"),
    ROW("unlink", "the same, other libcs"),
    ROW("fstatfs", "what is free on the log's disk"),
    ROW("fstatfs64", "the same, 32 bit"),
    ROW("mlock", "keys"),
    ROW("mlock2", "the same"),
    ROW("munlock", "the same"),
};

SYSCALL_TABLE(syscalls_verifier);
