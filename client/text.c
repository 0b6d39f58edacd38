#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"

void
text_escape(char *out, size_t size, const void *text, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = text;
	size_t i, used = 0;

	for (i = 0; i < len; i++) {
		bool plain = p[i] >= 0x20 && p[i] <= 0x7e && p[i] != '\\';
		size_t need = plain ? 1 : 4;

		if (size - used <= need)
			break;
		if (plain) {
			out[used++] = (char)p[i];
		} else {
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = digits[p[i] >> 4];
			out[used++] = digits[p[i] & 15];
		}
	}
	out[used] = '\0';
}

int
text_seconds(const char *s, int32_t min, int32_t max, int32_t *value)
{
	int64_t n = 0;

	if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return (-1);
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return (-1);
		n = n * 10 + (*s - '0');
		if (n > max)
			return (-1);
	}
	if (n < min)
		return (-1);
	*value = (int32_t)n;
	return (0);
}

char *
text_join(int count, char *const words[], size_t *len)
{
	char *text, *p;
	size_t size = 0;
	int i;

	for (i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	if ((text = malloc(size + 1)) == NULL)
		return (NULL);
	p = text;
	for (i = 0; i < count; i++) {
		size_t n = strlen(words[i]);

		memcpy(p, words[i], n);
		p += n;
		*p++ = i + 1 < count ? ' ' : '\n';
	}
	*p = '\0';
	*len = size;
	return (text);
}

/* ' is written as '\'', which only a shell reads. */
char *
text_quote(int count, char *const words[], size_t *len)
{
	char *text, *p;
	const char *w;
	size_t size = 0;
	int i;

	for (i = 0; i < count; i++)
		size += 4 * strlen(words[i]) + 3;
	if ((text = p = malloc(size + 1)) == NULL)
		return (NULL);
	for (i = 0; i < count; i++) {
		*p++ = '\'';
		for (w = words[i]; *w != '\0'; w++) {
			if (*w == '\'')
				p = stpcpy(p, "'\\''");
			else
				*p++ = *w;
		}
		*p++ = '\'';
		*p++ = i + 1 < count ? ' ' : '\n';
	}
	*p = '\0';
	*len = (size_t)(p - text);
	return (text);
}

size_t
text_stem(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	if (n <= m || memcmp(name + n - m, suffix, m) != 0)
		return (0);
	return (n - m);
}
