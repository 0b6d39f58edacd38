#ifndef CLIENT_SOCKET_H
#define CLIENT_SOCKET_H

#include "client/home.h"

/*
 * agent.sock: packets of one line with its LF.  It only saves waiting; the
 * files are the truth.
 */
int socket_connect(const struct home *);
/* The agent's end, which has replaced whatever was there: -1 with errno. */
int socket_listen(const struct home *);
/* Sends <word><id>LF without waiting: 0, or -1. */
int socket_send_id(int fd, const char *word, const char *id);

/* Tells an agent, if there is one, to look at an id, and goes away. */
void socket_tell(const struct home *, const char *id);

#endif
