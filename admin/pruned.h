#ifndef ADMIN_PRUNED_H
#define ADMIN_PRUNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/log.h"
#include "crypto/crypto.h"

/* A log whose beginning was pruned, and the record that says so. */
struct pruned {
	uint64_t seq;  /* of that record */
	uint64_t last; /* the newest record that went, or is to go */
	uint64_t run;  /* of the oldest one that is there, */
	uint64_t step;
	bool start;		    /* which is a run's first, */
	uint8_t before[SHA256_LEN]; /* and the hash that it follows */
};

/*
 * False: record 1 is there, or no record of the newest segment says that what
 * lies before the oldest one was pruned, with its hash.  That record is for the
 * caller to check, as any other.
 */
bool pruned_read(const struct log *, struct pruned *);

#endif
