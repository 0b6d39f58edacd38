#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"

ATF_TC_WITHOUT_HEAD(what_could_move_a_terminal_is_escaped);
ATF_TC_BODY(what_could_move_a_terminal_is_escaped, tc)
{
	char out[64];

	text_escape(out, sizeof(out), "a\x1b[2J\r\n\\ ~\x7f\xc3\0b", 13);
	ATF_CHECK_STREQ("a\\x1b[2J\\x0d\\x0a\\x5c ~\\x7f\\xc3\\x00", out);
}

ATF_TC_WITHOUT_HEAD(an_escape_is_not_cut);
ATF_TC_BODY(an_escape_is_not_cut, tc)
{
	char out[6];

	text_escape(out, sizeof(out), "ab\n", 3);
	ATF_CHECK_STREQ("ab", out);
	text_escape(out, sizeof(out), "a\nb", 3);
	ATF_CHECK_STREQ("a\\x0a", out);
	text_escape(out, 1, "a", 1);
	ATF_CHECK_STREQ("", out);
}

ATF_TC_WITHOUT_HEAD(seconds_are_plain_decimal);
ATF_TC_BODY(seconds_are_plain_decimal, tc)
{
	static const char *const bad[] = {"", "0", "01", "-1", "+1", " 1", "1 ",
	    "1s", "0x1", "86401", "99999999999999999999", "1.5"};
	int32_t n = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, text_seconds(bad[i], 1, 86400, &n), "%s",
		    bad[i]);
	ATF_CHECK_EQ(7, n);
	ATF_CHECK_EQ(0, text_seconds("1", 1, 86400, &n));
	ATF_CHECK_EQ(1, n);
	ATF_CHECK_EQ(0, text_seconds("86400", 1, 86400, &n));
	ATF_CHECK_EQ(86400, n);
}

ATF_TC_WITHOUT_HEAD(words_are_joined_by_spaces);
ATF_TC_BODY(words_are_joined_by_spaces, tc)
{
	static char one[] = "echo", two[] = "a  b", three[] = "";
	char *const words[] = {one, two, three};
	size_t len;
	char *text = text_join(3, words, &len);

	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("echo a  b \n", text);
	ATF_CHECK_EQ(strlen(text), len);
	free(text);
}

ATF_TC_WITHOUT_HEAD(quoted_words_are_as_they_were);
ATF_TC_BODY(quoted_words_are_as_they_were, tc)
{
	static char one[] = "if", two[] = "$(a) \n*", three[] = "it's",
		    four[] = "";
	char *const words[] = {one, two, three, four};
	size_t len;
	char *text = text_quote(4, words, &len);

	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("'if' '$(a) \n*' 'it'\\''s' ''\n", text);
	ATF_CHECK_EQ(strlen(text), len);
	free(text);
}

ATF_TC_WITHOUT_HEAD(a_stem_is_what_stands_before_the_suffix);
ATF_TC_BODY(a_stem_is_what_stands_before_the_suffix, tc)
{
	ATF_CHECK_EQ(1, text_stem("a.auth", ".auth"));
	ATF_CHECK_EQ(0, text_stem(".auth", ".auth"));
	ATF_CHECK_EQ(0, text_stem("a.auth2", ".auth"));
	ATF_CHECK_EQ(0, text_stem("auth", ".auth"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_could_move_a_terminal_is_escaped);
	ATF_TP_ADD_TC(tp, an_escape_is_not_cut);
	ATF_TP_ADD_TC(tp, seconds_are_plain_decimal);
	ATF_TP_ADD_TC(tp, words_are_joined_by_spaces);
	ATF_TP_ADD_TC(tp, quoted_words_are_as_they_were);
	ATF_TP_ADD_TC(tp, a_stem_is_what_stands_before_the_suffix);
	return (atf_no_error());
}
