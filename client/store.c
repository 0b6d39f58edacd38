#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/file.h"
#include "client/history.h"
#include "client/say.h"
#include "client/store.h"
#include "wire/receipt.h"

static const char *const suffixes[STORE_STREAMS] = {".out", ".err"};

/* The token first: whoever has it has the request, and moves the rest. */
static const char *const request_files[] = {".auth", "", ".in"};
#define REQUEST_FILES (sizeof(request_files) / sizeof(request_files[0]))

void
store_init(struct store *s, const struct home *h)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->home = h;
	for (i = 0; i < STORE_SLOTS; i++)
		s->slots[i].fd[STORE_OUT] = s->slots[i].fd[STORE_ERR] = -1;
}

static void
slot_close(struct store_slot *slot)
{
	int i;

	for (i = 0; i < STORE_STREAMS; i++) {
		if (slot->fd[i] != -1)
			close(slot->fd[i]);
		slot->fd[i] = -1;
	}
	slot->id[0] = '\0';
	slot->used = 0;
}

/* The slot of an id; the one that was not used for longest makes room. */
static struct store_slot *
slot_of(struct store *s, const char *id)
{
	struct store_slot *slot, *oldest = &s->slots[0];
	size_t i;

	for (i = 0; i < STORE_SLOTS; i++) {
		slot = &s->slots[i];
		if (strcmp(slot->id, id) == 0)
			break;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	if (i == STORE_SLOTS) {
		slot = oldest;
		slot_close(slot);
		memcpy(slot->id, id, sizeof(slot->id));
	}
	slot->used = ++s->clock;
	return (slot);
}

static int
output_open(struct store *s, const char *id, enum store_stream stream,
    uint64_t *size)
{
	struct store_slot *slot = slot_of(s, id);
	char name[NAME_SIZE];
	struct stat st;
	int fd = slot->fd[stream];

	if (fd == -1) {
		file_name(name, "", id, suffixes[stream]);
		fd = openat(s->home->results, name,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
		slot->fd[stream] = fd;
	}
	if (fd == -1 || fstat(fd, &st) == -1) {
		say_errno("results/%s%s", id, suffixes[stream]);
		return (-1);
	}
	if (!S_ISREG(st.st_mode)) {
		say_error("results/%s%s is no file", id, suffixes[stream]);
		return (-1);
	}
	*size = (uint64_t)st.st_size;
	return (fd);
}

int
store_piece(struct store *s, const char *id, enum store_stream stream,
    uint64_t offset, int *fd)
{
	uint64_t size;

	*fd = -1;
	if (history_has_result(s->home, id))
		return (0);
	if ((*fd = output_open(s, id, stream, &size)) == -1)
		return (-1);
	if (offset > size) {
		say_error("a piece of output leaves a gap: %s", id);
		return (-1);
	}
	return (0);
}

/* Cut to what was kept; made where the command wrote nothing. */
static int
output_finish(struct store *s, const char *id, enum store_stream stream,
    const struct receipt_stream *kept)
{
	uint64_t size;
	int fd = output_open(s, id, stream, &size);

	if (fd == -1)
		return (-1);
	if (kept != NULL && size > kept->kept) {
		if (ftruncate(fd, (off_t)kept->kept) == -1) {
			say_errno("results/%s%s", id, suffixes[stream]);
			return (-1);
		}
		size = kept->kept;
	}
	if (size > 0 && fsync(fd) == -1) {
		say_errno("results/%s%s", id, suffixes[stream]);
		return (-1);
	}
	return (0);
}

/*
 * What a version 1 request gets is no receipt.  Nor is what a newer dom0 might
 * send: the client judges, we store it.
 */
int
store_done(struct store *s, const char *id, uint8_t exit, const char *receipt,
    size_t len)
{
	const struct receipt_stream *out = NULL, *err = NULL;
	struct receipt r;
	const char *why;
	char text[8];
	int n;

	if (history_has_result(s->home, id))
		return (0);
	if (receipt_parse(receipt, len, &r, &why) == 0) {
		out = &r.out;
		err = &r.err;
	}
	n = snprintf(text, sizeof(text), "%u\n", exit);
	if (output_finish(s, id, STORE_OUT, out) == -1 ||
	    output_finish(s, id, STORE_ERR, err) == -1)
		return (-1);
	slot_close(slot_of(s, id));
	/*
	 * All of it is on the disk before .exit says that it is there: what
	 * comes back after a power loss is whole, or is sent again.
	 */
	if (file_write(s->home->results, id, ".meta", receipt, len, true) ==
		-1 ||
	    file_write(s->home->results, id, ".exit", text, (size_t)n, true) ==
		-1) {
		say_errno("results/%s", id);
		return (-1);
	}
	return (1);
}

int
store_sync(const struct store *s)
{
	if (fsync(s->home->results) == 0)
		return (0);
	say_errno("results");
	return (-1);
}

int
store_take(const struct home *h, const char *id)
{
	char name[NAME_SIZE];
	size_t i;

	for (i = 0; i < REQUEST_FILES; i++) {
		file_name(name, "", id, request_files[i]);
		if (renameat(h->pending, name, h->running, name) == 0)
			continue;
		/* Its client may have withdrawn it, and removes the rest. */
		if (i == 0 && !file_exists(h->running, id, ".auth"))
			return (-1);
	}
	return (0);
}

void
store_forget(const struct home *h, const char *id)
{
	size_t i;

	for (i = 0; i < REQUEST_FILES; i++) {
		file_remove(h->pending, id, request_files[i]);
		file_remove(h->running, id, request_files[i]);
	}
	file_remove(h->pending, id, ".cancel");
}
