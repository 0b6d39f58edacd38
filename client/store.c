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
#include "crypto/crypto.h"
#include "wire/receipt.h"

static const char *const suffixes[] = {".out", ".err", ".meta", ".exit"};

/* The token first: whoever has it has the request, and moves the rest. */
static const char *const request_files[] = {".auth", "", ".in"};
#define REQUEST_FILES (sizeof(request_files) / sizeof(request_files[0]))

void
store_init(struct store *s, const struct home *h)
{
	size_t i, j;

	memset(s, 0, sizeof(*s));
	s->home = h;
	for (i = 0; i < STORE_SLOTS; i++) {
		for (j = 0; j < STORE_FILES; j++)
			s->slots[i].fd[j] = -1;
	}
}

int
store_failed(struct store *s, const char *id, const char *suffix)
{
	s->full = errno == ENOSPC || errno == EDQUOT;
	say_errno("results/%s%s", id, suffix);
	return (-1);
}

static void
slot_close(struct store_slot *slot)
{
	int i;

	for (i = 0; i < STORE_FILES; i++) {
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

/* A fifo, a link or a socket is no output, and would end each session. */
static void
clear_way(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
	    unlinkat(dir, name, 0) == 0)
		say_note("removed, since it is no file: results/%s", name);
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
		clear_way(s->home->results, name);
		fd = openat(s->home->results, name,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
		slot->fd[stream] = fd;
	}
	if (fd == -1 || fstat(fd, &st) == -1)
		return (store_failed(s, id, suffixes[stream]));
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
	s->full = false;
	if (idlist_has(&s->dropped, id) || history_has_result(s->home, id))
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
	if (kept != NULL && size > kept->kept &&
	    ftruncate(fd, (off_t)kept->kept) == -1)
		return (store_failed(s, id, suffixes[stream]));
	return (0);
}

bool
store_drop(struct store *s, const char *id)
{
	uint64_t size;
	int fd, i;

	if (idlist_has(&s->dropped, id))
		return (false);
	idlist_add(&s->dropped, id);
	for (i = 0; i < STORE_STREAMS; i++) {
		fd = output_open(s, id, (enum store_stream)i, &size);
		if (fd != -1 && ftruncate(fd, 0) == -1)
			return (false);
	}
	slot_close(slot_of(s, id));
	say_note("output dropped, nobody waits for it: %s", id);
	audit_line(s->home, "DROP id=%s: no room for its output", id);
	return (idlist_has(&s->dropped, id));
}

static bool
output_whole(const struct home *h, const char *id, enum store_stream stream,
    const struct receipt_stream *kept)
{
	static char buf[65536];
	struct sha256 sha;
	uint8_t digest[SHA256_LEN];
	uint64_t len;
	ssize_t n;
	int fd = file_open(h->results, id, suffixes[stream], &len);

	if (fd == -1)
		return (false);
	sha256_init(&sha);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sha256_update(&sha, buf, (size_t)n);
	close(fd);
	sha256_final(&sha, digest);
	return (n == 0 && memcmp(digest, kept->sha256, sizeof(digest)) == 0);
}

/*
 * A result can be seen before it is synced, so a power loss may have left one
 * that is cut.  Then dom0 has no `kept`, and sends it again.
 */
static bool
result_whole(const struct home *h, const char *id)
{
	char text[RECEIPT_MAX];
	struct receipt r;
	const char *why;
	ssize_t len;

	len = file_read(h->results, id, ".meta", text, sizeof(text));
	if (len <= 0)
		return (false);
	/* What a version 1 request gets has no digests. */
	if (receipt_parse(text, (size_t)len, &r, &why) == -1)
		return (true);
	return (output_whole(h, id, STORE_OUT, &r.out) &&
	    output_whole(h, id, STORE_ERR, &r.err));
}

/* dom0 sends what is here: 0, or -1 when what is here is of no use. */
static int
result_again(const struct home *h, const char *id)
{
	if (!file_exists(h->results, id, ".exit") || result_whole(h, id))
		return (0);
	/* Its client has begun to move it to history in the meantime. */
	if (!file_remove(h->results, id, ".exit"))
		return (0);
	say_error("the result was cut, a new session brings it again: %s", id);
	return (-1);
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
	struct store_slot *slot;
	struct receipt r;
	const char *why;
	char text[8];
	int n;

	s->full = false;
	if (history_has_result(s->home, id))
		return (result_again(s->home, id));
	if (receipt_parse(receipt, len, &r, &why) == 0) {
		out = &r.out;
		err = &r.err;
	}
	n = snprintf(text, sizeof(text), "%u\n", exit);
	if (output_finish(s, id, STORE_OUT, out) == -1 ||
	    output_finish(s, id, STORE_ERR, err) == -1)
		return (-1);
	slot = slot_of(s, id);
	if (file_write(s->home->results, id, ".meta", receipt, len,
		&slot->fd[STORE_META]) == -1 ||
	    file_write(s->home->results, id, ".exit", text, (size_t)n,
		&slot->fd[STORE_EXIT]) == -1)
		return (store_failed(s, id, ""));
	idlist_remove(&s->dropped, id);
	return (1);
}

/* By descriptor: the client may have moved the files already. */
int
store_sync(struct store *s, const char *id)
{
	struct store_slot *slot = slot_of(s, id);
	int i;

	for (i = 0; i < STORE_FILES; i++) {
		if (slot->fd[i] != -1 && fsync(slot->fd[i]) == -1) {
			say_errno("results/%s%s", id, suffixes[i]);
			return (-1);
		}
	}
	slot_close(slot);
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
