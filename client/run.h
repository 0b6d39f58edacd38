#ifndef CLIENT_RUN_H
#define CLIENT_RUN_H

#include "client/options.h"

/*
 * Sends the command or the script, waits for its end, and returns the exit
 * status.
 */
int run_command(const struct options *);

#endif
