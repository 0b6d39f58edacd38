#include "wire/id.h"

#include <atf-c.h>

#include "wire/test.h"
#include "wire/vectors.h"

#define DIGITS_39 "123456789012345678901234567890123456789"

struct sample {
	const char *text;
	bool ok;
};

/* A NUL in a text would end it: those are tried on their own. */
static void
check_all(bool (*valid)(const char *, size_t), const struct sample *samples,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		ATF_CHECK_MSG(valid(samples[i].text, strlen(samples[i].text)) ==
			samples[i].ok,
		    "\"%s\" is %s", samples[i].text,
		    samples[i].ok ? "refused" : "accepted");
}
#define CHECK_ALL(valid, samples) \
	check_all(valid, samples, sizeof(samples) / sizeof((samples)[0]))

ATF_TC_WITHOUT_HEAD(ids_of_the_grammar_and_no_others);
ATF_TC_BODY(ids_of_the_grammar_and_no_others, tc)
{
	static const struct sample samples[] = {
	    {V_ID, true},
	    {V_ID_INPUT, true},
	    {"20260218-143022-0-a1b2c3d4", true},
	    {"00000101-000000-1-00000000", true},
	    {"99991231-235959-4294967295-ffffffff", true},
	    /* 64 and 65 bytes */
	    {"20260218-143022-" DIGITS_39 "-a1b2c3d4", true},
	    {"20260218-143022-" DIGITS_39 "0-a1b2c3d4", false},
	    {"", false},
	    {"20260218-143022-1234-a1b2c3d", false},
	    {"20260218-143022-1234-a1b2c3d4e", false},
	    {"20260218-143022-1234-A1B2C3D4", false},
	    {"20260218-143022-1234-g1b2c3d4", false},
	    {"20260218-143022--a1b2c3d4", false},
	    {"20260218-143022-01234-a1b2c3d4", false},
	    {"20260218-143022-00-a1b2c3d4", false},
	    {"20260218-143022-+1234-a1b2c3d4", false},
	    {"20260218-143022--1234-a1b2c3d4", false},
	    {"20260218-143022- 1234-a1b2c3d4", false},
	    {"20260218-143022-0x12-a1b2c3d4", false},
	    {"20260218-143022-1234", false},
	    {"20260218-143022-1234-", false},
	    {"2026218-143022-1234-a1b2c3d4", false},
	    {"20260218143022-1234-a1b2c3d4", false},
	    {"20260218 143022-1234-a1b2c3d4", false},
	    {"20260218-14302-1234-a1b2c3d4", false},
	    {"-0260218-143022-1234-a1b2c3d4", false},
	    {" 20260218-143022-1234-a1b2c3d4", false},
	    {"20260218-143022-1234-a1b2c3d4\n", false},
	    {"20260218-143022-1234-a1b2c3d4 ", false},
	    {"20260218-143022-1234-a1b2c3d4.auth", false},
	    {"../../etc/passwd", false},
	    {"20260218-143022-12/4-a1b2c3d4", false},
	    {"ping-1771425022000000000-1234", false},
	};

	CHECK_ALL(id_valid, samples);
}

ATF_TC_WITHOUT_HEAD(dates_and_times_that_exist_and_no_others);
ATF_TC_BODY(dates_and_times_that_exist_and_no_others, tc)
{
	static const struct sample samples[] = {
	    {"20260131-000000-1-00000000", true},
	    {"20260132-000000-1-00000000", false},
	    {"20260100-000000-1-00000000", false},
	    {"20260001-000000-1-00000000", false},
	    {"20261301-000000-1-00000000", false},
	    {"20261231-000000-1-00000000", true},
	    {"20260430-000000-1-00000000", true},
	    {"20260431-000000-1-00000000", false},
	    {"20260631-000000-1-00000000", false},
	    {"20260931-000000-1-00000000", false},
	    {"20261131-000000-1-00000000", false},
	    {"20260228-000000-1-00000000", true},
	    {"20260229-000000-1-00000000", false},
	    {"20240229-000000-1-00000000", true},
	    {"20240230-000000-1-00000000", false},
	    {"20000229-000000-1-00000000", true},
	    {"21000229-000000-1-00000000", false},
	    {"20260218-235959-1-00000000", true},
	    {"20260218-240000-1-00000000", false},
	    {"20260218-006000-1-00000000", false},
	    {"20260218-000060-1-00000000", false},
	};

	CHECK_ALL(id_valid, samples);
}

ATF_TC_WITHOUT_HEAD(ping_ids_of_version_1_and_no_others);
ATF_TC_BODY(ping_ids_of_version_1_and_no_others, tc)
{
	static const struct sample samples[] = {
	    {"ping-1771425022000000000-1234", true},
	    {"ping-0-0", true},
	    /* What nanoseconds in 64 bits can say, and one more. */
	    {"ping-9223372036854775807-1", true},
	    {"ping-9223372036854775808-1", false},
	    {"ping-18446744073709551617-1", false},
	    {"ping-1-" DIGITS_39 "012345678901234567", true},
	    {"ping-1-" DIGITS_39 "0123456789012345678", false},
	    {"ping-01-1", false},
	    {"ping-1-01", false},
	    {"ping--1", false},
	    {"ping-1-", false},
	    {"ping-1", false},
	    {"ping-+1-1", false},
	    {"ping--1-1", false},
	    {"ping-1-1 ", false},
	    {"ping-1-1\n", false},
	    {"ping-1-1-1", false},
	    {"Ping-1-1", false},
	    {"ping-a-1", false},
	    {"", false},
	    {V_ID, false},
	};

	CHECK_ALL(id_valid_v1_ping, samples);
}

ATF_TC_WITHOUT_HEAD(vm_names_that_qubes_allows_and_no_others);
ATF_TC_BODY(vm_names_that_qubes_allows_and_no_others, tc)
{
	static const struct sample samples[] = {
	    {"work", true},
	    {"a", true},
	    {"A", true},
	    {"z", true},
	    {"Z", true},
	    {"a09AZ", true},
	    {"sys-net", true},
	    {"a_b.c-9", true},
	    {"dom01", true},
	    {"defaults", true},
	    {"nonesuch", true},
	    {"dm", true},
	    {"a-dm2", true},
	    /* 31 and 32 bytes */
	    {"abcdefghijklmnopqrstuvwxyz01234", true},
	    {"abcdefghijklmnopqrstuvwxyz012345", false},
	    {"", false},
	    {"9work", false},
	    {"-work", false},
	    {"_work", false},
	    {".work", false},
	    {"..", false},
	    {"wo rk", false},
	    {"wo/rk", false},
	    {"work\n", false},
	    {"wo\xc3\xa4k", false},
	    {"wo@rk", false},
	    {"wo[rk", false},
	    {"wo`rk", false},
	    {"wo{rk", false},
	    {"wo:rk", false},
	    {"Domain-0", false},
	    {"dom0", false},
	    {"none", false},
	    {"default", false},
	    {"work-dm", false},
	    {"a-dm", false},
	};

	CHECK_ALL(vm_name_valid, samples);
}

ATF_TC_WITHOUT_HEAD(uuids_in_lower_case_and_nothing_else);
ATF_TC_BODY(uuids_in_lower_case_and_nothing_else, tc)
{
	static const struct sample samples[] = {
	    {"01234567-89ab-cdef-0123-456789abcdef", true},
	    {"00000000-0000-0000-0000-000000000000", true},
	    {"01234567-89AB-CDEF-0123-456789ABCDEF", false},
	    {"01234567-89ab-cdef-0123-456789abcde", false},
	    {"01234567-89ab-cdef-0123-456789abcdef0", false},
	    {"01234567089ab-cdef-0123-456789abcdef", false},
	    {"0123456-789ab-cdef-0123-456789abcdef", false},
	    {"{1234567-89ab-cdef-0123-456789abcde}", false},
	    {"01234567-89ab-cdef-0123-456789abcdef\n", false},
	    {"01234567-89ab-cdef-0123-456789abcdeg", false},
	    {"0123456789abcdef0123456789abcdef", false},
	    {"", false},
	};

	CHECK_ALL(uuid_valid, samples);
}

/* Nothing; a NUL wherever it is put, and where it follows a whole one. */
static void
check_nul(bool (*valid)(const char *, size_t), const char *text)
{
	size_t i, len = strlen(text);
	char copy[ID_MAX + 1];

	ATF_REQUIRE(valid(text, len));
	ATF_CHECK(!valid(text, 0));
	for (i = 0; i < len; i++) {
		memcpy(copy, text, len);
		copy[i] = '\0';
		ATF_CHECK_MSG(!valid(copy, len), "NUL at %zu", i);
	}
	memcpy(copy, text, len + 1);
	ATF_CHECK(!valid(copy, len + 1));
}

ATF_TC_WITHOUT_HEAD(a_nul_or_nothing_is_no_name);
ATF_TC_BODY(a_nul_or_nothing_is_no_name, tc)
{
	check_nul(id_valid, V_ID);
	check_nul(id_valid_v1_ping, "ping-1771425022000000000-1234");
	check_nul(vm_name_valid, "work");
	check_nul(uuid_valid, "01234567-89ab-cdef-0123-456789abcdef");
}

ATF_TC_WITHOUT_HEAD(printed_ids_are_valid_and_state_their_time);
ATF_TC_BODY(printed_ids_are_valid_and_state_their_time, tc)
{
	struct tm tm = {.tm_year = 126,
		      .tm_mon = 1,
		      .tm_mday = 18,
		      .tm_hour = 14,
		      .tm_min = 30,
		      .tm_sec = 22},
		  back;
	char id[ID_MAX + 1], again[ID_MAX + 1];
	unsigned int i;

	id_print(id, &tm, 1234, 0xa1b2c3d4);
	ATF_CHECK_STREQ(V_ID, id);
	for (i = 0; i < 100000; i++) {
		random_id(id, false);
		ATF_REQUIRE_MSG(id_valid(id, strlen(id)), "%s", id);
		id_time(id, &back);
		ATF_REQUIRE_EQ(-1, back.tm_isdst);
		id_print(again, &back, 0, 0);
		ATF_REQUIRE_MSG(memcmp(id, again, 16) == 0, "%s", id);
	}
}

ATF_TC_WITHOUT_HEAD(a_leap_second_makes_a_valid_id);
ATF_TC_BODY(a_leap_second_makes_a_valid_id, tc)
{
	struct tm tm = {.tm_year = 116,
	    .tm_mon = 11,
	    .tm_mday = 31,
	    .tm_hour = 23,
	    .tm_min = 59,
	    .tm_sec = 60};
	char id[ID_MAX + 1];

	id_print(id, &tm, UINT32_MAX, 0);
	ATF_CHECK_STREQ("20161231-235959-4294967295-00000000", id);
}

ATF_TC_WITHOUT_HEAD(ping_ids_state_whole_seconds);
ATF_TC_BODY(ping_ids_state_whole_seconds, tc)
{
	ATF_CHECK_EQ(1771425022, id_ping_seconds("ping-1771425022999999999-1"));
	ATF_CHECK_EQ(0, id_ping_seconds("ping-999999999-1"));
	ATF_CHECK_EQ(INT64_C(9223372036),
	    id_ping_seconds("ping-9223372036854775807-1"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ids_of_the_grammar_and_no_others);
	ATF_TP_ADD_TC(tp, dates_and_times_that_exist_and_no_others);
	ATF_TP_ADD_TC(tp, ping_ids_of_version_1_and_no_others);
	ATF_TP_ADD_TC(tp, vm_names_that_qubes_allows_and_no_others);
	ATF_TP_ADD_TC(tp, uuids_in_lower_case_and_nothing_else);
	ATF_TP_ADD_TC(tp, a_nul_or_nothing_is_no_name);
	ATF_TP_ADD_TC(tp, printed_ids_are_valid_and_state_their_time);
	ATF_TP_ADD_TC(tp, a_leap_second_makes_a_valid_id);
	ATF_TP_ADD_TC(tp, ping_ids_state_whole_seconds);
	return (atf_no_error());
}
