#include "audit/text.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

/* 1: whole UTF-8, 0: cut, -1: not UTF-8. */
static int
decode(const char *bytes, size_t len, uint32_t *cp)
{
	struct utf8 u = {0};
	int got = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		got = utf8_feed(&u, (uint8_t)bytes[i], cp);
		if (got == -1)
			return -1;
	}
	return got;
}

ATF_TC_WITHOUT_HEAD(every_code_point_comes_back);
ATF_TC_BODY(every_code_point_comes_back, tc)
{
	uint32_t cp, got;
	char bytes[4];
	size_t len;

	for (cp = 0; cp <= 0x10ffff; cp++) {
		if (cp == 0xd800)
			cp = 0xe000;
		len = utf8_encode(bytes, cp);
		ATF_REQUIRE_EQ_MSG(1, decode(bytes, len, &got), "U+%04x", cp);
		ATF_REQUIRE_EQ(cp, got);
	}
}

ATF_TC_WITHOUT_HEAD(what_is_no_utf8_is_refused);
ATF_TC_BODY(what_is_no_utf8_is_refused, tc)
{
	static const char *const bad[] = {
	    "\x80",
	    "\xbf", /* no beginning */
	    "\xc0\x80",
	    "\xc1\xbf", /* overlong */
	    "\xe0\x80\x80",
	    "\xe0\x9f\xbf",
	    "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf", /* surrogates */
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", /* over U+10FFFF */
	    "\xff",
	    "\xfe",
	    "\xc3\x41",
	    "\xe2\x82\x41",
	    "\xf0\x9f\x98\x41",
	    "\xc3\xc3",
	};
	uint32_t cp;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, decode(bad[i], strlen(bad[i]), &cp),
		    "row %zu", i);
	ATF_CHECK_EQ(0, decode("\xc3", 1, &cp));
	ATF_CHECK_EQ(0, decode("\xe2\x82", 2, &cp));
	ATF_CHECK_EQ(0, decode("\xf0\x9f\x98", 3, &cp));
}

ATF_TC_WITHOUT_HEAD(control_characters_are_no_text);
ATF_TC_BODY(control_characters_are_no_text, tc)
{
	uint32_t cp;

	for (cp = 0; cp < 0x20; cp++)
		ATF_CHECK_EQ(cp == 9 || cp == 10 || cp == 13, text_allowed(cp));
	for (cp = 0x20; cp < 0x7f; cp++)
		ATF_CHECK(text_allowed(cp));
	for (cp = 0x7f; cp < 0xa0; cp++)
		ATF_CHECK(!text_allowed(cp));
	ATF_CHECK(text_allowed(0xa0));
	ATF_CHECK(text_allowed(0x10ffff));
}

ATF_TC_WITHOUT_HEAD(base64_of_rfc_4648);
ATF_TC_BODY(base64_of_rfc_4648, tc)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {{"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
	    {"\xfb\xff\xbf", "+/+/"}};
	uint8_t out[3];
	char text[5];
	size_t i, len;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		len = strlen(rows[i].bytes);
		memset(text, 0, sizeof(text));
		base64_encode(text, (const uint8_t *)rows[i].bytes, len);
		ATF_CHECK_STREQ(rows[i].text, text);
		ATF_CHECK_EQ(len, base64_decode(out, text));
		ATF_CHECK(memcmp(out, rows[i].bytes, len) == 0);
	}
}

ATF_TC_WITHOUT_HEAD(other_base64_is_refused);
ATF_TC_BODY(other_base64_is_refused, tc)
{
	static const char bad[][5] = {"Zh==", "Zm9=", "Z===", "====", "Zg=v",
	    "=g==", "Zm8-", "Zm8_", "Zm 8", "Zm8\n", "Z=8v"};
	static const char nul[4] = {'Z', 'm', '8', '\0'};
	uint8_t out[3];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(0, base64_decode(out, bad[i]), "%s", bad[i]);
	ATF_CHECK_EQ(0, base64_decode(out, nul));
}

ATF_TC_WITHOUT_HEAD(times_that_are_known);
ATF_TC_BODY(times_that_are_known, tc)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {{0, "1970-01-01T00:00:00.000000Z"},
	    {1771425022514000, "2026-02-18T14:30:22.514000Z"},
	    {951782400000001, "2000-02-29T00:00:00.000001Z"},
	    {1709251199999999, "2024-02-29T23:59:59.999999Z"},
	    {1798761599000000, "2026-12-31T23:59:59.000000Z"},
	    {4107542400000000, "2100-03-01T00:00:00.000000Z"},
	    {253402300799999999, "9999-12-31T23:59:59.999999Z"}};
	char text[TIME_TEXT_LEN + 1];
	int64_t us;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ(0, time_print(text, rows[i].us));
		ATF_CHECK_STREQ(rows[i].text, text);
		ATF_CHECK_EQ(0, time_parse(rows[i].text, &us));
		ATF_CHECK_EQ(rows[i].us, us);
	}
	ATF_CHECK_EQ(-1, time_print(text, -1));
	ATF_CHECK_EQ(-1, time_print(text, 253402300800000000));
	ATF_CHECK_EQ(-1, time_print(text, INT64_MAX));
}

ATF_TC_WITHOUT_HEAD(every_day_comes_back);
ATF_TC_BODY(every_day_comes_back, tc)
{
	char text[TIME_TEXT_LEN + 1], before[TIME_TEXT_LEN + 1] = "";
	int64_t us, got;

	for (us = 0; us < 253402300800000000; us += 86399999999) {
		ATF_REQUIRE_EQ(0, time_print(text, us));
		ATF_REQUIRE(strcmp(before, text) < 0);
		ATF_REQUIRE_EQ(0, time_parse(text, &got));
		ATF_REQUIRE_EQ(us, got);
		memcpy(before, text, sizeof(text));
	}
}

ATF_TC_WITHOUT_HEAD(what_is_no_time_is_refused);
ATF_TC_BODY(what_is_no_time_is_refused, tc)
{
	static const char bad[][TIME_TEXT_LEN + 1] = {
	    "2026-02-29T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
	    "2026-00-01T00:00:00.000000Z", "2026-01-00T00:00:00.000000Z",
	    "2026-04-31T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z",
	    "2026-01-01T00:60:00.000000Z", "2026-01-01T00:00:60.000000Z",
	    "2026-01-01 00:00:00.000000Z", "2026-01-01T00:00:00,000000Z",
	    "2026-01-01T00:00:00.000000z", "2026-01-01T00:00:00.00000 Z",
	    "1969-12-31T23:59:59.999999Z", "2026-01-01T0-:00:00.000000Z",
	    "2026_01-01T00:00:00.000000Z", "+026-01-01T00:00:00.000000Z"};
	int64_t us;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, time_parse(bad[i], &us), "%s", bad[i]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_code_point_comes_back);
	ATF_TP_ADD_TC(tp, what_is_no_utf8_is_refused);
	ATF_TP_ADD_TC(tp, control_characters_are_no_text);
	ATF_TP_ADD_TC(tp, base64_of_rfc_4648);
	ATF_TP_ADD_TC(tp, other_base64_is_refused);
	ATF_TP_ADD_TC(tp, times_that_are_known);
	ATF_TP_ADD_TC(tp, every_day_comes_back);
	ATF_TP_ADD_TC(tp, what_is_no_time_is_refused);
	return atf_no_error();
}
