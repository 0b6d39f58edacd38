#include "wire/scan.h"

#include <string.h>

#include "wire/limits.h"

void
scan_init(struct scan *s, const char *text, size_t len, const char *rule)
{
	s->at = text;
	s->end = text + len;
	s->rule = rule;
	s->why = NULL;
}

void
scan_rule(struct scan *s, const char *rule)
{
	s->rule = rule;
}

void
scan_fail(struct scan *s)
{
	if (s->why == NULL)
		s->why = s->rule;
	/* Sticky: there is nothing left to read. */
	s->at = s->end;
}

bool
scan_try(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0)
		return (false);
	s->at += len;
	return (true);
}

void
scan_text(struct scan *s, const char *text)
{
	if (!scan_try(s, text))
		scan_fail(s);
}

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

void
scan_decimal(struct scan *s)
{
	const char *first = s->at;

	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	if (s->at == first || (*first == '0' && s->at - first > 1))
		scan_fail(s);
}

uint64_t
scan_number(struct scan *s, uint64_t max)
{
	const char *p = s->at;
	uint64_t digit, value = 0;

	scan_decimal(s);
	if (s->why != NULL)
		return (0);
	for (; p < s->at; p++) {
		digit = (uint64_t)(*p - '0');
		if (digit > max || value > (max - digit) / 10) {
			scan_fail(s);
			return (0);
		}
		value = value * 10 + digit;
	}
	return (value);
}

unsigned int
scan_digits(struct scan *s, unsigned int n)
{
	unsigned int value = 0;

	for (; n > 0; n--) {
		if (s->at == s->end || !is_digit(*s->at)) {
			scan_fail(s);
			return (0);
		}
		value = value * 10 + (unsigned int)(*s->at++ - '0');
	}
	return (value);
}

static uint8_t
hex_digit(struct scan *s)
{
	char c = s->at < s->end ? *s->at : '\0';

	if (is_digit(c)) {
		s->at++;
		return ((uint8_t)(c - '0'));
	}
	if (c >= 'a' && c <= 'f') {
		s->at++;
		return ((uint8_t)(c - 'a' + 10));
	}
	scan_fail(s);
	return (0);
}

void
scan_hex_digits(struct scan *s, size_t n)
{
	for (; n > 0; n--)
		(void)hex_digit(s);
}

void
scan_hex(struct scan *s, uint8_t *out, size_t n)
{
	uint8_t high;

	for (; n > 0; n--) {
		high = hex_digit(s);
		*out++ = (uint8_t)(high << 4 | hex_digit(s));
	}
}

/* 1 to size - 1 bytes from first to 0x7E. */
static void
span(struct scan *s, char *out, size_t size, char first)
{
	const char *from = s->at;
	size_t len;

	while (s->at < s->end && *s->at >= first && *s->at <= 0x7e)
		s->at++;
	len = (size_t)(s->at - from);
	out[0] = '\0';
	if (len == 0 || len >= size) {
		scan_fail(s);
		return;
	}
	memcpy(out, from, len);
	out[len] = '\0';
}

void
scan_field(struct scan *s, char *out, size_t size)
{
	span(s, out, size, 0x21);
}

void
scan_line(struct scan *s, char *out, size_t size)
{
	span(s, out, size, 0x20);
}

unsigned int
scan_name(struct scan *s, const char *const *names, unsigned int n)
{
	char field[LINE_MAX_BYTES];
	unsigned int i;

	scan_field(s, field, sizeof(field));
	for (i = 0; i < n; i++) {
		if (s->why == NULL && strcmp(field, names[i]) == 0)
			return (i);
	}
	scan_fail(s);
	return (0);
}

int
scan_end(struct scan *s, const char **why)
{
	if (s->at != s->end)
		scan_fail(s);
	if (s->why == NULL)
		return (0);
	*why = s->why;
	return (-1);
}
