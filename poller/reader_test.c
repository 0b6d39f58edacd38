#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "poller/reader.h"

#define ID    "20260218-143022-1234-a1b2c3d4"
#define READY "ready 2 agent/1 wait\n"

static struct reader r;
static const char *p;
static size_t left;

static void
feed(const char *text, size_t len)
{
	p = text;
	left = len;
}

static enum reader_event
next(void)
{
	return reader_next(&r, &p, &left);
}

static enum reader_event
feed_next(const char *text)
{
	feed(text, strlen(text));
	return next();
}

static void
start(void)
{
	reader_init(&r);
	ATF_REQUIRE_EQ(READER_READY, feed_next(READY));
	ATF_REQUIRE_EQ(READER_MORE, next());
}

static void
check_bad(const char *text, const char *why)
{
	ATF_CHECK_EQ(READER_BAD, feed_next(text));
	ATF_CHECK_MSG(r.why != NULL && strstr(r.why, why) != NULL, "%s: %s",
	    text, r.why == NULL ? "no rule" : r.why);
	/* And for ever. */
	ATF_CHECK_EQ(READER_BAD, feed_next("none\n"));
}

ATF_TC_WITHOUT_HEAD(ready_opens_the_session);
ATF_TC_BODY(ready_opens_the_session, tc)
{
	start();
	ATF_CHECK_STREQ("agent/1", r.frame.program);
	ATF_CHECK(r.frame.wait);
	ATF_CHECK(!reader_within(&r));
}

ATF_TC_WITHOUT_HEAD(a_greeting_is_skipped);
ATF_TC_BODY(a_greeting_is_skipped, tc)
{
	char text[1200];
	size_t n;

	reader_init(&r);
	ATF_CHECK_EQ(READER_MORE, feed_next("Welcome\nto \033[1mwork\n"));
	ATF_CHECK_EQ(READER_MORE, feed_next("ready to serve\nnone\n"));
	/* A long line, the end of which looks like the answer. */
	memset(text, 'x', sizeof(text));
	n = 1024;
	memcpy(text + n, READY, sizeof(READY));
	ATF_CHECK_EQ(READER_MORE, feed_next(text));
	ATF_CHECK_EQ(READER_READY, feed_next(READY));
}

ATF_TC_WITHOUT_HEAD(a_greeting_ends_after_4096_bytes);
ATF_TC_BODY(a_greeting_ends_after_4096_bytes, tc)
{
	char text[GREETING_MAX + 1];
	size_t i;

	/* As lines. */
	memset(text, 'x', sizeof(text));
	for (i = 63; i < GREETING_MAX; i += 64)
		text[i] = '\n';
	reader_init(&r);
	feed(text, GREETING_MAX);
	ATF_CHECK_EQ(READER_MORE, next());
	ATF_CHECK_EQ(READER_READY, feed_next(READY));
	reader_init(&r);
	feed(text, GREETING_MAX);
	ATF_CHECK_EQ(READER_MORE, next());
	check_bad("x\n", "4096");
	/* As one line that never ends, byte by byte. */
	memset(text, 'x', sizeof(text));
	reader_init(&r);
	for (i = 0; i < GREETING_MAX + 255; i++) {
		feed("x", 1);
		ATF_REQUIRE_EQ(READER_MORE, next());
	}
	check_bad("x", "4096");
}

ATF_TC_WITHOUT_HEAD(what_was_not_asked_for_is_refused);
ATF_TC_BODY(what_was_not_asked_for_is_refused, tc)
{
	static const char *const lines[][2] = {
	    {"none\n", "not asked"},
	    {"request " ID " 1 1 1 0\n", "not asked"},
	    {"cancel " ID " 1 1\n", "not asked"},
	    {"counts 1 2 3\n", "not asked"},
	    {READY, "second time"},
	    {"next any 1\n", ""},
	    {"hello\n", ""},
	    {"\n", ""},
	    {"none \n", ""},
	    {"no\tne\n", ""},
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		start();
		check_bad(lines[i][0], lines[i][1]);
	}
}

ATF_TC_WITHOUT_HEAD(one_answer_for_each_next);
ATF_TC_BODY(one_answer_for_each_next, tc)
{
	start();
	reader_ask(&r, false, INPUT_MAX);
	ATF_CHECK_EQ(READER_NONE, feed_next("none\n"));
	ATF_CHECK(!r.superseded);
	check_bad("none\n", "not asked");

	start();
	reader_ask(&r, false, INPUT_MAX);
	reader_ask(&r, true, INPUT_MAX);
	ATF_CHECK_EQ(READER_NONE, feed_next("none\nnone\nnone\n"));
	ATF_CHECK(r.superseded);
	ATF_CHECK_EQ(READER_NONE, next());
	ATF_CHECK(!r.superseded);
	ATF_CHECK_EQ(READER_BAD, next());
}

/* The whole answer in pieces of n bytes. */
static void
check_request(size_t n)
{
	static const char text[] = "request " ID " 17 3 5 2\n"
				   "tokbody\nin"
				   "kept " ID "\n";
	char body[8] = "", input[8] = "";
	size_t at = 0, len = sizeof(text) - 1;
	bool line = false, end = false, kept = false;

	start();
	reader_ask(&r, false, INPUT_MAX);
	while (at < len) {
		feed(text + at, len - at < n ? len - at : n);
		at += left;
		for (enum reader_event ev = next(); ev != READER_MORE;
		     ev = next()) {
			ATF_REQUIRE(ev != READER_BAD);
			line |= ev == READER_REQUEST;
			if (ev == READER_BODY)
				strncat(body, r.data, r.data_len);
			if (ev == READER_INPUT)
				strncat(input, r.data, r.data_len);
			end |= ev == READER_REQUEST_END;
			kept |= ev == READER_KEPT;
			ATF_CHECK(!end || line);
			ATF_CHECK(!kept || end);
		}
	}
	ATF_CHECK(line && end && kept);
	ATF_CHECK_STREQ("body\n", body);
	ATF_CHECK_STREQ("in", input);
	ATF_CHECK(!reader_within(&r));
}

ATF_TC_WITHOUT_HEAD(a_request_comes_in_pieces_of_any_size);
ATF_TC_BODY(a_request_comes_in_pieces_of_any_size, tc)
{
	size_t n;

	for (n = 1; n < 80; n++)
		check_request(n);
}

ATF_TC_WITHOUT_HEAD(a_request_has_its_token_at_its_end);
ATF_TC_BODY(a_request_has_its_token_at_its_end, tc)
{
	start();
	reader_ask(&r, false, INPUT_MAX);
	ATF_CHECK_EQ(READER_REQUEST, feed_next("request " ID " 17 3 0 0\ntok"));
	ATF_CHECK(!r.over);
	ATF_CHECK_EQ(17, r.frame.clock);
	/* Neither body nor input: no piece comes. */
	ATF_CHECK_EQ(READER_REQUEST_END, next());
	ATF_CHECK_EQ(3, r.token_len);
	ATF_CHECK_EQ(0, memcmp(r.token, "tok", 3));
	ATF_CHECK_EQ(READER_MORE, next());
}

ATF_TC_WITHOUT_HEAD(over_a_limit_none_of_the_bytes_follows);
ATF_TC_BODY(over_a_limit_none_of_the_bytes_follows, tc)
{
	static const char *const lengths[] = {"4097 1 0", "1 1048577 0",
	    "1 1 1048577"};
	char line[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		start();
		reader_ask(&r, false, INPUT_MAX);
		(void)snprintf(line, sizeof(line), "request " ID " 1 %s\n",
		    lengths[i]);
		ATF_CHECK_EQ(READER_REQUEST, feed_next(line));
		ATF_CHECK(r.over);
		ATF_CHECK_EQ(READER_MORE, next());
		reader_ask(&r, false, INPUT_MAX);
		ATF_CHECK_EQ(READER_NONE, feed_next("none\n"));
	}
}

ATF_TC_WITHOUT_HEAD(the_input_limit_is_the_one_that_was_asked_with);
ATF_TC_BODY(the_input_limit_is_the_one_that_was_asked_with, tc)
{
	start();
	reader_ask(&r, false, 10);
	reader_ask(&r, false, 20);
	ATF_CHECK_EQ(READER_REQUEST, feed_next("request " ID " 1 1 1 11\n"));
	ATF_CHECK(r.over);
	ATF_CHECK_EQ(READER_REQUEST, feed_next("request " ID " 1 1 1 20\n"));
	ATF_CHECK(!r.over);
}

ATF_TC_WITHOUT_HEAD(only_a_cancel_answers_next_cancel);
ATF_TC_BODY(only_a_cancel_answers_next_cancel, tc)
{
	start();
	reader_ask(&r, true, 0);
	ATF_CHECK_EQ(READER_CANCEL, feed_next("cancel " ID " 5 3\ntok"));
	ATF_CHECK(!r.over);
	ATF_CHECK_EQ(3, r.token_len);
	reader_ask(&r, true, 0);
	check_bad("request " ID " 1 1 1 0\n", "only a cancel");
}

ATF_TC_WITHOUT_HEAD(a_cancel_over_its_limit_has_no_token);
ATF_TC_BODY(a_cancel_over_its_limit_has_no_token, tc)
{
	start();
	reader_ask(&r, false, 0);
	ATF_CHECK_EQ(READER_CANCEL, feed_next("cancel " ID " 5 4097\n"));
	ATF_CHECK(r.over);
	ATF_CHECK_EQ(0, r.token_len);
	reader_ask(&r, false, 0);
	ATF_CHECK_EQ(READER_CANCEL, feed_next("cancel " ID " 5 0\n"));
	ATF_CHECK(!r.over);
	reader_ask(&r, false, 0);
	ATF_CHECK_EQ(READER_NONE, feed_next("none\n"));
}

ATF_TC_WITHOUT_HEAD(a_line_has_at_most_256_bytes);
ATF_TC_BODY(a_line_has_at_most_256_bytes, tc)
{
	char text[LINE_MAX_BYTES + 1];

	memset(text, 'x', sizeof(text));
	start();
	feed(text, LINE_MAX_BYTES - 1);
	ATF_CHECK_EQ(READER_MORE, next());
	ATF_CHECK(reader_within(&r));
	check_bad("x", "256");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ready_opens_the_session);
	ATF_TP_ADD_TC(tp, a_greeting_is_skipped);
	ATF_TP_ADD_TC(tp, a_greeting_ends_after_4096_bytes);
	ATF_TP_ADD_TC(tp, what_was_not_asked_for_is_refused);
	ATF_TP_ADD_TC(tp, one_answer_for_each_next);
	ATF_TP_ADD_TC(tp, a_request_comes_in_pieces_of_any_size);
	ATF_TP_ADD_TC(tp, a_request_has_its_token_at_its_end);
	ATF_TP_ADD_TC(tp, over_a_limit_none_of_the_bytes_follows);
	ATF_TP_ADD_TC(tp, the_input_limit_is_the_one_that_was_asked_with);
	ATF_TP_ADD_TC(tp, only_a_cancel_answers_next_cancel);
	ATF_TP_ADD_TC(tp, a_cancel_over_its_limit_has_no_token);
	ATF_TP_ADD_TC(tp, a_line_has_at_most_256_bytes);
	return atf_no_error();
}
