#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/relay.h"

#define HDR sizeof(struct qx_hdr)

enum {
	PF_SOCK,
	PF_FROM,
	PF_TO = PF_FROM + 2,
	PF_PID = PF_TO + 2,
	PF_COUNT
};

void
qx_enter(const char *program)
{
	char path[PATH_MAX];
	size_t root, below = strlen(program);
	ssize_t n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n == -1)
		err(1, "/proc/self/exe");
	path[n] = '\0';
	root = (size_t)n - below;
	if ((size_t)n < below || strcmp(path + root, program) != 0)
		errx(1, "%s: not in a test bed", path);
	memcpy(path + root, "/run/qubes", sizeof("/run/qubes"));
	if (chdir(path) == -1)
		err(1, "%s", path);
}

int
qx_send(int sock, enum qx_type type, const void *data, size_t len)
{
	unsigned char buf[HDR + QX_CHUNK];
	struct qx_hdr hdr = {.type = type, .len = (uint32_t)len};
	size_t off = 0;
	ssize_t n;

	if (len > QX_CHUNK) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(buf, &hdr, HDR);
	if (len > 0)
		memcpy(buf + HDR, data, len);
	while (off < HDR + len) {
		n = send(sock, buf + off, HDR + len - off, MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			off += (size_t)n;
	}
	return 0;
}

void
relay_init(struct relay *r, int sock)
{
	memset(r, 0, sizeof(*r));
	r->sock = sock;
	r->pidfd = r->status = -1;
	r->from[0].fd = r->from[1].fd = -1;
	r->to[0].fd = r->to[1].fd = -1;
}

static void
end_close(struct relay_end *e)
{
	if (e->fd != -1)
		close(e->fd);
	e->fd = -1;
}

static void
frame_make(struct relay *r, uint32_t type, size_t len)
{
	struct qx_hdr hdr = {.type = type, .len = (uint32_t)len};

	memcpy(r->send.data, &hdr, HDR);
	r->send.off = 0;
	r->send.len = HDR + len;
}

static void
frame_take(struct relay *r, struct relay_end *e)
{
	ssize_t n;

	n = read(e->fd, r->send.data + HDR, QX_CHUNK);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	frame_make(r, e->type, n > 0 ? (size_t)n : 0);
	if (n <= 0)
		end_close(e);
}

static void
sock_write(struct relay *r)
{
	struct relay_buffer *b = &r->send;
	ssize_t n;

	n = send(r->sock, b->data + b->off, b->len - b->off, MSG_NOSIGNAL);
	if (n >= 0)
		b->off += (size_t)n;
	else if (errno != EINTR && errno != EAGAIN) {
		/* It takes no more; what it has sent may still be read. */
		end_close(&r->from[0]);
		end_close(&r->from[1]);
		b->off = b->len;
	}
	if (b->off == b->len)
		b->off = b->len = 0;
}

static struct qx_hdr
recv_header(const struct relay *r)
{
	struct qx_hdr hdr;

	memcpy(&hdr, r->recv.data, HDR);
	return hdr;
}

/* Whether a whole frame has come that is not yet written out. */
static bool
recv_whole(const struct relay *r)
{
	return r->recv.len >= HDR && r->recv.len == HDR + recv_header(r).len;
}

static void
sock_read(struct relay *r)
{
	struct relay_buffer *b = &r->recv;
	size_t want = HDR;
	ssize_t n;

	if (b->len >= HDR)
		want += recv_header(r).len;
	n = recv(r->sock, b->data + b->len, want - b->len, 0);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		r->gone = true;
		return;
	}
	b->len += (size_t)n;
	if (b->len == HDR) {
		b->off = HDR;
		if (recv_header(r).len > QX_CHUNK)
			r->gone = true;
	}
}

static struct relay_end *
recv_end(struct relay *r)
{
	int i;

	for (i = 0; i < 2; i++)
		if (r->to[i].type == recv_header(r).type)
			return &r->to[i];
	return NULL;
}

/*
 * A pipe that polls writable takes PIPE_BUF bytes without blocking, whether or
 * not its descriptor (somebody else's, perhaps) is non-blocking.
 */
static void
end_write(struct relay *r, struct relay_end *e)
{
	struct relay_buffer *b = &r->recv;
	size_t len = b->len - b->off;
	ssize_t n;

	n = write(e->fd, b->data + b->off, len < PIPE_BUF ? len : PIPE_BUF);
	if (n >= 0)
		b->off += (size_t)n;
	else if (errno != EINTR && errno != EAGAIN)
		end_close(e);
}

/* The whole frame at hand: an end, a status, or bytes that nobody takes. */
static void
frame_finish(struct relay *r)
{
	struct relay_buffer *b = &r->recv;
	struct qx_hdr hdr = recv_header(r);
	struct relay_end *e = recv_end(r);
	int32_t status;

	if (hdr.type == QX_EXIT && r->pid == 0 && hdr.len == sizeof(status)) {
		memcpy(&status, b->data + HDR, sizeof(status));
		r->status = status & 0xff;
	} else if (e == NULL)
		r->gone = true;
	else if (hdr.len == 0)
		end_close(e);
	else if (e->fd != -1 && b->off < b->len)
		return;
	b->off = b->len = 0;
}

static void
child_reap(struct relay *r)
{
	int status;

	if (waitpid(r->pid, &status, 0) == -1)
		status = 0xff00;
	r->status =
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	close(r->pidfd);
	r->pidfd = -1;
	end_close(&r->to[0]);
}

static void
poll_fill(struct relay *r, struct pollfd *p)
{
	bool whole = recv_whole(r);
	int i;

	p[PF_SOCK].fd = r->sock;
	p[PF_SOCK].events =
	    (short)((whole ? 0 : POLLIN) | (r->send.len > 0 ? POLLOUT : 0));
	if (p[PF_SOCK].events == 0)
		p[PF_SOCK].fd = -1;
	for (i = 0; i < 2; i++) {
		p[PF_FROM + i].fd = r->send.len == 0 ? r->from[i].fd : -1;
		p[PF_FROM + i].events = POLLIN;
		p[PF_TO + i].fd = r->to[i].fd;
		p[PF_TO + i].events =
		    whole && recv_end(r) == &r->to[i] ? POLLOUT : 0;
	}
	p[PF_PID].fd = r->pidfd;
	p[PF_PID].events = POLLIN;
}

static void
relay_turn(struct relay *r)
{
	struct pollfd p[PF_COUNT];
	int i;

	memset(p, 0, sizeof(p));
	poll_fill(r, p);
	if (poll(p, PF_COUNT, -1) == -1) {
		r->gone = errno != EINTR;
		return;
	}
	for (i = 0; i < 2; i++) {
		if (p[PF_TO + i].fd == -1 || p[PF_TO + i].revents == 0)
			continue;
		if (p[PF_TO + i].revents & POLLOUT)
			end_write(r, &r->to[i]);
		else
			end_close(&r->to[i]);
	}
	if (p[PF_SOCK].revents & ~POLLIN && r->send.len > 0)
		sock_write(r);
	if (p[PF_SOCK].revents & ~POLLOUT && !recv_whole(r))
		sock_read(r);
	for (i = 0; i < 2; i++)
		if (p[PF_FROM + i].fd != -1 && p[PF_FROM + i].revents != 0 &&
		    r->send.len == 0 && r->from[i].fd != -1)
			frame_take(r, &r->from[i]);
	if (r->pidfd != -1 && p[PF_PID].revents != 0)
		child_reap(r);
	if (recv_whole(r))
		frame_finish(r);
}

/* Serving: the command has ended and all that it wrote has been sent. */
static bool
relay_served(const struct relay *r)
{
	return r->status != -1 && r->from[0].fd == -1 && r->from[1].fd == -1 &&
	    r->send.len == 0;
}

int
relay_run(struct relay *r)
{
	int32_t status;

	while (!r->gone && !(r->pid == 0 ? r->status != -1 : relay_served(r)))
		relay_turn(r);
	if (r->pid != 0 && !r->gone) {
		status = r->status;
		memcpy(r->send.data + HDR, &status, sizeof(status));
		frame_make(r, QX_EXIT, sizeof(status));
		while (!r->gone && r->send.len > 0)
			relay_turn(r);
	}
	end_close(&r->from[0]);
	end_close(&r->from[1]);
	end_close(&r->to[0]);
	end_close(&r->to[1]);
	return r->status;
}
