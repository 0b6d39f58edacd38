#include <atf-c.h>

#include "parent/backoff.h"

ATF_TC_WITHOUT_HEAD(failures_wait_twice_as_long_each_time);
ATF_TC_BODY(failures_wait_twice_as_long_each_time, tc)
{
	struct backoff b = {0};
	static const int64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000,
	    60000, 60000};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ATF_CHECK_EQ(want[i], backoff_after(&b, 5, 10, false));
}

ATF_TC_WITHOUT_HEAD(a_boot_forgets_failures);
ATF_TC_BODY(a_boot_forgets_failures, tc)
{
	struct backoff b = {0};

	(void)backoff_after(&b, 0, 10, false);
	(void)backoff_after(&b, 0, 10, false);
	backoff_reset(&b);
	ATF_CHECK_EQ(1000, backoff_after(&b, 0, 10, false));
}

ATF_TC_WITHOUT_HEAD(a_long_session_was_no_failure);
ATF_TC_BODY(a_long_session_was_no_failure, tc)
{
	struct backoff b = {0};

	(void)backoff_after(&b, 0, 10, false);
	(void)backoff_after(&b, 0, 10, false);
	ATF_CHECK_EQ(4000, backoff_after(&b, 0, BACKOFF_LONG_MS - 1, false));
	ATF_CHECK_EQ(1000, backoff_after(&b, 0, BACKOFF_LONG_MS, false));
}

ATF_TC_WITHOUT_HEAD(six_starts_at_once_in_any_minute);
ATF_TC_BODY(six_starts_at_once_in_any_minute, tc)
{
	struct backoff b = {0};
	int64_t now, round;
	int i;

	/* Often enough for the ring to have gone round several times. */
	for (round = 0; round < 5; round++) {
		now = round * BACKOFF_BURST_MS;
		for (i = 0; i < BACKOFF_BURST; i++)
			ATF_CHECK_EQ(0, backoff_after(&b, now + i, 10, true));
		ATF_CHECK_EQ(1000, backoff_after(&b, now + 10, 10, true));
		ATF_CHECK_EQ(1000,
		    backoff_after(&b, now + BACKOFF_BURST_MS - 1, 10, true));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, failures_wait_twice_as_long_each_time);
	ATF_TP_ADD_TC(tp, a_boot_forgets_failures);
	ATF_TP_ADD_TC(tp, a_long_session_was_no_failure);
	ATF_TP_ADD_TC(tp, six_starts_at_once_in_any_minute);
	return atf_no_error();
}
