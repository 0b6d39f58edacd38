#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * Below the cgroup that the daemon was started in: `daemon` (parent, verifier
 * and executor), `poller.<n>`, and the executor's `command.<sequence>`.
 */

#define KILL_WAIT_MS  10000
#define DEPTH_MAX     16 /* of cgroups that commands made in theirs */
#define POLLER_MEMORY "134217728"

static char base[IMSG_PATH_MAX]; /* the folder above all of ours */
static uint64_t poller_next = 1;

int
cgroup_own(const char *text, char *out, size_t size)
{
	const char *line = text, *end;
	size_t len;

	for (; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		len = (size_t)(end - line);
		if (len < 4 || strncmp(line, "0::/", 4) != 0)
			continue;
		if (len - 3 >= size)
			return -1;
		memcpy(out, line + 3, len - 3);
		out[len - 3] = '\0';
		return 0;
	}
	return -1;
}

/*
 * own relative to the mount's root: what follows it, "" for the root itself.
 * NULL when own is not below it.
 */
static const char *
below(const char *own, const char *root)
{
	size_t len = strlen(root);

	if (strcmp(root, "/") == 0)
		return strcmp(own, "/") == 0 ? "" : own;
	if (strncmp(own, root, len) != 0 ||
	    (own[len] != '\0' && own[len] != '/'))
		return NULL;
	return own + len;
}

/* proc(5): id, parent, device, root, mount point, …, " - ", type, … */
static int
mount_line(const char *line, size_t len, const char *own, char *out,
    size_t size)
{
	char copy[2 * PATH_MAX], root[PATH_MAX], mount[PATH_MAX];
	const char *type, *rest;
	int n;

	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, line, len);
	copy[len] = '\0';
	type = strstr(copy, " - ");
	if (type == NULL || strncmp(type, " - cgroup2 ", 11) != 0)
		return -1;
	if (sscanf(copy, "%*s %*s %*s %4095s %4095s", root, mount) != 2)
		return -1;
	/* Spaces come as \040: no such path is taken. */
	if (strchr(root, '\\') != NULL || strchr(mount, '\\') != NULL)
		return -1;
	rest = below(own, root);
	if (rest == NULL)
		return -1;
	n = snprintf(out, size, "%s%s", mount, rest);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int
cgroup_find(const char *mountinfo, const char *own, char *out, size_t size)
{
	const char *line = mountinfo, *end;

	/* A path above the namespace's root is none that we can use. */
	if (strstr(own, "/..") != NULL)
		return -1;
	for (; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (mount_line(line, (size_t)(end - line), own, out, size) == 0)
			return 0;
	}
	return -1;
}

static bool
numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] != '\0' &&
	    name[len + strspn(name + len, "0123456789")] == '\0';
}

bool
cgroup_ours(const char *name, bool with_daemon)
{
	return numbered(name, "poller.") || numbered(name, "command.") ||
	    (with_daemon && strcmp(name, "daemon") == 0);
}

static int
join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
cgroup_kill(const char *path)
{
	char file[PATH_MAX];

	if (join(file, path, "cgroup.kill") == -1)
		return -1;
	return file_put(file, "1");
}

bool
cgroup_empty(int events_fd)
{
	char text[128];
	ssize_t n;

	n = file_read(events_fd, text, sizeof(text) - 1);
	if (n == -1)
		/* ENODEV: the cgroup has been removed. */
		return errno == ENODEV;
	text[n] = '\0';
	return strstr(text, "populated 0\n") != NULL;
}

/* Commands may have made cgroups in theirs. */
static int /* NOLINTNEXTLINE(misc-no-recursion): depth is its end */
remove_tree(const char *path, unsigned depth)
{
	char child[PATH_MAX];
	const struct dirent *e;
	DIR *d;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (depth == 0 || (d = opendir(path)) == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
		    join(child, path, e->d_name) == 0 &&
		    remove_tree(child, depth - 1) == -1)
			break;
	(void)closedir(d);
	return rmdir(path);
}

int
cgroup_remove(const char *path)
{
	return remove_tree(path, DEPTH_MAX);
}

/* Kills, waits for the end, removes: only before the loop runs. */
static void
end_one(const char *path)
{
	char file[PATH_MAX];
	struct pollfd p = {.events = POLLPRI};
	int n;

	if (join(file, path, "cgroup.events") == -1)
		fatal("%s", path);
	p.fd = open(file, O_RDONLY | O_CLOEXEC);
	/* The executor of that life may be removing it at this moment. */
	if (p.fd == -1 && errno == ENOENT)
		return;
	if (p.fd == -1 ||
	    (cgroup_kill(path) == -1 && errno != ENOENT && errno != ENODEV))
		fatal("%s", path);
	while (!cgroup_empty(p.fd)) {
		n = poll(&p, 1, KILL_WAIT_MS);
		if (n == 0)
			fatalx("%s: what an earlier daemon left in it does "
			       "not end",
			    path);
		if (n == -1 && errno != EINTR)
			fatal("poll");
	}
	(void)close(p.fd);
	if (cgroup_remove(path) == -1)
		fatal("cannot remove %s", path);
}

/* Calls fn for each of our folders below dir; 0, or -1 with errno. */
static int
for_each(const char *dir, bool with_daemon, void (*fn)(const char *))
{
	char path[PATH_MAX];
	const struct dirent *e;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR &&
		    cgroup_ours(e->d_name, with_daemon) &&
		    join(path, dir, e->d_name) == 0)
			fn(path);
	return closedir(d);
}

static void
kill_one(const char *path)
{
	if (cgroup_kill(path) == -1 && errno != ENOENT)
		log_warn("cannot kill %s: %s", path, strerror(errno));
}

void
cgroup_kill_all(void)
{
	if (for_each(base, false, kill_one) == -1)
		log_warn("%s: %s", base, strerror(errno));
}

static size_t
read_text(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", path);
	n = file_read(fd, buf, size - 1);
	if (n == -1)
		fatal("%s", path);
	(void)close(fd);
	buf[n] = '\0';
	return (size_t)n;
}

/* What the life before this one left: its folder's path is on record. */
static void
end_former(const char *record)
{
	char path[PATH_MAX];
	size_t len;

	if (access(record, F_OK) == -1) {
		if (errno != ENOENT)
			fatal("%s", record);
		return;
	}
	len = read_text(record, path, sizeof(path));
	if (len == 0 || path[0] != '/' || path[len - 1] != '\n')
		fatalx("%s: is no path", record);
	path[len - 1] = '\0';
	if (strncmp(base, path, len - 1) == 0 && base[len - 1] == '/')
		fatalx("started within a cgroup of an earlier daemon: %s",
		    base);
	if (for_each(path, true, end_one) == -1 && errno != ENOENT)
		fatal("%s", path);
}

static void
record_base(const char *record)
{
	char tmp[PATH_MAX], line[IMSG_PATH_MAX + 1];
	int fd, n;

	n = snprintf(line, sizeof(line), "%s\n", base);
	if (snprintf(tmp, sizeof(tmp), "%s.new", record) >= (int)sizeof(tmp))
		fatalx("%s: too long", record);
	if (unlink(tmp) == -1 && errno != ENOENT)
		fatal("%s", tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1 || write(fd, line, (size_t)n) != n || close(fd) == -1 ||
	    rename(tmp, record) == -1)
		fatal("%s", tmp);
}

static void
find_base(void)
{
	static char text[256 * 1024];
	char own[PATH_MAX];

	(void)read_text("/proc/self/cgroup", text, sizeof(text));
	if (cgroup_own(text, own, sizeof(own)) == -1)
		fatalx("no cgroup2 here: mount one, or boot with it");
	(void)read_text("/proc/self/mountinfo", text, sizeof(text));
	if (cgroup_find(text, own, base, sizeof(base)) == -1)
		fatalx("cgroup %s is below no cgroup2 mount: mount one", own);
	/* The mount's own root may end in a slash. */
	if (base[0] != '\0' && base[strlen(base) - 1] == '/')
		base[strlen(base) - 1] = '\0';
}

/* One controller at a time: what is not there must not spoil the other. */
static void
controllers(const char *const list[2])
{
	char file[PATH_MAX];
	int i;

	if (join(file, base, "cgroup.subtree_control") == -1)
		fatal("%s", base);
	for (i = 0; i < 2; i++)
		/* ENOENT: not one that this tree has. */
		if (file_put(file, list[i]) == -1 && errno != ENOENT)
			log_debug("%s: %s: %s", file, list[i], strerror(errno));
}

bool
cgroup_controls(const char *controller)
{
	char file[PATH_MAX], text[1024], *word, *rest = text;

	if (join(file, base, "cgroup.subtree_control") == -1 ||
	    access(file, R_OK) == -1)
		return false;
	(void)read_text(file, text, sizeof(text));
	while ((word = strsep(&rest, " \n")) != NULL)
		if (strcmp(word, controller) == 0)
			return true;
	return false;
}

static int
move_to(const char *dir)
{
	char file[PATH_MAX];

	if (join(file, dir, "cgroup.procs") == -1)
		return -1;
	return file_put(file, "0");
}

void
cgroup_setup(void)
{
	static const char *const on[2] = {"+pids", "+memory"};
	char record[PATH_MAX], leaf[PATH_MAX];

	settings_path(record, PATH_CGROUP);
	find_base();
	end_former(record);
	record_base(record);
	if (join(leaf, base, "daemon") == -1)
		fatal("%s", base);
	if (mkdir(leaf, 0755) == -1 && errno != EEXIST)
		fatal("cannot make %s (the unit needs Delegate=yes)", leaf);
	if (move_to(leaf) == -1)
		fatal("cannot move into %s", leaf);
	controllers(on);
}

const char *
cgroup_base(void)
{
	return base;
}

int
cgroup_limit(const char *path)
{
	char file[PATH_MAX];

	if (join(file, path, "memory.max") == -1)
		return -1;
	/* Without the controller it has no such file: then no limit. */
	if (access(file, F_OK) == -1 && errno == ENOENT)
		return 0;
	return file_put(file, POLLER_MEMORY);
}

int
cgroup_poller(char *out, size_t size)
{
	int n;

	n = snprintf(out, size, "%s/poller.%llu", base,
	    (unsigned long long)poller_next++);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (mkdir(out, 0755) == -1)
		return -1;
	if (cgroup_limit(out) == -1)
		log_warn("%s: memory.max: %s", out, strerror(errno));
	return open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void
cgroup_leave(void)
{
	static const char *const off[2] = {"-pids", "-memory"};
	char path[PATH_MAX];

	if (for_each(base, false, end_one) == -1)
		log_warn("%s: %s", base, strerror(errno));
	/* A cgroup with controllers for others may hold no process itself. */
	controllers(off);
	if (move_to(base) == -1 || join(path, base, "daemon") == -1 ||
	    cgroup_remove(path) == -1) {
		log_debug("%s/daemon stays: %s", base, strerror(errno));
		return;
	}
	settings_path(path, PATH_CGROUP);
	if (unlink(path) == -1)
		log_warn("%s: %s", path, strerror(errno));
}
