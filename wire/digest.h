#ifndef WIRE_DIGEST_H
#define WIRE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What token and receipt have in common beside their bytes. */

/* SHA-256 of no bytes at all (FIPS 180-4). */
bool is_digest_of_nothing(const uint8_t[32]);
/*
 * A note or a reason: "" or bytes 0x20-0x7E, NUL-terminated within size; not
 * `-`, which is how "" is written.
 */
bool text_ok(const char *, size_t size);

#endif
