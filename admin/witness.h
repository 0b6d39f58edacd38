#ifndef ADMIN_WITNESS_H
#define ADMIN_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "audit/audit.h"

/* log verify: the log against what is known of it from elsewhere (claims.h). */

/*
 * A record that the chain holds, in order: NULL, or how a checkpoint
 * contradicts it.  Receipts that do are told of in words.
 */
const char *witness_check(const struct line_head *, const char *, size_t len,
    FILE *words);
/* What is said of records up to that can be neither right nor wrong. */
void witness_pruned(uint64_t last);
/* Behind the newest record: false where a checkpoint says more was there. */
bool witness_end(uint64_t newest, FILE *words);
/* What they prove, in lines. */
void witness_print(FILE *words);
/* Whether a receipt says something else than the log. */
bool witness_disagrees(void);
/* The newest record that one of them names rightly; 0: none. */
uint64_t witness_newest(void);

#endif
