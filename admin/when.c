#include "admin/when.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define SECOND	 1000000ll
#define MINUTE	 (60 * SECOND)
#define HOUR	 (60 * MINUTE)
#define DAY	 (24 * HOUR)
#define SPAN_MAX (10000 * 366 * DAY)
#define TIME_MAX 253402300799999999ll /* the last one of 9999 */

/* As systemd.time(7): m is a minute, and M a month. */
static const struct {
	const char *name;
	int64_t us;
} units[] = {
    {"s", SECOND},
    {"sec", SECOND},
    {"second", SECOND},
    {"seconds", SECOND},
    {"m", MINUTE},
    {"min", MINUTE},
    {"minute", MINUTE},
    {"minutes", MINUTE},
    {"h", HOUR},
    {"hr", HOUR},
    {"hour", HOUR},
    {"hours", HOUR},
    {"d", DAY},
    {"day", DAY},
    {"days", DAY},
    {"w", 7 * DAY},
    {"week", 7 * DAY},
    {"weeks", 7 * DAY},
    {"M", 2629800 * SECOND},
    {"month", 2629800 * SECOND},
    {"months", 2629800 * SECOND},
    {"y", 31557600 * SECOND},
    {"year", 31557600 * SECOND},
    {"years", 31557600 * SECOND},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip_blanks(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

/* Up to 12 digits: -1 where there is none, or more. */
static int
take_number(const char **p, int64_t *n)
{
	int count = 0;

	for (*n = 0; is_digit(**p) && count < 13; count++)
		*n = *n * 10 + (*(*p)++ - '0');
	return count == 0 || count > 12 ? -1 : 0;
}

/* Exactly so many digits. */
static int
take_digits(const char **p, int count, int *n)
{
	for (*n = 0; count > 0; count--) {
		if (!is_digit(**p))
			return -1;
		*n = *n * 10 + (*(*p)++ - '0');
	}
	return 0;
}

static int
take_unit(const char **p, int64_t *us)
{
	size_t i, len = 0;

	while (((*p)[len] >= 'a' && (*p)[len] <= 'z') || (*p)[len] == 'M')
		len++;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != len ||
		    memcmp(units[i].name, *p, len) != 0)
			continue;
		*p += len;
		*us = units[i].us;
		return 0;
	}
	return -1;
}

/* One or more numbers, each with its unit. */
static int
take_span(const char **p, int64_t *us)
{
	int64_t n, unit;

	*us = 0;
	do {
		if (take_number(p, &n) == -1)
			return -1;
		skip_blanks(p);
		if (take_unit(p, &unit) == -1 || n > SPAN_MAX / unit ||
		    *us + n * unit > SPAN_MAX)
			return -1;
		*us += n * unit;
		skip_blanks(p);
	} while (is_digit(**p));
	return 0;
}

/* -2h, +2h, 2h ago */
static int
parse_span(const char *s, int64_t now, int64_t *us)
{
	char sign = *s;
	int64_t span;

	if (sign == '-' || sign == '+')
		s++;
	if (take_span(&s, &span) == -1)
		return -1;
	if (sign == '-' || sign == '+')
		*us = sign == '-' ? now - span : now + span;
	else if (strcmp(s, "ago") == 0) {
		*us = now - span;
		s += 3;
	} else
		return -1;
	if (*us < 0)
		*us = 0;
	return *s == '\0' ? 0 : -1;
}

/* The beginning of the day that is so many after today. */
static int
day_start(int64_t now, int days, struct tm *tm)
{
	time_t t = (time_t)(now / SECOND);

	if (localtime_r(&t, tm) == NULL)
		return -1;
	tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
	tm->tm_mday += days;
	tm->tm_isdst = -1;
	return 0;
}

static int
parse_word(const char *s, int64_t now, int64_t *us)
{
	static const char *const days[] = {"yesterday", "today", "tomorrow"};
	struct tm tm;
	int i;

	if (strcmp(s, "now") == 0) {
		*us = now;
		return 0;
	}
	for (i = 0; i < 3; i++) {
		if (strcmp(s, days[i]) != 0)
			continue;
		if (day_start(now, i - 1, &tm) == -1)
			return -1;
		*us = (int64_t)mktime(&tm) * SECOND;
		return 0;
	}
	return -1;
}

/* YYYY-MM-DD; the day is checked when it is a time. */
static int
take_date(const char **p, struct tm *tm)
{
	if (take_digits(p, 4, &tm->tm_year) == -1 || *(*p)++ != '-' ||
	    take_digits(p, 2, &tm->tm_mon) == -1 || *(*p)++ != '-' ||
	    take_digits(p, 2, &tm->tm_mday) == -1)
		return -1;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return tm->tm_year < 70 || tm->tm_mon < 0 || tm->tm_mon > 11 ||
		tm->tm_mday < 1
	    ? -1
	    : 0;
}

/* HH:MM, HH:MM:SS, HH:MM:SS.ffffff: more digits than six are none. */
static int
take_clock(const char **p, struct tm *tm, int64_t *fraction)
{
	int64_t unit = SECOND / 10;

	if (take_digits(p, 2, &tm->tm_hour) == -1 || *(*p)++ != ':' ||
	    take_digits(p, 2, &tm->tm_min) == -1 || tm->tm_hour > 23 ||
	    tm->tm_min > 59)
		return -1;
	if (**p != ':')
		return 0;
	(*p)++;
	if (take_digits(p, 2, &tm->tm_sec) == -1 || tm->tm_sec > 59)
		return -1;
	if (**p != '.')
		return 0;
	for ((*p)++; is_digit(**p) && unit > 0; unit /= 10)
		*fraction += unit * (*(*p)++ - '0');
	return unit == SECOND / 10 ? -1 : 0;
}

static int
to_time(struct tm *tm, bool utc, int64_t *us)
{
	struct tm given = *tm;
	time_t t;

	t = utc ? timegm(tm) : mktime(tm);
	/* A 30th of February; an hour that summer leaves out is the next. */
	if (tm->tm_mday != given.tm_mday || tm->tm_mon != given.tm_mon)
		return -1;
	*us += (int64_t)t * SECOND;
	return 0;
}

static int
parse_date(const char *s, int64_t now, int64_t *us)
{
	struct tm tm = {.tm_isdst = -1};
	bool date = strchr(s, '-') != NULL, utc;

	*us = 0;
	if (date && take_date(&s, &tm) == -1)
		return -1;
	if (!date && day_start(now, 0, &tm) == -1)
		return -1;
	/* Behind a date, a time may follow. */
	if ((!date || *s == ' ' || *s == 'T') &&
	    (s += date, take_clock(&s, &tm, us) == -1))
		return -1;
	utc = date && *s == 'Z';
	if (s[utc] != '\0')
		return -1;
	return to_time(&tm, utc, us);
}

static int
parse_epoch(const char *s, int64_t *us)
{
	if (*s++ != '@' || take_number(&s, us) == -1 || *s != '\0')
		return -1;
	*us *= SECOND;
	return 0;
}

int
when_parse(const char *s, int64_t now, int64_t *us)
{
	if (parse_word(s, now, us) == -1 && parse_epoch(s, us) == -1 &&
	    parse_span(s, now, us) == -1 && parse_date(s, now, us) == -1)
		return -1;
	return *us < 0 || *us > TIME_MAX ? -1 : 0;
}
