#include <sys/syscall.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/tree.h"

/* What one pass over a folder has come to. */
struct pass {
	int dir;
	bool seen;	    /* there was something */
	bool progress;	    /* something went, or moved up */
	int error;	    /* why something else did not */
	unsigned long name; /* the last one given to what moved up */
};

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int
open_below(int dir, const char *name)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/* A file, or an empty folder. */
static bool
remove_simple(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR)
		return false;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* Moves a folder from below to the top, where the next pass meets it. */
static bool
move_up(struct pass *p, int from, const char *name)
{
	char to[32];

	do {
		snprintf(to, sizeof(to), ".%lu", ++p->name);
		if (renameat2(from, name, p->dir, to, RENAME_NOREPLACE) == 0)
			return true;
	} while (errno == EEXIST);
	return false;
}

/* Takes over dir. */
static DIR *
open_list(int dir)
{
	DIR *d = dir == -1 ? NULL : fdopendir(dir);

	if (d == NULL && dir != -1)
		close(dir);
	return d;
}

static void
empty_below(struct pass *p, const char *name)
{
	struct dirent *e;
	DIR *d;

	if ((d = open_list(open_below(p->dir, name))) == NULL) {
		p->error = errno;
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (is_dot(e->d_name))
			continue;
		if (remove_simple(dirfd(d), e->d_name) ||
		    move_up(p, dirfd(d), e->d_name))
			p->progress = true;
		else
			p->error = errno;
	}
	closedir(d);
}

static void
remove_entry(struct pass *p, const char *name)
{
	p->seen = true;
	if (remove_simple(p->dir, name)) {
		p->progress = true;
		return;
	}
	p->error = errno;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return;
	empty_below(p, name);
	if (remove_simple(p->dir, name))
		p->progress = true;
}

int
tree_empty(int dir)
{
	struct pass p = {.dir = dir};
	struct dirent *e;
	DIR *d;

	do {
		p.seen = p.progress = false;
		d = open_list(
		    openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		if (d == NULL)
			return -1;
		while ((e = readdir(d)) != NULL)
			if (!is_dot(e->d_name))
				remove_entry(&p, e->d_name);
		closedir(d);
	} while (p.progress);
	errno = p.error;
	return p.seen ? -1 : 0;
}
