#include "crypto/crypto.h"

#include <string.h>

/* HMAC over texts that follow each other; the state is wiped. */
static void
mac_start(struct hmac *h, const uint8_t *key, const char *label)
{
	hmac_init(h, key, KEY_LEN);
	hmac_update(h, label, strlen(label));
}

static void
mac_finish(struct hmac *h, uint8_t out[SHA256_LEN])
{
	hmac_final(h, out);
	explicit_bzero(h, sizeof(*h));
}

static void
fingerprint(const uint8_t k[KEY_LEN], char out[FINGERPRINT_HEX + 1])
{
	static const char label[] = "qvm-remote key fingerprint 2\n";
	uint8_t digest[SHA256_LEN];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, label, sizeof(label) - 1);
	sha256_update(&s, k, KEY_LEN);
	sha256_final(&s, digest);
	hex_print(out, digest, FINGERPRINT_HEX / 2);
	/* It holds the key's bytes: they fill less than a block. */
	explicit_bzero(&s, sizeof(s));
}

void
derive_keys(const uint8_t k[KEY_LEN], struct derived_keys *keys)
{
	struct hmac h;

	mac_start(&h, k, "qvm-remote request key 2");
	mac_finish(&h, keys->request);
	mac_start(&h, k, "qvm-remote receipt key 2");
	mac_finish(&h, keys->receipt);
	fingerprint(k, keys->fingerprint);
}

int
key_parse(const char *text, size_t len, uint8_t k[KEY_LEN])
{
	char lower[2 * KEY_LEN];
	size_t i;
	int error;

	if (len == sizeof(lower) + 1 && text[sizeof(lower)] == '\n')
		len--;
	if (len != sizeof(lower))
		return (-1);
	for (i = 0; i < len; i++)
		lower[i] = text[i] >= 'A' && text[i] <= 'F'
		    ? (char)(text[i] - 'A' + 'a')
		    : text[i];
	error = hex_parse(k, lower, KEY_LEN);
	explicit_bzero(lower, sizeof(lower));
	if (error == -1)
		explicit_bzero(k, KEY_LEN);
	return (error);
}

bool
key_is_weak(const uint8_t k[KEY_LEN])
{
	uint8_t step = (uint8_t)(k[1] - k[0]), differ = 0;
	size_t i;

	for (i = 1; i < KEY_LEN; i++)
		differ |= (uint8_t)(k[i] - k[i - 1] - step);
	return (differ == 0);
}

void
request_mac(const uint8_t key[SHA256_LEN], const char *id, const void *covered,
    size_t len, uint8_t out[SHA256_LEN])
{
	struct hmac h;

	mac_start(&h, key, "qvm-remote request 2\n");
	hmac_update(&h, id, strlen(id));
	hmac_update(&h, "\n", 1);
	hmac_update(&h, covered, len);
	mac_finish(&h, out);
}

void
receipt_mac(const uint8_t key[SHA256_LEN], const void *covered, size_t len,
    uint8_t out[SHA256_LEN])
{
	struct hmac h;

	mac_start(&h, key, "qvm-remote receipt 2\n");
	hmac_update(&h, covered, len);
	mac_finish(&h, out);
}
