#ifndef ADMIN_SEALS_H
#define ADMIN_SEALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "audit/audit.h"

/* log verify: the seals, as far as the keys that were given reach. */

/*
 * One more first seed, or several, from a file (`-`: standard input): lines
 * of 64 hex digits and, where they are to be checked, their fingerprint.
 * Before privileges go; fatal on failure.
 */
void seals_add(const char *file);
bool seals_given(void);

/* The log's beginning was pruned: its oldest record is of that run. */
void seals_pruned(uint64_t run);
/* A start record, or the oldest one: NULL, or what is wrong with its run.  Notes go to words. */
const char *seals_start(const char *line, size_t len, const struct line_head *,
    FILE *words);
/* Any record, in order: NULL, or what is wrong.  aside_found() knows whether its seal
 * holds. */
const char *seals_check(const struct line_head *);
/* What was checked, for the last line; false where no key fits any run. */
bool seals_print(void);
/* From which record on they hold; 0: none was checked. */
uint64_t seals_from(void);
void seals_wipe(void);

#endif
