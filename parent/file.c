#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

/* What keeps a file of root's from being believed; NULL: nothing. */
static const char *
file_fault(int fd, mode_t forbid)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_uid != 0)
		return "not owned by root";
	if ((st.st_mode & forbid & 022) != 0)
		return "others than root may write it";
	if ((st.st_mode & forbid) != 0)
		return "others than root may read it (chmod 600)";
	return NULL;
}

int
file_open(const char *path, mode_t forbid, char *err, size_t errsize)
{
	const char *fault;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1) {
		int e = errno;

		(void)snprintf(err, errsize, "%s: %s", path,
		    e == ELOOP ? "is a symbolic link" : strerror(e));
		errno = e;
		return -1;
	}
	fault = file_fault(fd, forbid);
	if (fault == NULL)
		return fd;
	(void)snprintf(err, errsize, "%s: %s", path, fault);
	(void)close(fd);
	errno = EPERM;
	return -1;
}

ssize_t
file_read(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	do {
		if (used == size) {
			errno = EFBIG;
			return -1;
		}
		n = pread(fd, buf + used, size - used, (off_t)used);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			used += (size_t)n;
	} while (n != 0);
	return (ssize_t)used;
}

int
file_sealed(const char *name, const void *data, size_t len)
{
	int fd, e;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (write(fd, data, len) == (ssize_t)len &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	e = errno;
	(void)close(fd);
	errno = e;
	return -1;
}

int
file_put(const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd, e;

	fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = write(fd, text, len);
	e = n == -1 ? errno : EIO;
	if (close(fd) == -1 || n != (ssize_t)len) {
		errno = e;
		return -1;
	}
	return 0;
}
