#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/entry.h"
#include "client/file.h"
#include "client/patience.h"
#include "wire/id.h"

static const struct {
	const char *suffix; /* in the queue */
	const char *name;   /* in history */
} parts[PARTS] = {
    [PART_EXIT] = {".exit", "exit"},
    [PART_OUT] = {".out", "out"},
    [PART_ERR] = {".err", "err"},
    [PART_META] = {".meta", "meta"},
    [PART_TOKEN] = {".auth", "token"},
    [PART_COMMAND] = {"", "command"},
};

bool
entry_day(char day[DAY_SIZE], const char *id)
{
	if (!id_valid(id, strlen(id)))
		return (false);
	snprintf(day, DAY_SIZE, "%.4s-%.2s-%.2s", id, id + 4, id + 6);
	return (true);
}

static int
queue_folder(const struct home *h, enum part part)
{
	return (part < PARTS_RESULT ? h->results : h->clients);
}

int
entry_open(const struct home *h, const char *id, enum part part, uint64_t *len)
{
	char day[DAY_SIZE], path[DAY_SIZE + NAME_SIZE];
	int fd, folder;

	/* The order matters: they move from the one to the other. */
	fd = file_open(queue_folder(h, part), id, parts[part].suffix, len);
	if (fd != -1 || errno != ENOENT || !entry_day(day, id))
		return (fd);
	snprintf(path, sizeof(path), "%s/%s", day, id);
	folder = openat(h->history, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder == -1)
		return (-1);
	fd = file_open(folder, parts[part].name, "", len);
	close_quietly(folder);
	return (fd);
}

ssize_t
entry_read(const struct home *h, const char *id, enum part part, void *buf,
    size_t size)
{
	uint64_t len;
	int fd = entry_open(h, id, part, &len);

	return (fd == -1 ? -1 : file_read_all(fd, len, buf, size));
}

int
entry_move(const struct home *h, const char *id, enum part part, int folder)
{
	char old[NAME_SIZE];

	file_name(old, "", id, parts[part].suffix);
	if (renameat(queue_folder(h, part), old, folder, parts[part].name) ==
		-1 &&
	    errno != ENOENT)
		return (-1);
	return (0);
}

int
entry_token(const struct home *h, const char *id, struct token *t)
{
	char text[TOKEN_MAX];
	const char *why;
	ssize_t len = entry_read(h, id, PART_TOKEN, text, sizeof(text));

	if (len == -1)
		return (-1);
	return (token_parse(text, (size_t)len, t, &why));
}

bool
entry_detached(const struct home *h, const char *id)
{
	struct token t;

	return (entry_token(h, id, &t) == 0 && t.queue &&
	    time(NULL) <= t.expires + GRACE_MS / 1000);
}
