#include "wire/emit.h"

#include <atf-c.h>
#include <string.h>

static void
fill(struct emit *e, size_t len)
{
	emit_init(e);
	while (len-- > 0)
		emit_text(e, "a");
}

ATF_TC_WITHOUT_HEAD(text_and_hex_are_put_together);
ATF_TC_BODY(text_and_hex_are_put_together, tc)
{
	const uint8_t bytes[] = {0x00, 0x9f, 0xff};
	struct emit e;
	char out[16];

	emit_init(&e);
	emit_text(&e, "n %d ", 7);
	emit_hex(&e, bytes, sizeof(bytes));
	ATF_REQUIRE_EQ(10, emit_end(&e, out, sizeof(out)));
	ATF_CHECK(memcmp("n 7 009fff", out, 10) == 0);
}

ATF_TC_WITHOUT_HEAD(what_does_not_fit_fails_and_stays_failed);
ATF_TC_BODY(what_does_not_fit_fails_and_stays_failed, tc)
{
	char out[2 * EMIT_MAX];
	struct emit e;

	fill(&e, EMIT_MAX);
	ATF_CHECK_EQ(EMIT_MAX, emit_end(&e, out, sizeof(out)));
	ATF_CHECK_EQ(EMIT_MAX, emit_end(&e, out, EMIT_MAX));
	ATF_CHECK_EQ(-1, emit_end(&e, out, EMIT_MAX - 1));
	fill(&e, EMIT_MAX - 1);
	emit_text(&e, "bb");
	ATF_CHECK_EQ(-1, emit_end(&e, out, sizeof(out)));
	emit_text(&e, "%s", "");
	ATF_CHECK_EQ(-1, emit_end(&e, out, sizeof(out)));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, text_and_hex_are_put_together);
	ATF_TP_ADD_TC(tp, what_does_not_fit_fails_and_stays_failed);
	return (atf_no_error());
}
