#ifndef CLIENT_RUN_H
#define CLIENT_RUN_H

#include "client/home.h"
#include "client/options.h"

/*
 * Sends the command or the script, waits for its end, and returns the exit
 * status.
 */
int run_command(const struct options *);
/* 0: dom0 has answered.  1: it has not, within 10 s or the time-out. */
int run_ping(const struct home *, int32_t timeout);

#endif
