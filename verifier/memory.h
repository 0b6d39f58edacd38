#ifndef VERIFIER_MEMORY_H
#define VERIFIER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The replay memory: which ids a key has used, with which token, and the
 * floor below which a key's tokens are refused unseen.  An entry is what a
 * log segment's snapshot holds: 32 bytes.
 */

#define MEMORY_KEYS    1024   /* keys remembered, served or not */
#define MEMORY_OWN     2048   /* entries that a served VM has to itself */
#define MEMORY_COMMON  131072 /* beyond those, for all */
#define MEMORY_PER_VM  65536
#define MEMORY_SERVED  64
#define MEMORY_PLACES  (2 * MEMORY_SERVED) /* VMs' numbers are less */
#define MEMORY_ENTRIES (MEMORY_SERVED * MEMORY_OWN + MEMORY_COMMON)
#define MEMORY_KEEP    300  /* seconds after a token's expires */
#define MEMORY_CHUNK   4096 /* entries that a snapshot's line holds */

struct memory_entry {
	uint8_t id[16];	  /* of SHA-256(fingerprint LF id) */
	uint8_t token[8]; /* of the token's SHA-256 */
	uint32_t expires; /* Unix seconds */
	uint32_t until;	  /* seconds on CLOCK_BOOTTIME */
};

/* Allocates all that it will ever use: 0, or -1. */
int memory_init(void);
/* Forgets all. */
void memory_clear(void);

/*
 * The index of a key, by fingerprint; -1 when it was never seen.  An index
 * stays valid while the key is served.
 */
int memory_key_find(const char *fingerprint);
/*
 * Makes one, known since the given second.  Where all are taken, one that is
 * not served falls out, and what floor it had is every later key's: any of
 * those may be that key again.  -1: all are served.
 */
int memory_key_add(const char *fingerprint, int64_t known_since);
/* A VM has several keys in a rotation, and no more room for it; -1: none. */
void memory_key_serve(int key, int vm);
/*
 * Who is served has changed: what a VM had to itself may count among the
 * common ones now.  Where those are too many, an unserved key loses its
 * entries, all of them; its floor rises to the last.
 */
void memory_trim(void);
int64_t memory_known_since(int key);
/* Of all keys: what was issued before that is not known any more. */
void memory_know_since(int64_t);
/* INT64_MIN: none. */
int64_t memory_floor(int key);
void memory_raise_floor(int key, int64_t floor);
/* The floor that a key has which is not among them.  INT64_MIN: none. */
int64_t memory_fallen(void);
void memory_raise_fallen(int64_t floor);
/* The floor that tokens of version 1 have beside their key's. */
int64_t memory_v1_floor(void);
void memory_raise_v1_floor(int64_t floor);
const char *memory_fingerprint(int key);
/* The keys from the one that was served longest ago on: their count. */
unsigned memory_keys(int order[MEMORY_KEYS]);

/* Whether the key may remember one more. */
bool memory_room(int key);

/*
 * Entries by number; -1 is none.  A new one is pinned: it stays until
 * memory_unpin() and then until both of its times have passed.
 */
int memory_find(int key, const char *id);
bool memory_same_token(int entry, const uint8_t sha256[32]);
int memory_add(int key, const char *id, const uint8_t sha256[32],
    int64_t expires, int64_t until_boot);
/* The same from the log, whoever is served: only room of any kind counts. */
int memory_put(int key, const char *id, const uint8_t sha256[32],
    int64_t expires, int64_t until_boot);
void memory_unpin(int entry);
void memory_pin(int entry);
/* The log has a record of it: snapshots hold it from now on. */
void memory_recorded(int entry);

/*
 * For a snapshot: up to MEMORY_CHUNK recorded entries from *from on, which
 * moves on, and the key of each; 0 when there are no more.
 */
unsigned memory_read(uint32_t *from, struct memory_entry *, uint16_t *key);
/* From a snapshot, unpinned: 0; -1 where there is no room. */
int memory_restore(int key, const struct memory_entry *);

/*
 * Forgets what has passed by both clocks and raises the floors to it.  It
 * looks at every entry: call it at most once a minute.
 */
void memory_sweep(int64_t now, int64_t now_boot);

#endif
