#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "webui/webui.h"

#define BACKLOG 64

static int
open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		fail_errno("a socket");
	return fd;
}

int
listen_tcp(uint64_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = open_socket(AF_INET), one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 ||
	    listen(fd, BACKLOG) == -1)
		fail_errno("127.0.0.1:%" PRIu64, port);
	return fd;
}

/* One that nobody listens at any more is in the way. */
static void
remove_left_over(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd;

	if (lstat(addr->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return;
	fd = open_socket(AF_UNIX);
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == -1 &&
	    errno == ECONNREFUSED && unlink(addr->sun_path) == -1)
		fail_errno("%s", addr->sun_path);
	close(fd);
}

int
listen_path(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = open_socket(AF_UNIX);

	if (strlen(path) >= sizeof(addr.sun_path))
		fail("%s: too long for a socket", path);
	memcpy(addr.sun_path, path, strlen(path));
	remove_left_over(&addr);
	umask(077);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 ||
	    listen(fd, BACKLOG) == -1)
		fail_errno("%s", path);
	return fd;
}
