#ifndef CLIENT_RUN_H
#define CLIENT_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "client/home.h"

/*
 * Sends a command, waits for its end, and returns its exit status.
 * timeout: seconds, or TOKEN_TIMEOUT_POLICY.
 */
int run_command(const struct home *, const void *body, size_t len,
    int32_t timeout);
/* 0: dom0 has answered.  1: it has not, within 10 s or the time-out. */
int run_ping(const struct home *, int32_t timeout);
/*
 * The script on standard input, allocated; NULL after saying why.
 */
void *run_read_script(size_t *len);

#endif
