#include "policy/words.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

static char words[POLICY_COMMAND_MAX + 1], why[128];

/* The words of a body with a | behind each, or why there are none. */
static const char *
split(const char *body, size_t len)
{
	static char out[POLICY_COMMAND_MAX + 1];
	const char *word = words;
	size_t used = 0;
	int i, n;

	n = policy_split(body, len, words, sizeof(words), why, sizeof(why));
	if (n == -1)
		return why;
	for (i = 0; i < n; i++, word += strlen(word) + 1)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s|",
		    word);
	return out;
}

ATF_TC_WITHOUT_HEAD(a_line_of_words_is_split_and_unquoted);
ATF_TC_BODY(a_line_of_words_is_split_and_unquoted, tc)
{
	static const struct {
		const char *body, *words;
	} rows[] = {
	    {"qvm-ls", "qvm-ls|"},
	    {"qvm-ls\n", "qvm-ls|"},
	    {"a b c", "a|b|c|"},
	    {"azAZ09_./:=,@+%-", "azAZ09_./:=,@+%-|"},
	    {"'qvm-ls' 'a b'", "qvm-ls|a b|"},
	    {"echo '' x", "echo||x|"},
	    {"echo ''", "echo||"},
	    {"echo '$(id) `id`; \"x\" > \\ ~!#&*'",
		"echo|$(id) `id`; \"x\" > \\ ~!#&*|"},
	    {"echo '-rf' --x=y", "echo|-rf|--x=y|"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ATF_CHECK_STREQ(rows[i].words,
		    split(rows[i].body, strlen(rows[i].body)));
}

ATF_TC_WITHOUT_HEAD(what_is_no_line_of_words_is_refused_at_its_byte);
ATF_TC_BODY(what_is_no_line_of_words_is_refused_at_its_byte, tc)
{
	static const struct {
		const char *body, *why;
	} rows[] = {
	    {"", "it is empty"},
	    {"\n", "it is empty"},
	    {" ", "byte 1 is 0x20"},
	    {" a", "byte 1 is 0x20"},
	    {"a ", "it ends with a space"},
	    {"a \n", "it ends with a space"},
	    {"a  b", "byte 3 is 0x20"},
	    {"a\tb", "byte 2 is 0x09"},
	    {"a\n\n", "byte 2 is 0x0a"},
	    {"a\nb", "byte 2 is 0x0a"},
	    {"\na", "byte 1 is 0x0a"},
	    {"a\r\n", "byte 2 is 0x0d"},
	    {"a 'b", "the quote at byte 3 has no end"},
	    {"a '", "the quote at byte 3 has no end"},
	    {"a 'b\n'", "byte 5 is 0x0a"},
	    {"a 'b\tc'", "byte 5 is 0x09"},
	    {"a 'b\x7f'", "byte 5 is 0x7f"},
	    {"a 'b\xc3\xa9'", "byte 5 is 0xc3"},
	    {"a b'c'", "byte 4 is `'`"},
	    {"a 'b'c", "byte 6 is `c`"},
	    {"a 'b''c'", "byte 6 is `'`"},
	    {"a 'b'\\''c'", "byte 6 is `\\`"},
	    {"a \"b\"", "byte 3 is `\"`"},
	    {"a;b", "byte 2 is `;`"},
	    {"a $(b)", "byte 3 is `$`"},
	    {"a $b", "byte 3 is `$`"},
	    {"a `b`", "byte 3 is ```"},
	    {"a | b", "byte 3 is `|`"},
	    {"a > b", "byte 3 is `>`"},
	    {"a <b", "byte 3 is `<`"},
	    {"a && b", "byte 3 is `&`"},
	    {"a &", "byte 3 is `&`"},
	    {"a \\b", "byte 3 is `\\`"},
	    {"a *", "byte 3 is `*`"},
	    {"a ?", "byte 3 is `?`"},
	    {"a [b]", "byte 3 is `[`"},
	    {"a {b,c}", "byte 3 is `{`"},
	    {"a ~", "byte 3 is `~`"},
	    {"a !b", "byte 3 is `!`"},
	    {"a #b", "byte 3 is `#`"},
	    {"(a)", "byte 1 is `(`"},
	    {"a ^b", "byte 3 is `^`"},
	    {"a \x01", "byte 3 is 0x01"},
	    {"a \xe2\x86\x92", "byte 3 is 0xe2"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ATF_CHECK_STREQ(rows[i].why,
		    split(rows[i].body, strlen(rows[i].body)));
	ATF_CHECK_STREQ("byte 2 is 0x00", split("a\0b", 3));
	ATF_CHECK_STREQ("byte 4 is 0x00", split("a '\0'", 5));
}

ATF_TC_WITHOUT_HEAD(a_word_more_or_a_byte_too_many_is_refused);
ATF_TC_BODY(a_word_more_or_a_byte_too_many_is_refused, tc)
{
	static char body[4 * POLICY_WORDS_MAX];
	char out[4];
	size_t i;

	for (i = 0; i <= POLICY_WORDS_MAX; i++)
		memcpy(body + 2 * i, "a ", 2);
	ATF_CHECK_EQ(POLICY_WORDS_MAX,
	    policy_split(body, 2 * POLICY_WORDS_MAX - 1, words, sizeof(words),
		why, sizeof(why)));
	ATF_CHECK_STREQ("it has more than 512 words",
	    split(body, 2 * POLICY_WORDS_MAX + 1));
	ATF_CHECK_EQ(1,
	    policy_split("abc", 3, out, sizeof(out), why, sizeof(why)));
	ATF_CHECK_EQ(2,
	    policy_split("a b", 3, out, sizeof(out), why, sizeof(why)));
	ATF_CHECK_EQ(-1,
	    policy_split("abcd", 4, out, sizeof(out), why, sizeof(why)));
	ATF_CHECK_STREQ("it is too long", why);
	ATF_CHECK_EQ(-1, policy_split("a", 1, out, 0, why, 0));
}

ATF_TC_WITHOUT_HEAD(a_command_is_a_name_or_a_plain_absolute_path);
ATF_TC_BODY(a_command_is_a_name_or_a_plain_absolute_path, tc)
{
	static const char *const good[] = {"ls", "-x", "a=b", "...", "..a",
	    "/ls", "/usr/bin/ls", "/usr/.bin/ls", "/usr/bin../ls"};
	static const char *const bad[] = {"", ".", "..", "/", "//", "//ls",
	    "/usr//bin/ls", "/usr/bin/", "/usr/./bin/ls", "/./ls", "/.",
	    "/usr/../bin/ls", "/usr/bin/..", "/../ls", "./ls", "../ls",
	    "bin/ls", "a b", "a;b", "/usr/bin/a b", "~/x", "ls\x01"};
	char path[POLICY_PATH_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ATF_CHECK_MSG(word_is_command(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!word_is_command(bad[i]), "%s", bad[i]);
	memset(path, 'a', sizeof(path));
	path[POLICY_PATH_MAX] = '\0';
	ATF_CHECK(!word_is_command(path));
	path[POLICY_PATH_MAX - 1] = '\0';
	ATF_CHECK(word_is_command(path));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_line_of_words_is_split_and_unquoted);
	ATF_TP_ADD_TC(tp, what_is_no_line_of_words_is_refused_at_its_byte);
	ATF_TP_ADD_TC(tp, a_word_more_or_a_byte_too_many_is_refused);
	ATF_TP_ADD_TC(tp, a_command_is_a_name_or_a_plain_absolute_path);
	return atf_no_error();
}
