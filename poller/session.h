#ifndef POLLER_SESSION_H
#define POLLER_SESSION_H

#include <stdbool.h>

#include "imsg/messages.h"

/* One session, from qvm-run's start to its end. */

/* Before the sandbox: starts qvm-run. */
void session_start(const char *root, const struct msg_session *, bool once);
/* After it: the channel to the verifier, and `qvm-remote 2`.  Takes fd. */
void session_open(int fd);
/* What each turn of the loop ends with. */
void session_turn(void);
/* The parent is gone: the end, but for a `bye` that is on its way. */
void session_abandon(void);

/* For hear.c and say.c. */

/* The verifier is told of the problem, and that is the end. */
void session_end(enum problem, const char *rule);
/* A pipe is at its end: qvm-run's own is near. */
void session_ending(void);
/* Nothing that the VM says counts any more. */
bool session_over(void);

#endif
