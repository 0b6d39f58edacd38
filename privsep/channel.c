#include <sys/epoll.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "privsep/channel.h"
#include "privsep/log.h"

#define MESSAGES_A_TURN 16   /* then it is another channel's turn */
#define DRAIN_MAX	1024 /* more than a socket holds */
#define STALL_MS	30000
#define RETRY_MS	10 /* where no EPOLLOUT tells that there is room */

/* Whose callbacks run: NULL once one of them closed (or freed) it. */
static struct channel *current;

static void channel_ready(struct event *, uint32_t);

void
channel_open(struct channel *c, int fd, enum role me, enum role peer,
    uint32_t state, const char *name)
{
	imsg_open(&c->end, fd, me, peer, state);
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->full = false;
	event_add(&c->ev, fd, EPOLLIN, channel_ready, c);
}

bool
channel_is_open(const struct channel *c)
{
	return c->ev.fn != NULL;
}

void
channel_close(struct channel *c)
{
	if (!channel_is_open(c))
		return;
	event_remove(&c->ev);
	timer_stop(&c->stall);
	timer_stop(&c->retry);
	close(c->end.fd);
	c->end.fd = -1;
	c->full = false;
	if (current == c)
		current = NULL;
}

static void
over(struct channel *c, const char *why)
{
	channel_close(c);
	if (c->closed != NULL)
		c->closed(c, why);
}

static void
stalled(struct timer *t)
{
	over(t->arg, "does not read");
}

static void
writable(struct channel *c)
{
	c->full = false;
	timer_stop(&c->stall);
	event_change(&c->ev, EPOLLIN);
	channel_wake(c);
}

static void
retry(struct timer *t)
{
	writable(t->arg);
}

static void
wait_for_room(struct channel *c)
{
	c->full = true;
	if (c->end.no_room) {
		timer_start(&c->retry, CLOCK_MONOTONIC, RETRY_MS, retry, c);
		return;
	}
	event_change(&c->ev, EPOLLIN | EPOLLOUT);
	timer_start(&c->stall, CLOCK_MONOTONIC, STALL_MS, stalled, c);
}

int
channel_send(struct channel *c, enum imsg_type type, uint32_t id,
    const void *payload, size_t len, int fd)
{
	const char *why;

	if (!channel_is_open(c) || c->full)
		return -1;
	why = imsg_may_send(&c->end, type, len, fd != -1);
	if (why != NULL)
		fatalx("%s to %s: %s", imsg_name(type), c->name, why);
	if (imsg_send(&c->end, type, id, payload, len, fd) == 0)
		return 0;
	if (errno == EAGAIN)
		wait_for_room(c);
	else if (errno == EPIPE || errno == ECONNRESET ||
	    errno == ECONNREFUSED || errno == ENOTCONN) {
		c->full = true; /* for good: its end is on its way */
		timer_start(&c->stall, CLOCK_MONOTONIC, STALL_MS, stalled, c);
	} else
		fatal("%s to %s", imsg_name(type), c->name);
	return -1;
}

void
channel_wake(struct channel *c)
{
	if (channel_is_open(c) && !c->full && c->pump != NULL)
		c->pump(c);
}

/* False when the channel is gone, or has nothing more to say now. */
static bool
receive_one(struct channel *c)
{
	struct imsg m;
	const char *why;

	switch (imsg_recv(&c->end, &m, &why)) {
	case IMSG_OK:
		c->dispatch(c, &m);
		imsg_free(&m);
		return current == c;
	case IMSG_AGAIN:
		return false;
	case IMSG_EOF:
	case IMSG_REFUSED:
		over(c, why);
		return false;
	}
	return false;
}

static void
channel_ready(struct event *ev, uint32_t revents)
{
	struct channel *c = ev->arg;
	int i;

	current = c;
	if ((revents & EPOLLOUT) != 0)
		writable(c);
	if ((revents & ~(uint32_t)EPOLLOUT) == 0)
		return;
	for (i = 0; i < MESSAGES_A_TURN && current == c; i++) {
		if (!receive_one(c))
			return;
	}
}

void
channel_drain(struct channel *c)
{
	struct channel *before = current;
	int i;

	current = channel_is_open(c) ? c : NULL;
	for (i = 0; i < DRAIN_MAX && current == c && receive_one(c); i++)
		continue;
	current = before != NULL && channel_is_open(before) ? before : NULL;
}

void
channel_await(struct channel *c, struct imsg *m)
{
	struct pollfd pfd = {.fd = c->end.fd, .events = POLLIN};
	int64_t left, deadline = now_monotonic_ms() + STALL_MS;
	const char *why;

	for (;;) {
		switch (imsg_recv(&c->end, m, &why)) {
		case IMSG_OK:
			return;
		case IMSG_EOF:
			fatalx("%s: closed during start", c->name);
		case IMSG_REFUSED:
			fatalx("%s: %s", c->name, why);
		case IMSG_AGAIN:
			break;
		}
		left = deadline - now_monotonic_ms();
		if (left <= 0)
			fatalx("%s: silent during start", c->name);
		if (poll(&pfd, 1, (int)left) == -1 && errno != EINTR)
			fatal("poll");
	}
}
