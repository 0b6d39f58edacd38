#include "admin/stubs.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

void
fail_errno(const char *fmt, ...)
{
	perror(fmt);
	abort();
}

static struct {
	char data[512];
	size_t len;
} line;

static int
keep(void *arg, const void *data, size_t len)
{
	(void)arg;
	if (len > sizeof(line.data) - line.len)
		return -1;
	memcpy(line.data + line.len, data, len);
	line.len += len;
	return 0;
}

/* A stub that names a record: NULL, or what is wrong. */
static const char *
take(uint64_t seq, uint64_t by)
{
	struct line_head h = {.seq = seq, .event = STUB};
	uint64_t length;

	line.len = 0;
	ATF_REQUIRE_EQ(0, stub_write(&h, STUB, by, 300, keep, NULL));
	return stubs_take(&h, line.data, line.len, &length);
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
