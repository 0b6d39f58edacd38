#ifndef CLIENT_V1_H
#define CLIENT_V1_H

#include <stdbool.h>
#include <stdint.h>

#include "client/home.h"
#include "client/options.h"

/*
 * A dom0 that speaks version 1 of the protocol alone: it polls the queue by
 * itself, and what it answers is not signed.
 */

#define V1_VARIABLE "QVM_REMOTE_PROTOCOL"

/* V1_VARIABLE is 1, 2 or not set: 0, or EXIT_USAGE. */
int v1_check(void);
/* It is 1. */
bool v1_asked(void);

/* As run_command(). */
int v1_run(const struct options *);
/*
 * Runs `true`: milliseconds until its answer was stored, or -1 after saying
 * why there is none.
 */
double v1_ping(const struct home *, int32_t timeout);

#endif
