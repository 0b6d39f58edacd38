#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/history.h"
#include "client/queue.h"
#include "client/say.h"
#include "client/session.h"

#define NONE_MS 300000 /* `wait`: an answer to `next` at the latest */

void
session_begin(struct session *s, const struct home *h, bool wait)
{
	s->home = h;
	s->wait = wait;
	s->word = -1;
	s->piece = -1;
	store_init(&s->store, h);
	offers_begin(&s->offers, h);
	output_init(&s->output);
}

static void
end(struct session *s, int status)
{
	s->over = true;
	s->status = status;
}

static void
reply(struct session *s, enum frame_type type)
{
	struct frame f = {.type = type};

	if (type == FRAME_KEPT)
		memcpy(f.id, s->frame.id, sizeof(f.id));
	output_reply(&s->output, &f);
}

static void
on_hello(struct session *s)
{
	struct frame f = {
	    .type = FRAME_READY,
	    .program = "qvm-remote/" VERSION,
	    .wait = s->wait,
	};

	s->greeted = true;
	output_reply(&s->output, &f);
}

/* One `next` stands at a time: a second one ends the first. */
static void
stand(struct session *s, enum next next)
{
	if (s->next != NEXT_NONE)
		reply(s, FRAME_NONE);
	s->next = next;
	s->next_ms = now_ms();
}

static void
on_next_any(struct session *s)
{
	s->input_limit = s->frame.input_limit;
	s->word = -1;
	stand(s, NEXT_ANY);
}

/* To the clients of its id, or to all. */
static void
tell_frame(struct session *s, const struct frame *f)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = frame_print(line, f);

	if (n > 0)
		peers_tell(&s->peers, f->id[0] == '\0' ? NULL : f->id, line,
		    (size_t)n);
}

static void
on_next_cancel(struct session *s)
{
	if (s->word != (int)s->frame.word)
		tell_frame(s, &s->frame);
	s->word = (int)s->frame.word;
	stand(s, NEXT_CANCEL);
}

static void
on_take(struct session *s)
{
	/* Withdrawn in the meantime: its result will be stored all the same. */
	if (store_take(s->home, s->frame.id) == -1)
		say_note("taken, but no longer here: %s", s->frame.id);
	offers_answered(&s->offers, s->frame.id);
}

/* Where the id is, or an id of "": NULL where there is no room for it. */
static struct said *
said_of(struct session *s, const char *id)
{
	struct said *p;

	for (p = s->said; p < s->said + SAID_MAX; p++) {
		if (strcmp(p->frame.id, id) == 0)
			return (p);
	}
	return (NULL);
}

static void
on_state(struct session *s)
{
	struct said *said = said_of(s, s->frame.id);

	if (said == NULL)
		said = said_of(s, "");
	if (said != NULL)
		*said = (struct said){s->frame, now_ms()};
	tell_frame(s, &s->frame);
}

/*
 * What to do when a store function has failed: true when it may be called
 * again.  Output that nobody waits for does not stop the line.
 */
static bool
room_made(struct session *s)
{
	const char *id = s->frame.id;

	if (s->store.full && history_awaited(s->home, id))
		memcpy(s->full, id, sizeof(s->full));
	else if (s->store.full && store_drop(&s->store, id))
		return (true);
	end(s, 1);
	return (false);
}

static void
on_piece(struct session *s)
{
	enum store_stream stream =
	    s->frame.type == FRAME_OUT ? STORE_OUT : STORE_ERR;

	s->left = s->frame.length;
	s->at = s->frame.offset;
	/* One that is dropped has no file. */
	if (store_piece(&s->store, s->frame.id, stream, s->at, &s->piece) == -1)
		room_made(s);
}

static void
on_receipt(struct session *s)
{
	const char *id = s->frame.id;
	struct said *said;
	int fresh;

	do {
		fresh = store_done(&s->store, id, s->frame.exit, s->receipt,
		    s->frame.length);
	} while (fresh == -1 && room_made(s));
	if (fresh == 1)
		peers_news(&s->peers, "result", id);
	if (fresh == -1 || (fresh == 1 && store_sync(&s->store, id) == -1)) {
		end(s, 1);
		return;
	}
	offers_answered(&s->offers, id);
	if ((said = said_of(s, id)) != NULL)
		said->frame.id[0] = '\0';
	store_forget(s->home, id);
	reply(s, FRAME_KEPT);
}

static void
on_done(struct session *s)
{
	s->left = s->frame.length;
	s->at = 0;
	if (s->left == 0)
		on_receipt(s);
}

static void
on_count(struct session *s)
{
	struct frame f = {.type = FRAME_COUNTS};
	struct counts c;

	queue_count(s->home, &c);
	f.pending = c.pending;
	f.running = c.running;
	f.results = c.results;
	output_reply(&s->output, &f);
}

static void
on_bye(struct session *s)
{
	end(s, 0);
}

static void (*const handlers[])(struct session *) = {
    [FRAME_HELLO] = on_hello,
    [FRAME_NEXT_ANY] = on_next_any,
    [FRAME_NEXT_CANCEL] = on_next_cancel,
    [FRAME_TAKE] = on_take,
    [FRAME_STATE] = on_state,
    [FRAME_OUT] = on_piece,
    [FRAME_ERR] = on_piece,
    [FRAME_DONE] = on_done,
    [FRAME_COUNT] = on_count,
    [FRAME_BYE] = on_bye,
};

static void
on_line(struct session *s, const char *line, size_t len)
{
	const char *why;

	if (frame_parse(FRAME_DOM0, line, len, &s->frame, &why) == -1) {
		say_error("dom0's line is no frame: %s", why);
		end(s, 1);
	} else if (s->greeted == (s->frame.type == FRAME_HELLO)) {
		say_error("dom0 must greet, once, and first");
		end(s, 1);
	} else {
		handlers[s->frame.type](s);
	}
}

static void
write_piece(struct session *s, const char *bytes, size_t len)
{
	off_t at = (off_t)s->at;
	ssize_t n;

	while (len > 0) {
		n = pwrite(s->piece, bytes, len, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			store_failed(&s->store, s->frame.id, "");
			s->piece = -1;
			room_made(s);
			return;
		}
		bytes += n;
		len -= (size_t)n;
		at += n;
	}
}

/* Bytes behind a line go where they belong as they come. */
static void
on_bytes(struct session *s, const char *bytes, size_t len)
{
	if (s->frame.type == FRAME_DONE) {
		memcpy(s->receipt + s->at, bytes, len);
	} else if (s->piece != -1) {
		write_piece(s, bytes, len);
		if (s->over)
			return;
	}
	s->at += len;
	s->left -= len;
	if (s->left > 0)
		return;
	if (s->frame.type == FRAME_DONE)
		on_receipt(s);
	else if (s->piece != -1)
		peers_news(&s->peers, "grown", s->frame.id);
}

/* What the next step uses of len bytes: 0 when it needs more of them. */
static size_t
step(struct session *s, const char *p, size_t len)
{
	const char *lf;
	size_t n;

	if (s->left > 0) {
		n = len < s->left ? len : (size_t)s->left;
		on_bytes(s, p, n);
		return (n);
	}
	lf = memchr(p, '\n', len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
	if (lf == NULL) {
		if (len >= LINE_MAX_BYTES) {
			say_error("dom0's line is over 256 bytes");
			end(s, 1);
		}
		return (0);
	}
	n = (size_t)(lf - p) + 1;
	on_line(s, p, n);
	return (n);
}

bool
session_consume(struct session *s)
{
	size_t used = 0, n = 1;

	while (
	    !s->over && n > 0 && used < s->in_len && output_room(&s->output)) {
		n = step(s, s->in + used, s->in_len - used);
		used += n;
	}
	s->in_len -= used;
	memmove(s->in, s->in + used, s->in_len);
	return (n > 0 && s->in_len > 0);
}

void
session_read(struct session *s)
{
	ssize_t n = read(0, s->in + s->in_len, sizeof(s->in) - s->in_len);

	if (n > 0)
		s->in_len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end(s, 1); /* dom0 is gone: nobody would read a message */
}

void
session_answer(struct session *s)
{
	static struct offer offer;

	if (s->next == NEXT_NONE || output_busy(&s->output))
		return;
	if (offers_next(&s->offers, s->next == NEXT_ANY, s->input_limit,
		&offer))
		output_offer(&s->output, &offer);
	else if (!s->wait || now_ms() - s->next_ms >= NONE_MS)
		reply(s, FRAME_NONE);
	else
		return;
	s->next = NEXT_NONE;
}

/* As it is now. */
static void
tell_said(struct session *s, const struct said *said)
{
	struct frame f = said->frame;

	if (f.state == STATE_RUNNING)
		f.n += (uint64_t)(now_ms() - said->at_ms) / 1000;
	tell_frame(s, &f);
}

void
session_submitted(void *session, struct peer *peer)
{
	struct session *s = session;
	struct frame f = {.type = FRAME_NEXT_CANCEL};
	const struct said *said = said_of(s, peer->id);

	offers_id(&s->offers, peer->id);
	/* What came before we knew of it was told to nobody. */
	peers_news(&s->peers, "grown", peer->id);
	if (said != NULL)
		tell_said(s, said);
	if (s->word == -1)
		return;
	f.word = (enum frame_word)s->word;
	memcpy(f.id, peer->id, sizeof(f.id));
	tell_frame(s, &f);
}

int
session_timeout(const struct session *s)
{
	int64_t now = now_ms(), at = s->next_ms + NONE_MS;

	if (s->next == NEXT_NONE)
		return (-1);
	if (s->offers.look_again != 0 && s->offers.look_again < at)
		at = s->offers.look_again;
	return (at <= now ? 0 : (int)(at - now));
}
