#include "audit/text.h"

#include <string.h>

static int
utf8_first(struct utf8 *u, uint8_t byte, uint32_t *cp)
{
	if (byte < 0x80) {
		*cp = byte;
		return 1;
	}
	if (byte < 0xc2 || byte > 0xf4)
		return -1;
	u->low = 0x80;
	u->high = 0xbf;
	if (byte < 0xe0) {
		u->left = 1;
		u->cp = byte & 0x1fu;
	} else if (byte < 0xf0) {
		u->left = 2;
		u->cp = byte & 0x0fu;
		if (byte == 0xe0)
			u->low = 0xa0;
		else if (byte == 0xed)
			u->high = 0x9f;
	} else {
		u->left = 3;
		u->cp = byte & 0x07u;
		if (byte == 0xf0)
			u->low = 0x90;
		else if (byte == 0xf4)
			u->high = 0x8f;
	}
	return 0;
}

int
utf8_feed(struct utf8 *u, uint8_t byte, uint32_t *cp)
{
	if (u->left == 0)
		return utf8_first(u, byte, cp);
	if (byte < u->low || byte > u->high)
		return -1;
	u->low = 0x80;
	u->high = 0xbf;
	u->cp = u->cp << 6 | (byte & 0x3fu);
	u->left--;
	*cp = u->cp;
	return u->left == 0 ? 1 : 0;
}

size_t
utf8_encode(char out[4], uint32_t cp)
{
	size_t i, n;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	out[0] = (char)(lead[n] | cp);
	return n;
}

bool
text_allowed(uint32_t cp)
{
	if (cp == '\t' || cp == '\n' || cp == '\r')
		return true;
	return cp >= 0x20 && !(cp >= 0x7f && cp <= 0x9f);
}

static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(char out[4], const uint8_t *in, size_t len)
{
	uint32_t bits;

	bits = (uint32_t)in[0] << 16;
	if (len > 1)
		bits |= (uint32_t)in[1] << 8;
	if (len > 2)
		bits |= in[2];
	out[0] = base64[bits >> 18 & 0x3f];
	out[1] = base64[bits >> 12 & 0x3f];
	out[2] = len > 1 ? base64[bits >> 6 & 0x3f] : '=';
	out[3] = len > 2 ? base64[bits & 0x3f] : '=';
}

/* What each digit stands for; 64 for what is none.  Logs have millions. */
static const uint8_t *
base64_values(void)
{
	static uint8_t values[256];
	uint8_t i;

	if (values[0] == 0) {
		memset(values, 64, sizeof(values));
		for (i = 0; i < 64; i++)
			values[(uint8_t)base64[i]] = i;
	}
	return values;
}

/* A group with padding: exactly as the writer makes it. */
static size_t
decode_last(uint8_t out[3], const char in[4], const uint8_t *values)
{
	size_t len = in[2] == '=' ? 1 : 2;
	uint32_t bits;
	char again[4];

	bits = (uint32_t)values[(uint8_t)in[0]] << 18 |
	    (uint32_t)values[(uint8_t)in[1]] << 12;
	if (len == 2)
		bits |= (uint32_t)values[(uint8_t)in[2]] << 6;
	out[0] = (uint8_t)(bits >> 16);
	out[1] = (uint8_t)(bits >> 8);
	base64_encode(again, out, len);
	return memcmp(again, in, sizeof(again)) == 0 ? len : 0;
}

size_t
base64_decode(uint8_t out[3], const char in[4])
{
	const uint8_t *values = base64_values();
	uint32_t a = values[(uint8_t)in[0]], b = values[(uint8_t)in[1]],
		 c = values[(uint8_t)in[2]], d = values[(uint8_t)in[3]];

	if (in[3] == '=')
		return decode_last(out, in, values);
	if (((a | b | c | d) & 64) != 0)
		return 0;
	out[0] = (uint8_t)(a << 2 | b >> 4);
	out[1] = (uint8_t)(b << 4 | c >> 2);
	out[2] = (uint8_t)(c << 6 | d);
	return 3;
}

#define DAY_US (86400ll * 1000000)

static int64_t
leap_days(int64_t year)
{
	return year / 4 - year / 100 + year / 400;
}

/* Days from 1970-01-01 to the first day of year. */
static int64_t
year_start(int64_t year)
{
	return 365 * (year - 1970) + leap_days(year - 1) - leap_days(1969);
}

static int64_t
month_days(int64_t year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31};

	if (month == 1)
		return 28 + leap_days(year) - leap_days(year - 1);
	return days[month];
}

/* As printf does, and many times as fast: a log has a time in each line. */
static void
put_digits(char *out, int width, int64_t value)
{
	for (; width > 0; value /= 10)
		out[--width] = (char)('0' + value % 10);
}

int
time_print(char out[TIME_TEXT_LEN + 1], int64_t us)
{
	int64_t days, year, rest, second;
	int month = 0;

	if (us < 0 || us >= year_start(10000) * DAY_US)
		return -1;
	days = us / DAY_US;
	rest = us % DAY_US;
	second = rest / 1000000;
	for (year = 1970 + days / 366; year_start(year + 1) <= days;)
		year++;
	days -= year_start(year);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	memcpy(out, "yyyy-mm-ddThh:mm:ss.uuuuuuZ", TIME_TEXT_LEN + 1);
	put_digits(out, 4, year);
	put_digits(out + 5, 2, month + 1);
	put_digits(out + 8, 2, days + 1);
	put_digits(out + 11, 2, second / 3600);
	put_digits(out + 14, 2, second / 60 % 60);
	put_digits(out + 17, 2, second % 60);
	put_digits(out + 20, 6, rest % 1000000);
	return 0;
}

static int64_t
digits(const char *p, size_t len)
{
	int64_t value = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

int
time_parse(const char in[TIME_TEXT_LEN], int64_t *us)
{
	char again[TIME_TEXT_LEN + 1];
	int64_t year, month, day, seconds, days;
	int i;

	year = digits(in, 4);
	month = digits(in + 5, 2);
	day = digits(in + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1)
		return -1;
	days = year_start(year) + day - 1;
	for (i = 0; i < month - 1; i++)
		days += month_days(year, i);
	seconds = digits(in + 11, 2) * 3600 + digits(in + 14, 2) * 60 +
	    digits(in + 17, 2);
	*us = days * DAY_US + seconds * 1000000 + digits(in + 20, 6);
	/* What is no date, or has something else between its digits. */
	if (time_print(again, *us) == -1 ||
	    memcmp(again, in, TIME_TEXT_LEN) != 0)
		return -1;
	return 0;
}
