#ifndef CLIENT_PEERS_H
#define CLIENT_PEERS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/home.h"
#include "wire/limits.h"

/*
 * The agent: the clients at its socket.  One that does not read is dropped;
 * it looks at the files itself, and comes back.
 */
#define PEERS_MAX 64
struct peers {
	int listener;
	struct peer {
		int fd; /* -1: free */
		char id[ID_MAX + 1];
	} peers[PEERS_MAX];
};

/* 0, or -1 with errno. */
int peers_begin(struct peers *, const struct home *);
void peers_end(struct peers *, const struct home *);
/* Where id is NULL, all of them. */
void peers_tell(struct peers *, const char *id, const char *line, size_t len);
bool peers_has(const struct peers *, const char *id);
/* <word> <id> to those that wait for it. */
void peers_news(struct peers *, const char *word, const char *id);

#define PEERS_POLL (PEERS_MAX + 1)
void peers_poll(const struct peers *, struct pollfd[PEERS_POLL]);
/* Calls fn for each id that a client names. */
void peers_read(struct peers *, const struct pollfd[PEERS_POLL],
    void (*fn)(void *arg, struct peer *), void *arg);

#endif
