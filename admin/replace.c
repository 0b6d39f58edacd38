#include "admin/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/pack.h"
#include "privsep/path.h"

#define NEW_NAME ".rewritten"

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

/* A crash came between a segment's new name and the end of its old one. */
static void
remove_doubles(int folder)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];
	struct log log = {.lock = -1};
	size_t i;

	segments_open(&log, folder, 0);
	for (i = 0; i < log.count; i++) {
		packed_name(name, log.segments[i].first);
		if (!log.segments[i].packed)
			(void)remove_file(folder, name);
		close(log.segments[i].fd);
	}
	free(log.segments);
}

int
replace_begin(void)
{
	int folder = open_folder(), lock = lock_open();

	if (lock == -1)
		fail("there is no log");
	if (flock(lock, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			fail("another `log compress` or `log erase` is at "
			     "work");
		fail_errno("its lock");
	}
	(void)remove_file(folder, NEW_NAME);
	remove_doubles(folder);
	return folder;
}

void
replace_failed(int folder, const struct segment *s, const char *what, int error)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];

	if (s->packed)
		packed_name(name, s->first);
	else
		segment_name(name, s->first);
	(void)unlinkat(folder, NEW_NAME, 0);
	if (error == PACK_FAILED)
		fail("log segment %s: %s failed; it is as it was", name, what);
	errno = error;
	fail_errno("log segment %s: %s; it is as it was", name, what);
}

int
replace_create(int folder, const struct segment *s, const struct stat *st)
{
	int fd;

	fd = openat(folder, NEW_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || fchown(fd, st->st_uid, st->st_gid) == -1)
		replace_failed(folder, s, "a new file", errno);
	return fd;
}

void
replace_forget(int folder, const struct segment *s)
{
	if (unlinkat(folder, NEW_NAME, 0) == -1)
		replace_failed(folder, s, "the new file", errno);
}

void
replace_sync(int folder, int fd, const struct segment *s, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (futimens(fd, times) == -1 || fsync(fd) == -1)
		replace_failed(folder, s, "sync", errno);
}

/* By another name: the old one goes when the new one is on disk. */
static bool
rename_and_remove(int folder, const struct segment *s, const char *from,
    const char *to)
{
	bool there;

	if (renameat(folder, NEW_NAME, folder, to) == -1)
		replace_failed(folder, s, "its new name", errno);
	sync_folder(folder);
	there = remove_file(folder, from);
	if (!there)
		(void)remove_file(folder, to);
	return there;
}

/* By the same name: only where it is there. */
static bool
exchange(int folder, const struct segment *s, const char *name)
{
	bool there;

	there = renameat2(folder, NEW_NAME, folder, name, RENAME_EXCHANGE) == 0;
	if (!there && errno != ENOENT)
		replace_failed(folder, s, "its new name", errno);
	if (there)
		sync_folder(folder);
	(void)remove_file(folder, NEW_NAME);
	return there;
}

bool
replace_segment(int folder, const struct segment *s, bool packed)
{
	char plain[AUDIT_SEGMENT_NAME_LEN + 1];
	char other[AUDIT_PACKED_NAME_LEN + 1];
	bool there;

	segment_name(plain, s->first);
	packed_name(other, s->first);
	/* Readers wait. */
	if (flock(folder, LOCK_EX) == -1)
		replace_failed(folder, s, "its folder's lock", errno);
	if (packed)
		there = rename_and_remove(folder, s, plain, other);
	else if (s->packed)
		there = rename_and_remove(folder, s, other, plain);
	else
		there = exchange(folder, s, plain);
	if (flock(folder, LOCK_UN) == -1)
		fail_errno("the folder's lock");
	return there;
}
