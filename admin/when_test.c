#include "admin/when.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/text.h"

/* 2026-02-18, 17:30:22 by the local time of these tests: without summer. */
#define NOW 1771425022514000

static void
zone(const char *tz)
{
	ATF_REQUIRE_EQ(0, setenv("TZ", tz, 1));
	tzset();
}

static void
check(const char *said, const char *utc)
{
	char text[TIME_TEXT_LEN + 1];
	int64_t us;

	ATF_REQUIRE_EQ_MSG(0, when_parse(said, NOW, &us), "%s", said);
	ATF_REQUIRE_EQ(0, time_print(text, us));
	ATF_CHECK_MSG(strcmp(utc, text) == 0, "%s: %s, not %s", said, text,
	    utc);
}

ATF_TC_WITHOUT_HEAD(words_are_days_of_local_time);
ATF_TC_BODY(words_are_days_of_local_time, tc)
{
	zone("QRT-3");
	check("now", "2026-02-18T14:30:22.514000Z");
	check("today", "2026-02-17T21:00:00.000000Z");
	check("yesterday", "2026-02-16T21:00:00.000000Z");
	check("tomorrow", "2026-02-18T21:00:00.000000Z");
}

ATF_TC_WITHOUT_HEAD(spans_are_counted_from_now);
ATF_TC_BODY(spans_are_counted_from_now, tc)
{
	zone("QRT-3");
	check("1 hour ago", "2026-02-18T13:30:22.514000Z");
	check("-2h", "2026-02-18T12:30:22.514000Z");
	check("+30s", "2026-02-18T14:30:52.514000Z");
	check("1h30m ago", "2026-02-18T13:00:22.514000Z");
	check("1 day 2 hours ago", "2026-02-17T12:30:22.514000Z");
	check("2 weeks ago", "2026-02-04T14:30:22.514000Z");
	check("-1min", "2026-02-18T14:29:22.514000Z");
	check("-1M", "2026-01-19T04:00:22.514000Z");
	check("1 year ago", "2025-02-18T08:30:22.514000Z");
	check("0s ago", "2026-02-18T14:30:22.514000Z");
	/* As good as ever. */
	check("200 years ago", "1970-01-01T00:00:00.000000Z");
}

ATF_TC_WITHOUT_HEAD(dates_are_local_unless_they_say_z);
ATF_TC_BODY(dates_are_local_unless_they_say_z, tc)
{
	zone("QRT-3");
	check("2026-02-18", "2026-02-17T21:00:00.000000Z");
	check("2026-02-18 14:30", "2026-02-18T11:30:00.000000Z");
	check("2026-02-18T14:30:22", "2026-02-18T11:30:22.000000Z");
	check("2026-02-18 14:30:22.25", "2026-02-18T11:30:22.250000Z");
	check("2026-02-18T14:30:22.514000Z", "2026-02-18T14:30:22.514000Z");
	check("2026-02-18 14:30Z", "2026-02-18T14:30:00.000000Z");
	check("2026-02-18Z", "2026-02-18T00:00:00.000000Z");
	check("14:30", "2026-02-18T11:30:00.000000Z");
	check("14:30:01", "2026-02-18T11:30:01.000000Z");
	check("2024-02-29", "2024-02-28T21:00:00.000000Z");
	check("@1771425022", "2026-02-18T14:30:22.000000Z");
	check("@0", "1970-01-01T00:00:00.000000Z");
}

/* At 02:00 of 2026-03-29 it becomes 03:00, and in October 03:00 is 02:00. */
ATF_TC_WITHOUT_HEAD(summer_has_shorter_and_longer_days);
ATF_TC_BODY(summer_has_shorter_and_longer_days, tc)
{
	int64_t us;

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	check("2026-07-01", "2026-06-30T22:00:00.000000Z");
	check("2026-03-29", "2026-03-28T23:00:00.000000Z");
	check("2026-03-30", "2026-03-29T22:00:00.000000Z");
	check("2026-10-26", "2026-10-25T23:00:00.000000Z");
	ATF_REQUIRE_EQ(0, when_parse("2026-03-29 02:30", NOW, &us));
	/* "yesterday" is a day, of 23 hours here, and not 24 hours. */
	ATF_REQUIRE_EQ(0, when_parse("yesterday", 1774864800000000, &us));
	ATF_CHECK_EQ(1774738800000000, us);
}

ATF_TC_WITHOUT_HEAD(what_is_no_time_is_refused);
ATF_TC_BODY(what_is_no_time_is_refused, tc)
{
	static const char *const bad[] = {"", " ", "soon", "Now", "now ", "-",
	    "+", "ago", "1", "1 hour", "hour ago", "1 hour agox", "-2", "-2 x",
	    "-2h ago", "1 fortnight ago", "--2h", "-h", "1.5h ago",
	    "1234567890123s ago", "999999999999y ago", "+9000y", "@", "@-1",
	    "@1x", "@9999999999999", "@253402300800", "2026", "2026-2-18",
	    "2026-02-30", "2025-02-29", "2026-13-01", "2026-00-01",
	    "2026-01-00", "1969-12-31", "2026-02-18x", "2026-02-18 ",
	    "2026-02-18T", "2026-02-18 24:00", "2026-02-18 12:60",
	    "2026-02-18 12:00:60", "2026-02-18 12", "2026-02-18 12:00:00.",
	    "2026-02-18 12:00:00.1234567", "2026-02-18 12:00 ZZ", "12:00Z",
	    "12:00:", "1:00", "18-02-2026", "\xff", "2026-02-18\n"};
	int64_t us;
	size_t i;

	zone("UTC0");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, when_parse(bad[i], NOW, &us), "`%s`",
		    bad[i]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, words_are_days_of_local_time);
	ATF_TP_ADD_TC(tp, spans_are_counted_from_now);
	ATF_TP_ADD_TC(tp, dates_are_local_unless_they_say_z);
	ATF_TP_ADD_TC(tp, summer_has_shorter_and_longer_days);
	ATF_TP_ADD_TC(tp, what_is_no_time_is_refused);
	return atf_no_error();
}
