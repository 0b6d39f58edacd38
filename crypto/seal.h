#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

/*
 * The audit log's seal: keys that only move forward (Schneier and Kelsey,
 * "Secure audit logs to support computer forensics", 1999).  Every start of
 * the daemon is a run with a seed S of its own; every group commit is a step
 * with a key K of its own.  Each function overwrites what it moves on from.
 */
#define SEED_LEN  32
#define SEED_HEX  64
#define SEED_SLOT 4096 /* bytes; the seed file has two of them */

/* K of a run's first step. */
void seal_run_key(const uint8_t seed[SEED_LEN], uint8_t key[SHA256_LEN]);
/* S of the next run. */
void seal_next_seed(uint8_t seed[SEED_LEN]);
/* K of the next step. */
void seal_next_step(uint8_t key[SHA256_LEN]);
/* A record's mac, over its hash. */
void seal_mac(const uint8_t key[SHA256_LEN], const uint8_t hash[SHA256_LEN],
    uint8_t mac[SHA256_LEN]);

/* 16 hex digits that name a first seed, and find a copying error in it. */
void seed_fingerprint(const uint8_t seed[SEED_LEN],
    char out[FINGERPRINT_HEX + 1]);

/* What a slot of the seed file says of the next run. */
struct seed {
	uint64_t run; /* 0: whichever comes next (`log init`, not used yet) */
	uint8_t seed[SEED_LEN];
	/* The first seed of this line: its run, its name, whether it was shown. */
	uint64_t first_run;
	char first[FINGERPRINT_HEX + 1];
	bool seen;
	/* `log init` again: the run after that one begins a new line with it. */
	bool has_then;
	uint8_t then[SEED_LEN];
};
/* Fills a slot. */
void seed_print(char slot[SEED_SLOT], const struct seed *);
/* 0, or -1: it is empty, torn or overwritten. */
int seed_parse(const char slot[SEED_SLOT], struct seed *);
/* What follows it: the next run's.  Overwrites it. */
void seed_advance(struct seed *);

#endif
