#include "admin/stubs.h"

#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/admin.h"

void
fail_errno(const char *fmt, ...)
{
	perror(fmt);
	abort();
}

/* A stub that names a record: NULL, or what is wrong. */
static const char *
take(uint64_t seq, uint64_t by)
{
	struct line_head h = {.seq = seq};
	uint64_t length;
	char line[128];
	int n;

	n = snprintf(line, sizeof(line),
	    "{\"seq\":%" PRIu64 ",\"by\":%" PRIu64 ",\"length\":300}\n", seq,
	    by);
	return stubs_take(&h, line, (size_t)n, &length);
}

/* In their order, which makes a list of a tree that is not balanced. */
ATF_TC_WITHOUT_HEAD(a_log_that_names_ever_more_erasures_is_read_to_a_limit);
ATF_TC_BODY(a_log_that_names_ever_more_erasures_is_read_to_a_limit, tc)
{
	const uint64_t last = 2 * ERASURES_MAX;
	uint64_t seq;

	for (seq = 1; seq <= ERASURES_MAX; seq++)
		ATF_REQUIRE_EQ(NULL, take(seq, last + seq));
	ATF_CHECK(take(seq, last + seq) != NULL);
	/* What is named already may have more. */
	ATF_CHECK_EQ(NULL, take(seq, last + 1));
	ATF_CHECK_EQ(ERASURES_MAX + 1, stubs_count());
	ATF_CHECK_EQ(1, stubs_unexplained());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp,
	    a_log_that_names_ever_more_erasures_is_read_to_a_limit);
	return atf_no_error();
}
