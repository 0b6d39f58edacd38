#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/vm.h"

static const char *const etc_files[] = {"passwd", "group", "hostname", "hosts",
    "profile"};
static const char *const dev_files[] = {"null", "zero", "full", "random",
    "urandom", "tty"};

/* The VM's own, empty at each boot. */
static const struct {
	const char *path, *options;
} empty[] = {
    {"/tmp", "mode=1777"},
    {"/var/tmp", "mode=1777"},
    {"/home", "mode=755"},
    {"/root", "mode=755"},
    {"/run", "mode=755"},
    {"/dev", "mode=755"},
};

static const struct {
	const char *to, *path;
} dev_links[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
    {"pts/ptmx", "/dev/ptmx"},
};

static int
tree_open(const char *path, unsigned int recursive)
{
	int fd;

	fd = open_tree(AT_FDCWD, path,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	if (fd == -1)
		err(1, "open_tree %s", path);
	return fd;
}

static void
tree_readonly(int fd, const char *path)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY,
	    .propagation = MS_PRIVATE};

	if (mount_setattr(fd, path,
		AT_RECURSIVE | (*path == '\0' ? AT_EMPTY_PATH : 0), &attr,
		sizeof(attr)) == -1)
		err(1, "mount_setattr %s", path);
}

void
vm_trees_open(struct vm *v)
{
	char path[PATH_MAX];
	int i;

	v->tree[TREE_BED] = tree_open(v->bed, AT_RECURSIVE);
	tree_readonly(v->tree[TREE_BED], "");
	if (chdir(v->bed) == -1 || chdir("vms") == -1 || chdir(v->name) == -1)
		err(1, "%s/vms/%s", v->bed, v->name);
	v->tree[TREE_HOME] = tree_open("home", 0);
	for (i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "etc/%s", etc_files[i]);
		v->tree[TREE_ETC + i] = tree_open(path, 0);
		tree_readonly(v->tree[TREE_ETC + i], "");
	}
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_files[i]);
		v->tree[TREE_DEV + i] = tree_open(path, 0);
	}
}

static void
attach(int fd, const char *path)
{
	if (move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == -1)
		err(1, "mount %s", path);
	close(fd);
}

static void
make_folder(const char *path)
{
	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		err(1, "mkdir %s", path);
}

/* The bed may lie below what is empty now: its path is made again. */
static void
make_path(const char *path)
{
	char part[PATH_MAX];
	size_t i;

	for (i = 1; path[i] != '\0' && i < sizeof(part); i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		make_folder(part);
	}
	make_folder(path);
}

static void
mount_dev(const int *tree)
{
	char path[PATH_MAX];
	size_t i;
	int fd;

	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_files[i]);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd == -1)
			err(1, "%s", path);
		close(fd);
		attach(tree[i], path);
	}
	for (i = 0; i < sizeof(dev_links) / sizeof(dev_links[0]); i++)
		if (symlink(dev_links[i].to, dev_links[i].path) == -1)
			err(1, "%s", dev_links[i].path);
	make_folder("/dev/pts");
	make_folder("/dev/shm");
	if (chmod("/dev/shm", 01777) == -1)
		err(1, "/dev/shm");
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=620") == -1)
		err(1, "mount /dev/pts");
}

void
vm_mount(struct vm *v)
{
	char path[PATH_MAX];
	size_t i;

	tree_readonly(AT_FDCWD, "/");
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		if (mount("tmpfs", empty[i].path, "tmpfs", MS_NOSUID | MS_NODEV,
			empty[i].options) == -1)
			err(1, "mount %s", empty[i].path);
	mount_dev(&v->tree[TREE_DEV]);
	for (i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/etc/%s", etc_files[i]);
		/* A small host has no hosts; all is read-only by now. */
		if (access(path, F_OK) == 0)
			attach(v->tree[TREE_ETC + i], path);
		else
			close(v->tree[TREE_ETC + i]);
	}
	make_path(v->bed);
	attach(v->tree[TREE_BED], v->bed);
	make_folder("/home/user");
	attach(v->tree[TREE_HOME], "/home/user");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		NULL) == -1)
		err(1, "mount /proc");
}
