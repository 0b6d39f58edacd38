#include "poller/body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "privsep/log.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* since Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int
body_open(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd == -1)
		fatal("memfd_create");
	return fd;
}

void
body_append(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno != EINTR)
			fatal("memfd: write");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void
body_seal(int fd)
{
	int seals;

	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		fatal("memfd: seal");
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & SEALS) != SEALS)
		fatalx("memfd: not sealed");
}
