#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/file.h"
#include "client/names.h"
#include "client/say.h"
#include "client/text.h"
#include "wire/id.h"

bool
names_id(const char *name, size_t len)
{
	return (id_valid(name, len) || id_valid_v1_ping(name, len));
}

static bool
is_day(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (i == 4 || i == 7 ? name[i] != '-'
				     : name[i] < '0' || name[i] > '9')
			return (false);
	}
	return (len == 10);
}

static int
add(struct names *l, const char *name, size_t len)
{
	char **v;

	if ((l->n & (l->n - 1)) == 0) {
		v = reallocarray(l->v, l->n == 0 ? 1 : 2 * l->n, sizeof(*v));
		if (v == NULL)
			return (-1);
		l->v = v;
	}
	if ((l->v[l->n] = strndup(name, len)) == NULL)
		return (-1);
	l->n++;
	return (0);
}

static int
compare(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

static int
read_all(struct names *l, DIR *d, const char *suffix,
    bool (*keep)(const char *, size_t))
{
	size_t end = strlen(suffix), len;
	struct dirent *entry;

	while (errno = 0, (entry = readdir(d)) != NULL) {
		len = strlen(entry->d_name);
		if (len <= end ||
		    strcmp(entry->d_name + len - end, suffix) != 0 ||
		    !keep(entry->d_name, len - end))
			continue;
		if (add(l, entry->d_name, len - end) == -1)
			return (-1);
	}
	return (errno == 0 ? 0 : -1);
}

int
names_read(struct names *l, int dir, const char *suffix,
    bool (*keep)(const char *, size_t))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
	DIR *d;

	*l = (struct names){0};
	if (fd == -1)
		return (-1);
	if ((d = fdopendir(fd)) == NULL) {
		close_quietly(fd);
		return (-1);
	}
	if ((result = read_all(l, d, suffix, keep)) == -1)
		names_free(l);
	else if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	closedir(d);
	return (result);
}

void
names_free(struct names *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct names){0};
}

static int
read_day(const struct home *h, const char *day, struct names *ids)
{
	int fd, result;

	fd = openat(h->history, day,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	result = names_read(ids, fd, "", names_id);
	close_quietly(fd);
	return (result);
}

/* The first day and how many of its ids come before the last `most` of all. */
static int
begin_at(const struct home *h, const struct names *days, size_t most,
    size_t *day, size_t *skip)
{
	struct names ids;
	size_t have = 0;

	*day = most == 0 ? 0 : days->n;
	*skip = 0;
	while (*day > 0 && have < most) {
		if (read_day(h, days->v[--*day], &ids) == -1)
			return (-1);
		have += ids.n;
		names_free(&ids);
	}
	if (most != 0 && have > most)
		*skip = have - most;
	return (0);
}

int
names_history(const struct home *h, size_t most,
    bool (*fn)(const struct home *, const char *id, void *arg), void *arg)
{
	struct names days, ids;
	size_t day = 0, i = 0;
	bool more = true;
	int result;

	if ((result = names_read(&days, h->history, "", is_day)) == 0)
		result = begin_at(h, &days, most, &day, &i);
	for (; result == 0 && more && day < days.n; day++, i = 0) {
		if ((result = read_day(h, days.v[day], &ids)) == -1)
			break;
		for (; more && i < ids.n; i++)
			more = fn(h, ids.v[i], arg);
		names_free(&ids);
	}
	if (result == -1)
		say_errno("history");
	names_free(&days);
	return (result);
}
