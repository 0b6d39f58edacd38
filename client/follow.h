#ifndef CLIENT_FOLLOW_H
#define CLIENT_FOLLOW_H

#include "client/commands.h"

/* Requests that were sent before: each returns the exit status. */
int cmd_wait(const struct home *, const struct args *);
int cmd_result(const struct home *, const struct args *);
int cmd_cancel(const struct home *, const struct args *);

#endif
