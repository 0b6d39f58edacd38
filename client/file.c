#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/file.h"

void
file_name(char out[NAME_SIZE], const char *prefix, const char *id,
    const char *suffix)
{
	int n = snprintf(out, NAME_SIZE, "%s%s%s", prefix, id, suffix);

	if (n < 0 || n >= NAME_SIZE)
		abort(); /* our own mistake: ids and suffixes are short */
}

int
file_open(int dir, const char *id, const char *suffix, uint64_t *len)
{
	char name[NAME_SIZE];
	struct stat st;
	int fd;

	file_name(name, "", id, suffix);
	fd = openat(dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return (-1);
	}
	*len = (uint64_t)st.st_size;
	return (fd);
}

void
close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

ssize_t
file_read_all(int fd, uint64_t len, void *buf, size_t size)
{
	size_t have = 0;
	ssize_t n = -1;

	if (len > size) {
		errno = EFBIG;
	} else {
		do {
			n = read(fd, (char *)buf + have, size - have);
			if (n > 0)
				have += (size_t)n;
		} while (n > 0 || (n == -1 && errno == EINTR));
	}
	close_quietly(fd);
	return (n == -1 ? -1 : (ssize_t)have);
}

ssize_t
file_read(int dir, const char *id, const char *suffix, void *buf, size_t size)
{
	uint64_t len;
	int fd = file_open(dir, id, suffix, &len);

	return (fd == -1 ? -1 : file_read_all(fd, len, buf, size));
}

bool
file_exists(int dir, const char *id, const char *suffix)
{
	char name[NAME_SIZE];

	file_name(name, "", id, suffix);
	return (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

int
write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

int
file_write(int dir, const char *id, const char *suffix, const void *buf,
    size_t len, int *keep)
{
	char name[NAME_SIZE], temp[NAME_SIZE];
	int fd, saved;

	file_name(name, "", id, suffix);
	file_name(temp, ".", id, suffix);
	fd = openat(dir, temp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return (-1);
	if (write_all(fd, buf, len) == 0 &&
	    renameat(dir, temp, dir, name) == 0) {
		if (keep != NULL)
			*keep = fd;
		else
			close(fd);
		return (0);
	}
	saved = errno;
	close(fd);
	unlinkat(dir, temp, 0);
	errno = saved;
	return (-1);
}

bool
file_remove(int dir, const char *id, const char *suffix)
{
	char name[NAME_SIZE];

	file_name(name, "", id, suffix);
	return (unlinkat(dir, name, 0) == 0);
}
