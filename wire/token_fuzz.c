#include "wire/token.h"

#include <stdlib.h>
#include <string.h>

/* What token_parse accepts, token_print writes as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[TOKEN_MAX];
	const char *why = NULL;
	struct token t;

	if (token_parse((const char *)data, len, &t, &why) == -1) {
		if (why == NULL)
			abort();
		return (0);
	}
	if (token_print(out, sizeof(out), &t) != (ssize_t)len ||
	    memcmp(data, out, len) != 0)
		abort();
	return (0);
}
