#include "wire/receipt.h"

#include <stdlib.h>
#include <string.h>

/* What receipt_parse accepts, receipt_print writes as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[RECEIPT_MAX];
	const char *why = NULL;
	struct receipt r;

	if (receipt_parse((const char *)data, len, &r, &why) == -1) {
		if (why == NULL)
			abort();
		return (0);
	}
	if (receipt_print(out, sizeof(out), &r) != (ssize_t)len ||
	    memcmp(data, out, len) != 0)
		abort();
	/* Signed exactly when it is recorded. */
	if (r.has_log !=
	    (len >= RECEIPT_MAC_LINE &&
		memcmp(data + len - RECEIPT_MAC_LINE, "mac ", 4) == 0))
		abort();
	return (0);
}
