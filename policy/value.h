#ifndef POLICY_VALUE_H
#define POLICY_VALUE_H

#include <stddef.h>
#include <stdint.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/*
 * What stands behind an `=`.  Used in this folder only.
 */

/* A decimal number without leading zero; *end is what follows: 0 or -1. */
int value_number(const char *, uint64_t max, uint64_t *, const char **end);
/* The same, and no more than K, M or G behind it. */
int value_size(const char *, uint64_t max, uint64_t *);
/* The shortest text that value_size reads so. */
#define VALUE_SIZE_MAX 24
const char *value_size_print(uint64_t, char out[VALUE_SIZE_MAX]);
/* N/s, N/m, N/h or N/d; N from 1 to max. */
int value_rate(const char *, uint64_t max, uint64_t *n, uint64_t *seconds);
/* The unit's letter of so many seconds. */
const char *value_rate_unit(uint64_t seconds);

#endif
