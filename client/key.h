#ifndef CLIENT_KEY_H
#define CLIENT_KEY_H

#include <stdbool.h>

#include "client/home.h"
#include "crypto/crypto.h"

/*
 * The keys, files of ~/.qvm-remote that only we may read.  Retired ones, one a
 * line, are kept for receipts that they have signed.
 */
#define KEY_FILE	 "auth.key"
#define KEY_FILE_NEXT	 "auth.key.next"
#define KEY_FILE_RETIRED "auth.key.retired"
#define KEY_DIR		 "~/.qvm-remote/"
#define KEY_LINE	 (SHA256_HEX + 1) /* with its LF */

/* A key as its file has it (version 1 signs with the characters). */
struct key {
	char line[KEY_LINE]; /* the digits, and LF */
	uint8_t k[KEY_LEN];
};

bool key_exists(const struct home *, const char *file);
/* Each says what went wrong; -1 then.  Keys are the caller's to wipe. */
int key_read(const struct home *, const char *file, struct key *);
int key_load(const struct home *, const char *file, struct derived_keys *);
/* Writes a new file, on the disk; never replaces one. */
int key_store(const struct home *, const char *file, const struct key *);
/* Removes what was left where a key_store() was killed. */
void key_sweep(const struct home *);
/* The next key becomes the current one, which is retired. */
int key_take_over(const struct home *);

/* The one of this fingerprint among all: 0, or -1, without saying why. */
int key_find(const struct home *, const char *fingerprint,
    struct derived_keys *);

#endif
