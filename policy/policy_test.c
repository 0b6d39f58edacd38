#include "policy/policy.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#define UUID "12345678-9abc-def0-1234-56789abcdef0"

static struct policy p;
static char err[256];

static int
parse(const char *text)
{
	memset(&p, 0xff, sizeof(p));
	memset(err, 0, sizeof(err));
	return policy_parse("work.conf", text, strlen(text), &p, err,
	    sizeof(err));
}

ATF_TC_WITHOUT_HEAD(a_policy_is_read);
ATF_TC_BODY(a_policy_is_read, tc)
{
	static const char *const good[] = {"mode = shell\nuuid = " UUID "\n",
	    "uuid=" UUID "\nmode=shell\n",
	    "# comment = x\n\n \t# another\n\tmode\t=  shell \n\n"
	    "uuid = " UUID,
	    "uuid = " UUID "\n\n\n mode = shell"};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ATF_CHECK_EQ_MSG(0, parse(good[i]), "%s", err);
		ATF_CHECK_EQ(POLICY_SHELL, p.mode);
		ATF_CHECK_STREQ(UUID, p.uuid);
	}
	ATF_CHECK_EQ(0, parse("mode = shell\n"));
	ATF_CHECK_STREQ("", p.uuid);
}

ATF_TC_WITHOUT_HEAD(what_is_wrong_is_named_with_its_line);
ATF_TC_BODY(what_is_wrong_is_named_with_its_line, tc)
{
	static const struct {
		const char *text, *begins, *has;
	} rows[] = {
	    {"", "work.conf:1: ", "no mode"},
	    {"# nothing\n\n", "work.conf:2: ", "no mode"},
	    {"uuid = " UUID "\n", "work.conf:1: ", "no mode"},
	    {"mode = shell\nmode = shell\n", "work.conf:2: ", "line 1"},
	    {"uuid = " UUID "\nmode = shell\n\nuuid = " UUID "\n",
		"work.conf:4: ", "line 1"},
	    {"mode = allow\n", "work.conf:1: ", "shell"},
	    {"mode = Shell\n", "work.conf:1: ", "shell"},
	    {"mode = shell x\n", "work.conf:1: ", "shell"},
	    {"mode = \"shell\"\n", "work.conf:1: ", "shell"},
	    {"mode =\n", "work.conf:1: ", "shell"},
	    {"mode = shell # all\n", "work.conf:1: ", "shell"},
	    {"mode = shell\nuuid =\n", "work.conf:2: ", "hex"},
	    {"mode = shell\nuuid = " UUID "0\n", "work.conf:2: ", "hex"},
	    {"mode = shell\nuuid = 12345678-9ABC-def0-1234-56789abcdef0",
		"work.conf:2: ", "hex"},
	    {"mode = shell\nuser = root\n", "work.conf:2: ", "`user`"},
	    {"mode = shell\nMODE = shell\n", "work.conf:2: ", "`MODE`"},
	    {"mode = shell\n= x\n", "work.conf:2: ", "``"},
	    {"mode = shell\nmode\n", "work.conf:2: ", "`=`"},
	    {"mode = shell\r\n", "work.conf:1: ", "0x0d"},
	    {"mode = shell\n\x1b[31m = x\n", "work.conf:2: ", "0x1b"},
	    {"mode = shell\nk\xc3\xa9y = x\n", "work.conf:2: ", "0xc3"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(-1, parse(rows[i].text), "row %zu", i);
		ATF_CHECK_MSG(
		    strncmp(err, rows[i].begins, strlen(rows[i].begins)) == 0,
		    "row %zu: %s", i, err);
		ATF_CHECK_MSG(strstr(err, rows[i].has) != NULL, "row %zu: %s",
		    i, err);
		/* What does not parse is no policy in part either. */
		ATF_CHECK_EQ(POLICY_UNSET, p.mode);
		ATF_CHECK_STREQ("", p.uuid);
	}
}

ATF_TC_WITHOUT_HEAD(a_nul_is_an_error);
ATF_TC_BODY(a_nul_is_an_error, tc)
{
	static const char text[] = "mode = shell\0\nuuid = x\n";

	ATF_CHECK_EQ(-1,
	    policy_parse("f", text, sizeof(text) - 1, &p, err, sizeof(err)));
	ATF_CHECK(strstr(err, "f:1: ") == err && strstr(err, "0x00") != NULL);
}

ATF_TC_WITHOUT_HEAD(too_long_is_an_error);
ATF_TC_BODY(too_long_is_an_error, tc)
{
	static char text[8192];

	snprintf(text, sizeof(text), "%032d = x\n", 1);
	ATF_CHECK_EQ(-1, parse(text));
	ATF_CHECK(strstr(err, "31 bytes") != NULL);
	snprintf(text, sizeof(text), "mode = %04096d\n", 1);
	ATF_CHECK_EQ(-1, parse(text));
	ATF_CHECK(strstr(err, "4095 bytes") != NULL);
}

ATF_TC_WITHOUT_HEAD(a_complaint_is_printable_and_fits);
ATF_TC_BODY(a_complaint_is_printable_and_fits, tc)
{
	char small[24];
	size_t i, size;

	ATF_CHECK_EQ(-1,
	    policy_parse("a\x1b[31m\nb", "x = y", 5, &p, err, sizeof(err)));
	for (i = 0; err[i] != '\0'; i++)
		ATF_CHECK(err[i] >= 0x20 && err[i] <= 0x7e);
	for (size = 0; size < sizeof(small); size++) {
		memset(small, 'x', sizeof(small));
		ATF_CHECK_EQ(-1,
		    policy_parse("name", "x = y", 5, &p, small, size));
		ATF_CHECK_EQ('x', small[size]);
		ATF_CHECK(size == 0 || strlen(small) == size - 1);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_policy_is_read);
	ATF_TP_ADD_TC(tp, what_is_wrong_is_named_with_its_line);
	ATF_TP_ADD_TC(tp, a_nul_is_an_error);
	ATF_TP_ADD_TC(tp, too_long_is_an_error);
	ATF_TP_ADD_TC(tp, a_complaint_is_printable_and_fits);
	return atf_no_error();
}
