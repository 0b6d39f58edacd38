#include "wire/token.h"

#include <atf-c.h>

#include "wire/test.h"
#include "wire/vectors.h"

static void
check_round_trip(const char *text)
{
	char out[TOKEN_MAX];
	const char *why;
	struct token t;
	ssize_t len;

	ATF_REQUIRE_MSG(token_parse(text, strlen(text), &t, &why) == 0, "%s",
	    why);
	len = token_print(out, sizeof(out), &t);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), len);
	ATF_CHECK(memcmp(text, out, (size_t)len) == 0);
}

ATF_TC_WITHOUT_HEAD(vectors_print_back_to_the_same_bytes);
ATF_TC_BODY(vectors_print_back_to_the_same_bytes, tc)
{
	ATF_CHECK_EQ(263, strlen(V_TOKEN));
	ATF_CHECK_EQ(264, strlen(V_CANCEL));
	ATF_CHECK_EQ(343, strlen(V_TOKEN_INPUT));
	check_round_trip(V_TOKEN);
	check_round_trip(V_CANCEL);
	check_round_trip(V_TOKEN_INPUT);
}

ATF_TC_WITHOUT_HEAD(every_field_of_a_vector_is_read);
ATF_TC_BODY(every_field_of_a_vector_is_read, tc)
{
	const char *why;
	struct token t;

	ATF_REQUIRE_EQ(0,
	    token_parse(V_TOKEN_INPUT, strlen(V_TOKEN_INPUT), &t, &why));
	ATF_CHECK_STREQ(V_FINGERPRINT, t.key);
	ATF_CHECK_EQ(TOKEN_RUN, t.kind);
	ATF_CHECK_EQ(1771425022, t.issued);
	ATF_CHECK_EQ(1771425352, t.expires);
	ATF_CHECK_EQ(TOKEN_TIMEOUT_POLICY, t.timeout);
	ATF_CHECK(t.queue);
	ATF_CHECK_STREQ("weekly mac check", t.note);
	ATF_CHECK_EQ(6, t.body_len);
	ATF_CHECK_EQ(0x30, t.body_sha256[0]);
	ATF_CHECK_EQ(0x4f, t.body_sha256[31]);
	ATF_CHECK(t.has_input);
	ATF_CHECK_EQ(3, t.input_len);
	ATF_CHECK_EQ(0xba, t.input_sha256[0]);
	ATF_CHECK_EQ(0xad, t.input_sha256[31]);
	ATF_CHECK_EQ(0x7c, t.mac[0]);
	ATF_CHECK_EQ(0xc4, t.mac[31]);
	ATF_REQUIRE_EQ(0, token_parse(V_TOKEN, strlen(V_TOKEN), &t, &why));
	ATF_CHECK_EQ(300, t.timeout);
	ATF_CHECK(!t.queue);
	ATF_CHECK_STREQ("", t.note);
	ATF_CHECK(!t.has_input);
	ATF_REQUIRE_EQ(0, token_parse(V_CANCEL, strlen(V_CANCEL), &t, &why));
	ATF_CHECK_EQ(TOKEN_CANCEL, t.kind);
}

/* text with from replaced by to: accepted, or refused by the rule. */
struct change {
	const char *text, *from, *to;
	const char *rule; /* how *why begins; NULL: accepted */
};

#define A_NOTE_50     "12345678901234567890123456789012345678901234567890"
#define DIGEST_LINE_1 " 4726de74e6ad02ddb5decee701960c06"
#define INPUT_SHA \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct change changes[] = {
    /* first line */
    {V_TOKEN, "auth 2", "auth 1", "the first line"},
    {V_TOKEN, "auth 2", "auth 02", "the first line"},
    {V_TOKEN, "auth 2", "auth  2", "the first line"},
    {V_TOKEN, "auth 2", "auth\t2", "the first line"},
    {V_TOKEN, "qvm", "Qvm", "the first line"},
    {V_TOKEN, "qvm", "\nqvm", "the first line"},
    {V_TOKEN, "2\n", "2\r\n", "the first line"},
    {V_TOKEN, "qvm-remote-auth 2\n", "", "the first line"},
    /* key */
    {V_TOKEN, "key 16d5233f72b10cf0\n", "", "key"},
    {V_TOKEN, "16d5233f72b10cf0", "16D5233f72b10cf0", "key"},
    {V_TOKEN, "16d5233f72b10cf0", "16d5233f72b10cf", "key"},
    {V_TOKEN, "16d5233f72b10cf0", "16d5233f72b10cf00", "key"},
    {V_TOKEN, "16d5233f72b10cf0", "16d5233f72b10cfg", "key"},
    {V_TOKEN, "16d5233f72b10cf0", "-", "key"},
    {V_TOKEN, "key ", "key  ", "key"},
    {V_TOKEN, "0cf0\n", "0cf0 \n", "kind"},
    {V_TOKEN, "0cf0\n", "0cf0\n\n", "kind"},
    /* kind */
    {V_TOKEN, "kind run", "kind check", NULL},
    {V_TOKEN, "kind run", "kind RUN", "kind"},
    {V_TOKEN, "kind run", "kind ru", "kind"},
    {V_TOKEN, "kind run", "kind runs", "kind"},
    {V_TOKEN, "kind run", "kind ", "kind"},
    {V_TOKEN, "kind run", "kind run ", "issued"},
    {V_TOKEN, "kind run", "kind ping", "body"},
    {V_TOKEN, "kind run", "kind cancel", "body"},
    {V_CANCEL, "kind cancel", "kind ping", NULL},
    /* That a command is not empty is a rule of contents, not of form. */
    {V_CANCEL, "kind cancel", "kind run", NULL},
    /* issued, expires */
    {V_TOKEN, "issued 1771425022", "issued 01771425022", "issued"},
    {V_TOKEN, "issued 1771425022", "issued +1771425022", "issued"},
    {V_TOKEN, "issued 1771425022", "issued -1771425022", "issued"},
    {V_TOKEN, "issued 1771425022", "issued ", "issued"},
    {V_TOKEN, "issued 1771425022", "issued 1771425022.0", "expires"},
    {V_TOKEN, "issued 1771425022", "issued 0x698f", "expires"},
    {V_TOKEN, "issued 1771425022", "issued 253402300800", "issued"},
    {V_TOKEN, "issued 1771425022", "issued 18446744075480976638", "issued"},
    {V_TOKEN, "issued 1771425022", "issued 99999999999999999999999999",
	"issued"},
    {V_TOKEN, "issued 1771425022", "issued 1771425352", NULL},
    {V_TOKEN, "issued 1771425022", "issued 1771425353", "expires"},
    {V_TOKEN, "expires 1771425352", "expires 1771511422", NULL},
    {V_TOKEN, "expires 1771425352", "expires 1771511423", "expires"},
    {V_TOKEN, "expires 1771425352", "expires -", "expires"},
    {V_TOKEN, "expires 1771425352", "expires 01771425352", "expires"},
    {V_TOKEN, "expires 1771425352", "expires 18446744075480976968", "expires"},
    {V_TOKEN, "issued 1771425022\nexpires 1771425352", "issued 0\nexpires 0",
	NULL},
    {V_TOKEN, "issued 1771425022\nexpires 1771425352",
	"issued 253402300799\nexpires 253402300799", NULL},
    {V_TOKEN, "issued 1771425022\nexpires 1771425352",
	"issued 253402300799\nexpires 253402300800", "expires"},
    {V_TOKEN, "issued 1771425022\nexpires 1771425352",
	"expires 1771425352\nissued 1771425022", "issued"},
    /* timeout */
    {V_TOKEN, "timeout 300", "timeout 1", NULL},
    {V_TOKEN, "timeout 300", "timeout 86400", NULL},
    {V_TOKEN, "timeout 300", "timeout 0", "timeout"},
    {V_TOKEN, "timeout 300", "timeout 86401", "timeout"},
    {V_TOKEN, "timeout 300", "timeout 4294967596", "timeout"},
    {V_TOKEN, "timeout 300", "timeout 0300", "timeout"},
    {V_TOKEN, "timeout 300", "timeout -1", "timeout"},
    {V_TOKEN, "timeout 300", "timeout --", "timeout"},
    {V_TOKEN, "timeout 300", "timeout ", "timeout"},
    {V_TOKEN, "timeout 300\n", "", "timeout"},
    /* order */
    {V_TOKEN, "order now", "order queue", NULL},
    {V_TOKEN, "order now", "order Now", "order"},
    {V_TOKEN, "order now", "order no", "order"},
    {V_TOKEN, "order now", "order ", "order"},
    {V_TOKEN, "order now", "order now now", "note"},
    {V_TOKEN, "order now\n", "", "order"},
    /* note */
    {V_TOKEN, "note -", "note x", NULL},
    {V_TOKEN, "note -", "note --", NULL},
    {V_TOKEN, "note -", "note  ", NULL},
    {V_TOKEN, "note -", "note -x", NULL},
    {V_TOKEN, "note -", "note - ", NULL},
    {V_TOKEN, "note -", "note ~ \\ \" '", NULL},
    {V_TOKEN, "note -", "note ", "note"},
    {V_TOKEN, "note -", "note", "note"},
    {V_TOKEN, "note -", "note a\tb", "note"},
    {V_TOKEN, "note -", "note a\x7f", "note"},
    {V_TOKEN, "note -", "note a\x1b[2J", "note"},
    {V_TOKEN, "note -", "note a\xc3\xa4", "note"},
    {V_TOKEN, "note -", "note a\r", "note"},
    {V_TOKEN, "note -", "note -\nnote -", "body"},
    {V_TOKEN, "note -", "note " A_NOTE_50 A_NOTE_50 A_NOTE_50 A_NOTE_50, NULL},
    {V_TOKEN, "note -", "note " A_NOTE_50 A_NOTE_50 A_NOTE_50 A_NOTE_50 "1",
	"note"},
    /* body */
    {V_TOKEN, "body 8", "body 1048576", NULL},
    {V_TOKEN, "body 8", "body 1048577", "body"},
    {V_TOKEN, "body 8", "body 08", "body"},
    {V_TOKEN, "body 8", "body -8", "body"},
    {V_TOKEN, "body 8", "body  8", "body"},
    {V_TOKEN, "body 8", "body 8 ", "body"},
    {V_TOKEN, "body 8", "body 18446744073709551624", "body"},
    {V_TOKEN, " 4726de", " 4726DE", "body"},
    {V_TOKEN, " 4726de", " 4726dg", "body"},
    {V_TOKEN, " 4726de", " 726de", "body"},
    {V_TOKEN, " 4726de", " 04726de", "input"},
    {V_TOKEN, "body 8" DIGEST_LINE_1 "c6fd91a871f95238350941eed7dbb22a",
	"body -", "body"},
    {V_CANCEL, "body 0", "body 1", "body"},
    {V_CANCEL, "e3b0c4", "e3b0c5", "body"},
    /* input */
    {V_TOKEN_INPUT, "input 3", "input 16777216", NULL},
    {V_TOKEN_INPUT, "input 3", "input 16777217", "input"},
    {V_TOKEN_INPUT, "input 3", "input 0", "input"},
    {V_TOKEN_INPUT, "input 3", "input 03", "input"},
    {V_TOKEN_INPUT, "input 3", "input -", "mac"},
    {V_TOKEN_INPUT, "input 3 ", "input 3", "input"},
    {V_TOKEN, "input -", "input ", "input"},
    {V_TOKEN, "input -", "input - ", "mac"},
    {V_TOKEN, "input -", "input --", "mac"},
    {V_TOKEN, "input -\n", "", "input"},
    {V_CANCEL, "input -", "input 3 " INPUT_SHA, "input"},
    /* mac */
    {V_TOKEN, "mac 96c9", "mac 96C9", "mac"},
    {V_TOKEN, "mac 96c9", "mac 6c9", "mac"},
    {V_TOKEN, "mac 96c9", "mac 096c9", "mac"},
    {V_TOKEN, "mac 96c9", "mac  96c9", "mac"},
    {V_TOKEN, "mac 96c9", "Mac 96c9", "mac"},
    {V_TOKEN, "mac " V_TOKEN_MAC "\n", "", "mac"},
    {V_TOKEN, "e202\n", "e202", "mac"},
    {V_TOKEN, "e202\n", "e202\n\n", "mac"},
    {V_TOKEN, "e202\n", "e202\r\n", "mac"},
    {V_TOKEN, "e202\n", "e202 \n", "mac"},
    {V_TOKEN, "e202\n", "e202\nmac " V_TOKEN_MAC "\n", "mac"},
};

ATF_TC_WITHOUT_HEAD(each_line_is_read_by_its_rule);
ATF_TC_BODY(each_line_is_read_by_its_rule, tc)
{
	const struct change *c;
	char text[2 * TOKEN_MAX];
	const char *why;
	struct token t;
	size_t len;

	for (c = changes; c < changes + sizeof(changes) / sizeof(changes[0]);
	     c++) {
		len = edit(text, sizeof(text), c->text, c->from, c->to);
		if (c->rule == NULL) {
			check_round_trip(text);
			continue;
		}
		why = NULL;
		ATF_REQUIRE_MSG(token_parse(text, len, &t, &why) == -1,
		    "\"%s\" as \"%s\" is accepted", c->from, c->to);
		ATF_CHECK_MSG(strncmp(why, c->rule, strlen(c->rule)) == 0,
		    "\"%s\" as \"%s\": %s", c->from, c->to, why);
	}
}

ATF_TC_WITHOUT_HEAD(a_part_of_a_token_is_none);
ATF_TC_BODY(a_part_of_a_token_is_none, tc)
{
	const size_t len = strlen(V_TOKEN_INPUT);
	const char *why;
	struct token t;
	size_t i;

	for (i = 0; i < len; i++) {
		ATF_CHECK_EQ(-1, token_parse(V_TOKEN_INPUT, i, &t, &why));
		ATF_CHECK_EQ(-1,
		    token_parse(&V_TOKEN_INPUT[i + 1], len - i - 1, &t, &why));
	}
	/* The NUL of the C string. */
	ATF_CHECK_EQ(-1, token_parse(V_TOKEN_INPUT, len + 1, &t, &why));
}

ATF_TC_WITHOUT_HEAD(a_nul_is_refused_wherever_it_is);
ATF_TC_BODY(a_nul_is_refused_wherever_it_is, tc)
{
	const size_t len = strlen(V_TOKEN_INPUT);
	char text[TOKEN_MAX];
	const char *why;
	struct token t;
	size_t i;

	for (i = 0; i < len; i++) {
		memcpy(text, V_TOKEN_INPUT, len);
		text[i] = '\0';
		ATF_CHECK_MSG(token_parse(text, len, &t, &why) == -1,
		    "NUL at %zu", i);
	}
}

ATF_TC_WITHOUT_HEAD(a_long_text_is_refused_unread);
ATF_TC_BODY(a_long_text_is_refused_unread, tc)
{
	char text[TOKEN_MAX + 1];
	struct token x;
	const char *why;

	memset(text, 'a', sizeof(text));
	ATF_CHECK_EQ(-1, token_parse(text, TOKEN_MAX, &x, &why));
	ATF_CHECK_STREQ("the first line is qvm-remote-auth 2", why);
	ATF_CHECK_EQ(-1, token_parse(text, TOKEN_MAX + 1, &x, &why));
	ATF_CHECK_STREQ("token: at most 1024 bytes", why);
}

ATF_TC_WITHOUT_HEAD(what_is_refused_leaves_no_fields);
ATF_TC_BODY(what_is_refused_leaves_no_fields, tc)
{
	static const struct token none;
	const char *why;
	struct token t;

	memset(&t, 0xff, sizeof(t));
	ATF_REQUIRE_EQ(-1, token_parse(V_TOKEN, strlen(V_TOKEN) - 1, &t, &why));
	ATF_CHECK(same_bytes(&t, &none, sizeof(t)));
}

static void
random_token(struct token *t)
{
	bool empty;

	memset(t, 0, sizeof(*t));
	snprintf(t->key, sizeof(t->key), "%016llx",
	    (unsigned long long)random_next());
	t->kind = (enum token_kind)random_below(4);
	t->issued = (int64_t)random_number(TIME_MAX - EXPIRES_MAX);
	t->expires = t->issued + (int64_t)random_number(EXPIRES_MAX);
	t->timeout = random_below(3) == 0
	    ? TOKEN_TIMEOUT_POLICY
	    : 1 + (int32_t)random_number(TIMEOUT_MAX - 1);
	t->queue = random_below(2) == 1;
	random_text(t->note, NOTE_MAX);
	random_fill(t->mac, sizeof(t->mac));
	empty = t->kind == TOKEN_PING || t->kind == TOKEN_CANCEL;
	t->body_len = empty ? 0 : random_number(BODY_MAX);
	t->has_input = !empty && random_below(2) == 1;
	if (t->has_input) {
		t->input_len = 1 + random_number(INPUT_POLICY_MAX - 1);
		random_fill(t->input_sha256, sizeof(t->input_sha256));
	}
	if (empty) {
		const char *why;
		struct token cancel;

		ATF_REQUIRE_EQ(0,
		    token_parse(V_CANCEL, strlen(V_CANCEL), &cancel, &why));
		memcpy(t->body_sha256, cancel.body_sha256, 32);
	} else
		random_fill(t->body_sha256, sizeof(t->body_sha256));
}

ATF_TC_WITHOUT_HEAD(every_valid_token_is_read_as_it_was_written);
ATF_TC_BODY(every_valid_token_is_read_as_it_was_written, tc)
{
	struct token t, back;
	char text[TOKEN_MAX];
	const char *why;
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 20000; i++) {
		random_token(&t);
		len = token_print(text, sizeof(text), &t);
		ATF_REQUIRE(len > TOKEN_MAC_LINE);
		ATF_REQUIRE(
		    memcmp(text + len - TOKEN_MAC_LINE, "mac ", 4) == 0);
		ATF_REQUIRE_MSG(token_parse(text, (size_t)len, &back, &why) ==
			0,
		    "%s: %.*s", why, (int)len, text);
		ATF_REQUIRE(same_bytes(&t, &back, sizeof(t)));
	}
}

ATF_TC_WITHOUT_HEAD(what_is_accepted_prints_back_the_same);
ATF_TC_BODY(what_is_accepted_prints_back_the_same, tc)
{
	unsigned int i, n, accepted = 0, refused = 0;
	char text[TOKEN_MAX + 4], out[TOKEN_MAX];
	const char *why;
	struct token t;
	size_t len;

	for (i = 0; i < 100000; i++) {
		random_token(&t);
		len = (size_t)token_print(text, TOKEN_MAX, &t);
		for (n = 1 + (unsigned int)random_below(3); n > 0; n--)
			random_change(text, &len);
		if (token_parse(text, len, &t, &why) == -1) {
			refused++;
			continue;
		}
		accepted++;
		ATF_REQUIRE_EQ((ssize_t)len, token_print(out, sizeof(out), &t));
		ATF_REQUIRE_MSG(memcmp(text, out, len) == 0, "%.*s", (int)len,
		    text);
	}
	/* Otherwise nothing was shown. */
	ATF_CHECK_MSG(accepted > 5000 && refused > 5000,
	    "%u accepted, %u refused", accepted, refused);
}

static void
set_note(struct token *t, const char *note)
{
	snprintf(t->note, sizeof(t->note), "%s", note);
}

ATF_TC_WITHOUT_HEAD(fields_that_are_no_token_are_not_printed);
ATF_TC_BODY(fields_that_are_no_token_are_not_printed, tc)
{
	struct token good, t;
	char text[TOKEN_MAX];
	const char *why;

	ATF_REQUIRE_EQ(0,
	    token_parse(V_TOKEN_INPUT, strlen(V_TOKEN_INPUT), &good, &why));
	ATF_REQUIRE_EQ(343, token_print(text, sizeof(text), &good));
#define REFUSED(change)                                                        \
	do {                                                                   \
		t = good;                                                      \
		change;                                                        \
		ATF_CHECK_MSG(token_print(text, sizeof(text), &t) == -1, "%s", \
		    #change);                                                  \
	} while (0)
	REFUSED(t.key[0] = 'A');
	REFUSED(t.key[15] = '\0');
	REFUSED(memset(t.key, 'a', sizeof(t.key)));
	REFUSED(t.kind = TOKEN_CANCEL + 1);
	REFUSED(t.kind = TOKEN_CANCEL);
	REFUSED(t.issued = -1; t.expires = 0);
	REFUSED(t.issued = t.expires = TIME_MAX + 1);
	REFUSED(t.expires = t.issued - 1);
	REFUSED(t.expires = t.issued + EXPIRES_MAX + 1);
	REFUSED(t.expires = INT64_MAX);
	REFUSED(t.timeout = 0);
	REFUSED(t.timeout = -2);
	REFUSED(t.timeout = TIMEOUT_MAX + 1);
	REFUSED(set_note(&t, "-"));
	REFUSED(set_note(&t, "a\nb"));
	REFUSED(set_note(&t, "a\x80"));
	REFUSED(memset(t.note, 'a', sizeof(t.note)));
	REFUSED(t.body_len = BODY_MAX + 1);
	REFUSED(t.input_len = INPUT_POLICY_MAX + 1);
	REFUSED(t.input_len = 0);
	REFUSED(t.has_input = false);
	ATF_REQUIRE_EQ(0, token_parse(V_CANCEL, strlen(V_CANCEL), &good, &why));
	REFUSED(t.kind = TOKEN_CANCEL + 1);
#undef REFUSED
}

ATF_TC_WITHOUT_HEAD(nothing_is_written_behind_the_end);
ATF_TC_BODY(nothing_is_written_behind_the_end, tc)
{
	char text[344];
	const char *why;
	struct token t;
	size_t size;

	ATF_REQUIRE_EQ(0,
	    token_parse(V_TOKEN_INPUT, strlen(V_TOKEN_INPUT), &t, &why));
	for (size = 0; size < 343; size++)
		ATF_CHECK_EQ(-1, token_print(text, size, &t));
	text[343] = '#';
	ATF_CHECK_EQ(343, token_print(text, 343, &t));
	ATF_CHECK_EQ('#', text[343]);
}

ATF_TC_WITHOUT_HEAD(tokens_of_version_1_are_64_digits);
ATF_TC_BODY(tokens_of_version_1_are_64_digits, tc)
{
	static const struct {
		const char *text;
		size_t len;
		int result;
	} samples[] = {
	    {V_TOKEN_V1, 64, 0},
	    {V_TOKEN_V1 "\n", 65, 0},
	    {V_TOKEN_V1 "\0", 65, -1},
	    {V_TOKEN_V1 "\n\n", 66, -1},
	    {V_TOKEN_V1 " ", 65, -1},
	    {V_TOKEN_V1 "\r\n", 66, -1},
	    {V_TOKEN_V1 "0", 65, -1},
	    {V_TOKEN_V1, 63, -1},
	    {V_TOKEN_V1, 0, -1},
	    {"\n" V_TOKEN_V1, 65, -1},
	    {"B" V_TOKEN_V1, 64, -1},
	    {"g" V_TOKEN_V1, 64, -1},
	    {"\0" V_TOKEN_V1, 64, -1},
	    {V_TOKEN, 263, -1},
	};
	uint8_t mac[32];
	size_t i;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		ATF_CHECK_MSG(token_v1_parse(samples[i].text, samples[i].len,
				  mac) == samples[i].result,
		    "sample %zu", i);
	ATF_REQUIRE_EQ(0, token_v1_parse(V_TOKEN_V1, 64, mac));
	ATF_CHECK_EQ(0xb0, mac[0]);
	ATF_CHECK_EQ(0x53, mac[1]);
	ATF_CHECK_EQ(0x7c, mac[31]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vectors_print_back_to_the_same_bytes);
	ATF_TP_ADD_TC(tp, every_field_of_a_vector_is_read);
	ATF_TP_ADD_TC(tp, each_line_is_read_by_its_rule);
	ATF_TP_ADD_TC(tp, a_part_of_a_token_is_none);
	ATF_TP_ADD_TC(tp, a_nul_is_refused_wherever_it_is);
	ATF_TP_ADD_TC(tp, a_long_text_is_refused_unread);
	ATF_TP_ADD_TC(tp, what_is_refused_leaves_no_fields);
	ATF_TP_ADD_TC(tp, every_valid_token_is_read_as_it_was_written);
	ATF_TP_ADD_TC(tp, what_is_accepted_prints_back_the_same);
	ATF_TP_ADD_TC(tp, fields_that_are_no_token_are_not_printed);
	ATF_TP_ADD_TC(tp, nothing_is_written_behind_the_end);
	ATF_TP_ADD_TC(tp, tokens_of_version_1_are_64_digits);
	return (atf_no_error());
}
