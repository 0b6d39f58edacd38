#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/home.h"
#include "client/say.h"

#define FOLDER	   ".qvm-remote"
#define FOLDER_OLD ".qubes-remote"

static const struct {
	const char *name;
	size_t offset; /* of its descriptor; the first is the parent */
} folders[] = {
    {"queue/pending", offsetof(struct home, pending)},
    {"queue/running", offsetof(struct home, running)},
    {"queue/results", offsetof(struct home, results)},
    {"queue/clients", offsetof(struct home, clients)},
    {"history", offsetof(struct home, history)},
};

/* mkdir comes second: nearly always the folder is there. */
static int
folder_open(int parent, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd != -1 || errno != ENOENT)
		return (fd);
	if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST)
		return (-1);
	return (openat(parent, name, flags));
}

static int
move_old(int parent)
{
	struct stat st;

	if (fstatat(parent, FOLDER, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(parent, FOLDER_OLD, &st, 0) == -1 || !S_ISDIR(st.st_mode))
		return (0);
	/* In the place of an empty folder, or of none. */
	if (renameat(parent, FOLDER_OLD, parent, FOLDER) == 0) {
		say_note("~/%s is now ~/%s", FOLDER_OLD, FOLDER);
		return (0);
	}
	/* Another start was faster. */
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOENT)
		return (0);
	say_errno("cannot rename ~/%s to ~/%s", FOLDER_OLD, FOLDER);
	return (-1);
}

/* Nobody else may look in; somebody else's folder is not ours to use. */
static int
check_owner(int dir)
{
	struct stat st;

	if (fstat(dir, &st) == -1) {
		say_errno("~/%s", FOLDER);
		return (-1);
	}
	if (st.st_uid != geteuid()) {
		say_error("~/%s belongs to user %u, not to you", FOLDER,
		    (unsigned)st.st_uid);
		return (-1);
	}
	if ((st.st_mode & 077) != 0 && fchmod(dir, 0700) == -1) {
		say_errno("chmod 700 ~/%s", FOLDER);
		return (-1);
	}
	return (0);
}

static int
open_queue(struct home *h)
{
	size_t i;
	int fd;

	if ((fd = folder_open(h->dir, "queue")) == -1) {
		say_errno("~/%s/queue", FOLDER);
		return (-1);
	}
	close(fd);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		fd = folder_open(h->dir, folders[i].name);
		if (fd == -1) {
			say_errno("~/%s/%s", FOLDER, folders[i].name);
			return (-1);
		}
		*(int *)(void *)((char *)h + folders[i].offset) = fd;
	}
	return (0);
}

int
home_open(struct home *h)
{
	const char *path = getenv("HOME");
	int parent;

	if (path == NULL || path[0] != '/') {
		say_error("HOME does not name a folder");
		return (-1);
	}
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent == -1) {
		say_errno("%s", path);
		return (-1);
	}
	if (move_old(parent) == -1) {
		close(parent);
		return (-1);
	}
	h->dir = folder_open(parent, FOLDER);
	if (h->dir == -1)
		say_errno("~/%s", FOLDER);
	close(parent);
	if (h->dir == -1 || check_owner(h->dir) == -1)
		return (-1);
	return (open_queue(h));
}
