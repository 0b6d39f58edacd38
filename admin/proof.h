#ifndef ADMIN_PROOF_H
#define ADMIN_PROOF_H

#include <stdint.h>

#include "admin/pruned.h"

/*
 * log verify, in words: up to which record what is shown, and by what.  Where
 * oldest is not 1, pruned says why.
 */
void proof_print(uint64_t oldest, uint64_t newest, const struct pruned *);

#endif
