#ifndef ADMIN_ASIDE_H
#define ADMIN_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"

/*
 * aside: another process that makes the seals of a log's records while this one
 * reads them: a hash and a seal of each, at the same time.
 * Fed by:  this one (keys; hashes and seals)     Feeds:  this one, once
 * May:     compare them                          May not: outlive it
 */

void aside_start(void);
/* K of a run's first step: the records that follow are of that run. */
void aside_key(const uint8_t key[SHA256_LEN]);
/* That this is the seal of this hash, by the key of that step. */
void aside_check(uint64_t seq, uint64_t step, const uint8_t hash[SHA256_LEN],
    const uint8_t mac[SHA256_LEN]);
/*
 * The first record whose seal does not hold; 0: none, or nothing was begun.  It
 * ends with that.  False where it has ended before.
 */
bool aside_found(uint64_t *seq);

#endif
