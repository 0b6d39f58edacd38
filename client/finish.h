#ifndef CLIENT_FINISH_H
#define CLIENT_FINISH_H

#include "client/wait.h"

/*
 * A result is there: prints what is left of the output, verifies the receipt
 * and all that was printed, says what the person must know, and sets outcome.
 */
void finish(struct wait *);

#endif
