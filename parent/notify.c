#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"

/* sd_notify(3): one datagram.  Without a socket there is nobody to tell. */

static struct sockaddr_un address;
static socklen_t address_len;

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;

	if (path == NULL)
		return;
	len = strlen(path);
	if ((path[0] == '/' || path[0] == '@') && len > 1 &&
	    len < sizeof(address.sun_path)) {
		address.sun_family = AF_UNIX;
		memcpy(address.sun_path, path, len);
		if (path[0] == '@')
			address.sun_path[0] = '\0';
		address_len =
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	} else
		log_warn("NOTIFY_SOCKET is not understood");
	if (unsetenv("NOTIFY_SOCKET") == -1)
		fatal("unsetenv");
}

void
notify_send(const char *text)
{
	int fd;

	if (address_len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		log_warn("notify: %s", strerror(errno));
		return;
	}
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		(const struct sockaddr *)&address, address_len) == -1)
		log_warn("notify: %s", strerror(errno));
	(void)close(fd);
}
