/*
 * What a library that was compiled for glibc with _FORTIFY_SOURCE calls, as
 * Debian's BearSSL is.
 */
#include <string.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);

void *
__memcpy_chk(void *to, const void *from, size_t len, size_t room)
{
	if (len > room)
		__builtin_trap();
	return (memcpy(to, from, len));
}

void *
__memmove_chk(void *to, const void *from, size_t len, size_t room)
{
	if (len > room)
		__builtin_trap();
	return (memmove(to, from, len));
}

void *
__memset_chk(void *to, int byte, size_t len, size_t room)
{
	if (len > room)
		__builtin_trap();
	return (memset(to, byte, len));
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
