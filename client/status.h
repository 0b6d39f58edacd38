#ifndef CLIENT_STATUS_H
#define CLIENT_STATUS_H

#include "client/commands.h"

/* 0: dom0 answers and the queue is empty.  1: not so. */
int cmd_status(const struct home *, const struct args *);

#endif
