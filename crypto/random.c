#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void
random_bytes(void *out, size_t len)
{
	unsigned char *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n == -1 && errno == EINTR)
			continue;
		/* Nothing that asks for randomness can go on without. */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}
