#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "client/socket.h"
#include "wire/limits.h"

#define SOCKET_NAME "agent.sock"
#define BACKLOG	    64

/* A home's path may be longer than sun_path; this one is not. */
static int
address(const struct home *h, struct sockaddr_un *sun)
{
	int n;

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(sun->sun_path, sizeof(sun->sun_path),
	    "/proc/self/fd/%d/" SOCKET_NAME, h->dir);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int
socket_connect(const struct home *h)
{
	struct sockaddr_un sun;
	int fd = address(h, &sun);

	if (fd == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	close(fd);
	return (-1);
}

int
socket_listen(const struct home *h)
{
	struct sockaddr_un sun;
	int saved, bound, fd = address(h, &sun);
	mode_t mask;

	if (fd == -1)
		return (-1);
	if (unlinkat(h->dir, SOCKET_NAME, 0) == -1 && errno != ENOENT) {
		close(fd);
		return (-1);
	}
	mask = umask(0177); /* 0600 from its first moment */
	bound = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (bound == 0 && listen(fd, BACKLOG) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

int
socket_send_id(int fd, const char *word, const char *id)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line), "%s%s\n", word, id);

	if (n < 0 || (size_t)n >= sizeof(line))
		return (-1);
	if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
		return (-1);
	return (0);
}

void
socket_tell(const struct home *h, const char *id)
{
	int fd = socket_connect(h);

	if (fd == -1)
		return;
	socket_send_id(fd, "submitted ", id);
	close(fd);
}
