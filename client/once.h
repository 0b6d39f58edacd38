#ifndef CLIENT_ONCE_H
#define CLIENT_ONCE_H

#include <stdbool.h>

#include "client/home.h"
#include "client/request.h"

/*
 * --idempotency-key: what a caller repeats under the same key is one request.
 *
 * queue/once/<SHA-256 of the key> holds `<id>LF` and the token, on the disk
 * before the request is sent.  A repetition waits for that request; where it
 * never came to be, or was lost, it sends the very same token again, which
 * dom0 runs at most once.
 */

/*
 * As request_make() and request_submit(); or r becomes the request of before,
 * and *follow says that it is not ours to cancel.
 */
int once_submit(const struct home *, const char *key, struct request *r,
    bool *follow);

#endif
