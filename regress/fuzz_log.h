#ifndef REGRESS_FUZZ_LOG_H
#define REGRESS_FUZZ_LOG_H

#include "regress/fuzz.h"

/*
 * A log whose chain and seals hold, whatever its records say.  Each line of the
 * input is a record from "event":... on, without its last brace: what stands
 * before and behind is put around it, and a start begins a run; its
 * first @ is the hash of the line before.  But `%` begins a segment, and what
 * stands behind `!` is written as it is, without an LF.
 */
void fuzz_log(int folder, const struct fuzz *);
/* The first seed, as `log verify --key` reads it. */
extern const char fuzz_log_seed[];
/* Removes all that is in the folder. */
void fuzz_log_tidy(int folder);

#endif
