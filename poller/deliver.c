#include "poller/deliver.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct notice {
	char id[ID_MAX + 1];
	bool take, state; /* neither: the row is free */
	enum frame_state word;
	uint32_t n;
};

struct delivery {
	bool used;
	uint32_t serial;
	char id[ID_MAX + 1];
	int fd[2]; /* the spool files, or -1 */
	uint64_t size[2], sent[2];
	bool lost[2];	  /* the file ends before its size */
	bool done;	  /* the sizes are final, a receipt is there */
	uint64_t written; /* `done` was the written-th, 0: not yet */
	int64_t written_ms;
	uint8_t exit;
	size_t receipt_len;
	char receipt[RECEIPT_MAX];
};

static struct notice notices[NOTICES_MAX];
static struct delivery deliveries[DELIVERIES_MAX];
static unsigned turn; /* whose piece is next */
static unsigned stream_turn;
static uint64_t done_count;
static struct delivery *done_frame; /* whose `done` is being written */

void
deliver_init(void)
{
	size_t i;

	memset(notices, 0, sizeof(notices));
	memset(deliveries, 0, sizeof(deliveries));
	for (i = 0; i < DELIVERIES_MAX; i++)
		deliveries[i].fd[0] = deliveries[i].fd[1] = -1;
	done_frame = NULL;
	done_count = 0;
	turn = stream_turn = 0;
}

/* An id in a message: one that can go into a frame's line. */
static bool
id_ok(const char *id, size_t size)
{
	size_t len = strnlen(id, size);

	return len > 0 && len <= ID_MAX;
}

static struct notice *
notice_for(const char *id)
{
	struct notice *n, *place = NULL;

	for (n = notices; n < notices + NOTICES_MAX; n++) {
		if (!n->take && !n->state)
			place = place == NULL ? n : place;
		else if (strcmp(n->id, id) == 0)
			return n;
	}
	if (place != NULL)
		memcpy(place->id, id, strlen(id) + 1);
	return place;
}

const char *
deliver_take(const struct msg_id *msg)
{
	struct notice *n;

	if (!id_ok(msg->id, sizeof(msg->id)))
		return "a bad id";
	n = notice_for(msg->id);
	if (n == NULL)
		return "more requests than a VM may have";
	n->take = true;
	return NULL;
}

const char *
deliver_state(const struct msg_state *msg)
{
	struct notice *n;

	if (!id_ok(msg->id, sizeof(msg->id)) || msg->state > STATE_RUNNING)
		return "a bad state";
	n = notice_for(msg->id);
	if (n == NULL)
		return "more requests than a VM may have";
	n->state = true;
	n->word = (enum frame_state)msg->state;
	n->n = msg->n;
	return NULL;
}

static struct delivery *
by_serial(uint32_t serial)
{
	struct delivery *d;

	for (d = deliveries; d < deliveries + DELIVERIES_MAX; d++)
		if (d->used && d->serial == serial)
			return d;
	return NULL;
}

/* The one with that serial number, which may be a new one. */
static struct delivery *
get(uint32_t serial, const char *id)
{
	struct delivery *d = by_serial(serial);

	if (d != NULL)
		return strcmp(d->id, id) == 0 ? d : NULL;
	for (d = deliveries; d < deliveries + DELIVERIES_MAX; d++)
		if (!d->used) {
			d->used = true;
			d->serial = serial;
			memcpy(d->id, id, strlen(id) + 1);
			return d;
		}
	return NULL;
}

static void
release(struct delivery *d)
{
	int i;

	for (i = 0; i < 2; i++)
		if (d->fd[i] != -1)
			(void)close(d->fd[i]);
	memset(d, 0, sizeof(*d));
	d->fd[0] = d->fd[1] = -1;
}

static const char *
output(uint32_t serial, const struct msg_stream *msg, int fd)
{
	struct delivery *d;

	if (!id_ok(msg->id, sizeof(msg->id)) || msg->stream < 1 ||
	    msg->stream > 2)
		return "a bad stream";
	d = get(serial, msg->id);
	if (d == NULL)
		return "more deliveries than may be, or one of another id";
	if (d->fd[msg->stream - 1] != -1)
		return "a stream a second time";
	d->fd[msg->stream - 1] = fd;
	return NULL;
}

const char *
deliver_output(uint32_t serial, const struct msg_stream *msg, int fd)
{
	const char *wrong;

	wrong = output(serial, msg, fd);
	if (wrong != NULL)
		(void)close(fd);
	return wrong;
}

static const char *
grow(struct delivery *d, uint64_t out, uint64_t err)
{
	if (d->done)
		return "output after the end";
	if (out < d->size[0] || err < d->size[1])
		return "output that shrinks";
	if ((out > 0 && d->fd[0] == -1) || (err > 0 && d->fd[1] == -1))
		return "output without a descriptor";
	d->size[0] = out;
	d->size[1] = err;
	return NULL;
}

const char *
deliver_sizes(uint32_t serial, const struct msg_sizes *msg)
{
	struct delivery *d = by_serial(serial);

	if (d == NULL)
		return "sizes of nothing";
	return grow(d, msg->out, msg->err);
}

const char *
deliver_done(uint32_t serial, const struct msg_done *msg)
{
	struct delivery *d;
	const char *wrong;

	if (!id_ok(msg->id, sizeof(msg->id)) || msg->exit > UINT8_MAX ||
	    msg->receipt_len > sizeof(msg->receipt))
		return "a bad end";
	d = get(serial, msg->id);
	if (d == NULL)
		return "more deliveries than may be, or one of another id";
	wrong = grow(d, msg->out, msg->err);
	if (wrong != NULL)
		return wrong;
	d->done = true;
	d->exit = (uint8_t)msg->exit;
	d->receipt_len = msg->receipt_len;
	memcpy(d->receipt, msg->receipt, msg->receipt_len);
	return NULL;
}

static ssize_t
notice_frame(char *out)
{
	struct frame f = {0};
	struct notice *n = notices;

	while (n < notices + NOTICES_MAX && !n->take && !n->state)
		n++;
	if (n == notices + NOTICES_MAX)
		return 0;
	memcpy(f.id, n->id, sizeof(f.id));
	if (n->take) {
		f.type = FRAME_TAKE;
		n->take = false;
	} else {
		f.type = FRAME_STATE;
		f.state = n->word;
		f.n = n->n;
		n->state = false;
	}
	return frame_print(out, &f);
}

/*
 * pread: the offset is shared with who sent the descriptor.  Fewer bytes than
 * asked for where the file ends early or cannot be read: a power loss does
 * that, and what is left of it is delivered all the same.
 */
static size_t
read_piece(int fd, char *buf, size_t len, uint64_t offset)
{
	size_t used = 0;
	ssize_t n;

	while (used < len) {
		n = pread(fd, buf + used, len - used, (off_t)(offset + used));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	return used;
}

/* 0: nothing is left of this stream. */
static ssize_t
piece_frame(char *out, struct delivery *d, int i)
{
	struct frame f = {.type = i == 0 ? FRAME_OUT : FRAME_ERR};
	char *bytes = out + LINE_MAX_BYTES;
	size_t want = PIECE_MAX, n;
	ssize_t line;

	if (d->size[i] - d->sent[i] < want)
		want = (size_t)(d->size[i] - d->sent[i]);
	n = read_piece(d->fd[i], bytes, want, d->sent[i]);
	d->lost[i] = n < want;
	if (n == 0)
		return 0;
	memcpy(f.id, d->id, sizeof(f.id));
	f.offset = d->sent[i];
	f.length = n;
	line = frame_print(out, &f);
	if (line == -1)
		return -1;
	memmove(out + line, bytes, n);
	d->sent[i] += n;
	return line + (ssize_t)n;
}

static ssize_t
end_frame(char *out, struct delivery *d)
{
	struct frame f = {.type = FRAME_DONE, .exit = d->exit};
	ssize_t line;

	memcpy(f.id, d->id, sizeof(f.id));
	f.length = d->receipt_len;
	line = frame_print(out, &f);
	if (line == -1)
		return -1;
	memcpy(out + line, d->receipt, d->receipt_len);
	done_frame = d;
	return line + (ssize_t)d->receipt_len;
}

/* One frame of one delivery, the streams in turn; 0 when it has none. */
static ssize_t
delivery_frame(char *out, struct delivery *d)
{
	ssize_t len;
	int i, n;

	if (!d->used || d->written != 0)
		return 0;
	for (n = 0; n < 2; n++) {
		i = (int)(stream_turn++ % 2);
		if (d->lost[i] || d->sent[i] == d->size[i])
			continue;
		len = piece_frame(out, d, i);
		if (len != 0)
			return len;
	}
	return d->done ? end_frame(out, d) : 0;
}

ssize_t
deliver_frame(char out[FRAME_MAX])
{
	ssize_t n;
	unsigned i;

	n = notice_frame(out);
	for (i = 0; i < DELIVERIES_MAX && n == 0; i++)
		n = delivery_frame(out, &deliveries[turn++ % DELIVERIES_MAX]);
	return n;
}

void
deliver_written(int64_t now_ms)
{
	if (done_frame == NULL)
		return;
	done_frame->written = ++done_count;
	done_frame->written_ms = now_ms;
	done_frame = NULL;
}

/* Two may have one id, a result and a refusal: the first `done` counts. */
int
deliver_kept(const char *id, uint32_t *serial)
{
	struct delivery *d, *first = NULL;

	for (d = deliveries; d < deliveries + DELIVERIES_MAX; d++)
		if (d->used && d->written != 0 && strcmp(d->id, id) == 0 &&
		    (first == NULL || d->written < first->written))
			first = d;
	if (first == NULL)
		return -1;
	*serial = first->serial;
	release(first);
	return 0;
}

int64_t
deliver_oldest_done(void)
{
	const struct delivery *d;
	int64_t oldest = -1;

	for (d = deliveries; d < deliveries + DELIVERIES_MAX; d++)
		if (d->used && d->written != 0 &&
		    (oldest == -1 || d->written_ms < oldest))
			oldest = d->written_ms;
	return oldest;
}
