#include "imsg/act.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

static const struct msg_act act = {.vm = "work",
    .who = "alice",
    .tty = "/dev/pts/1",
    .fingerprint = "038284dcff6b5701",
    .act = ACT_ROTATE_FINISH};
#define LINE                                                    \
	"1771424222000001 rotate-finish work alice /dev/pts/1 " \
	"038284dcff6b5701"

ATF_TC_WITHOUT_HEAD(what_is_printed_is_read);
ATF_TC_BODY(what_is_printed_is_read, tc)
{
	char line[ACT_MAX];
	struct msg_act in, got;
	int64_t us;
	uint64_t n;

	for (n = ACT_AUTHORIZE; n <= ACT_DISABLE; n++) {
		in = act;
		in.act = n;
		if (n == ACT_ENABLE)
			memset(in.vm, 0, sizeof(in.vm));
		if (n == ACT_REVOKE)
			memset(in.fingerprint, 0, sizeof(in.fingerprint));
		ATF_REQUIRE(act_print(line, 1771424222000001, &in) > 0);
		ATF_REQUIRE(line[0] == '\n');
		ATF_REQUIRE(strchr(line + 1, '\n') == line + strlen(line) - 1);
		line[strlen(line) - 1] = '\0';
		ATF_REQUIRE_EQ(0, act_parse(line + 1, &us, &got));
		ATF_CHECK_EQ(1771424222000001, us);
		ATF_CHECK(memcmp(&in, &got, sizeof(in)) == 0);
	}
	ATF_CHECK(act_print(line, 1771424222000001, &act) > 0);
	ATF_CHECK_STREQ("\n" LINE "\n", line);
}

ATF_TC_WITHOUT_HEAD(what_would_not_be_one_line_of_words_is_not_printed);
ATF_TC_BODY(what_would_not_be_one_line_of_words_is_not_printed, tc)
{
	struct msg_act bad = act;
	char line[ACT_MAX];

	strcpy(bad.tty, "/dev/a b");
	ATF_CHECK_EQ(-1, act_print(line, 1, &bad));
	strcpy(bad.tty, "/dev/a\nb");
	ATF_CHECK_EQ(-1, act_print(line, 1, &bad));
	bad = act;
	bad.who[0] = '\0';
	ATF_CHECK_EQ(-1, act_print(line, 1, &bad));
	bad = act;
	bad.act = ACT_DISABLE + 1;
	ATF_CHECK_EQ(-1, act_print(line, 1, &bad));
}

ATF_TC_WITHOUT_HEAD(what_is_no_such_line_is_not_read);
ATF_TC_BODY(what_is_no_such_line_is_not_read, tc)
{
	static const char *const bad[] = {"", "1", (LINE " more"), (LINE " "),
	    "x rotate work alice - -", "-1 rotate work alice - -",
	    "99999999999999999999 rotate work alice - -",
	    "1x rotate work alice - -", "1 rotated work alice - -",
	    "1  work alice - -", "1 rotate work  - -", "1 rotate work alice -",
	    "1 rotate work12345678901234567890123456789012 alice - -",
	    "1 rotate work alice - 0123456789abcdef01234567"};
	char line[256];
	struct msg_act got;
	int64_t us;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "%s", bad[i]);
		ATF_CHECK_EQ_MSG(-1, act_parse(line, &us, &got), "%s", bad[i]);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_printed_is_read);
	ATF_TP_ADD_TC(tp, what_would_not_be_one_line_of_words_is_not_printed);
	ATF_TP_ADD_TC(tp, what_is_no_such_line_is_not_read);
	return atf_no_error();
}
