#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "privsep/path.h"

const char *root = "";

void
at_root(char out[PATH_MAX], const char *path)
{
	if (path_join(out, PATH_MAX, root, path) == -1)
		fail_errno("%s%s", root, path);
}

int
keys_folder(bool change)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	at_root(path, PATH_KEYS);
	if (change && mkdir(path, 0700) == -1 && errno != EEXIST)
		fail_errno("%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT && !change)
		return -1;
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_errno("%s", path);
	if (st.st_uid != 0 || (st.st_mode & 022) != 0)
		fail("%s: others than root may write it", path);
	/* Two that change it at the same time take turns. */
	if (change && flock(fd, LOCK_EX) == -1)
		fail_errno("%s", path);
	return fd;
}

/* The daemon's rule for root's files, which forbid something to others. */
static const char *
file_fault(const struct stat *st, mode_t forbid)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (forbid != 0 && st->st_uid != 0)
		return "not owned by root";
	if ((st->st_mode & forbid & 022) != 0)
		return "others than root may write it";
	if ((st->st_mode & forbid) != 0)
		return "others than root may read it (chmod 600)";
	return NULL;
}

ssize_t
read_file(int dir, const char *name, void *buf, size_t size, mode_t forbid,
    const char **why)
{
	size_t used = 0;
	struct stat st;
	ssize_t n = -1;
	int fd, saved;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		goto out;
	errno = 0;
	*why = file_fault(&st, forbid);
	if (*why != NULL)
		goto out;
	while (used < size) {
		n = read(fd, (char *)buf + used, size - used);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (n != -1)
		n = (ssize_t)used;
out:
	saved = errno;
	close(fd);
	errno = saved;
	return n;
}

size_t
read_input(char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size) {
		n = read(STDIN_FILENO, buf + used, size - used);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			fail_errno("standard input");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return used;
}

size_t
read_draft(const char *file, char *text, size_t size, char shown[PATH_MAX])
{
	const char *why = NULL;
	ssize_t n;

	if (strcmp(file, "-") == 0) {
		memcpy(shown, "standard input", sizeof("standard input"));
		n = (ssize_t)read_input(text, size);
	} else {
		escape(shown, PATH_MAX, file, strlen(file));
		n = read_file(AT_FDCWD, file, text, size, 0, &why);
	}
	if (n == -1 && errno == 0)
		fail("%s: %s", file, why);
	if (n == -1)
		fail_errno("%s", file);
	if (n == (ssize_t)size)
		fail("%s: more than %zu KiB", shown, size / 1024);
	return (size_t)n;
}

bool
remove_file(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0)
		return true;
	if (errno != ENOENT)
		fail_errno("%s", name);
	return false;
}

void
sync_folder(int dir)
{
	if (fsync(dir) == -1)
		fail_errno("its folder: sync");
}

void
write_file(int dir, const char *name, const void *data, size_t len, mode_t mode,
    gid_t gid)
{
	char temporary[NAME_MAX];
	ssize_t n;
	int fd;

	n = snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		fail("%s: too long", name);
	/* What an earlier one left that did not come to its end. */
	if (unlinkat(dir, temporary, 0) == -1 && errno != ENOENT)
		fail_errno("%s", temporary);
	fd = openat(dir, temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		fail_errno("%s", temporary);
	n = write(fd, data, len);
	if (n != (ssize_t)len || fchown(fd, 0, gid) == -1 ||
	    fchmod(fd, mode) == -1 || fsync(fd) == -1 || close(fd) == -1 ||
	    renameat(dir, temporary, dir, name) == -1) {
		int saved = n >= 0 && n != (ssize_t)len ? ENOSPC : errno;

		unlinkat(dir, temporary, 0);
		errno = saved;
		fail_errno("%s", name);
	}
	sync_folder(dir);
}
