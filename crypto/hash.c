#include "crypto/crypto.h"

#include <bearssl.h>

_Static_assert(sizeof(br_sha256_context) <= sizeof(struct sha256),
    "struct sha256 is too small");
_Static_assert(_Alignof(br_sha256_context) <= _Alignof(struct sha256),
    "struct sha256 is not aligned");
_Static_assert(br_sha256_SIZE == SHA256_LEN, "SHA-256 has 32 bytes");

static br_sha256_context *
sha256_of(struct sha256 *s)
{
	return ((br_sha256_context *)(void *)s->opaque);
}

void
sha256_init(struct sha256 *s)
{
	br_sha256_init(sha256_of(s));
}

void
sha256_update(struct sha256 *s, const void *data, size_t len)
{
	br_sha256_update(sha256_of(s), data, len);
}

void
sha256_zeros(struct sha256 *s, uint64_t count)
{
	static const char zeros[4096];
	size_t n;

	for (; count > 0; count -= n) {
		n = count < sizeof(zeros) ? (size_t)count : sizeof(zeros);
		sha256_update(s, zeros, n);
	}
}

void
sha256_final(const struct sha256 *s, uint8_t out[SHA256_LEN])
{
	br_sha256_out((const br_sha256_context *)(const void *)s->opaque, out);
}

void
sha256(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, data, len);
	sha256_final(&s, out);
}

bool
ct_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *p = a, *q = b;
	uint8_t differ = 0;
	size_t i;

	for (i = 0; i < len; i++)
		differ = (uint8_t)(differ | (p[i] ^ q[i]));
	return (differ == 0);
}
