#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * The control socket.  We accept, see that it is root who asks, and wait for
 * its first word, so that who says nothing holds up nobody.  Then we say which
 * processes there are, and hand the socket to the verifier: nothing is read
 * here.  One client at a time.
 */

#define WAITING 8
#define CLIENTS 16
#define ANSWER_BYTES \
	(8 * 1024 * 1024) /* 64 rows of 128 VMs, as the kernel counts */
#define AGAIN_MS 1000	  /* after one that could not be accepted */

static struct event listener;
static struct timer again;
static int folder = -1, listen_fd = -1;
static int client_fd = -1; /* to be handed on */
static bool busy;	   /* the verifier has one */

static struct client {
	struct event ev;
	int fd; /* -1: free */
	bool spoke;
	uint64_t number;
} clients[CLIENTS];

/* Of those that have spoken, or have not, the one that came first; or NULL. */
static struct client *
first(bool spoke)
{
	struct client *c, *found = NULL;

	for (c = clients; c < clients + CLIENTS; c++)
		if (c->fd != -1 && c->spoke == spoke &&
		    (found == NULL || c->number < found->number))
			found = c;
	return found;
}

/* What an earlier life left, and nothing else. */
static void
remove_old(void)
{
	struct stat st;

	if (fstatat(folder, PATH_CONTROL, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return;
		fatal("%s/%s", PATH_RUN, PATH_CONTROL);
	}
	if (!S_ISSOCK(st.st_mode))
		fatalx("%s/%s: is no socket: remove it", PATH_RUN,
		    PATH_CONTROL);
	if (unlinkat(folder, PATH_CONTROL, 0) == -1)
		fatal("%s/%s", PATH_RUN, PATH_CONTROL);
}

static bool
is_root(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	    cred.uid == 0;
}

static int
tell_unserved(struct imsg_end *end, bool (*next)(unsigned, struct msg_served *))
{
	struct msg_served s;
	unsigned n;

	for (n = 0; next(n, &s); n++)
		if (imsg_send(end, IMSG_UNSERVED, 0, &s, sizeof(s), -1) == -1)
			return -1;
	return 0;
}

/* Who is there, who is not: 0, or -1 where the client does not take it. */
static int
greet(int fd)
{
	struct imsg_end end;
	struct msg_process p;
	unsigned n;

	imsg_open(&end, fd, ROLE_PARENT, ROLE_CONTROL, ST_SERVING);
	for (n = 0; parent_process(n, &p); n++)
		if (imsg_send(&end, IMSG_PROCESS, 0, &p, sizeof(p), -1) == -1)
			return -1;
	if (tell_unserved(&end, config_unserved) == -1 ||
	    tell_unserved(&end, vm_unserved) == -1)
		return -1;
	return imsg_send(&end, IMSG_PROCESS_END, 0, NULL, 0, -1);
}

/* The next one that has spoken: greeted, it is the verifier's. */
static void
serve_next(void)
{
	struct client *c;
	int fd;

	while (client_fd == -1 && !busy && (c = first(true)) != NULL) {
		fd = c->fd;
		c->fd = -1;
		if (greet(fd) == -1) {
			log_warn("control socket: a client does not read");
			(void)close(fd);
			continue;
		}
		client_fd = fd;
		parent_wake_verifier();
	}
}

static void
on_word(struct event *ev, uint32_t revents)
{
	struct client *c = ev->arg;

	(void)revents;
	event_remove(ev);
	c->spoke = true;
	serve_next();
}

/* Who says nothing makes room for who comes. */
static struct client *
place(void)
{
	struct client *c;

	for (c = clients; c < clients + CLIENTS; c++)
		if (c->fd == -1)
			return c;
	c = first(false);
	if (c == NULL)
		return NULL;
	event_remove(&c->ev);
	(void)close(c->fd);
	return c;
}

static void listen_again(struct timer *);

static void
on_client(struct event *ev, uint32_t revents)
{
	static uint64_t count;
	struct client *c;
	int fd;

	(void)revents;
	fd = accept4(ev->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		/* It would be there again at once. */
		event_remove(ev);
		timer_start(&again, CLOCK_BOOTTIME, AGAIN_MS, listen_again,
		    NULL);
		return;
	}
	/* It takes the longest answer: who does not read holds up nobody. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ANSWER_BYTES},
		sizeof(int)) == -1)
		log_debug("control socket: %s", strerror(errno));
	c = is_root(fd) ? place() : NULL;
	if (c == NULL) {
		log_warn("control socket: a client that is not root, or one "
			 "too many");
		(void)close(fd);
		return;
	}
	c->fd = fd;
	c->spoke = false;
	c->number = count++;
	event_add(&c->ev, fd, EPOLLIN, on_word, c);
}

static void
listen_on(void)
{
	event_add(&listener, listen_fd, EPOLLIN, on_client, NULL);
}

static void
listen_again(struct timer *t)
{
	(void)t;
	listen_on();
}

void
control_init(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	settings_path(path, PATH_RUN);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1)
		fatal("%s", path);
	remove_old();
	/* Through the folder: a path under --root may be too long for one. */
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path),
	    "/proc/self/fd/%d/%s", folder, PATH_CONTROL);
	listen_fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* 0600: the umask is 077. */
	if (listen_fd == -1 ||
	    bind(listen_fd, (const struct sockaddr *)&addr, sizeof(addr)) ==
		-1 ||
	    fchmodat(folder, PATH_CONTROL, 0600, 0) == -1 ||
	    listen(listen_fd, WAITING) == -1)
		fatal("%s/%s", PATH_RUN, PATH_CONTROL);
	listen_on();
}

bool
control_pump(struct channel *verifier)
{
	if (client_fd == -1 || busy)
		return true;
	if (channel_send(verifier, IMSG_CONTROL, 0, NULL, 0, client_fd) == -1)
		return false;
	(void)close(client_fd);
	client_fd = -1;
	busy = true;
	return true;
}

void
control_done(void)
{
	if (!busy)
		return;
	busy = false;
	serve_next();
}

void
control_end(void)
{
	if (listen_fd != -1 && unlinkat(folder, PATH_CONTROL, 0) == -1)
		log_warn("%s/%s: %s", PATH_RUN, PATH_CONTROL, strerror(errno));
}
