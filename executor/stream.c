#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "executor/stream.h"
#include "privsep/log.h"

#define CHUNK	 65536 /* read in one turn */
#define SMALL	 4096  /* what writes less at a time is read now and then */
#define PAUSE_MS 1     /* less than the pipe takes to fill */

void
stream_init(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->ev.fd = s->pipe = s->spool = -1;
	sha256_init(&s->digest);
}

/* Writes until all is there or the disk takes no more: what is there. */
static size_t
spool_write(struct stream *s, const char *p, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(s->spool, p + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warn("spool: %s: output is dropped",
			    n == -1 ? strerror(errno) : "nothing written");
			s->full = true;
			break;
		}
		done += (size_t)n;
	}
	return done;
}

static void
keep(struct stream *s, const char *p, size_t len)
{
	size_t head;

	if (s->full || s->kept == s->limit)
		return;
	if (s->spool == -1 && !s->need(s->arg))
		return;
	if (len > s->limit - s->kept)
		len = (size_t)(s->limit - s->kept);
	len = spool_write(s, p, len);
	sha256_update(&s->digest, p, len);
	head = sizeof(s->head) - s->head_len;
	if (head > len)
		head = len;
	memcpy(s->head + s->head_len, p, head);
	s->head_len += head;
	s->kept += len;
	if (len > 0)
		s->grown(s->arg);
}

static void
close_pipe(struct stream *s)
{
	if (s->pipe == -1)
		return;
	timer_stop(&s->pause);
	event_remove(&s->ev);
	close(s->pipe);
	s->pipe = -1;
}

/* At most max bytes: how many came; 0 when there is nothing now. */
static size_t
read_some(struct stream *s, size_t max)
{
	static char buf[CHUNK];
	ssize_t n;

	n = read(s->pipe, buf, max < sizeof(buf) ? max : sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		if (n == -1)
			log_warn("output: %s", strerror(errno));
		close_pipe(s);
		return 0;
	}
	s->written += (uint64_t)n;
	keep(s, buf, (size_t)n);
	return (size_t)n;
}

static void pause_over(struct timer *);

/*
 * A command that prints a word at a time would wake us for each word.  That
 * there is no writer any more is an event in a pause, too.
 */
static void
read_turn(struct stream *s)
{
	size_t n = read_some(s, CHUNK);

	if (s->pipe == -1)
		return;
	event_change(&s->ev, n == 0 || n >= SMALL ? EPOLLIN : 0);
	if (n > 0 && n < SMALL)
		timer_start(&s->pause, CLOCK_MONOTONIC, PAUSE_MS, pause_over,
		    s);
}

static void
pause_over(struct timer *t)
{
	read_turn(t->arg);
}

static void
readable(struct event *ev, uint32_t revents)
{
	(void)revents;
	read_turn(ev->arg);
}

void
stream_open(struct stream *s, uint64_t limit, bool (*need)(void *),
    void (*grown)(void *), void *arg)
{
	s->limit = limit;
	s->need = need;
	s->grown = grown;
	s->arg = arg;
}

int
stream_pipe(struct stream *s)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	/* This end alone: the command's writes block as they always did. */
	if (fcntl(p[0], F_SETFL, O_NONBLOCK) == -1) {
		close(p[0]);
		close(p[1]);
		return -1;
	}
	s->pipe = p[0];
	event_add(&s->ev, s->pipe, EPOLLIN, readable, s);
	return p[1];
}

void
stream_drain(struct stream *s)
{
	size_t left, n;
	int held;

	if (s->pipe == -1)
		return;
	if (ioctl(s->pipe, FIONREAD, &held) == -1 || held < 0) {
		log_warn("output: %s", strerror(errno));
		return;
	}
	for (left = (size_t)held; left > 0 && s->pipe != -1; left -= n)
		if ((n = read_some(s, left)) == 0)
			break;
}

void
stream_close(struct stream *s)
{
	close_pipe(s);
	if (s->spool != -1 && close(s->spool) == -1)
		log_warn("spool: %s", strerror(errno));
	s->spool = -1;
}

void
stream_report(const struct stream *s, struct msg_ended_stream *m)
{
	m->written = s->written;
	m->kept = s->kept;
	sha256_final(&s->digest, m->sha256);
}
