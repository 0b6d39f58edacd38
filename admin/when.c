#include "admin/when.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
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
    {"us", 1},
    {"usec", 1},
    {"\xc2\xb5s", 1}, /* the sign, */
    {"\xce\xbcs", 1}, /* and the letter */
    {"ms", 1000},
    {"msec", 1000},
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

/* Up to so many digits: how many there were. */
static int
take_digits(const char **p, int most, int *n)
{
	int count;

	for (*n = 0, count = 0; count < most && is_digit(**p); count++)
		*n = *n * 10 + (*(*p)++ - '0');
	return count;
}

/* What follows a dot, in parts of a unit: -1 where nothing does. */
static int
take_fraction(const char **p, int64_t unit, int64_t *us)
{
	*us = 0;
	if (**p != '.')
		return 0;
	if (!is_digit(*++*p))
		return -1;
	while (is_digit(**p) && (unit /= 10) > 0)
		*us += unit * (*(*p)++ - '0');
	return 0;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || c == 'M' || (c & 0x80) != 0;
}

static int
take_unit(const char **p, int64_t *us)
{
	size_t i, len = 0;

	while (is_letter((*p)[len]))
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

/* A number without a unit is of seconds: it ends with a blank, or all. */
static int
take_unit_or_seconds(const char **p, int64_t *us)
{
	const char *end = *p;

	skip_blanks(p);
	if (take_unit(p, us) == 0)
		return 0;
	*us = SECOND;
	return *p > end || **p == '\0' ? 0 : -1;
}

/* One or more numbers, each with its unit. */
static int
take_span(const char **p, int64_t *us)
{
	int64_t n, unit, part;
	const char *dot;

	*us = 0;
	do {
		n = 0;
		if (**p != '.' && take_number(p, &n) == -1)
			return -1;
		/* How much it is, its unit says. */
		dot = *p;
		if (take_fraction(p, INT64_MAX, &part) == -1)
			return -1;
		if (take_unit_or_seconds(p, &unit) == -1 || n > SPAN_MAX / unit)
			return -1;
		(void)take_fraction(&dot, unit, &part);
		if (*us + n * unit + part > SPAN_MAX)
			return -1;
		*us += n * unit + part;
		skip_blanks(p);
	} while (is_digit(**p) || **p == '.');
	return 0;
}

/* -2h, +2h, 2h ago, 2h left */
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
	} else if (strcmp(s, "left") == 0) {
		*us = now + span;
		s += 4;
	} else
		return -1;
	if (*us < 0)
		*us = 0;
	return *s == '\0' ? 0 : -1;
}

/* The beginning of the day that is so many after today. */
static int
day_start(int64_t now, bool utc, int days, struct tm *tm)
{
	time_t t = (time_t)(now / SECOND);

	if ((utc ? gmtime_r(&t, tm) : localtime_r(&t, tm)) == NULL)
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
	size_t len = strcspn(s, " ");
	bool utc = strcasecmp(s + len, " UTC") == 0;
	struct tm tm;
	int i;

	if (strcmp(s, "now") == 0) {
		*us = now;
		return 0;
	}
	for (i = 0; i < 3; i++) {
		if (strlen(days[i]) != len || memcmp(s, days[i], len) != 0)
			continue;
		if ((!utc && s[len] != '\0') ||
		    day_start(now, utc, i - 1, &tm) == -1)
			return -1;
		*us = (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * SECOND;
		return 0;
	}
	return -1;
}

/* Wed, Wednesday: its number; 7: none is there, -1: none of them. */
static int
take_weekday(const char **p)
{
	static const char *const days[] = {"Sunday", "Monday", "Tuesday",
	    "Wednesday", "Thursday", "Friday", "Saturday"};
	size_t len = strcspn(*p, " ");
	int i;

	if (is_digit(**p))
		return 7;
	for (i = 0; i < 7; i++) {
		if ((len != 3 && len != strlen(days[i])) ||
		    strncasecmp(*p, days[i], len) != 0)
			continue;
		*p += len;
		skip_blanks(p);
		return i;
	}
	return -1;
}

/* YYYY-MM-DD, YY-MM-DD; the day is checked when it is a time. */
static int
take_date(const char **p, struct tm *tm)
{
	int digits = take_digits(p, 4, &tm->tm_year);

	if ((digits != 2 && digits != 4) || *(*p)++ != '-' ||
	    take_digits(p, 2, &tm->tm_mon) == 0 || *(*p)++ != '-' ||
	    take_digits(p, 2, &tm->tm_mday) == 0)
		return -1;
	if (digits == 4)
		tm->tm_year -= 1900;
	else if (tm->tm_year < 69)
		tm->tm_year += 100;
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
	if (take_digits(p, 2, &tm->tm_hour) == 0 || *(*p)++ != ':' ||
	    take_digits(p, 2, &tm->tm_min) != 2 || tm->tm_hour > 23 ||
	    tm->tm_min > 59)
		return -1;
	if (**p != ':')
		return 0;
	(*p)++;
	/* A leap second is the next minute's first. */
	if (take_digits(p, 2, &tm->tm_sec) != 2 || tm->tm_sec > 60)
		return -1;
	return take_fraction(p, SECOND, fraction);
}

/* To the end: nothing, Z, UTC, +HH:MM or +HHMM, which are seconds to take off. */
static int
take_zone(const char *s, bool *utc, int64_t *off)
{
	int hours, minutes, sign = *s == '-' ? -1 : 1;

	*off = 0;
	*utc = *s != '\0';
	if (!*utc || strcmp(s, "Z") == 0 || strcasecmp(s, " UTC") == 0)
		return 0;
	if ((*s != '+' && *s != '-') ||
	    (s++, take_digits(&s, 2, &hours) != 2) || hours > 23)
		return -1;
	s += *s == ':';
	if (take_digits(&s, 2, &minutes) != 2 || minutes > 59 || *s != '\0')
		return -1;
	*off = sign * (hours * HOUR + minutes * MINUTE);
	return 0;
}

static int
to_time(struct tm *tm, bool utc, int weekday, int64_t *us)
{
	struct tm given = *tm;
	time_t t;

	/* With a leap second, the day may be the next. */
	tm->tm_sec = 0;
	t = (utc ? timegm(tm) : mktime(tm)) + given.tm_sec;
	/* A 30th of February; an hour that summer leaves out is the next. */
	if (tm->tm_mday != given.tm_mday || tm->tm_mon != given.tm_mon ||
	    (weekday != 7 && tm->tm_wday != weekday))
		return -1;
	*us += (int64_t)t * SECOND;
	return 0;
}

static int
parse_date(const char *s, int64_t now, int64_t *us)
{
	struct tm tm = {.tm_isdst = -1}, day;
	int weekday = take_weekday(&s);
	bool date = s[strspn(s, "0123456789")] == '-', clock, utc;
	int64_t off;

	*us = 0;
	if (weekday == -1 || (date && take_date(&s, &tm) == -1))
		return -1;
	/* Behind a date, a time may follow. */
	clock = !date || (*s == ' ' && is_digit(s[1])) || *s == 'T';
	if (clock && (s += date, take_clock(&s, &tm, us) == -1))
		return -1;
	if (take_zone(s, &utc, &off) == -1 || (!date && off != 0))
		return -1;
	if (!date) {
		if (day_start(now, utc, 0, &day) == -1)
			return -1;
		tm.tm_year = day.tm_year;
		tm.tm_mon = day.tm_mon;
		tm.tm_mday = day.tm_mday;
	}
	if (to_time(&tm, utc, weekday, us) == -1)
		return -1;
	*us -= off;
	return 0;
}

static int
parse_epoch(const char *s, int64_t *us)
{
	int64_t fraction;

	if (*s++ != '@' || take_number(&s, us) == -1 ||
	    take_fraction(&s, SECOND, &fraction) == -1 || *s != '\0')
		return -1;
	*us = *us * SECOND + fraction;
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
