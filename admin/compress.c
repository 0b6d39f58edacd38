#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/log.h"
#include "admin/pack.h"
#include "privsep/path.h"

/*
 * log compress: closed segments but the newest two, the oldest first.  One is
 * removed when what takes its place was read back and is on disk.  The daemon
 * may prune meanwhile: what it has removed stays removed.
 */

#define NEW_NAME ".zst.new"

static struct {
	int folder;
	char name[AUDIT_SEGMENT_NAME_LEN + 1];
	char packed[AUDIT_PACKED_NAME_LEN + 1];
} work;

static int
open_folder(void)
{
	char path[PATH_MAX];
	int fd;

	at_root(path, PATH_LOG);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fail_errno("%s", path);
	return fd;
}

/* Two at a time would have one temporary name. */
static void
lock_out_others(void)
{
	int lock = lock_open();

	if (lock == -1)
		fail("there is no log");
	if (flock(lock, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			fail("another one is at work");
		fail_errno("its lock");
	}
}

static void __attribute__((noreturn)) give_up(const char *what, int error)
{
	(void)unlinkat(work.folder, NEW_NAME, 0);
	if (error == PACK_FAILED)
		fail("log segment %s: %s failed; it is as it was", work.name,
		    what);
	errno = error;
	fail_errno("log segment %s: %s; it is as it was", work.name, what);
}

static int
create(const struct stat *st)
{
	int fd;

	fd = openat(work.folder, NEW_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || fchown(fd, st->st_uid, st->st_gid) == -1)
		give_up("a new file", errno);
	return fd;
}

/* What is packed, on disk, with the segment's time. */
static void
write_packed(int segment, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int fd = create(st), error;

	error = pack(segment, fd);
	if (error != 0)
		give_up("packing", error);
	error = pack_check(segment, fd);
	if (error != 0)
		give_up("reading it back", error);
	if (futimens(fd, times) == -1 || fsync(fd) == -1)
		give_up("sync", errno);
	close(fd);
}

/* Readers wait.  False: it was pruned in the meantime. */
static bool
replace(void)
{
	bool there;

	if (flock(work.folder, LOCK_EX) == -1 ||
	    renameat(work.folder, NEW_NAME, work.folder, work.packed) == -1)
		give_up("its new name", errno);
	if (fsync(work.folder) == -1)
		fail_errno("its folder: sync");
	there = remove_file(work.folder, work.name);
	if (!there)
		(void)remove_file(work.folder, work.packed);
	(void)flock(work.folder, LOCK_UN);
	return there;
}

static void
compress(const struct segment *s)
{
	struct stat st, now;

	segment_name(work.name, s->first);
	packed_name(work.packed, s->first);
	if (fstat(s->fd, &st) == -1)
		give_up("reading it", errno);
	write_packed(s->fd, &st);
	if (fstatat(work.folder, NEW_NAME, &now, AT_SYMLINK_NOFOLLOW) == -1)
		give_up("reading it", errno);
	if (replace())
		printf("%s: %jd KiB, now %jd KiB\n", work.packed,
		    (intmax_t)st.st_size / 1024, (intmax_t)now.st_size / 1024);
	finish_output();
}

int
command_log_compress(int argc, char **argv)
{
	struct log log = {.lock = -1};
	size_t i;

	(void)argv;
	if (argc > 1)
		usage_error("log compress: too many words");
	work.folder = open_folder();
	lock_out_others();
	/* What one left that did not come to its end. */
	(void)remove_file(work.folder, NEW_NAME);
	segments_open(&log, work.folder, 0);
	for (i = 0; i + 2 < log.count; i++) {
		if (!log.segments[i].packed)
			compress(&log.segments[i]);
	}
	return 0;
}
