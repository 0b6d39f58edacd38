#include "crypto/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
move(uint8_t key[SHA256_LEN], const char *label)
{
	struct hmac h;

	hmac_init(&h, key, SHA256_LEN);
	hmac_update(&h, label, strlen(label));
	hmac_final(&h, key);
	explicit_bzero(&h, sizeof(h));
}

void
seal_run_key(const uint8_t seed[SEED_LEN], uint8_t key[SHA256_LEN])
{
	memcpy(key, seed, SEED_LEN);
	move(key, "qvm-remote log key 1");
}

void
seal_next_seed(uint8_t seed[SEED_LEN])
{
	move(seed, "qvm-remote log next seed 1");
}

void
seal_next_step(uint8_t key[SHA256_LEN])
{
	move(key, "qvm-remote log step 1");
}

void
seal_mac(const uint8_t key[SHA256_LEN], const uint8_t hash[SHA256_LEN],
    uint8_t mac[SHA256_LEN])
{
	struct hmac h;

	hmac_init(&h, key, SHA256_LEN);
	hmac_update(&h, hash, SHA256_LEN);
	hmac_final(&h, mac);
	explicit_bzero(&h, sizeof(h));
}

void
seed_fingerprint(const uint8_t seed[SEED_LEN], char out[FINGERPRINT_HEX + 1])
{
	static const char label[] = "qvm-remote log seed fingerprint 1\n";
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, label, sizeof(label) - 1);
	sha256_update(&sha, seed, SEED_LEN);
	sha256_final(&sha, digest);
	hex_print(out, digest, FINGERPRINT_HEX / 2);
	explicit_bzero(&sha, sizeof(sha));
}

/* The slot's text: five lines, then one with the digest of those. */
void
seed_print(char slot[SEED_SLOT], const struct seed *s)
{
	char seed[SEED_HEX + 1], then[SEED_HEX + 1] = "-";
	char check[SHA256_HEX + 1];
	uint8_t digest[SHA256_LEN];
	int n;

	memset(slot, 0, SEED_SLOT);
	hex_print(seed, s->seed, SEED_LEN);
	if (s->has_then)
		hex_print(then, s->then, SEED_LEN);
	n = snprintf(slot, SEED_SLOT,
	    "qvm-remote-seed 1\nrun %" PRIu64 "\nseed %s\nfirst %" PRIu64
	    " %s %s\nthen %s\n",
	    s->run, seed, s->first_run, s->first, s->seen ? "seen" : "unseen",
	    then);
	if (n < 0)
		abort();
	sha256(slot, (size_t)n, digest);
	hex_print(check, digest, SHA256_LEN);
	(void)snprintf(slot + n, SEED_SLOT - (size_t)n, "check %s\n", check);
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(then, sizeof(then));
}

static bool
printable(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > 'f')
			return (false);
	}
	return (true);
}

/* Reads, prints what was read, and compares: so it accepts one form only. */
int
seed_parse(const char slot[SEED_SLOT], struct seed *s)
{
	char seed[SEED_HEX + 1], then[SEED_HEX + 1], seen[7], text[512];
	char again[SEED_SLOT];
	int result = -1;

	memset(s, 0, sizeof(*s));
	memcpy(text, slot, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): it is printed again and compared */
	if (sscanf(text,
		"qvm-remote-seed 1\nrun %" SCNu64 "\nseed %64s\nfirst %" SCNu64
		" %16s %6s\nthen %64s\n",
		&s->run, seed, &s->first_run, s->first, seen, then) != 6)
		goto out;
	s->seen = strcmp(seen, "seen") == 0;
	s->has_then = strcmp(then, "-") != 0;
	if (!printable(s->first) || hex_parse(s->seed, seed, SEED_LEN) == -1 ||
	    (s->has_then && hex_parse(s->then, then, SEED_LEN) == -1))
		goto out;
	seed_print(again, s);
	if (ct_equal(again, slot, SEED_SLOT))
		result = 0;
out:
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(then, sizeof(then));
	explicit_bzero(text, sizeof(text));
	explicit_bzero(again, sizeof(again));
	if (result == -1)
		explicit_bzero(s, sizeof(*s));
	return (result);
}

void
seed_advance(struct seed *s)
{
	s->run++;
	if (!s->has_then) {
		seal_next_seed(s->seed);
		return;
	}
	memcpy(s->seed, s->then, SEED_LEN);
	explicit_bzero(s->then, sizeof(s->then));
	s->has_then = false;
	s->seen = true;
	s->first_run = s->run;
	seed_fingerprint(s->seed, s->first);
}
