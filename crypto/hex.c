#include "crypto/crypto.h"

static const char digits[] = "0123456789abcdef";

void
hex_print(char *out, const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 0x0f];
	}
	*out = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (-1);
}

int
hex_parse(uint8_t *out, const char *text, size_t n)
{
	int high, low;
	size_t i;

	for (i = 0; i < n; i++) {
		/* The second digit is not read behind a bad first: a NUL. */
		if ((high = nibble(text[2 * i])) == -1 ||
		    (low = nibble(text[2 * i + 1])) == -1)
			return (-1);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return (0);
}
