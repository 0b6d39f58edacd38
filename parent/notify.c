#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"

/*
 * sd_notify(3): one datagram.  Without a socket there is nobody to tell.  What
 * systemd put into the environment is for us, not for our children.
 */

static struct sockaddr_un address;
static socklen_t address_len;
static int64_t watch_ms; /* between two questions; 0: no watchdog */
static struct timer watch;
static bool ping_due, asked;

static void
take_socket(void)
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
}

/* A whole number from 1 on; 0 where it is none. */
static int64_t
number(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && n > 0 ? n : 0;
}

/* sd_watchdog_enabled(3) */
static void
take_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && number(pid) != getpid()))
		return;
	watch_ms = number(usec) / 2000;
	if (watch_ms == 0)
		log_warn("WATCHDOG_USEC is not understood");
}

void
notify_init(void)
{
	take_socket();
	take_watchdog();
	if (unsetenv("NOTIFY_SOCKET") == -1 ||
	    unsetenv("WATCHDOG_USEC") == -1 || unsetenv("WATCHDOG_PID") == -1)
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

void
notify_counts(void)
{
	static unsigned told[2] = {UINT_MAX, UINT_MAX};
	unsigned served, sessions;
	char text[64];

	vm_count(&served, &sessions);
	if (served == told[0] && sessions == told[1])
		return;
	told[0] = served;
	told[1] = sessions;
	(void)snprintf(text, sizeof(text),
	    "STATUS=VMs served: %u, sessions: %u", served, sessions);
	notify_send(text);
}

static void
ask(struct timer *t)
{
	(void)t;
	ping_due = true;
	parent_wake_verifier();
}

/* MONOTONIC, as systemd's own: nobody is late because dom0 slept. */
void
notify_watch(void)
{
	if (watch_ms > 0)
		timer_start(&watch, CLOCK_MONOTONIC, watch_ms, ask, NULL);
}

bool
notify_pump(struct channel *verifier)
{
	if (!ping_due)
		return true;
	if (channel_send(verifier, IMSG_PING, 0, NULL, 0, -1) == -1)
		return false;
	ping_due = false;
	asked = true;
	return true;
}

bool
notify_alive(void)
{
	if (!asked)
		return false;
	asked = false;
	notify_send("WATCHDOG=1");
	notify_watch();
	return true;
}
