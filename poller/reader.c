#include "poller/reader.h"

#include <string.h>

void
reader_init(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	r->part = PART_GREETING;
}

void
reader_ask(struct reader *r, bool cancel_only, uint64_t input_limit)
{
	struct reader_asked *a;

	if (r->asked_count == ASKED_MAX)
		__builtin_trap();
	a = &r->asked[r->asked_count++];
	a->cancel_only = cancel_only;
	a->input_limit = input_limit;
}

bool
reader_within(const struct reader *r)
{
	return r->part != PART_BAD && r->part != PART_GREETING &&
	    (r->part != PART_LINE || r->line_len > 0);
}

static enum reader_event
bad(struct reader *r, const char *why)
{
	r->part = PART_BAD;
	r->why = why;
	return READER_BAD;
}

/* Moves at most want bytes of what is there. */
static size_t
use(const char **p, size_t *len, size_t want)
{
	size_t n = want < *len ? want : *len;

	*p += n;
	*len -= n;
	return n;
}

/* Adds to the line up to its LF, as far as it has room: whether it is whole. */
static bool
take_line(struct reader *r, const char **p, size_t *len)
{
	size_t room = sizeof(r->line) - r->line_len, n = *len;
	const char *from = *p, *lf;

	if (n > room)
		n = room;
	lf = memchr(from, '\n', n);
	if (lf != NULL)
		n = (size_t)(lf - from) + 1;
	memcpy(r->line + r->line_len, from, use(p, len, n));
	r->line_len += n;
	return lf != NULL;
}

/* Text of a login shell, skipped line by line until `ready`. */
static enum reader_event
greeting(struct reader *r, const char **p, size_t *len)
{
	const char *why;
	bool whole;

	while (*len > 0) {
		whole = take_line(r, p, len);
		if (whole && !r->long_line &&
		    frame_parse(FRAME_VM, r->line, r->line_len, &r->frame,
			&why) == 0 &&
		    r->frame.type == FRAME_READY) {
			r->part = PART_LINE;
			r->line_len = 0;
			return READER_READY;
		}
		if (!whole && r->line_len < sizeof(r->line))
			break;
		r->greeted += r->line_len;
		r->line_len = 0;
		r->long_line = !whole;
		if (r->greeted > GREETING_MAX)
			return bad(r, "more than 4096 bytes before ready");
	}
	return READER_MORE;
}

/* One `next` is answered: what it asked for. */
static struct reader_asked
answer(struct reader *r)
{
	struct reader_asked a = r->asked[0];

	r->superseded = r->asked_count > 1;
	r->asked[0] = r->asked[1];
	r->asked_count--;
	return a;
}

static void
begin_part(struct reader *r, enum reader_part part, uint64_t length)
{
	r->part = part;
	r->left = length;
}

static enum reader_event
request_line(struct reader *r)
{
	struct reader_asked a;

	if (r->asked_count == 0)
		return bad(r, "request: not asked for");
	a = answer(r);
	if (a.cancel_only)
		return bad(r, "request: only a cancel was asked for");
	r->over = frame_lengths_rule(&r->frame, a.input_limit) != NULL;
	if (!r->over)
		begin_part(r, PART_TOKEN, r->frame.token_len);
	return READER_REQUEST;
}

static enum reader_event
cancel_line(struct reader *r)
{
	if (r->asked_count == 0)
		return bad(r, "cancel: not asked for");
	(void)answer(r);
	r->over = r->frame.token_len > TOKEN_PIPE_MAX;
	if (r->over)
		return READER_CANCEL;
	begin_part(r, PART_TOKEN, r->frame.token_len);
	return READER_MORE;
}

static enum reader_event
none_line(struct reader *r)
{
	if (r->asked_count == 0)
		return bad(r, "none: not asked for");
	(void)answer(r);
	return READER_NONE;
}

static enum reader_event
frame_line(struct reader *r)
{
	r->token_len = 0;
	switch (r->frame.type) {
	case FRAME_REQUEST:
		return request_line(r);
	case FRAME_CANCEL:
		return cancel_line(r);
	case FRAME_NONE:
		return none_line(r);
	case FRAME_KEPT:
		return READER_KEPT;
	case FRAME_READY:
		return bad(r, "ready: a second time");
	case FRAME_COUNTS:
		return bad(r, "counts: not asked for");
	default:
		return bad(r, "a frame of dom0's");
	}
}

static enum reader_event
line(struct reader *r, const char **p, size_t *len)
{
	const char *why;
	size_t n;

	if (!take_line(r, p, len)) {
		if (r->line_len == sizeof(r->line))
			return bad(r, "a line of more than 256 bytes");
		return READER_MORE;
	}
	n = r->line_len;
	r->line_len = 0;
	if (frame_parse(FRAME_VM, r->line, n, &r->frame, &why) == -1)
		return bad(r, why);
	return frame_line(r);
}

/* READER_MORE: the token is whole, or needs more bytes. */
static enum reader_event
token(struct reader *r, const char **p, size_t *len)
{
	const char *from = *p;
	size_t n;

	n = use(p, len, (size_t)r->left);
	if (n > 0)
		memcpy(r->token + r->token_len, from, n);
	r->token_len += n;
	r->left -= n;
	if (r->left > 0)
		return READER_MORE;
	if (r->frame.type == FRAME_CANCEL) {
		r->part = PART_LINE;
		return READER_CANCEL;
	}
	begin_part(r, PART_BODY, r->frame.body_len);
	return READER_MORE;
}

/* A piece of body or input, or, when there is none left, the next part. */
static enum reader_event
piece(struct reader *r, const char **p, size_t *len)
{
	bool body = r->part == PART_BODY;

	if (r->left == 0) {
		if (body)
			begin_part(r, PART_INPUT, r->frame.input_len);
		else
			r->part = PART_END;
		return READER_MORE;
	}
	r->data = *p;
	r->data_len =
	    use(p, len, r->left < SIZE_MAX ? (size_t)r->left : SIZE_MAX);
	r->left -= r->data_len;
	return body ? READER_BODY : READER_INPUT;
}

static enum reader_event
step(struct reader *r, const char **p, size_t *len)
{
	switch (r->part) {
	case PART_GREETING:
		return greeting(r, p, len);
	case PART_LINE:
		return line(r, p, len);
	case PART_TOKEN:
		return token(r, p, len);
	case PART_BODY:
	case PART_INPUT:
		return piece(r, p, len);
	case PART_END:
		r->part = PART_LINE;
		return READER_REQUEST_END;
	case PART_BAD:
		break;
	}
	return READER_BAD;
}

/* Whether this part goes on without a further byte. */
static bool
needs_none(const struct reader *r)
{
	return r->part == PART_END ||
	    (r->left == 0 &&
		(r->part == PART_TOKEN || r->part == PART_BODY ||
		    r->part == PART_INPUT));
}

enum reader_event
reader_next(struct reader *r, const char **p, size_t *len)
{
	enum reader_event ev;

	if (r->part == PART_BAD)
		return READER_BAD;
	while (*len > 0 || needs_none(r)) {
		ev = step(r, p, len);
		if (ev != READER_MORE)
			return ev;
	}
	return READER_MORE;
}
