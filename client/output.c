#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/output.h"

void
output_init(struct output *o)
{
	memset(o, 0, sizeof(*o));
	o->file[0] = o->file[1] = -1;
}

bool
output_room(const struct output *o)
{
	return (sizeof(o->replies) - o->replies_len >= LINE_MAX_BYTES);
}

bool
output_busy(const struct output *o)
{
	return (o->start < o->end || o->replies_len > 0 || o->file[0] != -1 ||
	    o->file[1] != -1);
}

void
output_reply(struct output *o, const struct frame *f)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = frame_print(line, f);

	if (n == -1 || !output_room(o))
		abort(); /* our own mistake: both were checked */
	memcpy(o->replies + o->replies_len, line, (size_t)n);
	o->replies_len += (size_t)n;
}

void
output_offer(struct output *o, const struct offer *offer)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = frame_print(line, &offer->frame);

	if (n == -1 || output_busy(o))
		abort();
	memcpy(o->buf, line, (size_t)n);
	o->start = 0;
	o->end = (size_t)n;
	if (!offer->bytes)
		return;
	memcpy(o->buf + o->end, offer->token, offer->frame.token_len);
	o->end += offer->frame.token_len;
	o->file[0] = offer->body;
	o->left[0] = offer->frame.body_len;
	o->file[1] = offer->input;
	o->left[1] = offer->frame.input_len;
}

/* As much of a file as was announced; it may have grown since. */
static int
fill_from(struct output *o, int i)
{
	size_t want = sizeof(o->buf);
	ssize_t n = 0;

	if (o->left[i] < want)
		want = (size_t)o->left[i];
	if (want > 0 && (n = read(o->file[i], o->buf, want)) <= 0) {
		if (n == 0)
			errno = 0;
		return (-1);
	}
	o->end = (size_t)n;
	o->left[i] -= (uint64_t)n;
	if (o->left[i] == 0) {
		close(o->file[i]);
		o->file[i] = -1;
	}
	return (0);
}

/* Replies come between frames, never inside one. */
static int
fill(struct output *o)
{
	o->start = o->end = 0;
	if (o->file[0] != -1)
		return (fill_from(o, 0));
	if (o->file[1] != -1)
		return (fill_from(o, 1));
	memcpy(o->buf, o->replies, o->replies_len);
	o->end = o->replies_len;
	o->replies_len = 0;
	return (0);
}

int
output_flush(struct output *o)
{
	ssize_t n;

	while (output_busy(o)) {
		if (o->start == o->end) {
			if (fill(o) == -1)
				return (-1);
			continue;
		}
		n = write(1, o->buf + o->start, o->end - o->start);
		if (n > 0)
			o->start += (size_t)n;
		else if (n == -1 && errno == EAGAIN)
			return (0);
		else if (n == 0 || errno != EINTR)
			return (-1);
	}
	return (0);
}
