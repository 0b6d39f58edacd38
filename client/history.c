#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/entry.h"
#include "client/file.h"
#include "client/history.h"
#include "client/key.h"
#include "client/say.h"
#include "wire/id.h"

#define V1_TOKEN_MAX 65	  /* with its LF */
#define FORGET_S     3600 /* a dead client's body of which nothing else is left */

bool
history_has_result(const struct home *h, const char *id)
{
	char day[DAY_SIZE], path[DAY_SIZE + NAME_SIZE];

	/* The order matters: a result moves from the one to the other. */
	if (file_exists(h->results, id, ".exit"))
		return (true);
	if (!entry_day(day, id))
		return (false);
	snprintf(path, sizeof(path), "%s/%s/exit", day, id);
	return (faccessat(h->history, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

/* history/YYYY-MM-DD/<id>, made where it is not there. */
static int
folder_of(const struct home *h, const char *id)
{
	char day[DAY_SIZE], path[DAY_SIZE + NAME_SIZE];

	if (!entry_day(day, id)) {
		errno = EINVAL;
		return (-1);
	}
	snprintf(path, sizeof(path), "%s/%s", day, id);
	if ((mkdirat(h->history, day, 0700) == -1 && errno != EEXIST) ||
	    (mkdirat(h->history, path, 0700) == -1 && errno != EEXIST))
		return (-1);
	return (openat(h->history, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int
history_store(const struct home *h, const char *id)
{
	static const char *const request[] = {"", ".auth", ".in"};
	int folder, result = 0;
	enum part part;
	size_t i;

	if ((folder = folder_of(h, id)) == -1)
		return (-1);
	/*
	 * The end first: what results/ has of an id with .exit there is whole.
	 * The body last: its name in clients/ says that there is more to do.
	 */
	for (part = 0; part < PARTS && result == 0; part++) {
		if (part == PARTS_RESULT) {
			history_withdraw(h, id);
			for (i = 0; i < sizeof(request) / sizeof(request[0]);
			     i++)
				file_remove(h->running, id, request[i]);
		}
		result = entry_move(h, id, part, folder);
	}
	close_quietly(folder);
	return (result);
}

bool
history_withdraw(const struct home *h, const char *id)
{
	static const char *const suffixes[] = {"", ".auth", ".in", ".cancel"};
	char temp[ID_MAX + 2];
	bool removed = file_remove(h->pending, id, ".auth");
	size_t i;

	/*
	 * Without the token it is no request, so the rest may go.  Where the
	 * agent was faster it has moved the rest, or is about to.
	 */
	if (removed || !file_exists(h->running, id, ".auth")) {
		file_remove(h->pending, id, "");
		file_remove(h->pending, id, ".in");
	}
	snprintf(temp, sizeof(temp), ".%s", id);
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		file_remove(h->pending, temp, suffixes[i]);
	return (removed);
}

/* The lock on the name that is there now, or -1: its client lives. */
static int
lock_dead(const struct home *h, const char *id, struct stat *st)
{
	struct stat now;
	uint64_t len;
	int fd = file_open(h->clients, id, "", &len);

	if (fd == -1)
		return (-1);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, st) == 0 &&
	    fstatat(h->clients, id, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now.st_dev == st->st_dev && now.st_ino == st->st_ino)
		return (fd);
	close(fd);
	return (-1);
}

/* By its token, which is 64 digits. */
static bool
is_v1(const struct home *h, const char *id)
{
	uint64_t len = UINT64_MAX;
	int fd = file_open(h->running, id, ".auth", &len);

	if (fd == -1)
		fd = file_open(h->pending, id, ".auth", &len);
	if (fd != -1)
		close(fd);
	return (len <= V1_TOKEN_MAX);
}

bool
history_awaited(const struct home *h, const char *id)
{
	struct stat st;
	int fd;

	if (!file_exists(h->clients, id, ""))
		return (is_v1(h, id));
	if ((fd = lock_dead(h, id, &st)) == -1)
		return (true);
	close(fd);
	return (entry_detached(h, id));
}

/* The body last, as in history_store(). */
static void
forget(const struct home *h, const char *id)
{
	file_remove(h->clients, id, ".auth");
	file_remove(h->clients, id, "");
}

bool
history_forget(const struct home *h, const char *id)
{
	struct stat st;
	int fd;

	if (!file_exists(h->clients, id, ""))
		return (true);
	if ((fd = lock_dead(h, id, &st)) == -1)
		return (false);
	forget(h, id);
	close(fd);
	return (true);
}

void
history_collect(const struct home *h, const char *id)
{
	struct stat st;
	int fd;

	if ((fd = lock_dead(h, id, &st)) == -1)
		return;
	if (history_has_result(h, id)) {
		if (history_store(h, id) == 0)
			audit_line(h, "COLLECT id=%s", id);
	} else if (!file_exists(h->running, id, ".auth") &&
	    !entry_detached(h, id)) {
		if (history_withdraw(h, id))
			audit_line(h, "WITHDRAW id=%s", id);
		/*
		 * The agent may have offered it before it was withdrawn: a
		 * result can still come, for a while.
		 */
		if (time(NULL) - st.st_mtime > FORGET_S)
			forget(h, id);
	}
	close(fd);
}

void
history_sweep(const struct home *h)
{
	struct dirent *entry;
	DIR *d;
	int fd = openat(h->clients, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		if (id_valid(entry->d_name, strlen(entry->d_name)))
			history_collect(h, entry->d_name);
	}
	closedir(d);
	key_sweep(h);
}

static int
append(int fd, const char *line, size_t len)
{
	struct stat st;
	int saved;

	if (flock(fd, LOCK_EX) == -1 || fstat(fd, &st) == -1)
		return (-1);
	if (write_all(fd, line, len) == 0)
		return (0);
	/* A full disk may have taken the beginning of the line. */
	saved = errno;
	if (ftruncate(fd, st.st_size) == 0)
		errno = saved;
	return (-1);
}

int
audit_line(const struct home *h, const char *fmt, ...)
{
	char line[2048];
	struct tm tm;
	time_t now = time(NULL);
	va_list ap;
	size_t used;
	int fd, n, result, saved;

	if (localtime_r(&now, &tm) == NULL)
		return (-1);
	used = strftime(line, sizeof(line), "[%Y-%m-%dT%H:%M:%S%z] ", &tm);
	va_start(ap, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - used - 1) {
		errno = EOVERFLOW;
		return (-1);
	}
	used += (size_t)n;
	line[used++] = '\n';
	fd = openat(h->dir, "audit.log",
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return (-1);
	result = append(fd, line, used);
	saved = errno;
	close(fd);
	errno = saved;
	return (result);
}
