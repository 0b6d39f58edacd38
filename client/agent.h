#ifndef CLIENT_AGENT_H
#define CLIENT_AGENT_H

#include <stdbool.h>

#include "client/home.h"

/*
 * The VM's end of a session: frames on standard input and output until dom0
 * says bye.  wait: holds `next` until there is something to answer.  The exit
 * status.
 */
int agent_main(const struct home *, bool wait);

#endif
