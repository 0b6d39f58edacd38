#include "wire/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What token_v1_parse accepts is its mac in hex, and at most one LF. */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t mac[32];
	char hex[65];
	size_t i;

	if (token_v1_parse((const char *)data, len, mac) == -1)
		return (0);
	for (i = 0; i < sizeof(mac); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	if (len != 64 && (len != 65 || data[64] != '\n'))
		abort();
	if (memcmp(data, hex, 64) != 0)
		abort();
	return (0);
}
