#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

/*
 * A body breaks a rule exactly when it is empty, too long or has a forbidden
 * byte, and
 * when one of two pieces of it does: verifier and client look at pieces.
 */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const unsigned char forbidden[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
    0x06, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14,
    0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool broken = false, whole;
	size_t i, half = len / 2;

	for (i = 0; i < sizeof(forbidden); i++)
		broken |= memchr(data, forbidden[i], len) != NULL;
	whole = body_rule(data, len) != NULL;
	if (whole != (broken || len == 0 || len > BODY_MAX))
		abort();
	if (half > 0 && len <= BODY_MAX &&
	    whole !=
		(body_rule(data, half) != NULL ||
		    body_rule(data + half, len - half) != NULL))
		abort();
	return (0);
}
