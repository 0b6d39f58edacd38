#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The kernel's call itself: getrandom() of glibc 2.41 and later blocks signals,
 * counts processors and maps a page first, which the verifier's filter forbids.
 */
void
random_bytes(void *out, size_t len)
{
	unsigned char *p = out;
	ssize_t n;

	while (len > 0) {
		n = syscall(SYS_getrandom, p, len, 0);
		if (n == -1 && errno == EINTR)
			continue;
		/* Nothing that asks for randomness can go on without. */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}
