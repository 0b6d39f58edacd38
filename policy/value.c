#include "policy/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
	const char *letter;
	uint64_t is;
} sizes[] = {{"G", GIB}, {"M", MIB}, {"K", KIB}, {"", 1}},
  times[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
#define UNITS 4

int
value_number(const char *s, uint64_t max, uint64_t *value, const char **end)
{
	uint64_t n = 0, digit;

	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return -1;
	for (; *s >= '0' && *s <= '9'; s++) {
		digit = (uint64_t)(*s - '0');
		if (n > max / 10 || n * 10 > max - digit)
			return -1;
		n = n * 10 + digit;
	}
	*value = n;
	*end = s;
	return 0;
}

int
value_size(const char *s, uint64_t max, uint64_t *value)
{
	const char *end;
	uint64_t n;
	size_t i;

	if (value_number(s, max, &n, &end) == -1)
		return -1;
	for (i = 0; i < UNITS; i++) {
		if (strcmp(end, sizes[i].letter) != 0)
			continue;
		if (n > max / sizes[i].is)
			return -1;
		*value = n * sizes[i].is;
		return 0;
	}
	return -1;
}

const char *
value_size_print(uint64_t n, char out[VALUE_SIZE_MAX])
{
	size_t i = 0;

	while (i + 1 < UNITS && (n == 0 || n % sizes[i].is != 0))
		i++;
	snprintf(out, VALUE_SIZE_MAX, "%" PRIu64 "%s", n / sizes[i].is,
	    sizes[i].letter);
	return out;
}

int
value_rate(const char *s, uint64_t max, uint64_t *n, uint64_t *seconds)
{
	const char *end;
	size_t i;

	if (value_number(s, max, n, &end) == -1 || *n == 0 || *end != '/')
		return -1;
	for (i = 0; i < UNITS; i++) {
		if (strcmp(end + 1, times[i].letter) != 0)
			continue;
		*seconds = times[i].is;
		return 0;
	}
	return -1;
}

const char *
value_rate_unit(uint64_t seconds)
{
	size_t i = 0;

	while (i + 1 < UNITS && times[i].is != seconds)
		i++;
	return times[i].letter;
}
