#include "admin/when.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
	check("today UTC", "2026-02-18T00:00:00.000000Z");
	check("yesterday utc", "2026-02-17T00:00:00.000000Z");
}

ATF_TC_WITHOUT_HEAD(spans_are_counted_from_now);
ATF_TC_BODY(spans_are_counted_from_now, tc)
{
	zone("QRT-3");
	check("1 hour ago", "2026-02-18T13:30:22.514000Z");
	check("1h 30 ago", "2026-02-18T13:29:52.514000Z");
	check("-30", "2026-02-18T14:29:52.514000Z");
	check("-1.5", "2026-02-18T14:30:21.014000Z");
	check("5\xc2\xb5s ago", "2026-02-18T14:30:22.513995Z");
	check("5 \xce\xbcs ago", "2026-02-18T14:30:22.513995Z");
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
	check("2026-02-18 14:30:22 UTC", "2026-02-18T14:30:22.000000Z");
	check("2026-02-18T14:30:22+01:00", "2026-02-18T13:30:22.000000Z");
	check("2026-02-18T14:30:22.5-0030", "2026-02-18T15:00:22.500000Z");
	check("2026-02-18 00:00+01:00", "2026-02-17T23:00:00.000000Z");
	check("2026-02-18+01:00", "2026-02-17T23:00:00.000000Z");
	check("12:00Z", "2026-02-18T12:00:00.000000Z");
	check("14:30", "2026-02-18T11:30:00.000000Z");
	check("14:30:01", "2026-02-18T11:30:01.000000Z");
	check("23:59:60", "2026-02-18T21:00:00.000000Z");
	check("2024-02-29", "2024-02-28T21:00:00.000000Z");
	check("@1771425022", "2026-02-18T14:30:22.000000Z");
	check("@1771425022.5", "2026-02-18T14:30:22.500000Z");
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
	    "+", "ago", "1", "1 hour", "hour ago", "1 hour agox", "2ago",
	    "-2 x", "-2h ago", "1 fortnight ago", "--2h", "-h", "1.h ago",
	    "1..5h ago", "1.5.5h ago", ".h ago", ". ago", "1.5.5 ago",
	    "1h left ago", "5\xc2\xb5 ago", "5\xc2\xb5sec ago", "5\xb5s ago",
	    "2 2", "today utcx", "today  UTC", "todayUTC", "today UTC ",
	    "now UTC", "1h ago UTC", "@1.", "@1.1234567", "Thu 2026-02-18",
	    "Wed", "We 2026-02-18", "Wedn 2026-02-18", "Wednesday2026-02-18",
	    "12:00+01:00", "2026-02-18 12:00+24:00", "2026-02-18 12:00+1:00",
	    "2026-02-18 12:00+01:60", "2026-02-18 12:00+01:0",
	    "2026-02-18 12:00+01:000", "2026-02-18 12:00 UTCx", "2026-02-18 UT",
	    "1970-01-01T00:00+00:01", "126-02-18", "6-02-18",
	    "1234567890123s ago", "999999999999y ago", "+9000y", "@", "@-1",
	    "@1x", "@9999999999999", "@253402300800", "2026", "2026--18",
	    "2026-02-30", "2025-02-29", "2026-13-01", "2026-00-01",
	    "2026-01-00", "1969-12-31", "2026-02-18x", "2026-02-18 ",
	    "2026-02-18T", "2026-02-18 24:00", "2026-02-18 12:60",
	    "2026-02-18 12:00:61", "2026-02-18 12", "2026-02-18 12:00:00.",
	    "2026-02-18 12:00:00.1234567", "2026-02-18 12:00 ZZ",
	    "12:00:", "1:0", "18-02-2026", "\xff", "2026-02-18\n"};
	int64_t us;
	size_t i;

	zone("UTC0");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, when_parse(bad[i], NOW, &us), "`%s`",
		    bad[i]);
}

/* In microseconds; -1: it refuses. */
static int64_t
systemd_says(const char *form)
{
	static const char unix_seconds[] = "UNIX seconds: @";
	char text[1024], *at;
	size_t used = 0;
	ssize_t n;
	int ends[2];
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe(ends));
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(STDERR_FILENO);
		(void)execlp("systemd-analyze", "systemd-analyze", "timestamp",
		    "--", form, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while ((n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(ends[0]);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &ends[0], 0));
	ATF_REQUIRE(WIFEXITED(ends[0]) && WEXITSTATUS(ends[0]) != 127);
	text[used] = '\0';
	at = strstr(text, unix_seconds);
	ATF_REQUIRE_EQ(WEXITSTATUS(ends[0]) == 0, at != NULL);
	return at == NULL
	    ? -1
	    : (int64_t)(strtod(at + strlen(unix_seconds), NULL) * 1000000 + .5);
}

ATF_TC_WITHOUT_HEAD(times_are_as_systemd_takes_them);
ATF_TC_BODY(times_are_as_systemd_takes_them, tc)
{
	static const char *const same[] = {"now", "today", "yesterday",
	    "tomorrow", "2026-02-18", "2026-02-18 14:30", "2026-02-18 14:30:22",
	    "2026-02-18 14:30:22.25", "2026-02-18 14:30:22 UTC",
	    "2026-02-18 12:00 utc", "2026-02-18 UTC", "2026-02-18 4:05",
	    "2026-2-8", "26-02-18", "68-01-01", "99-01-01", "70-01-01",
	    "Wed 2026-02-18 14:30:22", "wed 2026-02-18 14:30 UTC",
	    "Wednesday 2026-02-18", "Thu 2026-02-18", "Mi 2026-02-18", "14:30",
	    "1:00", "12:00 UTC", "1 hour ago", "1.5h ago", ".5d ago", "1.h ago",
	    "1.5.5h ago", "1h.5m ago", "86400000ms ago", "90000000msec ago",
	    "90000000000us ago", "90000000000usec ago", "1d 2h 3min 4s ago",
	    "2 weeks ago", "3 months ago", "1y 2M ago", "2h left", "-1.5h",
	    "+1d", "+2h ago", "30 ago", "1.5 ago", "1h 30 ago", "1h30 ago",
	    "1 2 ago", "12.34 .56 ago", "12.34.56 ago", "30ago", "30 left",
	    "-30", "+1.5", "-1 hour 5", "-30 ", "1ms5 ago", "1h 30",
	    "90000000000\xc2\xb5s ago", "90000000000 \xce\xbcs ago",
	    "5\xc2\xb5sec ago", "1 hour ago UTC", "-30 UTC", "today UTC",
	    "yesterday utc", "tomorrow UTC", "now UTC", "today  UTC",
	    "2026-02-18 14:30:60", "2026-02-18 23:59:60 UTC", "12:00:60",
	    "1 hour", "2 fortnights ago", "@1771425022", "@1771425022.5",
	    "@1771425022.", "2026-13-01", "2026-02-18 24:00",
	    "2026-02-18 12:60", "12:00:", "soon", ""};
	int64_t theirs, ours;
	struct timespec now;
	size_t i;

	zone("QRT-3");
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		ATF_REQUIRE_EQ(0, clock_gettime(CLOCK_REALTIME, &now));
		theirs = systemd_says(same[i]);
		if (when_parse(same[i],
			now.tv_sec * 1000000 + now.tv_nsec / 1000, &ours) == -1)
			ours = -1;
		/* It looks at the clock later. */
		ATF_CHECK_MSG(ours == theirs ||
			(ours != -1 && ours <= theirs &&
			    theirs - ours < 60000000),
		    "`%s`: %jd, systemd: %jd", same[i], (intmax_t)ours,
		    (intmax_t)theirs);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, times_are_as_systemd_takes_them);
	ATF_TP_ADD_TC(tp, words_are_days_of_local_time);
	ATF_TP_ADD_TC(tp, spans_are_counted_from_now);
	ATF_TP_ADD_TC(tp, dates_are_local_unless_they_say_z);
	ATF_TP_ADD_TC(tp, summer_has_shorter_and_longer_days);
	ATF_TP_ADD_TC(tp, what_is_no_time_is_refused);
	return atf_no_error();
}
