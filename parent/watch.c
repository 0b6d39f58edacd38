#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * A running VM's qrexec daemon owns a socket that the link `qrexec.NAME` leads
 * to.  Its coming is what starts a session, so a halted VM costs nothing.
 */

#define LINK_PREFIX "qrexec."

static int inotify_fd = -1, watch_dir = -1, watch_above = -1;
static struct event watch_event;
static char dir[PATH_MAX], above[PATH_MAX];

enum presence
watch_vm(const struct vm *vm)
{
	return watch_presence(dir, vm->name, vm->uuid);
}

/* Whether the folder is there to be watched. */
static bool
watch_folder(void)
{
	if (watch_dir == -1)
		watch_dir = inotify_add_watch(inotify_fd, dir,
		    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
			IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	if (watch_dir == -1 && errno != ENOENT && errno != ENOTDIR)
		fatal("cannot watch %s", dir);
	return watch_dir != -1;
}

/* Where it is not, the one above is watched until it is. */
static void
arm(void)
{
	if (!watch_folder() && watch_above == -1) {
		watch_above = inotify_add_watch(inotify_fd, above,
		    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
		if (watch_above == -1)
			fatal("cannot watch %s", above);
	}
	/* Again: it may have come just before. */
	if (watch_folder() && watch_above != -1) {
		(void)inotify_rm_watch(inotify_fd, watch_above);
		watch_above = -1;
	}
}

static void
one_event(const struct inotify_event *e)
{
	size_t prefix = strlen(LINK_PREFIX);

	if (e->wd == watch_dir && (e->mask & IN_MOVE_SELF) != 0)
		(void)inotify_rm_watch(inotify_fd, watch_dir);
	if (e->wd == watch_dir &&
	    (e->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED)) != 0)
		watch_dir = -1;
	if (e->wd == watch_dir && (e->mask & (IN_CREATE | IN_MOVED_TO)) != 0 &&
	    e->len > 0 && strncmp(e->name, LINK_PREFIX, prefix) == 0)
		vm_appeared(e->name + prefix);
}

/* What is there counts; an event, or a lost one, only says: look again. */
static void
watch_ready(struct event *ev, uint32_t revents)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *e;
	ssize_t n, at;

	(void)revents;
	n = read(ev->fd, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		fatal("inotify");
	for (at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const struct inotify_event *)(const void *)(buf + at);
		one_event(e);
	}
	arm();
	vm_consider_all();
}

void
watch_init(void)
{
	settings_path(dir, PATH_QUBES_RUN);
	settings_path(above, "/run");
	inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inotify_fd == -1)
		fatal("inotify");
	event_add(&watch_event, inotify_fd, EPOLLIN, watch_ready, NULL);
	arm();
}
