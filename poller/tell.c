#include "poller/tell.h"

#include <string.h>
#include <unistd.h>

#include "poller/body.h"

enum tell {
	TELL_NOTHING,
	TELL_OPEN,
	TELL_BODY, /* then INPUT, where there is one, and REQUEST */
	TELL_INPUT,
	TELL_REQUEST,
	TELL_CANCEL,
	TELL_NONE,
	TELL_KEPT
};

static enum tell tell;
static union {
	struct msg_open open;
	struct msg_request request;
	struct msg_cancel cancel;
	uint32_t kept;
} msg;
static int body_fd = -1, input_fd = -1;

bool
tell_idle(void)
{
	return tell == TELL_NOTHING;
}

void
tell_open(const struct frame *f)
{
	memset(&msg, 0, sizeof(msg));
	memcpy(msg.open.program, f->program, sizeof(f->program));
	msg.open.wait = f->wait;
	tell = TELL_OPEN;
}

void
tell_none(void)
{
	tell = TELL_NONE;
}

void
tell_kept(uint32_t serial)
{
	msg.kept = serial;
	tell = TELL_KEPT;
}

/* A token of more than TOKEN_MAX is none, and its length says so. */
static void
copy_token(char to[TOKEN_MAX], const struct reader *r)
{
	if (r->token_len <= TOKEN_MAX)
		memcpy(to, r->token, r->token_len);
}

void
tell_cancel(const struct reader *r)
{
	memset(&msg, 0, sizeof(msg));
	memcpy(msg.cancel.id, r->frame.id, sizeof(r->frame.id));
	msg.cancel.clock = r->frame.clock;
	msg.cancel.token_len = r->frame.token_len;
	copy_token(msg.cancel.token, r);
	tell = TELL_CANCEL;
}

void
tell_request(const struct reader *r)
{
	const struct frame *f = &r->frame;

	memset(&msg, 0, sizeof(msg));
	memcpy(msg.request.id, f->id, sizeof(f->id));
	msg.request.clock = f->clock;
	msg.request.token_len = f->token_len;
	msg.request.body_len = f->body_len;
	msg.request.input_len = f->input_len;
	if (r->over) {
		tell = TELL_REQUEST;
		return;
	}
	body_fd = body_open("body");
	if (f->input_len > 0)
		input_fd = body_open("input");
}

void
tell_body(const struct reader *r)
{
	body_append(body_fd, r->data, r->data_len);
}

void
tell_input(const struct reader *r)
{
	body_append(input_fd, r->data, r->data_len);
}

void
tell_request_end(const struct reader *r)
{
	copy_token(msg.request.token, r);
	body_seal(body_fd);
	if (input_fd != -1)
		body_seal(input_fd);
	tell = TELL_BODY;
}

static bool
send_fd(struct channel *ch, enum imsg_type type, int *fd, uint64_t length)
{
	struct msg_memfd memfd = {.length = length};

	if (channel_send(ch, type, 0, &memfd, sizeof(memfd), *fd) == -1)
		return false;
	(void)close(*fd);
	*fd = -1;
	return true;
}

static bool
send_msg(struct channel *ch, enum imsg_type type, uint32_t id, size_t len)
{
	return channel_send(ch, type, id, &msg, len, -1) == 0;
}

static bool
send_one(struct channel *ch)
{
	switch (tell) {
	case TELL_NOTHING:
		return true;
	case TELL_OPEN:
		return send_msg(ch, IMSG_OPEN, 0, sizeof(msg.open));
	case TELL_BODY:
		return send_fd(ch, IMSG_BODY, &body_fd, msg.request.body_len);
	case TELL_INPUT:
		return send_fd(ch, IMSG_INPUT, &input_fd,
		    msg.request.input_len);
	case TELL_REQUEST:
		return send_msg(ch, IMSG_REQUEST, 0, sizeof(msg.request));
	case TELL_CANCEL:
		return send_msg(ch, IMSG_CANCEL, 0, sizeof(msg.cancel));
	case TELL_NONE:
		return send_msg(ch, IMSG_NONE, 0, 0);
	case TELL_KEPT:
		return send_msg(ch, IMSG_KEPT, msg.kept, 0);
	}
	return false;
}

bool
tell_pump(struct channel *ch)
{
	while (tell != TELL_NOTHING) {
		if (!send_one(ch))
			return false;
		if (tell == TELL_BODY && input_fd != -1)
			tell = TELL_INPUT;
		else if (tell == TELL_BODY || tell == TELL_INPUT)
			tell = TELL_REQUEST;
		else
			tell = TELL_NOTHING;
	}
	return true;
}
