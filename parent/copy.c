#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * Where readers expect the log: opened here, written by the verifier.  Group
 * qubes may replace the file by whatever it likes, so only a regular file with
 * one link is taken.  Both are best effort: without them the daemon runs.
 */

static int copies[2] = {-1, -1}; /* by COPY_*: to be sent, or -1 */

static bool
file_is_ours(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		log_warn("%s: not a regular file with one link: no readable "
			 "copy of the log is written",
		    path);
		return false;
	}
	if (st.st_uid != 0 && st.st_gid != settings.qubes_gid) {
		log_warn("%s: neither root's nor of group qubes: no readable "
			 "copy of the log is written",
		    path);
		return false;
	}
	/* One that was just made. */
	if (st.st_uid == 0 && st.st_size == 0 &&
	    (fchown(fd, 0, settings.qubes_gid) == -1 ||
		fchmod(fd, 0640) == -1)) {
		log_warn("%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

static int
open_file(void)
{
	char path[PATH_MAX];
	int fd;

	settings_path(path, PATH_COPY);
	fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		O_CLOEXEC,
	    0600);
	if (fd == -1) {
		log_warn("%s: %s: no readable copy of the log is written", path,
		    strerror(errno));
		return -1;
	}
	if (!file_is_ours(fd, path)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* -1 where there is no journald: no reason to complain. */
static int
open_journal(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int fd;

	settings_path(path, PATH_JOURNAL);
	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* It was moved or removed, or another was put there: who rotates tells nobody. */
static bool
is_moved(const struct inotify_event *e)
{
	const char *name = strrchr(PATH_COPY, '/') + 1;

	return (e->mask & IN_Q_OVERFLOW) != 0 ||
	    (e->len > 0 && strcmp(e->name, name) == 0);
}

static void
folder_changed(struct event *ev, uint32_t revents)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *e;
	bool moved = false;
	ssize_t n, at;

	(void)revents;
	n = read(ev->fd, buf, sizeof(buf));
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		fatal("inotify");
	for (at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(const void *)(buf + at);
		moved |= is_moved(e);
	}
	if (!moved)
		return;
	copy_open();
	parent_wake_verifier();
}

/* Best effort, too: SIGHUP opens it anew. */
static void
watch_folder(void)
{
	static struct event ev;
	static int fd = -1;
	char path[PATH_MAX];

	if (fd == -1) {
		fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (fd == -1)
			fatal("inotify");
		event_add(&ev, fd, EPOLLIN, folder_changed, NULL);
	}
	settings_path(path, PATH_COPY);
	*strrchr(path, '/') = '\0';
	if (inotify_add_watch(fd, path,
		IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) == -1)
		log_debug("%s: %s", path, strerror(errno));
}

/* Instead of what was there before: that is not written any more. */
static int
nowhere(void)
{
	int fd;

	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		fatal("/dev/null");
	return fd;
}

void
copy_open(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (copies[i] != -1)
			(void)close(copies[i]);
	watch_folder(); /* before: it may be moved meanwhile */
	copies[COPY_FILE] = open_file();
	copies[COPY_JOURNAL] = open_journal();
	for (i = 0; i < 2; i++)
		if (copies[i] == -1)
			copies[i] = nowhere();
}

bool
copy_pump(struct channel *verifier)
{
	struct msg_copy msg;
	uint32_t i;

	for (i = 0; i < 2; i++) {
		if (copies[i] == -1)
			continue;
		msg.to = i;
		if (channel_send(verifier, IMSG_COPY, 0, &msg, sizeof(msg),
			copies[i]) == -1)
			return false;
		(void)close(copies[i]);
		copies[i] = -1;
	}
	return true;
}
