#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "policy/dom0.h"
#include "policy/policy.h"

static const struct policy_env env = {.find = dom0_find};
static struct policy p;
static struct policy_decision d;
static char words[POLICY_COMMAND_MAX + 1];

static void
load(const char *text)
{
	char err[256] = "";

	ATF_REQUIRE_EQ_MSG(0,
	    policy_load("work.conf", text, strlen(text), &env, &p, err,
		sizeof(err)),
	    "%s", err);
}

static bool
decide(const char *body, bool has_input)
{
	return policy_decide(&p, &env, body, strlen(body), has_input, words,
	    sizeof(words), &d);
}

static void
runs(const char *body, uint32_t line)
{
	ATF_CHECK_MSG(decide(body, false), "%s: %s", body, d.reason);
	ATF_CHECK_EQ_MSG(line, d.line, "%s: line %u", body, d.line);
	ATF_CHECK_MSG(d.argc > 0 && d.path[0] == '/', "%s", body);
}

static void
denied(const char *body, uint32_t line)
{
	ATF_CHECK_MSG(!decide(body, false), "%s: %s", body, d.reason);
	ATF_CHECK_EQ_MSG(line, d.line, "%s: line %u", body, d.line);
	ATF_CHECK_MSG(d.argc == 0 && d.path[0] == '\0', "%s", body);
	ATF_CHECK_MSG(d.reason[0] != '\0', "%s", body);
}

ATF_TC_WITHOUT_HEAD(mode_shell_runs_all_and_mode_deny_none);
ATF_TC_BODY(mode_shell_runs_all_and_mode_deny_none, tc)
{
	load("\nmode = shell\n");
	ATF_CHECK(decide("rm -rf / | x; $(y)", true));
	ATF_CHECK_EQ(2, d.line);
	ATF_CHECK_EQ(0, d.argc);
	load("\n\nmode = deny\n");
	ATF_CHECK(!decide("qvm-ls", false));
	ATF_CHECK_EQ(3, d.line);
	memset(&p, 0, sizeof(p));
	ATF_CHECK(!decide("qvm-ls", false));
}

static void
asked(const char *body)
{
	ATF_CHECK_MSG(!decide(body, false), "%s: %s", body, d.reason);
	ATF_CHECK_MSG(d.ask && d.line == 1, "%s: %s", body, d.reason);
	ATF_CHECK_MSG(d.argc == 0 && d.path[0] == '\0', "%s", body);
	ATF_CHECK_STREQ("a person in dom0 is asked", d.reason);
	ATF_CHECK_STREQ("ask", policy_verdict(&d));
}

ATF_TC_WITHOUT_HEAD(mode_ask_asks_about_what_no_line_decides);
ATF_TC_BODY(mode_ask_asks_about_what_no_line_decides, tc)
{
	char body[POLICY_COMMAND_MAX + 1];

	load("mode = ask\n"
	     "deny = qvm-start dom0\n"
	     "allow = qvm-start *\n"
	     "example = qvm-start work -> run\n"
	     "example = qvm-start dom0 -> deny\n"
	     "example = qvm-ls; id -> ask\n");
	runs("qvm-start work\n", 3);
	ATF_CHECK(!d.ask);
	denied("qvm-start dom0", 2);
	ATF_CHECK(!d.ask);
	/* A line decides, also about what it allows without input only. */
	ATF_CHECK(!decide("qvm-start work", true) && !d.ask && d.line == 3);
	asked("qvm-start a b");
	asked("no-such-command");
	asked("qvm-start work; rm -rf /");
	asked("if true\nthen qvm-ls; fi\n");
	asked("/../x");
	/* One byte too long to be words. */
	memset(body, 'a', sizeof(body));
	ATF_CHECK(!policy_decide(&p, &env, body, sizeof(body), false, words,
	    sizeof(words), &d));
	ATF_CHECK(d.ask);
	load("mode = ask\n");
	asked("qvm-ls");
	load("mode = ask\nhide = yes\ndeny = qvm-ls\n");
	asked("qvm-start");
	denied("qvm-ls", 3);
	ATF_CHECK(!d.ask);
}

/* Without the commands that its lines name, none of them allows anything. */
ATF_TC_WITHOUT_HEAD(what_was_only_parsed_runs_nothing_unasked);
ATF_TC_BODY(what_was_only_parsed_runs_nothing_unasked, tc)
{
	static const char text[] = "mode = ask\nallow = qvm-ls\n";
	char err[256] = "";

	ATF_REQUIRE_EQ(0,
	    policy_parse("work.conf", text, strlen(text), &p, err,
		sizeof(err)));
	asked("qvm-ls");
}

ATF_TC_WITHOUT_HEAD(the_first_line_that_matches_decides);
ATF_TC_BODY(the_first_line_that_matches_decides, tc)
{
	load("mode = allow\n"
	     "deny = qvm-start dom0\n"
	     "allow = qvm-start *\n"
	     "deny = qvm-start **\n"
	     "allow = qvm-start --all\n");
	runs("qvm-start work\n", 3);
	denied("qvm-start dom0", 2);
	denied("qvm-start --all", 4);
	denied("qvm-start", 4);
	denied("qvm-ls", 1);
	denied("nothing-there", 1);
	/* Nobody learns from an answer what dom0 has. */
	ATF_CHECK_STREQ(
	    "no line of its policy allows it, or dom0 has no such command",
	    d.reason);
}

ATF_TC_WITHOUT_HEAD(what_runs_is_the_path_that_was_matched_and_the_words);
ATF_TC_BODY(what_runs_is_the_path_that_was_matched_and_the_words, tc)
{
	static const char *const argv[] = {"qvm-ls", "--fields", "a b", "",
	    "-x"};
	const char *word = words;
	size_t i;

	load("mode = allow\nallow = qvm-ls **\n");
	runs("'qvm-ls' --fields 'a b' '' '-x'\n", 2);
	ATF_CHECK_STREQ("/usr/bin/qvm-ls", d.path);
	ATF_REQUIRE_EQ(5, d.argc);
	for (i = 0; i < 5; i++, word += strlen(word) + 1)
		ATF_CHECK_STREQ(argv[i], word);
}

ATF_TC_WITHOUT_HEAD(a_wildcard_takes_no_slash_and_no_leading_dash);
ATF_TC_BODY(a_wildcard_takes_no_slash_and_no_leading_dash, tc)
{
	load("mode = allow\n"
	     "allow = cat /srv/*\n"
	     "allow = qvm-ls *\n"
	     "allow = wc --files0-from=*\n"
	     "allow = xl *-*-x *\n"
	     "allow = rm a*/*b\n");
	runs("cat /srv/a", 2);
	runs("cat /srv/-a", 2);
	runs("cat /srv/", 2);
	denied("cat /srv/a/b", 1);
	denied("cat /srv//a", 1);
	denied("cat /srv", 1);
	denied("cat srv/a", 1);
	runs("qvm-ls a", 3);
	runs("qvm-ls 'a b'", 3);
	runs("qvm-ls ''", 3);
	runs("qvm-ls a-b", 3);
	denied("qvm-ls -a", 1);
	denied("qvm-ls '-a'", 1);
	denied("qvm-ls '--all'", 1);
	denied("qvm-ls a b", 1);
	denied("qvm-ls", 1);
	runs("wc --files0-from=-", 4);
	denied("wc --files0-from=/x", 1);
	denied("wc --files0-fro", 1);
	runs("xl a-b-x y", 5);
	runs("xl a-b-x-x y", 5);
	denied("xl --x y", 1);
	denied("xl a-x y", 1);
	runs("rm a1/2b", 6);
	runs("rm a/b", 6);
	denied("rm a1/2/3b", 1);
	denied("rm a1b", 1);
}

ATF_TC_WITHOUT_HEAD(no_wildcard_takes_a_word_with_two_dots);
ATF_TC_BODY(no_wildcard_takes_a_word_with_two_dots, tc)
{
	static const char *const bodies[] = {"cat ..", "cat ../x", "cat a/..",
	    "cat a/../b", "cat --to=..", "cat -C..", "cat 'x ..'", "cat a ..",
	    "cat a/b ../c", "cat a..b", "qvm-ls ..", "wc /srv/.."};
	size_t i;

	load("mode = allow\n"
	     "allow = cat **\n"
	     "allow = qvm-ls *\n"
	     "allow = wc /srv/*\n"
	     "allow = rm ../x\n"
	     "allow = rm ../y **\n");
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		denied(bodies[i], 1);
	runs("cat . .a a.b ./x", 2);
	runs("rm ../x", 5);
	runs("rm ../y z", 6);
	denied("rm ../y ../z", 1);
}

ATF_TC_WITHOUT_HEAD(further_words_are_any_and_none);
ATF_TC_BODY(further_words_are_any_and_none, tc)
{
	load("mode = allow\nallow = qvm-ls **\nallow = rm -r **\n");
	runs("qvm-ls", 2);
	runs("qvm-ls -a --b /c 'd e' ''", 2);
	runs("rm -r", 3);
	runs("rm -r /x", 3);
	denied("rm /x", 1);
	denied("rm -rf /x", 1);
	denied("rm", 1);
}

/* A quoted word of a pattern is what it says. */
ATF_TC_WITHOUT_HEAD(a_quoted_star_is_no_wildcard);
ATF_TC_BODY(a_quoted_star_is_no_wildcard, tc)
{
	load("mode = allow\nallow = cat '*'\nallow = wc '**'\n"
	     "allow = rm 'a  b' '' *\n");
	runs("cat '*'", 2);
	denied("cat a", 1);
	runs("wc '**'", 3);
	denied("wc a b", 1);
	runs("rm 'a  b' '' c", 4);
	denied("rm 'a b' '' c", 1);
}

ATF_TC_WITHOUT_HEAD(input_goes_only_where_the_line_says_so);
ATF_TC_BODY(input_goes_only_where_the_line_says_so, tc)
{
	load("mode = allow\n"
	     "allow = wc -l\n"
	     "allow-input = wc *\n"
	     "allow-input = wc -l\n"
	     "deny = cat x\n"
	     "allow-input = cat **\n");
	ATF_CHECK(decide("wc -l", false));
	/* The first that matches decides, and it says nothing of input. */
	ATF_CHECK(!decide("wc -l", true));
	ATF_CHECK_EQ(2, d.line);
	ATF_CHECK(decide("wc x", true));
	ATF_CHECK_EQ(3, d.line);
	ATF_CHECK(decide("wc x", false));
	ATF_CHECK(!decide("cat x", true));
	ATF_CHECK_EQ(5, d.line);
	ATF_CHECK(decide("cat", true));
	/* A command named `input` is a command. */
	load("mode = allow\nallow = /opt/input wc\n");
	ATF_CHECK(decide("/opt/input wc", false));
	ATF_CHECK(!decide("/opt/input wc", true));
	ATF_CHECK(!decide("wc", true));
}

/* What a shell would make more of than words of one command. */
ATF_TC_WITHOUT_HEAD(no_shell_text_gets_round_the_lines);
ATF_TC_BODY(no_shell_text_gets_round_the_lines, tc)
{
	static const char *const bodies[] = {"qvm-ls; rm x", "qvm-ls;rm", ";",
	    "qvm-ls $(rm x)", "qvm-ls \"$(rm x)\"", "qvm-ls `rm x`",
	    "qvm-ls $HOME", "qvm-ls ${HOME}", "qvm-ls | rm x", "qvm-ls |rm",
	    "qvm-ls > x", "qvm-ls >x", "qvm-ls 2>&1", "qvm-ls < x",
	    "qvm-ls <(rm x)", "qvm-ls\nrm x", "qvm-ls\nrm x\n", "qvm-ls\n\n",
	    "\nqvm-ls", "qvm-ls\r\n", "qvm-ls && rm x", "qvm-ls || rm x",
	    "qvm-ls & rm x", "qvm-ls &", "(rm x)", "{ rm x; }", "! qvm-ls",
	    "qvm-ls 'a'\\''b'", "qvm-ls 'a'b", "qvm-ls a'b'", "qvm-ls 'a",
	    "qvm-ls \"a\"", "qvm-l's'", "q''vm-ls", "qvm\\-ls", "qvm-ls \\\nx",
	    "qvm-ls *", "qvm-ls ?", "qvm-ls ~", "qvm-ls {a,b}", "qvm-ls # x",
	    "qvm-ls  x", " qvm-ls", "qvm-ls ", "qvm-ls\tx", "", "\n", "'", "''",
	    "' '", "qvm-ls 'a\nb'", "qvm-ls 'a\x1b'", "qvm-ls \xc3\xa9",
	    "qvm-ls 'a\tb'", "$'qvm-ls'", "qvm-ls $'a'", "qvm-ls $\"a\""};
	size_t i;

	load("mode = allow\nallow = qvm-ls **\n");
	runs("qvm-ls a 'b c' -d", 2);
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		denied(bodies[i], 1);
	ATF_CHECK(!policy_decide(&p, &env, "qvm-ls\0rm", 9, false, words,
	    sizeof(words), &d));
	/* And what only looks like it is words that run nothing. */
	runs("qvm-ls ';' '$(rm x)' '`rm`' '|' '>' '&&'", 2);
}

ATF_TC_WITHOUT_HEAD(no_other_name_of_a_command_gets_round_the_lines);
ATF_TC_BODY(no_other_name_of_a_command_gets_round_the_lines, tc)
{
	static const char *const none[] = {"./qvm-ls", "../bin/qvm-ls",
	    "bin/qvm-ls", "/usr/bin/./qvm-ls", "/usr/bin/../bin/qvm-ls",
	    "/usr//bin/qvm-ls", "//usr/bin/qvm-ls", "/usr/bin//qvm-ls",
	    "/usr/bin/qvm-ls/", "/usr/bin/qvm-ls/.", "/usr/bin/", "/usr/bin/.",
	    "/usr/bin/..", "/", ".", "..", "/tmp/qvm-ls", "/usr/sbin/qvm-ls",
	    "/none/qvm-ls", "~/qvm-ls", "QVM-LS", "PATH=/tmp qvm-ls",
	    "'PATH=/tmp' qvm-ls", "-qvm-ls", "exec qvm-ls", "command qvm-ls",
	    "'qvm-ls -a'", "' qvm-ls'", "qvm-ls.old", "rm"};
	static const char *const kill[] = {"qvm-kill x", "'qvm-kill' x",
	    "/usr/bin/qvm-kill x", "/bin/qvm-kill x", "'/bin/qvm-kill' x",
	    "/bin/qvm-kill"};
	size_t i;

	load("mode = allow\n"
	     "allow = qvm-ls\n"
	     "deny = /usr/bin/qvm-kill **\n"
	     "allow = /bin/qvm-* **\n"
	     "allow = /sbin/qvm-kill x\n");
	runs("qvm-ls", 2);
	runs("/usr/bin/qvm-ls", 2);
	runs("/bin/qvm-ls", 2);
	runs("qvm-start x", 4);
	runs("/bin/qvm-start x", 4);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		denied(none[i], 1);
	for (i = 0; i < sizeof(kill) / sizeof(kill[0]); i++)
		denied(kill[i], 3);
	/* Another program of that name has another path. */
	runs("/usr/sbin/qvm-kill x", 5);
}

static int
find_any(void *arg, const char *name, char path[POLICY_PATH_MAX])
{
	(void)arg;
	(void)name;
	memcpy(path, "/usr/bin/qvm-ls", sizeof("/usr/bin/qvm-ls"));
	return 0;
}

/* Whatever a lookup would make of it: realpath(3) takes `..` out. */
ATF_TC_WITHOUT_HEAD(an_odd_path_is_not_looked_up);
ATF_TC_BODY(an_odd_path_is_not_looked_up, tc)
{
	static const struct policy_env any = {.find = find_any};
	static const char *const bodies[] = {"./qvm-ls", "../bin/qvm-ls",
	    "bin/qvm-ls", "/usr/bin/./qvm-ls", "/usr/bin/../bin/qvm-ls",
	    "/usr//bin/qvm-ls", "//usr/bin/qvm-ls", "/usr/bin/qvm-ls/", "/",
	    ".", "..", "''", "'qvm-ls x'", "'~/qvm-ls'"};
	size_t i;

	load("mode = allow\nallow = qvm-ls **\n");
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		ATF_CHECK_MSG(!policy_decide(&p, &any, bodies[i],
				  strlen(bodies[i]), false, words,
				  sizeof(words), &d),
		    "%s", bodies[i]);
	ATF_CHECK(policy_decide(&p, &any, "anything", 8, false, words,
	    sizeof(words), &d));
}

ATF_TC_WITHOUT_HEAD(without_lookups_nothing_runs);
ATF_TC_BODY(without_lookups_nothing_runs, tc)
{
	static const char text[] = "mode = allow\nallow = qvm-ls\n"
				   "allow = /usr/bin/wc\n";
	char err[128];

	ATF_REQUIRE_EQ(0,
	    policy_parse("f", text, strlen(text), &p, err, sizeof(err)));
	denied("qvm-ls", 1);
	denied("/usr/bin/wc", 1);
}

ATF_TC_WITHOUT_HEAD(a_hidden_policy_is_not_described);
ATF_TC_BODY(a_hidden_policy_is_not_described, tc)
{
	char out[POLICY_DESCRIBE_MAX];

	load("mode = allow\nhide = yes\nallow = qvm-ls\n");
	ATF_CHECK(!decide("qvm-ls", true));
	ATF_CHECK_EQ(3, d.line);
	policy_describe(&p, true, out);
	ATF_CHECK_STREQ("its policy is not shown\n", out);
}

ATF_TC_WITHOUT_HEAD(a_command_has_a_longest_length);
ATF_TC_BODY(a_command_has_a_longest_length, tc)
{
	static const char command[] = "qvm-ls ";
	static char body[POLICY_COMMAND_MAX + 2], large[2 * sizeof(body)];
	char small[8];

	load("mode = allow\nallow = qvm-ls *\n");
	memset(body, 'a', sizeof(body));
	memcpy(body, command, sizeof(command) - 1);
	ATF_CHECK(policy_decide(&p, &env, body, POLICY_COMMAND_MAX, false,
	    words, sizeof(words), &d));
	ATF_CHECK(!policy_decide(&p, &env, body, POLICY_COMMAND_MAX + 1, false,
	    large, sizeof(large), &d));
	ATF_CHECK(
	    !policy_decide(&p, &env, body, 9, false, small, sizeof(small), &d));
	/* The longest reason is not cut. */
	ATF_CHECK(!decide("qvm-ls 'aaaa", false));
	ATF_CHECK(strstr(d.reason, "the quote at byte 8 has no end") != NULL);
	ATF_CHECK(strlen(d.reason) < REASON_MAX - 20);
}

/* Every policy decides for itself. */
ATF_TC_WITHOUT_HEAD(two_policies_hold_apart);
ATF_TC_BODY(two_policies_hold_apart, tc)
{
	static struct policy other;

	load("mode = allow\nallow = qvm-kill **\n");
	other = p;
	load("mode = allow\nallow = qvm-ls\n");
	denied("qvm-kill x", 1);
	ATF_CHECK(policy_decide(&other, &env, "qvm-kill x", 10, false, words,
	    sizeof(words), &d));
	ATF_CHECK(!policy_decide(&other, &env, "qvm-ls", 6, false, words,
	    sizeof(words), &d));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, mode_shell_runs_all_and_mode_deny_none);
	ATF_TP_ADD_TC(tp, mode_ask_asks_about_what_no_line_decides);
	ATF_TP_ADD_TC(tp, what_was_only_parsed_runs_nothing_unasked);
	ATF_TP_ADD_TC(tp, the_first_line_that_matches_decides);
	ATF_TP_ADD_TC(tp, what_runs_is_the_path_that_was_matched_and_the_words);
	ATF_TP_ADD_TC(tp, a_wildcard_takes_no_slash_and_no_leading_dash);
	ATF_TP_ADD_TC(tp, no_wildcard_takes_a_word_with_two_dots);
	ATF_TP_ADD_TC(tp, further_words_are_any_and_none);
	ATF_TP_ADD_TC(tp, a_quoted_star_is_no_wildcard);
	ATF_TP_ADD_TC(tp, input_goes_only_where_the_line_says_so);
	ATF_TP_ADD_TC(tp, no_shell_text_gets_round_the_lines);
	ATF_TP_ADD_TC(tp, no_other_name_of_a_command_gets_round_the_lines);
	ATF_TP_ADD_TC(tp, an_odd_path_is_not_looked_up);
	ATF_TP_ADD_TC(tp, without_lookups_nothing_runs);
	ATF_TP_ADD_TC(tp, a_hidden_policy_is_not_described);
	ATF_TP_ADD_TC(tp, a_command_has_a_longest_length);
	ATF_TP_ADD_TC(tp, two_policies_hold_apart);
	return atf_no_error();
}
