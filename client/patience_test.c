#include <atf-c.h>
#include <stddef.h>

#include "client/patience.h"
#include "wire/token.h"

#define EXPIRES INT64_C(1000000)

static const struct patience waiting = {.expires = EXPIRES,
    .timeout = TOKEN_TIMEOUT_POLICY,
    .session = true};

/* The verdict changes from GO_ON to this one at that time exactly. */
static void
turns(const struct patience *p, enum verdict to, int64_t at)
{
	ATF_CHECK_EQ(GO_ON, patience_judge(p, at - 1));
	ATF_CHECK_EQ(to, patience_judge(p, at));
}

ATF_TC_WITHOUT_HEAD(what_is_not_taken_ends_60_s_after_it_expired);
ATF_TC_BODY(what_is_not_taken_ends_60_s_after_it_expired, tc)
{
	struct patience p = waiting;

	turns(&p, NEVER_TAKEN, EXPIRES + 60000);
	p.session = false;
	turns(&p, NEVER_TAKEN, EXPIRES + 60000);
	/* When the session was lost makes no difference to it. */
	p.alone = EXPIRES + 50000;
	turns(&p, NEVER_TAKEN, EXPIRES + 60000);
}

ATF_TC_WITHOUT_HEAD(what_is_taken_waits_as_long_as_there_is_a_session);
ATF_TC_BODY(what_is_taken_waits_as_long_as_there_is_a_session, tc)
{
	struct patience p = waiting;

	p.taken = true;
	ATF_CHECK_EQ(GO_ON, patience_judge(&p, EXPIRES * 1000));
}

ATF_TC_WITHOUT_HEAD(what_is_taken_outlasts_a_lost_session_by_its_time_out);
ATF_TC_BODY(what_is_taken_outlasts_a_lost_session_by_its_time_out, tc)
{
	struct patience p = waiting;

	p.taken = true;
	p.session = false;
	p.alone = EXPIRES - 5000;
	turns(&p, UNKNOWN, EXPIRES + 300000 + 60000);
	p.alone = EXPIRES + 5000;
	turns(&p, UNKNOWN, EXPIRES + 5000 + 300000 + 60000);
	p.timeout = 7;
	turns(&p, UNKNOWN, EXPIRES + 5000 + 7000 + 60000);
}

ATF_TC_WITHOUT_HEAD(a_limit_ends_it_whatever_happens);
ATF_TC_BODY(a_limit_ends_it_whatever_happens, tc)
{
	struct patience p = waiting;

	p.limit = EXPIRES - 10;
	turns(&p, NEVER_TAKEN, EXPIRES - 10);
	p.taken = true;
	turns(&p, UNKNOWN, EXPIRES - 10);
}

ATF_TC_WITHOUT_HEAD(a_cancel_has_7_s_where_there_is_a_session);
ATF_TC_BODY(a_cancel_has_7_s_where_there_is_a_session, tc)
{
	struct patience p = waiting;

	p.cancelled = 5000;
	turns(&p, GIVEN_UP, 12000);
	p.taken = true;
	turns(&p, GIVEN_UP, 12000);
	p.session = false;
	ATF_CHECK_EQ(GIVEN_UP, patience_judge(&p, 5000));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_not_taken_ends_60_s_after_it_expired);
	ATF_TP_ADD_TC(tp, what_is_taken_waits_as_long_as_there_is_a_session);
	ATF_TP_ADD_TC(tp,
	    what_is_taken_outlasts_a_lost_session_by_its_time_out);
	ATF_TP_ADD_TC(tp, a_limit_ends_it_whatever_happens);
	ATF_TP_ADD_TC(tp, a_cancel_has_7_s_where_there_is_a_session);
	return (atf_no_error());
}
