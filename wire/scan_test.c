#include "wire/scan.h"

#include <atf-c.h>
#include <string.h>

/* What the formats do not reach: each is bounded twice. */

static void
begin(struct scan *s, const char *text)
{
	scan_init(s, text, strlen(text), "rule");
}

static bool
ended(struct scan *s)
{
	const char *why = NULL;

	if (scan_end(s, &why) == 0)
		return (true);
	ATF_CHECK_STREQ("rule", why);
	return (false);
}

static void
check_number(const char *text, uint64_t max, bool ok, uint64_t value)
{
	struct scan s;

	begin(&s, text);
	ATF_CHECK_EQ(value, scan_number(&s, max));
	ATF_CHECK_MSG(ended(&s) == ok, "\"%s\", at most %llu", text,
	    (unsigned long long)max);
}

ATF_TC_WITHOUT_HEAD(numbers_are_at_most_max);
ATF_TC_BODY(numbers_are_at_most_max, tc)
{
	check_number("0", 0, true, 0);
	check_number("1", 0, false, 0);
	check_number("5", 5, true, 5);
	check_number("6", 5, false, 0);
	check_number("10", 9, false, 0);
	check_number("19", 20, true, 19);
	check_number("20", 20, true, 20);
	check_number("21", 20, false, 0);
	check_number("18446744073709551615", UINT64_MAX, true, UINT64_MAX);
	check_number("18446744073709551616", UINT64_MAX, false, 0);
	check_number("184467440737095516150", UINT64_MAX, false, 0);
	check_number("", UINT64_MAX, false, 0);
	check_number("007", UINT64_MAX, false, 0);
}

ATF_TC_WITHOUT_HEAD(a_field_is_as_long_as_its_place);
ATF_TC_BODY(a_field_is_as_long_as_its_place, tc)
{
	char out[5] = "####";
	struct scan s;

	begin(&s, "abc");
	scan_field(&s, out, 4);
	ATF_CHECK(ended(&s));
	ATF_CHECK_STREQ("abc", out);
	begin(&s, "abcd");
	out[4] = '#';
	scan_field(&s, out, 4);
	ATF_CHECK(!ended(&s));
	ATF_CHECK_STREQ("", out);
	ATF_CHECK_EQ('#', out[4]);
	begin(&s, "a b");
	scan_field(&s, out, sizeof(out));
	ATF_CHECK(!ended(&s));
	begin(&s, "a b");
	scan_line(&s, out, sizeof(out));
	ATF_CHECK(ended(&s));
}

ATF_TC_WITHOUT_HEAD(after_a_failure_nothing_is_read);
ATF_TC_BODY(after_a_failure_nothing_is_read, tc)
{
	uint8_t bytes[2] = {1, 1};
	char field[8];
	struct scan s;

	begin(&s, "x 12 ab");
	scan_text(&s, "y");
	scan_rule(&s, "another");
	ATF_CHECK(!scan_try(&s, "x"));
	ATF_CHECK_EQ(0, scan_number(&s, 100));
	ATF_CHECK_EQ(0, scan_digits(&s, 2));
	scan_hex(&s, bytes, sizeof(bytes));
	ATF_CHECK(bytes[0] == 0 && bytes[1] == 0);
	scan_field(&s, field, sizeof(field));
	ATF_CHECK_STREQ("", field);
	ATF_CHECK(!ended(&s));
	begin(&s, "012");
	ATF_CHECK_EQ(0, scan_number(&s, 100));
}

ATF_TC_WITHOUT_HEAD(a_name_is_one_of_the_table);
ATF_TC_BODY(a_name_is_one_of_the_table, tc)
{
	static const char *const names[] = {"now", "queue", "later"};
	struct scan s;

	begin(&s, "queue");
	ATF_CHECK_EQ(1, scan_name(&s, names, 2));
	ATF_CHECK(ended(&s));
	begin(&s, "later");
	ATF_CHECK_EQ(0, scan_name(&s, names, 2));
	ATF_CHECK(!ended(&s));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, numbers_are_at_most_max);
	ATF_TP_ADD_TC(tp, a_field_is_as_long_as_its_place);
	ATF_TP_ADD_TC(tp, after_a_failure_nothing_is_read);
	ATF_TP_ADD_TC(tp, a_name_is_one_of_the_table);
	return (atf_no_error());
}
