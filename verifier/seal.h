#ifndef VERIFIER_SEAL_H
#define VERIFIER_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/seal.h"

/*
 * This run's seal: K in locked memory, and the seed file in the log's folder,
 * which holds what the next start takes and nothing older.
 */

/* Locks the memory for K.  Fatal on failure. */
void seal_init(void);

/* What the start record says of the seed that this run has taken. */
struct seal_line {
	uint64_t run;			 /* this one */
	char first[FINGERPRINT_HEX + 1]; /* the line's first seed, */
	uint64_t first_run;		 /* the run that it was for, */
	bool seen;			 /* and whether it was shown */
	char next[FINGERPRINT_HEX + 1];	 /* of a new line's; or "" */
};
/*
 * Takes the seed of the run that comes after last_run; a folder without one
 * gets a new one.  On return the disk holds the next run's seed alone.  Fatal
 * on failure, and where the seed is damaged or was used before.
 */
void seal_take(int folder, uint64_t last_run, struct seal_line *);

/* A record's mac, with K of the present step. */
void seal_record(const uint8_t hash[SHA256_LEN], uint8_t mac[SHA256_LEN]);
/* The step is on disk: K moves forward. */
void seal_step(void);

#endif
