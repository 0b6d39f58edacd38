#ifndef CLIENT_PING_H
#define CLIENT_PING_H

#include <stdbool.h>

#include "client/commands.h"
#include "crypto/crypto.h"

/* dom0's sign of life.  0: it has answered.  1: not within 10 s or -t. */
int cmd_ping(const struct home *, const struct args *);
/* What its answer says of the policy. */
int cmd_policy(const struct home *, const struct args *);
/* dom0 has answered what was signed with these keys. */
bool ping_proves(const struct home *, const struct derived_keys *);
/* Milliseconds until its answer, or -1 after saying why there is none. */
double ping_time(const struct home *);

#endif
