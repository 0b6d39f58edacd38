#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/file.h"
#include "client/history.h"
#include "client/offer.h"
#include "client/store.h"
#include "client/text.h"
#include "wire/id.h"

#define V1_TOKEN_LEN  64
#define V1_YOUNG_S    2	   /* may still be being written, in place */
#define V1_OLD_S      3600 /* its client is long gone */
#define LOOK_AGAIN_MS 500

/*
 * Where some had no room, whatever is as young waits with them for a further
 * read: taken now, it would come before them, and they might never come.
 */
static void
source_add(struct source *s, const char *id)
{
	if (s->list.more && id_compare(id, s->last) > 0)
		return;
	idlist_add(&s->list, id);
	if (s->list.more && s->list.n == IDLIST_MAX)
		memcpy(s->last, s->list.ids[IDLIST_MAX - 1], sizeof(s->last));
}

/* beyond: an id that it must be younger than, or "". */
static void
source_name(struct source *s, const char *suffix, const char *name,
    const char *beyond)
{
	size_t len = text_stem(name, suffix);
	char id[ID_MAX + 1];

	if (len == 0 || len > ID_MAX ||
	    (!id_valid(name, len) && !id_valid_v1_ping(name, len)))
		return;
	memcpy(id, name, len);
	id[len] = '\0';
	if (beyond[0] == '\0' || id_compare(id, beyond) > 0)
		source_add(s, id);
}

static void
source_scan(struct source *s, const char *beyond)
{
	struct dirent *entry;
	DIR *d;
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		s->stale = true; /* no descriptors, no memory: later */
		return;
	}
	while ((entry = readdir(d)) != NULL)
		source_name(s, s->suffix, entry->d_name, beyond);
	closedir(d);
}

/*
 * Each id comes once a read of the folder: one that is no request now is
 * looked at again when something happens to it.
 */
static bool
source_next(struct source *s, char id[ID_MAX + 1])
{
	char beyond[ID_MAX + 1];

	if (s->stale) {
		s->stale = false;
		s->list.n = 0;
		s->list.more = false;
		source_scan(s, "");
	} else if (s->list.n == 0 && s->list.more) {
		s->list.more = false;
		memcpy(beyond, s->last, sizeof(beyond));
		source_scan(s, beyond);
	}
	return (idlist_take(&s->list, id));
}

void
offers_begin(struct offers *o, const struct home *h)
{
	memset(o, 0, sizeof(*o));
	o->home = h;
	o->cancels.dir = o->requests.dir = h->pending;
	o->running.dir = h->running;
	o->cancels.suffix = ".cancel";
	o->requests.suffix = o->running.suffix = ".auth";
	o->running.stale = true;
	offers_rescan(o);
}

void
offers_rescan(struct offers *o)
{
	o->cancels.stale = o->requests.stale = true;
	o->look_again = 0;
}

void
offers_name(struct offers *o, const char *name)
{
	source_name(&o->cancels, o->cancels.suffix, name, "");
	source_name(&o->requests, o->requests.suffix, name, "");
	/* A client of version 1 may write the body after the token. */
	source_name(&o->requests, "", name, "");
}

void
offers_id(struct offers *o, const char *id)
{
	source_add(&o->cancels, id);
	source_add(&o->requests, id);
}

void
offers_answered(struct offers *o, const char *id)
{
	idlist_remove(&o->offered, id);
}

/* As long as its request is here, the cancel is kept, but not sent again. */
static void
cancel_offered(struct offers *o, const char *id)
{
	char oldest[ID_MAX + 1];

	if (!file_exists(o->home->pending, id, ".auth") &&
	    !file_exists(o->home->running, id, ".auth")) {
		file_remove(o->home->pending, id, ".cancel");
		return;
	}
	if (o->cancelled.n == IDLIST_MAX)
		idlist_take(&o->cancelled, oldest);
	idlist_add(&o->cancelled, id);
}

static bool
offer_cancel(struct offers *o, const char *id, struct offer *out)
{
	ssize_t len;

	if (history_has_result(o->home, id)) {
		file_remove(o->home->pending, id, ".cancel");
		return (false);
	}
	if (idlist_has(&o->cancelled, id) || !id_valid(id, strlen(id)))
		return (false);
	len = file_read(o->home->pending, id, ".cancel", out->token,
	    sizeof(out->token));
	if (len == -1 && errno == EFBIG) /* no token is that long */
		file_remove(o->home->pending, id, ".cancel");
	if (len <= 0)
		return (false);
	out->frame.type = FRAME_CANCEL;
	out->frame.token_len = (uint64_t)len;
	out->bytes = true;
	cancel_offered(o, id);
	return (true);
}

/* Version 1 alone: its client writes in place, and its token has no end. */
static bool
v1_waits(struct offers *o, int fd, const struct offer *out)
{
	struct stat st;
	int64_t age;

	if (out->frame.token_len > V1_TOKEN_LEN + 1)
		return (false);
	if (fstat(fd, &st) == -1)
		return (true);
	/* time() may be a tick behind the file's clock. */
	age = (int64_t)time(NULL) - st.st_mtime;
	if (out->frame.token_len < V1_TOKEN_LEN && age > -V1_YOUNG_S &&
	    age < V1_YOUNG_S) {
		o->look_again = now_ms() + LOOK_AGAIN_MS;
		return (true);
	}
	return (age > V1_OLD_S);
}

static bool
read_token(struct offers *o, int dir, const char *id, struct offer *out)
{
	int fd = file_open(dir, id, ".auth", &out->frame.token_len);
	bool good;

	if (fd == -1)
		return (false);
	good = !v1_waits(o, fd, out);
	if (good && out->frame.token_len <= sizeof(out->token))
		good = pread(fd, out->token, out->frame.token_len, 0) ==
		    (ssize_t)out->frame.token_len;
	close(fd);
	return (good);
}

/* Only regular files that we may read make a request. */
static bool
open_request(struct offers *o, int dir, const char *id, struct offer *out)
{
	if (!read_token(o, dir, id, out))
		return (false);
	out->body = file_open(dir, id, "", &out->frame.body_len);
	if (out->body == -1)
		return (false);
	out->input = file_open(dir, id, ".in", &out->frame.input_len);
	if (out->input == -1 && errno != ENOENT) {
		close(out->body);
		return (false);
	}
	return (true);
}

static bool
offer_request(struct offers *o, int dir, const char *id, uint64_t input_limit,
    struct offer *out)
{
	if (idlist_has(&o->offered, id))
		return (false);
	if (history_has_result(o->home, id)) {
		store_forget(o->home, id);
		return (false);
	}
	if (!open_request(o, dir, id, out))
		return (false);
	out->frame.type = FRAME_REQUEST;
	out->bytes = frame_lengths_rule(&out->frame, input_limit) == NULL;
	if (!out->bytes) {
		close(out->body);
		if (out->input != -1)
			close(out->input);
		out->body = out->input = -1;
	}
	idlist_add(&o->offered, id);
	return (true);
}

static void
offer_clear(struct offer *out, const char *id)
{
	memset(&out->frame, 0, sizeof(out->frame));
	memcpy(out->frame.id, id, sizeof(out->frame.id));
	out->frame.clock = time(NULL);
	out->bytes = false;
	out->body = out->input = -1;
}

bool
offers_next(struct offers *o, bool any, uint64_t input_limit, struct offer *out)
{
	const struct home *h = o->home;
	char id[ID_MAX + 1];

	if (o->look_again != 0 && now_ms() >= o->look_again)
		offers_rescan(o);
	while (source_next(&o->cancels, id)) {
		offer_clear(out, id);
		if (offer_cancel(o, id, out))
			return (true);
	}
	/* dom0 answers each offer; until then nothing is offered twice. */
	if (!any || o->offered.n == IDLIST_MAX)
		return (false);
	while (source_next(&o->running, id)) {
		offer_clear(out, id);
		/* An agent that was killed may have moved half of it. */
		if (store_take(h, id) == 0 &&
		    offer_request(o, h->running, id, input_limit, out))
			return (true);
	}
	while (source_next(&o->requests, id)) {
		offer_clear(out, id);
		if (offer_request(o, h->pending, id, input_limit, out))
			return (true);
	}
	return (false);
}
