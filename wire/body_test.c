#include "wire/frame.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(each_byte_is_allowed_or_not_by_the_protocol);
ATF_TC_BODY(each_byte_is_allowed_or_not_by_the_protocol, tc)
{
	char body[] = "echo ok\n";
	const char *rule;
	bool forbidden;
	int c;

	ATF_CHECK_EQ(NULL, body_rule(body, strlen(body)));
	for (c = 0; c < 256; c++) {
		forbidden = c <= 0x08 || c == 0x0b || c == 0x0c ||
		    (c >= 0x0e && c <= 0x1f);
		body[3] = (char)c;
		rule = body_rule(body, sizeof(body) - 1);
		ATF_CHECK_MSG((rule != NULL) == forbidden, "0x%02x: %s", c,
		    rule == NULL ? "allowed" : rule);
	}
}

ATF_TC_WITHOUT_HEAD(the_first_and_the_last_byte_are_looked_at);
ATF_TC_BODY(the_first_and_the_last_byte_are_looked_at, tc)
{
	ATF_CHECK(body_rule("\0abc", 4) != NULL);
	ATF_CHECK(body_rule("abc\0", 4) != NULL);
	ATF_CHECK(body_rule("abc\033", 4) != NULL);
	ATF_CHECK_EQ(NULL, body_rule("abc\0", 3));
	ATF_CHECK_EQ(NULL, body_rule("a", 1));
}

ATF_TC_WITHOUT_HEAD(a_body_has_1_byte_to_1_mebibyte);
ATF_TC_BODY(a_body_has_1_byte_to_1_mebibyte, tc)
{
	char *body = malloc(BODY_MAX + 1);

	ATF_REQUIRE(body != NULL);
	memset(body, 'a', BODY_MAX + 1);
	ATF_CHECK(body_rule(body, 0) != NULL);
	ATF_CHECK_EQ(NULL, body_rule(body, BODY_MAX));
	ATF_CHECK(body_rule(body, BODY_MAX + 1) != NULL);
	free(body);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_byte_is_allowed_or_not_by_the_protocol);
	ATF_TP_ADD_TC(tp, the_first_and_the_last_byte_are_looked_at);
	ATF_TP_ADD_TC(tp, a_body_has_1_byte_to_1_mebibyte);
	return (atf_no_error());
}
