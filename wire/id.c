#include "wire/id.h"

#include <stdio.h>
#include <string.h>

#include "wire/scan.h"

static bool
is_leap(unsigned int year)
{
	return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static unsigned int
days_in(unsigned int month, unsigned int year)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30,
	    31, 30, 31};

	return (month == 2 && is_leap(year) ? 29u : days[month - 1]);
}

/* A number of n digits from low to high. */
static unsigned int
part(struct scan *s, unsigned int n, unsigned int low, unsigned int high)
{
	unsigned int value = scan_digits(s, n);

	if (value < low || value > high)
		scan_fail(s);
	return (value);
}

/* YYYYMMDD-HHMMSS; the rest of tm is 0. */
static void
scan_time(struct scan *s, struct tm *tm)
{
	unsigned int year, month, day;

	memset(tm, 0, sizeof(*tm));
	year = part(s, 4, 0, 9999);
	month = part(s, 2, 1, 12);
	if (month < 1 || month > 12)
		return;
	day = part(s, 2, 1, days_in(month, year));
	scan_text(s, "-");
	tm->tm_year = (int)year - 1900;
	tm->tm_mon = (int)month - 1;
	tm->tm_mday = (int)day;
	tm->tm_hour = (int)part(s, 2, 0, 23);
	tm->tm_min = (int)part(s, 2, 0, 59);
	tm->tm_sec = (int)part(s, 2, 0, 59);
}

bool
id_valid(const char *id, size_t len)
{
	const char *why;
	struct scan s;
	struct tm tm;

	if (len > ID_MAX)
		return (false);
	scan_init(&s, id, len, "id");
	scan_time(&s, &tm);
	scan_text(&s, "-");
	scan_decimal(&s);
	scan_text(&s, "-");
	scan_hex_digits(&s, 8);
	return (scan_end(&s, &why) == 0);
}

bool
id_valid_v1_ping(const char *id, size_t len)
{
	const char *why;
	struct scan s;

	if (len > ID_MAX)
		return (false);
	scan_init(&s, id, len, "id");
	scan_text(&s, "ping-");
	scan_number(&s, INT64_MAX);
	scan_text(&s, "-");
	scan_decimal(&s);
	return (scan_end(&s, &why) == 0);
}

void
id_print(char out[ID_MAX + 1], const struct tm *tm, uint32_t pid,
    uint32_t random)
{
	/* The modulos are for the compiler: a tm has no larger numbers. */
	snprintf(out, ID_MAX + 1, "%04u%02u%02u-%02u%02u%02u-%u-%08x",
	    (unsigned int)(tm->tm_year + 1900) % 10000,
	    (unsigned int)(tm->tm_mon + 1) % 100,
	    (unsigned int)tm->tm_mday % 100, (unsigned int)tm->tm_hour % 100,
	    (unsigned int)tm->tm_min % 100,
	    /* A leap second is not in the grammar. */
	    (unsigned int)(tm->tm_sec > 59 ? 59 : tm->tm_sec), pid, random);
}

void
id_time(const char *id, struct tm *tm)
{
	struct scan s;

	scan_init(&s, id, strlen(id), "id");
	scan_time(&s, tm);
	tm->tm_isdst = -1;
}

int64_t
id_ping_seconds(const char *id)
{
	struct scan s;

	scan_init(&s, id, strlen(id), "id");
	scan_text(&s, "ping-");
	return ((int64_t)(scan_number(&s, INT64_MAX) / 1000000000));
}

static bool
is_letter(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static bool
is_name_byte(char c)
{
	return (is_letter(c) || (c >= '0' && c <= '9') || c == '_' ||
	    c == '.' || c == '-');
}

static bool
is_text(const char *name, size_t len, const char *text)
{
	return (strlen(text) == len && memcmp(name, text, len) == 0);
}

bool
vm_name_valid(const char *name, size_t len)
{
	static const char *const reserved[] = {"Domain-0", "dom0", "none",
	    "default"};
	size_t i;

	if (len == 0 || len > VM_NAME_MAX || !is_letter(name[0]))
		return (false);
	for (i = 1; i < len; i++) {
		if (!is_name_byte(name[i]))
			return (false);
	}
	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (is_text(name, len, reserved[i]))
			return (false);
	}
	/* The stub domain of a VM that runs an HVM. */
	return (len < 3 || memcmp(name + len - 3, "-dm", 3) != 0);
}

bool
uuid_valid(const char *uuid, size_t len)
{
	static const unsigned char groups[] = {8, 4, 4, 4, 12};
	const char *why;
	struct scan s;
	size_t i;

	scan_init(&s, uuid, len, "uuid");
	for (i = 0; i < sizeof(groups); i++) {
		if (i > 0)
			scan_text(&s, "-");
		scan_hex_digits(&s, groups[i]);
	}
	return (scan_end(&s, &why) == 0);
}
