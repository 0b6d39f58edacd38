#include "policy/value.h"

#include <atf-c.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(sizes_are_read_and_printed);
ATF_TC_BODY(sizes_are_read_and_printed, tc)
{
	static const struct {
		const char *text;
		uint64_t size;
		const char *printed;
	} rows[] = {
	    {"0", 0, "0"},
	    {"1", 1, "1"},
	    {"1023", 1023, "1023"},
	    {"1024", KIB, "1K"},
	    {"1K", KIB, "1K"},
	    {"1536K", 1536 * KIB, "1536K"},
	    {"10M", 10 * MIB, "10M"},
	    {"1024M", GIB, "1G"},
	    {"1024G", 1024 * GIB, "1024G"},
	};
	char out[VALUE_SIZE_MAX];
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(0, value_size(rows[i].text, 1024 * GIB, &n),
		    "%s", rows[i].text);
		ATF_CHECK_EQ(rows[i].size, n);
		ATF_CHECK_STREQ(rows[i].printed, value_size_print(n, out));
	}
	ATF_CHECK_STREQ("18446744073709551615",
	    value_size_print(UINT64_MAX, out));
}

ATF_TC_WITHOUT_HEAD(what_is_no_size_is_refused);
ATF_TC_BODY(what_is_no_size_is_refused, tc)
{
	static const char *const rows[] = {"", "K", "-1", "+1", " 1", "1 ",
	    "01", "00", "1k", "1KB", "1 K", "1T", "0x10", "1.5M", "1e3",
	    "1025G", "1099511627777", "18446744073709551616",
	    "18446744073709551617G", "99999999999999999999999"};
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ATF_CHECK_EQ_MSG(-1, value_size(rows[i], 1024 * GIB, &n), "%s",
		    rows[i]);
	ATF_CHECK_EQ(-1, value_size("18446744073709551616", UINT64_MAX, &n));
	ATF_CHECK_EQ(0, value_size("18446744073709551615", UINT64_MAX, &n));
	ATF_CHECK_EQ(UINT64_MAX, n);
}

ATF_TC_WITHOUT_HEAD(rates_are_read);
ATF_TC_BODY(rates_are_read, tc)
{
	static const char *const bad[] = {"", "1", "1/", "/m", "0/m", "101/m",
	    "1/min", "1/M", "1 / m", "1m", "1/m ", "-1/m"};
	static const struct {
		const char *text;
		uint64_t n, seconds;
	} good[] = {{"1/s", 1, 1}, {"10/m", 10, 60}, {"100/h", 100, 3600},
	    {"5/d", 5, 86400}};
	uint64_t n, seconds;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ATF_CHECK_EQ(0, value_rate(good[i].text, 100, &n, &seconds));
		ATF_CHECK_EQ(good[i].n, n);
		ATF_CHECK_EQ(good[i].seconds, seconds);
		ATF_CHECK_EQ(good[i].text[strlen(good[i].text) - 1],
		    value_rate_unit(seconds)[0]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, value_rate(bad[i], 100, &n, &seconds),
		    "%s", bad[i]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sizes_are_read_and_printed);
	ATF_TP_ADD_TC(tp, what_is_no_size_is_refused);
	ATF_TP_ADD_TC(tp, rates_are_read);
	return atf_no_error();
}
