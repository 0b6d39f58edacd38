/*
 * imsg: one packet, one message, at most one descriptor.  The table in
 * messages.h is the whole of the rules; imsg_check() is the whole of their
 * enforcement.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded" /* no payload has padding */
#include "imsg/messages.h"
#pragma GCC diagnostic pop

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg/imsg.h"

struct rule {
	const char *name;
	uint32_t from, to, state;
	size_t size;
	bool fd;
};

static const struct rule rules[IMSG_COUNT] = {
#define X(name, from, to, state, payload, fd) \
	[IMSG_##name] = {#name, from, to, state, sizeof(struct payload), fd},
    IMSG_TABLE(X)
#undef X
};

#define X(name, from, to, state, payload, fd)       \
	_Static_assert(sizeof(struct payload) <=    \
		IMSG_MAX - sizeof(struct imsg_hdr), \
	    #name " is larger than a message");
IMSG_TABLE(X)
#undef X
_Static_assert(sizeof(struct imsg_hdr) == 12, "header with padding");

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_PARENT] = "parent",
    [ROLE_POLLER] = "poller",
    [ROLE_VERIFIER] = "verifier",
    [ROLE_EXECUTOR] = "executor",
    [ROLE_CONTROL] = "control",
    [ROLE_WEB] = "web",
};

/* CMSG_SPACE would have room for a second descriptor. */
union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};
#define CONTROL_LEN CMSG_LEN(sizeof(int))

const char *
imsg_name(enum imsg_type type)
{
	if ((unsigned int)type >= IMSG_COUNT)
		return "?";
	return rules[type].name;
}

const char *
role_name(enum role role)
{
	if ((unsigned int)role >= ROLE_COUNT)
		return "?";
	return role_names[role];
}

int
imsg_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
}

void
imsg_open(struct imsg_end *end, int fd, enum role me, enum role peer,
    uint32_t state)
{
	end->fd = fd;
	end->me = me;
	end->peer = peer;
	end->state = state;
	end->no_room = false;
}

void
imsg_set_state(struct imsg_end *end, uint32_t state)
{
	end->state = state;
}

const char *
imsg_check(const struct imsg_end *end, const struct imsg_hdr *hdr, size_t got,
    bool has_fd)
{
	const struct rule *r;

	if (got < sizeof(*hdr))
		return "shorter than a header";
	if (hdr->len != got)
		return "its length is not the packet's";
	if (hdr->type >= IMSG_COUNT)
		return "unknown type";
	r = &rules[hdr->type];
	if ((r->from & (1u << end->peer)) == 0)
		return "not from this role";
	if ((r->to & (1u << end->me)) == 0)
		return "not to this role";
	if ((r->state & end->state) == 0)
		return "not in this state";
	if (got - sizeof(*hdr) != r->size)
		return "wrong size";
	if (has_fd && !r->fd)
		return "with a descriptor";
	if (!has_fd && r->fd)
		return "without its descriptor";
	return NULL;
}

const char *
imsg_may_send(const struct imsg_end *end, enum imsg_type type, size_t len,
    bool has_fd)
{
	struct imsg_end theirs = *end;
	struct imsg_hdr hdr;

	if ((unsigned int)type >= IMSG_COUNT || len > IMSG_MAX - sizeof(hdr))
		return "no such message";
	theirs.me = end->peer;
	theirs.peer = end->me;
	theirs.state = ST_ANY; /* only they know */
	hdr.type = (uint16_t)type;
	hdr.len = (uint16_t)(sizeof(hdr) + len);
	hdr.id = hdr.pid = 0;
	return imsg_check(&theirs, &hdr, hdr.len, has_fd);
}

static void
attach_fd(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->buf;
	msg->msg_controllen = CONTROL_LEN;
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CONTROL_LEN;
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

/*
 * What a full channel and an exhausted kernel have in common is that it
 * passes.  The latter does not show as EPOLLOUT: no_room says so.
 */
static int
send_error(struct imsg_end *end)
{
	end->no_room =
	    errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM;
	if (end->no_room)
		errno = EAGAIN;
	return -1;
}

int
imsg_send(struct imsg_end *end, enum imsg_type type, uint32_t id,
    const void *payload, size_t len, int fd)
{
	struct imsg_hdr hdr;
	struct iovec iov[2];
	struct msghdr msg;
	union control control;
	ssize_t n;

	if (imsg_may_send(end, type, len, fd != -1) != NULL)
		abort();
	hdr.type = (uint16_t)type;
	hdr.len = (uint16_t)(sizeof(hdr) + len);
	hdr.id = id;
	hdr.pid = (uint32_t)getpid();
	iov[0].iov_base = &hdr;
	iov[0].iov_len = sizeof(hdr);
	iov[1].iov_base = (void *)(uintptr_t)payload;
	iov[1].iov_len = len;
	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = len == 0 ? 1 : 2;
	if (fd != -1)
		attach_fd(&msg, &control, fd);
	do {
		n = sendmsg(end->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? send_error(end) : 0;
}

/*
 * Takes the first descriptor out of the control data; closes all others.
 * Returns what is wrong with it, or NULL.
 */
static const char *
take_control(struct msghdr *msg, int *fd)
{
	struct cmsghdr *cmsg;
	const char *why = NULL;
	size_t i, n;
	int got;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS) {
			why = "foreign control data";
			continue;
		}
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&got, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(got));
			if (*fd == -1) {
				*fd = got;
			} else {
				close(got);
				why = "more than one descriptor";
			}
		}
	}
	if ((msg->msg_flags & MSG_CTRUNC) != 0)
		why = "more than one descriptor, or none to be had";
	if ((msg->msg_flags & MSG_TRUNC) != 0)
		why = "larger than a message may be";
	return why;
}

/*
 * A peer that ended without reading all leaves one ECONNRESET in front of
 * what it had sent: what it sent comes first, the end after it.
 */
static ssize_t
receive(int fd, struct msghdr *msg, union control *control)
{
	ssize_t n;

	do {
		msg->msg_control = control->buf;
		msg->msg_controllen = CONTROL_LEN;
		n = recvmsg(fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n == -1 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

static enum imsg_status
refuse(struct imsg *m, size_t got, const char *reason, const char **why)
{
	static char text[128];
	const char *name = "packet";

	imsg_free(m);
	if (got >= sizeof(m->hdr) && m->hdr.type < IMSG_COUNT)
		name = rules[m->hdr.type].name;
	snprintf(text, sizeof(text), "%s refused: %s", name, reason);
	*why = text;
	return IMSG_REFUSED;
}

enum imsg_status
imsg_recv(struct imsg_end *end, struct imsg *m, const char **why)
{
	struct iovec iov[2];
	struct msghdr msg;
	union control control;
	const char *reason;
	ssize_t n;

	*why = NULL;
	m->fd = -1;
	m->off = 0;
	m->bad = false;
	iov[0].iov_base = &m->hdr;
	iov[0].iov_len = sizeof(m->hdr);
	iov[1].iov_base = m->data;
	iov[1].iov_len = sizeof(m->data);
	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	n = receive(end->fd, &msg, &control);
	if (n == -1 && errno == EAGAIN)
		return IMSG_AGAIN;
	if (n == -1)
		return refuse(m, 0, strerror(errno), why);
	reason = take_control(&msg, &m->fd);
	if (n == 0) {
		imsg_free(m);
		return IMSG_EOF;
	}
	if (reason == NULL)
		reason = imsg_check(end, &m->hdr, (size_t)n, m->fd != -1);
	if (reason != NULL)
		return refuse(m, (size_t)n, reason, why);
	return IMSG_OK;
}

static size_t
payload_len(const struct imsg *m)
{
	return m->hdr.len - sizeof(m->hdr);
}

void
imsg_get(struct imsg *m, void *out, size_t size)
{
	if (m->bad || size > payload_len(m) - m->off) {
		m->bad = true;
		memset(out, 0, size);
		return;
	}
	memcpy(out, m->data + m->off, size);
	m->off += size;
}

int
imsg_end_check(struct imsg *m)
{
	return m->bad || m->off != payload_len(m) ? -1 : 0;
}

int
imsg_payload(struct imsg *m, void *out, size_t size)
{
	m->off = 0;
	imsg_get(m, out, size);
	return imsg_end_check(m);
}

bool
imsg_text_ok(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size && text[i] != '\0'; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return i < size;
}

int
imsg_take_fd(struct imsg *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

void
imsg_free(struct imsg *m)
{
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
}
