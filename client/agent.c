#include <sys/file.h>
#include <sys/inotify.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/agent.h"
#include "client/clock.h"
#include "client/say.h"
#include "client/session.h"

#define LOCK_WAIT_S  10	  /* for an agent whose session is ending */
#define FULL_WAIT_MS 2000 /* for a client that looks for us once a second */
#define BLIND_MS     1000 /* without inotify: how often we look ourselves */

enum {
	FD_IN,
	FD_OUT,
	FD_NOTIFY,
	FD_PEERS,
	FD_COUNT = FD_PEERS + PEERS_POLL
};

static struct session session;
static int flags_before[2];

static void
on_alarm(int signo)
{
	(void)signo; /* it ends flock() with EINTR, and that is all */
}

/*
 * An agent ends when its pipe does, so a new session gets the lock soon; if
 * not, the old one lives, and this one is too many.
 */
static int
lock(const struct home *h)
{
	struct sigaction action = {.sa_handler = on_alarm};
	int fd, result;

	fd = openat(h->dir, "agent.lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1) {
		say_errno("agent.lock");
		return (-1);
	}
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) == -1) {
		say_errno("SIGALRM");
		return (-1);
	}
	alarm(LOCK_WAIT_S);
	result = flock(fd, LOCK_EX);
	alarm(0);
	if (result == -1 && errno == EINTR)
		say_error("another agent has a session already");
	else if (result == -1)
		say_errno("agent.lock");
	return (result);
}

/* The pipes' other users (the shell that started us) get them back as lent. */
static void
restore_flags(void)
{
	int fd;

	for (fd = 0; fd < 2; fd++) {
		if (flags_before[fd] != -1)
			fcntl(fd, F_SETFL, flags_before[fd]);
	}
}

static int
unblock_pipes(void)
{
	int fd;

	flags_before[0] = flags_before[1] = -1;
	if (atexit(restore_flags) != 0)
		return (-1);
	for (fd = 0; fd < 2; fd++) {
		flags_before[fd] = fcntl(fd, F_GETFL);
		if (flags_before[fd] == -1 ||
		    fcntl(fd, F_SETFL, flags_before[fd] | O_NONBLOCK) == -1) {
			say_errno("standard %s", fd == 0 ? "input" : "output");
			return (-1);
		}
	}
	return (0);
}

/* -1: there are none left in this VM; then we look ourselves. */
static int
watch(const struct home *h)
{
	char path[32];
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd == -1)
		return (-1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->pending);
	if (inotify_add_watch(fd, path,
		IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF |
		    IN_MOVE_SELF | IN_ONLYDIR) != -1)
		return (fd);
	close(fd);
	return (-1);
}

/* False when the folder that is watched is no longer the queue. */
static bool
read_events(int fd, struct offers *o)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *event;
	ssize_t n;
	char *p;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (p = buf; p < buf + n; p += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(void *)p;
			if (event->mask &
			    (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
				return (false);
			if (event->mask & IN_Q_OVERFLOW)
				offers_rescan(o);
			else if (event->len > 0)
				offers_name(o, event->name);
		}
	}
	return (true);
}

static void
poll_set(struct pollfd fds[FD_COUNT], int notify)
{
	/*
	 * Where there is no room for an answer dom0 must read first; POLLHUP
	 * comes all the same.
	 */
	fds[FD_IN].fd = 0;
	fds[FD_IN].events = output_room(&session.output) ? POLLIN : 0;
	fds[FD_OUT].fd = output_busy(&session.output) ? 1 : -1;
	fds[FD_OUT].events = POLLOUT;
	fds[FD_NOTIFY].fd = notify;
	fds[FD_NOTIFY].events = POLLIN;
	peers_poll(&session.peers, fds + FD_PEERS);
}

static int
wait_ms(int notify)
{
	int ms = session_timeout(&session);

	if (notify == -1 && (ms == -1 || ms > BLIND_MS))
		return (BLIND_MS);
	return (ms);
}

static int
turn(int notify)
{
	struct pollfd fds[FD_COUNT];
	int n;

	poll_set(fds, notify);
	n = poll(fds, FD_COUNT, wait_ms(notify));
	if (n == -1)
		return (errno == EINTR ? 0 : -1);
	if (n == 0 && notify == -1)
		offers_rescan(&session.offers);
	/* What clients and the folder say comes first: dom0 may ask for it. */
	if (fds[FD_NOTIFY].revents != 0 &&
	    !read_events(notify, &session.offers)) {
		errno = ESTALE;
		return (-1);
	}
	peers_read(&session.peers, fds + FD_PEERS, session_submitted, &session);
	if (fds[FD_IN].revents != 0)
		session_read(&session);
	return (0);
}

/* What stands in the way of an answer goes first. */
static int
send_all(void)
{
	if (output_flush(&session.output) == 0) {
		session_answer(&session);
		if (output_flush(&session.output) == 0)
			return (0);
	}
	if (errno == 0)
		say_error("a request was cut while it was sent");
	else if (errno != EPIPE)
		say_errno("standard output");
	return (-1);
}

static int
serve(int notify)
{
	bool more;

	for (;;) {
		do {
			more = session_consume(&session);
			if (session.over)
				return (session.status);
			if (send_all() == -1)
				return (1);
		} while (more && output_room(&session.output));
		if (turn(notify) == -1) {
			say_errno("queue");
			return (1);
		}
		if (session.over)
			return (session.status);
	}
}

/*
 * The client of the output that there is no room for is told so; one that does
 * not know of this session yet, too.
 */
static void
tell_full(void)
{
	struct pollfd fds[PEERS_POLL];
	int64_t end = now_ms() + FULL_WAIT_MS, now;

	while (!peers_has(&session.peers, session.full) &&
	    (now = now_ms()) < end) {
		peers_poll(&session.peers, fds);
		if (poll(fds, PEERS_POLL, (int)(end - now)) > 0)
			peers_read(&session.peers, fds, session_submitted,
			    &session);
	}
	peers_news(&session.peers, "full", session.full);
}

int
agent_main(const struct home *h, bool wait)
{
	int notify, status;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || lock(h) == -1 ||
	    unblock_pipes() == -1)
		return (1);
	session_begin(&session, h, wait);
	/* Watched before it is first read: nothing falls in between. */
	notify = watch(h);
	if (peers_begin(&session.peers, h) == -1) {
		say_errno("agent.sock");
		return (1);
	}
	status = serve(notify);
	if (session.full[0] != '\0')
		tell_full();
	peers_end(&session.peers, h);
	return (status);
}
