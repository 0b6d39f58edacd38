#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/peers.h"
#include "client/socket.h"
#include "wire/id.h"

static const char submitted[] = "submitted ";
#define WORD_LEN (sizeof(submitted) - 1)

int
peers_begin(struct peers *p, const struct home *h)
{
	size_t i;

	for (i = 0; i < PEERS_MAX; i++)
		p->peers[i].fd = -1;
	p->listener = socket_listen(h);
	return (p->listener == -1 ? -1 : 0);
}

static void
drop(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
	peer->id[0] = '\0';
}

/* The name goes first: who finds none knows that there is no session. */
void
peers_end(struct peers *p, const struct home *h)
{
	size_t i;

	unlinkat(h->dir, "agent.sock", 0);
	close(p->listener);
	for (i = 0; i < PEERS_MAX; i++) {
		if (p->peers[i].fd != -1)
			drop(&p->peers[i]);
	}
}

void
peers_tell(struct peers *p, const char *id, const char *line, size_t len)
{
	struct peer *peer;

	for (peer = p->peers; peer < p->peers + PEERS_MAX; peer++) {
		if (peer->fd == -1 || (id != NULL && strcmp(peer->id, id) != 0))
			continue;
		if (send(peer->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)len)
			drop(peer);
	}
}

bool
peers_has(const struct peers *p, const char *id)
{
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		if (p->peers[i].fd != -1 && strcmp(p->peers[i].id, id) == 0)
			return (true);
	}
	return (false);
}

void
peers_news(struct peers *p, const char *word, const char *id)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line), "%s %s\n", word, id);

	if (n > 0 && (size_t)n < sizeof(line))
		peers_tell(p, id, line, (size_t)n);
}

void
peers_poll(const struct peers *p, struct pollfd fds[PEERS_POLL])
{
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		fds[i].fd = p->peers[i].fd;
		fds[i].events = POLLIN;
	}
	fds[PEERS_MAX].fd = p->listener;
	fds[PEERS_MAX].events = POLLIN;
}

static void
peers_accept(struct peers *p)
{
	struct peer *peer;
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;
	for (peer = p->peers; peer < p->peers + PEERS_MAX; peer++) {
		if (peer->fd == -1) {
			peer->fd = fd;
			return;
		}
	}
	close(fd);
}

/* submitted <id>LF, and nothing else. */
static bool
peer_parse(struct peer *peer, const char *line, size_t len)
{
	size_t n;

	if (len < WORD_LEN + 2 || memcmp(line, submitted, WORD_LEN) != 0 ||
	    line[len - 1] != '\n')
		return (false);
	n = len - WORD_LEN - 1;
	if (!id_valid(line + WORD_LEN, n))
		return (false);
	memcpy(peer->id, line + WORD_LEN, n);
	peer->id[n] = '\0';
	return (true);
}

void
peers_read(struct peers *p, const struct pollfd fds[PEERS_POLL],
    void (*fn)(void *arg, struct peer *), void *arg)
{
	char line[LINE_MAX_BYTES];
	ssize_t n;
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		struct peer *peer = &p->peers[i];

		if (fds[i].revents == 0 || peer->fd != fds[i].fd ||
		    peer->fd == -1)
			continue;
		n = recv(peer->fd, line, sizeof(line), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0 || !peer_parse(peer, line, (size_t)n))
			drop(peer);
		else
			fn(arg, peer);
	}
	if (fds[PEERS_MAX].revents != 0)
		peers_accept(p);
}
