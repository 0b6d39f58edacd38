#ifndef CRYPTO_H
#define CRYPTO_H

/*
 * crypto: the only door to BearSSL.  SHA-256, HMAC-SHA256, the keys that are
 * derived from a VM's key, hexadecimal text, and the two random sources.
 * Nothing here fails but random_bytes(), which ends the process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN	32
#define SHA256_HEX	64
#define KEY_LEN		32
#define FINGERPRINT_HEX 16

/* State of a running digest: opaque, may be copied by assignment. */
struct sha256 {
	_Alignas(8) unsigned char opaque[128];
};
struct hmac {
	_Alignas(8) unsigned char opaque[320];
};

void sha256_init(struct sha256 *);
void sha256_update(struct sha256 *, const void *, size_t);
void sha256_zeros(struct sha256 *, uint64_t count);
/* The digest of all so far; the state goes on. */
void sha256_final(const struct sha256 *, uint8_t[SHA256_LEN]);
void sha256(const void *, size_t, uint8_t[SHA256_LEN]);

/* RFC 2104 with SHA-256. */
void hmac_init(struct hmac *, const void *key, size_t keylen);
void hmac_update(struct hmac *, const void *, size_t);
void hmac_final(struct hmac *, uint8_t[SHA256_LEN]);

/* Equal or not, in a time that depends on the length alone. */
bool ct_equal(const void *, const void *, size_t);

/* What is derived from k; wiped with explicit_bzero by its owner. */
struct derived_keys {
	uint8_t request[SHA256_LEN]; /* K_request */
	uint8_t receipt[SHA256_LEN]; /* K_receipt */
	char fingerprint[FINGERPRINT_HEX + 1];
	/* Version 1: has taken the key's characters; its owner fills it. */
	struct hmac v1;
};
void derive_keys(const uint8_t k[KEY_LEN], struct derived_keys *);

/*
 * A key file's bytes: 64 hex digits, optionally one LF.  Writes the key and
 * returns 0; -1 when the text is anything else.  Upper case is a digit too
 * (v1 keys keep their case in the file, the bytes are the same).
 */
int key_parse(const char *, size_t, uint8_t[KEY_LEN]);
/* All bytes equal, or each the one before plus a constant. */
bool key_is_weak(const uint8_t[KEY_LEN]);

/* HMAC(K_request, "qvm-remote request 2\n" || id || "\n" || covered) */
void request_mac(const uint8_t key[SHA256_LEN], const char *id,
    const void *covered, size_t len, uint8_t[SHA256_LEN]);
/* HMAC(K_receipt, "qvm-remote receipt 2\n" || covered) */
void receipt_mac(const uint8_t key[SHA256_LEN], const void *covered, size_t len,
    uint8_t[SHA256_LEN]);

/* Lower-case hex of n bytes and a NUL: out has 2 * n + 1 bytes. */
void hex_print(char *out, const uint8_t *, size_t n);
/* Exactly 2 * n lower-case digits into n bytes: 0, or -1. */
int hex_parse(uint8_t *out, const char *, size_t n);

/* getrandom(2): blocks until seeded, ends the process if the kernel fails. */
void random_bytes(void *, size_t);

#endif
