#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>

#include "client/interrupt.h"
#include "client/say.h"
#include "client/stream.h"

#define CHUNK	    65536
#define CHUNK_SMALL 4096 /* what a pipe that polls writable takes (pipe(7)) */

void
stream_init(struct stream *s, enum part part, const char *name, int to)
{
	s->part = part;
	s->name = name;
	s->from = -1;
	s->to = to;
	s->printed = 0;
	s->error = 0;
	sha256_init(&s->sha);
}

/* Whether a write may be tried; false too when a signal says to go on. */
static bool
may_write(const struct stream *s, bool patient)
{
	struct pollfd p = {.fd = s->to, .events = POLLOUT};

	if (poll(&p, 1, patient ? -1 : 0) == -1)
		return (patient && !interrupted());
	return (p.revents != 0);
}

/* As many bytes as can be printed: fewer after a signal, -1 on failure. */
static ssize_t
print(struct stream *s, const char *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (s->to == -1)
		return ((ssize_t)len);
	say_progress_end();
	while (done < len) {
		size_t part = len - done;

		if (interrupted() && part > CHUNK_SMALL)
			part = CHUNK_SMALL;
		if (interrupted() && !may_write(s, false))
			break;
		n = write(s->to, buf + done, part);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			may_write(s, true);
		} else if (n == -1 && errno != EINTR) {
			s->error = errno;
			return (-1);
		}
	}
	return ((ssize_t)done);
}

int
stream_pump(struct stream *s, const struct home *h, const char *id)
{
	static char buf[CHUNK];
	uint64_t len;
	ssize_t n, done;

	if (s->error != 0)
		return (-1);
	if (s->from == -1)
		s->from = entry_open(h, id, s->part, &len);
	if (s->from == -1)
		return (0);
	while ((n = pread(s->from, buf, sizeof(buf), (off_t)s->printed)) > 0) {
		if ((done = print(s, buf, (size_t)n)) == -1)
			return (-1);
		sha256_update(&s->sha, buf, (size_t)done);
		s->printed += (uint64_t)done;
		if (done < n)
			break;
	}
	if (n == -1 && errno != EINTR) {
		/* The digest at the end will say that something is missing. */
		say_errno("cannot read %s", s->name);
		close(s->from);
		s->from = -1;
		s->error = EIO;
		return (-1);
	}
	return (0);
}

void
stream_close(struct stream *s)
{
	if (s->from != -1)
		close(s->from);
	s->from = -1;
}
