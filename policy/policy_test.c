#include "policy/policy.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "policy/dom0.h"

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

static const char *warned; /* the last one */
static unsigned int warnings;

static void
note(void *arg, const char *text)
{
	static char last[512];

	(void)arg;
	warnings++;
	snprintf(last, sizeof(last), "%s", text);
	warned = last;
}

static int
load(const char *text)
{
	static const struct policy_env env = {.find = dom0_find, .warn = note};

	memset(&p, 0xff, sizeof(p));
	memset(err, 0, sizeof(err));
	warnings = 0;
	warned = "";
	return policy_load("work.conf", text, strlen(text), &env, &p, err,
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

ATF_TC_WITHOUT_HEAD(what_is_not_said_is_the_default);
ATF_TC_BODY(what_is_not_said_is_the_default, tc)
{
	ATF_REQUIRE_EQ(0, parse("\nmode = deny\n"));
	ATF_CHECK_EQ(POLICY_DENY, p.mode);
	ATF_CHECK_EQ(2, p.key_line[POLICY_KEY_MODE]);
	ATF_CHECK_EQ(0, p.key_line[POLICY_KEY_USER]);
	ATF_CHECK_STREQ("", p.user);
	ATF_CHECK(!p.auth_v1 && !p.record_digest && !p.hide);
	ATF_CHECK_EQ(300, p.timeout);
	ATF_CHECK_EQ(10 * 1024 * 1024, p.output_limit);
	ATF_CHECK_EQ(1024 * 1024, p.input_limit);
	ATF_CHECK_EQ(256ull * 1024 * 1024, p.log_limit);
	ATF_CHECK_EQ(4ull * 1024 * 1024 * 1024, p.log_total);
	ATF_CHECK(!p.record_full);
	ATF_CHECK_EQ(30, p.record_keep);
	ATF_CHECK_EQ(1024ull * 1024 * 1024, p.record_total);
	ATF_CHECK_EQ(4, p.jobs);
	ATF_CHECK_EQ(0, p.nice + p.memory + p.tasks + p.files + p.file_size);
	ATF_CHECK_EQ(0, p.rate + p.rate_seconds + p.lines + p.used);
}

static const char everything[] = "mode = allow\n"
				 "uuid = " UUID "\n"
				 "auth = v1\n"
				 "timeout = 3600\n"
				 "output-limit = 128M\n"
				 "input-limit = 16M\n"
				 "record-input = digest\n"
				 "jobs = 16\n"
				 "user = backup\n"
				 "memory = 2G\n"
				 "tasks = 64\n"
				 "files = 256\n"
				 "file-size = 100M\n"
				 "hide = no\n"
				 "nice = 19\n"
				 "rate = 10/m\n"
				 "log-limit = 64M\n"
				 "log-total = 1024G\n"
				 "record = full\n"
				 "record-keep = 365\n"
				 "record-total = 10G\n"
				 "allow = qvm-ls **\n"
				 "allow-input = wc -c\n"
				 "deny = cat '*' a*b ''\n"
				 "example = qvm-ls -> run\n";

ATF_TC_WITHOUT_HEAD(every_key_is_read);
ATF_TC_BODY(every_key_is_read, tc)
{
	enum policy_key key;

	ATF_REQUIRE_EQ_MSG(0, load(everything), "%s", err);
	for (key = 0; key < POLICY_KEYS; key++)
		ATF_CHECK_MSG(p.key_line[key] != 0, "%s", policy_key_name(key));
	ATF_CHECK(p.auth_v1 && p.record_digest && !p.hide && p.looked_up);
	ATF_CHECK_EQ(3600, p.timeout);
	ATF_CHECK_EQ(128 * 1024 * 1024, p.output_limit);
	ATF_CHECK_EQ(16 * 1024 * 1024, p.input_limit);
	ATF_CHECK_EQ(16, p.jobs);
	ATF_CHECK_STREQ("backup", p.user);
	ATF_CHECK_EQ(2ull * 1024 * 1024 * 1024, p.memory);
	ATF_CHECK_EQ(64, p.tasks);
	ATF_CHECK_EQ(256, p.files);
	ATF_CHECK_EQ(100 * 1024 * 1024, p.file_size);
	ATF_CHECK_EQ(19, p.nice);
	ATF_CHECK_EQ(10, p.rate);
	ATF_CHECK_EQ(60, p.rate_seconds);
	ATF_CHECK_EQ(64 * 1024 * 1024, p.log_limit);
	ATF_CHECK_EQ(1024ull * 1024 * 1024 * 1024, p.log_total);
	ATF_CHECK(p.record_full);
	ATF_CHECK_EQ(365, p.record_keep);
	ATF_CHECK_EQ(10ull * 1024 * 1024 * 1024, p.record_total);
	ATF_CHECK_EQ(3, p.lines);
}

ATF_TC_WITHOUT_HEAD(a_policy_is_described_in_its_own_words);
ATF_TC_BODY(a_policy_is_described_in_its_own_words, tc)
{
	char out[POLICY_DESCRIBE_MAX], again[POLICY_DESCRIBE_MAX], *lines;
	size_t len;

	ATF_REQUIRE_EQ(0, load("mode = shell\n"));
	len = policy_describe(&p, false, out);
	ATF_CHECK_EQ(strlen(out), len);
	ATF_CHECK_STREQ("mode shell: every command runs in bash, as root, for "
			"at most 300 s\n",
	    out);
	ATF_REQUIRE_EQ(0, load("mode = deny\n"));
	policy_describe(&p, true, out);
	ATF_CHECK_STREQ("mode deny: no command runs\n", out);
	ATF_REQUIRE_EQ(0, load(everything));
	len = policy_describe(&p, true, out);
	ATF_CHECK_EQ(strlen(out), len);
	ATF_CHECK_STREQ("mode allow: what 3 lines allow runs, without a shell, "
			"as backup, for at most 3600 s\n"
			"auth = v1\ntimeout = 3600\noutput-limit = 128M\n"
			"input-limit = 16M\nrecord-input = digest\njobs = 16\n"
			"memory = 2G\ntasks = 64\nfiles = 256\n"
			"file-size = 100M\nhide = no\nnice = 19\nrate = 10/m\n"
			"log-limit = 64M\nlog-total = 1024G\n"
			"record = full\nrecord-keep = 365\n"
			"record-total = 10G\n"
			"allow = /usr/bin/qvm-ls **\n"
			"allow-input = /usr/bin/wc -c\n"
			"deny = /usr/bin/cat '*' a*b ''\n",
	    out);
	/* What it says is a policy that says the same. */
	lines = strchr(out, '\n') + 1;
	memcpy(again, "mode = allow\n", 13);
	memcpy(again + 13, lines, strlen(lines) + 1);
	ATF_REQUIRE_EQ_MSG(0, load(again), "%s", err);
	policy_describe(&p, true, again);
	ATF_CHECK_STREQ(lines, strchr(again, '\n') + 1);
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
	    {"mode = Ask\n", "work.conf:1: ", "shell, allow, ask or deny"},
	    {"mode = Shell\n", "work.conf:1: ", "shell"},
	    {"mode = shell x\n", "work.conf:1: ", "shell"},
	    {"mode = \"shell\"\n", "work.conf:1: ", "shell"},
	    {"mode =\n", "work.conf:1: ", "shell"},
	    {"mode = shell # all\n", "work.conf:1: ", "shell"},
	    {"mode = shell\nuuid =\n", "work.conf:2: ", "hex"},
	    {"mode = shell\nuuid = " UUID "0\n", "work.conf:2: ", "hex"},
	    {"mode = shell\nuuid = 12345678-9ABC-def0-1234-56789abcdef0",
		"work.conf:2: ", "hex"},
	    {"mode = shell\nusers = root\n", "work.conf:2: ", "`users`"},
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

/* Each value just outside its range, and what is no value at all. */
ATF_TC_WITHOUT_HEAD(a_bad_value_is_an_error_that_says_what_may_be);
ATF_TC_BODY(a_bad_value_is_an_error_that_says_what_may_be, tc)
{
	static const struct {
		const char *line, *has;
	} rows[] = {
	    {"auth = v3", "v2 or v1"},
	    {"timeout = 0", "1 to 86400"},
	    {"timeout = 86401", "1 to 86400"},
	    {"timeout = 5m", "1 to 86400"},
	    {"timeout = -", "1 to 86400"},
	    {"timeout =", "1 to 86400"},
	    {"output-limit = 0", "1 to 128M"},
	    {"output-limit = 134217729", "1 to 128M"},
	    {"output-limit = 129M", "1 to 128M"},
	    {"output-limit = 1T", "1 to 128M"},
	    {"input-limit = 17M", "0 to 16M"},
	    {"record-input = yes", "whole or digest"},
	    {"jobs = 0", "1 to 16"},
	    {"jobs = 17", "1 to 16"},
	    {"jobs = 1K", "1 to 16"},
	    {"user =", "no user's name"},
	    {"user = 0", "no user's name"},
	    {"user = a b", "no user's name"},
	    {"user = qvm-remote-key", "daemon's own"},
	    {"user = qvm-remote-poll", "daemon's own"},
	    {"memory = 4095K", "4M to 1024G"},
	    {"memory = 1025G", "4M to 1024G"},
	    {"tasks = 0", "1 to 65536"},
	    {"tasks = 65537", "1 to 65536"},
	    {"files = 15", "16 to 1048576"},
	    {"files = 1048577", "16 to 1048576"},
	    {"file-size = 0", "1 to 1024G"},
	    {"hide = true", "no or yes"},
	    {"hide = YES", "no or yes"},
	    {"nice = -1", "0 to 19"},
	    {"nice = 20", "0 to 19"},
	    {"rate = 10", "N/m"},
	    {"rate = 0/m", "N/m"},
	    {"rate = 10001/m", "N/m"},
	    {"rate = 10/w", "N/m"},
	    {"log-limit = 63M", "64M to 1024G"},
	    {"log-total = 63M", "64M to 1024G"},
	    {"record = all", "head or full"},
	    {"record-keep = 1", "2 to 36500"},
	    {"record-keep = 36501", "2 to 36500"},
	    {"record-keep = 30d", "2 to 36500"},
	    {"record-total = 63M", "64M to 1024G"},
	    {"record = full\noutput-limit = 100M\nrecord-total = 200M",
		"two outputs at their limit"},
	    {"example = x", "COMMAND -> run"},
	    {"example = x -> maybe", "COMMAND -> run"},
	    {"example = -> run", "COMMAND -> run"},
	    {"example = x->run", "COMMAND -> run"},
	    {"example = x -> Run", "COMMAND -> run"},
	    {"example = x run", "COMMAND -> run"},
	    {"example = \xe2\x86\x92 \xe2\x86\x92 run", "COMMAND -> run"},
	    {"example = x \xe2\x86\x93 run", "0xe2"},
	    {"timeout = \xe2\x86\x92", "`???`"},
	    {"\xe2\x86\x92 = x", "`???`"},
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "mode = shell\n\n%s\n",
		    rows[i].line);
		ATF_CHECK_EQ_MSG(-1, parse(text), "%s", rows[i].line);
		ATF_CHECK_MSG(strstr(err, "work.conf:3: ") == err &&
			strstr(err, rows[i].has) != NULL,
		    "%s: %s", rows[i].line, err);
	}
}

ATF_TC_WITHOUT_HEAD(a_bad_pattern_is_an_error);
ATF_TC_BODY(a_bad_pattern_is_an_error, tc)
{
	static const struct {
		const char *pattern, *has;
	} rows[] = {
	    {"", "it is empty"},
	    {"qvm-ls;", "byte 7 is `;`"},
	    {"qvm-ls  x", "byte 8 is 0x20"},
	    {"qvm-ls\tx", "byte 7 is 0x09"},
	    {"qvm-ls 'x", "no end"},
	    {"qvm-ls \"x\"", "byte 8"},
	    {"[input] wc", "byte 1 is `[`"},
	    {"*", "absolute path only"},
	    {"**", "last word only"},
	    {"qvm-*", "absolute path only"},
	    {"/usr/*/qvm-ls", "absolute path only"},
	    {"/*/*/qvm-ls", "absolute path only"},
	    {"/usr/bin/**", "last word only"},
	    {"qvm-ls ** x", "last word only"},
	    {"qvm-ls ** **", "last word only"},
	    {"qvm-ls a**", "last word only"},
	    {"qvm-ls ***", "last word only"},
	    {"./qvm-ls", "absolute path"},
	    {"bin/qvm-ls", "absolute path"},
	    {"/usr//bin/qvm-ls", "absolute path"},
	    {"/usr/bin/../bin/qvm-ls", "absolute path"},
	    {"/usr/bin/./qvm-ls", "absolute path"},
	    {"/usr/bin/", "absolute path"},
	    {"/usr/../*", "absolute path"},
	    {"'a b' x", "absolute path"},
	    {"''", "absolute path"},
	    {"..", "absolute path"},
	    {"not-there x", "`not-there`: dom0 has no such command"},
	    {"/none/x", "`/none/x`: dom0 has no such command"},
	    {"/none/*", "dom0 has no such folder"},
	};
	static const char *const keys[] = {"allow", "allow-input", "deny"};
	char text[256];
	size_t i, k;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (k = 0; k < 3; k++) {
			snprintf(text, sizeof(text), "mode = allow\n%s = %s\n",
			    keys[k], rows[i].pattern);
			ATF_CHECK_EQ_MSG(-1, load(text), "%s", rows[i].pattern);
			ATF_CHECK_MSG(strstr(err, "work.conf:2: ") == err &&
				strstr(err, rows[i].has) != NULL,
			    "%s: %s", rows[i].pattern, err);
		}
	}
}

ATF_TC_WITHOUT_HEAD(lines_without_mode_allow_or_ask_are_an_error);
ATF_TC_BODY(lines_without_mode_allow_or_ask_are_an_error, tc)
{
	static const char *const modes[] = {"shell", "deny"};
	static const char *const keys[] = {"allow", "allow-input", "deny"};
	char text[128];
	size_t i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < 3; k++) {
			snprintf(text, sizeof(text),
			    "\n%s = qvm-ls\nmode = %s\n", keys[k], modes[i]);
			ATF_CHECK_EQ(-1, load(text));
			ATF_CHECK_STREQ(
			    "work.conf:2: allow and deny lines "
			    "need `mode = allow` or `mode = ask`: line 3 has "
			    "another",
			    err);
		}
	}
}

ATF_TC_WITHOUT_HEAD(a_wrong_example_is_an_error);
ATF_TC_BODY(a_wrong_example_is_an_error, tc)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
	    {"mode = allow\nallow = qvm-ls *\nexample = qvm-ls x -> run\n"
	     "example = qvm-ls \xe2\x86\x92 deny\n"
	     "example = echo a -> b \t->  deny\n"
	     "example = ls -> run -> deny\n",
		NULL},
	    /* What stands behind it counts, too. */
	    {"example = qvm-ls -> run\nmode = allow\nallow = qvm-ls\n", NULL},
	    {"mode = shell\nexample = a | b -> run\n", NULL},
	    {"mode = deny\nexample = a -> deny\n", NULL},
	    {"mode = shell\n\nexample = a -> deny\n",
		"work.conf:3: this example is not `deny` but `run`: its policy "
		"allows every command"},
	    {"mode = allow\nallow = qvm-ls\nexample = qvm-ls x -> run\n",
		"work.conf:3: this example is not `run` but `deny`: no line of "
		"its policy allows it, or dom0 has no such command"},
	    {"mode = allow\ndeny = qvm-ls **\nallow = qvm-ls a\n"
	     "example = qvm-ls a \xe2\x86\x92 run\n",
		"work.conf:4: this example is not `run` but `deny`: line 2 of "
		"its policy denies it"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(rows[i].err == NULL ? 0 : -1,
		    load(rows[i].text), "row %zu: %s", i, err);
		ATF_CHECK_STREQ(rows[i].err == NULL ? "" : rows[i].err, err);
		ATF_CHECK_EQ(rows[i].err != NULL, p.mode == POLICY_UNSET);
		/* Without lookups an example is not tried. */
		ATF_CHECK_EQ(0, parse(rows[i].text));
	}
}

ATF_TC_WITHOUT_HEAD(so_many_lines_and_bytes_and_no_more);
ATF_TC_BODY(so_many_lines_and_bytes_and_no_more, tc)
{
	static char text[4 * POLICY_TEXT_MAX];
	char out[POLICY_DESCRIBE_MAX];
	size_t used;
	int i, k;

	used = (size_t)snprintf(text, sizeof(text), "mode = allow\n");
	for (i = 0; i < POLICY_LINES_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "deny = cat\n");
	ATF_CHECK_EQ_MSG(0, load(text), "%s", err);
	snprintf(text + used, sizeof(text) - used, "deny = cat\n");
	ATF_CHECK_EQ(-1, load(text));
	ATF_CHECK(strstr(err, "work.conf:258: more than 256 lines") == err);

	/* The longest description: words that are empty. */
	used = (size_t)snprintf(text, sizeof(text), "mode = allow\n");
	for (i = 0; i < 36; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "allow-input = cat");
		for (k = 0; k < 440; k++, used += 3)
			memcpy(text + used, " ''", 3);
		text[used++] = '\n';
	}
	text[used] = '\0';
	ATF_REQUIRE_EQ_MSG(0, load(text), "%s", err);
	ATF_CHECK(POLICY_TEXT_MAX - p.used < 500);
	ATF_CHECK(policy_describe(&p, true, out) < POLICY_DESCRIBE_MAX);
	snprintf(text + used, sizeof(text) - used, "deny = cat %0480d\n", 0);
	ATF_CHECK_EQ(-1, load(text));
	ATF_CHECK(strstr(err, "or 16384 bytes of patterns") != NULL);
}

ATF_TC_WITHOUT_HEAD(what_allows_more_than_it_seems_gets_a_warning);
ATF_TC_BODY(what_allows_more_than_it_seems_gets_a_warning, tc)
{
	static const struct {
		const char *lines, *has; /* NULL: no warning */
	} rows[] = {
	    {"allow = qvm-ls **\n", NULL},
	    {"allow = find /srv -name *\n", NULL},
	    {"allow = cat /etc/*\n", NULL},
	    {"deny = bash **\n", NULL},
	    {"deny = find **\n", NULL},
	    {"deny = qvm-start a\nallow = qvm-start *\n", NULL},
	    {"allow = qvm-start **\ndeny = qvm-start a\n", NULL},
	    {"deny = qvm-start a\nallow = qvm-ls **\n", NULL},
	    {"deny = qvm-start a **\nallow = qvm-start **\n", NULL},
	    {"allow = bash\n", "work.conf:2: this allows `bash`, which runs"},
	    {"allow-input = bash -s\n", "work.conf:2: this allows `bash`"},
	    {"allow = /usr/bin/python3 x\n", "`python`"},
	    {"allow = /usr/bin/python3.11 x\n", "`python`"},
	    {"allow = /usr/bin/python3* x\n", "`python`"},
	    {"allow = /opt/x/sudo x\n", "`sudo`"},
	    {"allow = /usr/bin/ba*\n", "`bash`"},
	    {"allow = /usr/bin/pyth*\n", "`python`"},
	    {"allow = /usr/bin/*\n", "`ash`"},
	    {"\nallow = find /srv **\n",
		"work.conf:3: `**` allows every option of `find`, like -exec"},
	    {"allow = /usr/bin/qubes* **\n", "qubes-dom0-update"},
	    {"deny = qvm-kill a\nallow = /bin/qvm-k* **\n",
		"work.conf:2: other words for the same, or one more, get by "
		"this to line 3"},
	    {"deny = /bin/qvm-* a\nallow = qvm-kill **\n", "to line 3"},
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "mode = allow\n%s", rows[i].lines);
		ATF_CHECK_EQ_MSG(0, load(text), "%s: %s", text, err);
		ATF_CHECK_EQ_MSG(rows[i].has == NULL ? 0 : 1, warnings,
		    "%s: %u %s", text, warnings, warned);
		ATF_CHECK_MSG(rows[i].has == NULL ||
			strstr(warned, rows[i].has) != NULL,
		    "%s: %s", text, warned);
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
	ATF_TP_ADD_TC(tp, what_is_not_said_is_the_default);
	ATF_TP_ADD_TC(tp, every_key_is_read);
	ATF_TP_ADD_TC(tp, a_policy_is_described_in_its_own_words);
	ATF_TP_ADD_TC(tp, a_bad_value_is_an_error_that_says_what_may_be);
	ATF_TP_ADD_TC(tp, a_bad_pattern_is_an_error);
	ATF_TP_ADD_TC(tp, lines_without_mode_allow_or_ask_are_an_error);
	ATF_TP_ADD_TC(tp, a_wrong_example_is_an_error);
	ATF_TP_ADD_TC(tp, so_many_lines_and_bytes_and_no_more);
	ATF_TP_ADD_TC(tp, what_allows_more_than_it_seems_gets_a_warning);
	ATF_TP_ADD_TC(tp, what_is_wrong_is_named_with_its_line);
	ATF_TP_ADD_TC(tp, a_nul_is_an_error);
	ATF_TP_ADD_TC(tp, too_long_is_an_error);
	ATF_TP_ADD_TC(tp, a_complaint_is_printable_and_fits);
	return atf_no_error();
}
