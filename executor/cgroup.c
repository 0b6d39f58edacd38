#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/cgroup.h"
#include "imsg/messages.h"
#include "privsep/event.h"
#include "privsep/log.h"

#define CGROUP_TASKS 1024
#define CGROUP_DEPTH 16 /* how far down SIGTERM goes */
#define CGROUP_ADVICE                                                       \
	"; the daemon needs a writable cgroup2 folder of its own: start it" \
	" as a systemd unit with Delegate=yes, or in a cgroup made for it"  \
	" (kernel 5.14 or later)"

static int base = -1;

static int
open_dir(int dir, const char *name)
{
	return openat(dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int
write_file(int dir, const char *name, const char *text)
{
	ssize_t n;
	int fd, saved;

	if ((fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return -1;
	n = write(fd, text, strlen(text));
	saved = errno;
	close(fd);
	errno = saved;
	return n == -1 ? -1 : 0;
}

static void
command_name(char name[NAME_MAX + 1], uint64_t seq)
{
	snprintf(name, NAME_MAX + 1, "command.%" PRIu64, seq);
}

void
cgroup_init(const char *path)
{
	char probe[NAME_MAX + 1];
	struct statfs fs;
	int fd;

	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base == -1 || fstatfs(base, &fs) == -1)
		fatal("cgroup %s" CGROUP_ADVICE, path);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		fatalx("cgroup %s: no cgroup2" CGROUP_ADVICE, path);
	snprintf(probe, sizeof(probe), "probe.%d", (int)getpid());
	if (mkdirat(base, probe, 0755) == -1)
		fatal("cgroup %s: cannot make one there" CGROUP_ADVICE, path);
	if ((fd = open_dir(base, probe)) == -1)
		fatal("cgroup %s/%s", path, probe);
	if (faccessat(fd, "cgroup.kill", W_OK, 0) == -1)
		fatal("cgroup %s: cgroup.kill" CGROUP_ADVICE, path);
	close(fd);
	if (unlinkat(base, probe, AT_REMOVEDIR) == -1)
		fatal("cgroup %s/%s: cannot be removed", path, probe);
	cgroup_end_all("command.", 10000);
}

/* Where the kernel has no such limit, a policy that names one is refused. */
static int
limit(int dir, const char *file, uint64_t value, bool named)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	if (write_file(dir, file, text) == -1 && (named || errno != ENOENT))
		return -1;
	return 0;
}

int
cgroup_confine(int dir, uint32_t tasks, uint64_t memory)
{
	if (limit(dir, "pids.max", tasks > 0 ? tasks : CGROUP_TASKS,
		tasks > 0) == -1)
		return -1;
	if (memory > 0 &&
	    (limit(dir, "memory.max", memory, true) == -1 ||
		limit(dir, "memory.swap.max", 0, false) == -1))
		return -1;
	return 0;
}

int
cgroup_make(uint64_t seq, uint32_t tasks, uint64_t memory)
{
	char name[NAME_MAX + 1];
	int dir;

	command_name(name, seq);
	if (mkdirat(base, name, 0755) == -1)
		return -1;
	if ((dir = open_dir(base, name)) == -1)
		return -1;
	if (cgroup_confine(dir, tasks, memory) == -1) {
		close(dir);
		return -1;
	}
	return dir;
}

/* Whether the file counts the event, and more than 0. */
static bool
counts(int dir, const char *file, const char *event)
{
	char text[512], *line, *rest = text;
	size_t len = strlen(event);
	ssize_t n = -1;
	int fd;

	if ((fd = openat(dir, file, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return false;
	text[n] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, event, len) == 0 && line[len] == ' ' &&
		    strtoull(line + len, NULL, 10) > 0)
			return true;
	return false;
}

uint32_t
cgroup_limits(int dir)
{
	return (counts(dir, "memory.events", "oom_kill") ? LIMIT_MEMORY : 0) |
	    (counts(dir, "pids.events", "max") ? LIMIT_TASKS : 0);
}

bool
cgroup_has(pid_t pid, uint64_t seq)
{
	char path[64], line[4096], want[NAME_MAX + 4];
	bool found = false;
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	snprintf(want, sizeof(want), "/command.%" PRIu64, seq);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::", 3) == 0 &&
		    (p = strstr(line, want)) != NULL) {
			p += strlen(want);
			found = *p == '/' || *p == '\n';
		}
	fclose(f);
	return found;
}

/*
 * The descriptor pins the process; what is read of its number afterwards is
 * true of it, as long as the signal still finds it alive.
 */
static void
term_process(pid_t pid, uint64_t seq)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1)
		return; /* it has ended */
	if (cgroup_has(pid, seq)) {
		(void)syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
		(void)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
	}
	close(fd);
}

static void
term_direct(int dir, uint64_t seq)
{
	char line[32];
	FILE *f;
	long pid;
	int fd;

	if ((fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC)) == -1)
		return;
	if ((f = fdopen(fd, "r")) == NULL) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		if ((pid = strtol(line, NULL, 10)) > 1)
			term_process((pid_t)pid, seq);
	fclose(f);
}

/* Takes over dir. */
static void /* NOLINTNEXTLINE(misc-no-recursion): CGROUP_DEPTH is its end */
term_below(int dir, uint64_t seq, int depth)
{
	struct dirent *e;
	DIR *d;
	int fd;

	term_direct(dir, seq);
	if ((d = fdopendir(dir)) == NULL) {
		close(dir);
		return;
	}
	while (depth > 0 && (e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
		    (fd = open_dir(dir, e->d_name)) != -1)
			term_below(fd, seq, depth - 1);
	closedir(d);
}

void
cgroup_term(int dir, uint64_t seq)
{
	int fd;

	if ((fd = open_dir(dir, ".")) == -1)
		log_warn("command %" PRIu64 ": cgroup: %s", seq,
		    strerror(errno));
	else
		term_below(fd, seq, CGROUP_DEPTH);
}

void
cgroup_kill(int dir)
{
	if (write_file(dir, "cgroup.kill", "1") == -1)
		log_warn("cgroup.kill: %s", strerror(errno));
}

int
cgroup_events(int dir)
{
	return openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
}

int
cgroup_populated(int events)
{
	char text[256];
	ssize_t n;

	n = pread(events, text, sizeof(text) - 1, 0);
	if (n == -1 && errno == ENODEV)
		return 0; /* removed meanwhile: by the parent, a poller's */
	if (n <= 0)
		return 1;
	text[n] = '\0';
	return strstr(text, "populated 0") == NULL;
}

/* The name of a cgroup below this one. */
static bool
find_below(int dir, char name[NAME_MAX + 1])
{
	bool found = false;
	struct dirent *e;
	DIR *d;
	int fd;

	if ((fd = open_dir(dir, ".")) == -1)
		return false;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return false;
	}
	while (!found && (e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			snprintf(name, NAME_MAX + 1, "%s", e->d_name);
			found = true;
		}
	closedir(d);
	return found;
}

/* Removes the first cgroup on the way down that has none below it. */
static int
remove_deepest(const char *top, bool *was_top)
{
	char name[NAME_MAX + 1], below[NAME_MAX + 1];
	int above, dir, result;

	snprintf(name, sizeof(name), "%s", top);
	*was_top = true;
	if ((above = open_dir(base, ".")) == -1)
		return -1;
	while ((dir = open_dir(above, name)) != -1 && find_below(dir, below)) {
		close(above);
		above = dir;
		memcpy(name, below, sizeof(name));
		*was_top = false;
	}
	if (dir != -1)
		close(dir);
	result = unlinkat(above, name, AT_REMOVEDIR);
	close(above);
	return result;
}

static int
remove_named(const char *name)
{
	bool was_top;

	/* Most have none below. */
	if (unlinkat(base, name, AT_REMOVEDIR) == 0)
		return 0;
	do {
		if (remove_deepest(name, &was_top) == -1)
			return -1;
	} while (!was_top);
	return 0;
}

int
cgroup_remove(uint64_t seq)
{
	char name[NAME_MAX + 1];

	command_name(name, seq);
	return remove_named(name);
}

/* Calls fn for each cgroup under BASE whose name begins so. */
static void
each(const char *prefix, void (*fn)(const char *, int64_t), int64_t deadline)
{
	struct dirent *e;
	DIR *d;
	int fd;

	if ((fd = open_dir(base, ".")) == -1 || (d = fdopendir(fd)) == NULL) {
		log_warn("cgroups: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			fn(e->d_name, deadline);
	closedir(d);
}

static void
kill_named(const char *name, int64_t deadline)
{
	int dir;

	(void)deadline;
	if ((dir = open_dir(base, name)) == -1)
		return; /* somebody else has removed it */
	cgroup_kill(dir);
	close(dir);
}

/* Waits until it is empty; what came in after the kill is killed, too. */
static void
await_empty(int dir, int64_t deadline)
{
	struct pollfd p = {.events = POLLPRI};
	int64_t left;

	if ((p.fd = cgroup_events(dir)) == -1)
		return;
	while (cgroup_populated(p.fd) &&
	    (left = deadline - now_boottime_ms()) > 0) {
		if (poll(&p, 1, left < 1000 ? (int)left : 1000) == 0)
			cgroup_kill(dir);
	}
	close(p.fd);
}

static void
remove_when_empty(const char *name, int64_t deadline)
{
	int dir;

	if ((dir = open_dir(base, name)) == -1)
		return;
	await_empty(dir, deadline);
	close(dir);
	if (remove_named(name) == -1 && errno != ENOENT)
		log_warn("cgroup %s: %s", name, strerror(errno));
}

void
cgroup_end_all(const char *prefix, int ms)
{
	int64_t deadline = now_boottime_ms() + ms;

	each(prefix, kill_named, deadline);
	each(prefix, remove_when_empty, deadline);
}
