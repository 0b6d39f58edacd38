#include <bearssl.h>
#include <string.h>

#include "crypto/crypto.h"

/* Apart from plain hashing: the executor has that alone. */

_Static_assert(sizeof(br_hmac_context) <= sizeof(struct hmac),
    "struct hmac is too small");
_Static_assert(_Alignof(br_hmac_context) <= _Alignof(struct hmac),
    "struct hmac is not aligned");

static br_hmac_context *
hmac_of(struct hmac *h)
{
	return ((br_hmac_context *)(void *)h->opaque);
}

void
hmac_init(struct hmac *h, const void *key, size_t keylen)
{
	br_hmac_key_context pads;

	br_hmac_key_init(&pads, &br_sha256_vtable, key, keylen);
	br_hmac_init(hmac_of(h), &pads, SHA256_LEN);
	explicit_bzero(&pads, sizeof(pads));
}

void
hmac_update(struct hmac *h, const void *data, size_t len)
{
	br_hmac_update(hmac_of(h), data, len);
}

void
hmac_final(struct hmac *h, uint8_t out[SHA256_LEN])
{
	br_hmac_out(hmac_of(h), out);
}
