#include "wire/frame.h"

/* Control characters that no script needs and terminals obey. */
static bool
is_forbidden(unsigned char c)
{
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
}

const char *
body_rule(const void *body, size_t len)
{
	const unsigned char *p = body;
	size_t i;

	if (len == 0)
		return ("the command is empty");
	if (len > BODY_MAX)
		return ("the command has more than 1 MiB");
	for (i = 0; i < len; i++) {
		if (p[i] == '\0')
			return ("the command has a NUL byte in it");
		if (is_forbidden(p[i]))
			return ("the command has a control character in it");
	}
	return (NULL);
}
