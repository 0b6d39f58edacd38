#ifndef CLIENT_INTERRUPT_H
#define CLIENT_INTERRUPT_H

#include <stdbool.h>

/*
 * SIGINT, SIGTERM and SIGHUP, but those that are ignored already: the first
 * is noted, the second ends the process with 130.  Returns a descriptor that
 * is readable once one has come, or -1 with errno.
 */
int interrupt_catch(void);
bool interrupted(void);

#endif
