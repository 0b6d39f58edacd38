#include "wire/receipt.h"

#include "wire/test.h"
#include "wire/vectors.h"

static void
check_round_trip(const char *text)
{
	char out[RECEIPT_MAX];
	struct receipt r;
	const char *why;
	ssize_t len;

	ATF_REQUIRE_MSG(receipt_parse(text, strlen(text), &r, &why) == 0,
	    "%s: %s", why, text);
	len = receipt_print(out, sizeof(out), &r);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), len);
	ATF_CHECK(memcmp(text, out, (size_t)len) == 0);
}

ATF_TC_WITHOUT_HEAD(vectors_print_back_to_the_same_bytes);
ATF_TC_BODY(vectors_print_back_to_the_same_bytes, tc)
{
	ATF_CHECK_EQ(494, strlen(V_RECEIPT));
	ATF_CHECK_EQ(348, strlen(V_REFUSAL));
	check_round_trip(V_RECEIPT);
	check_round_trip(V_REFUSAL);
}

ATF_TC_WITHOUT_HEAD(every_field_of_a_vector_is_read);
ATF_TC_BODY(every_field_of_a_vector_is_read, tc)
{
	struct receipt r;
	const char *why;

	ATF_REQUIRE_EQ(0,
	    receipt_parse(V_RECEIPT, strlen(V_RECEIPT), &r, &why));
	ATF_CHECK_STREQ(V_ID, r.id);
	ATF_CHECK(r.has_request);
	ATF_CHECK_EQ(0xa0, r.request[0]);
	ATF_CHECK_EQ(0x8b, r.request[31]);
	ATF_CHECK_EQ(RECEIPT_EXITED, r.status);
	ATF_CHECK_EQ(0, r.exit);
	ATF_CHECK_STREQ("", r.reason);
	ATF_CHECK(r.has_times);
	ATF_CHECK_EQ(INT64_C(1771425022514000), r.started_us);
	ATF_CHECK_EQ(INT64_C(1771425022517250), r.ended_us);
	ATF_CHECK_EQ(3, r.out.written);
	ATF_CHECK_EQ(3, r.out.kept);
	ATF_CHECK_EQ(0xdc, r.out.sha256[0]);
	ATF_CHECK_EQ(0, r.err.written);
	ATF_CHECK_EQ(0x55, r.err.sha256[31]);
	ATF_CHECK(r.has_log);
	ATF_CHECK_EQ(42, r.log_seq);
	ATF_CHECK_EQ(0xc5, r.log_hash[0]);
	ATF_CHECK_EQ(0x0d, r.mac[0]);
	ATF_REQUIRE_EQ(0,
	    receipt_parse(V_REFUSAL, strlen(V_REFUSAL), &r, &why));
	ATF_CHECK_EQ(RECEIPT_REJECTED, r.status);
	ATF_CHECK_EQ(255, r.exit);
	ATF_CHECK_STREQ("token not accepted", r.reason);
	ATF_CHECK(!r.has_times);
	ATF_CHECK(!r.has_log);
}

/* text with from replaced by to: accepted, or refused by the rule. */
struct change {
	const char *text, *from, *to;
	const char *rule; /* how *why begins; NULL: accepted */
};

#define TEXT_50 "12345678901234567890123456789012345678901234567890"
#define LOG_LINE                                  \
	"log 42 c53003c4d09275495646eb40c6971132" \
	"97ba9b4b40bb9a37e8e5199b5eebaacf\n"
#define OUT_3                                      \
	"out 3 3 dc51b8c96c2d745df3bd5590d990230a" \
	"482fd247123599548e0632fdbf97fc22\n"
#define OUT_0	     "out 0 0 " V_SHA_NOTHING "\n"
#define MAC_LINE     "mac " V_RECEIPT_MAC "\n"
#define END_OF(s, e) "status " s "\nexit " e "\n"
#define EXITED	     END_OF("exited", "0")
#define REJECTED     END_OF("rejected", "255")
#define STARTED	     "started 1771425022.514000\n"
#define ENDED	     "ended 1771425022.517250\n"

static const struct change changes[] = {
    /* first line */
    {V_RECEIPT, "receipt 2", "receipt 3", "the first line"},
    {V_RECEIPT, "receipt 2", "receipt 2 ", "the first line"},
    {V_RECEIPT, "2\n", "2\r\n", "the first line"},
    {V_RECEIPT, "qvm", " qvm", "the first line"},
    /* id */
    {V_RECEIPT, "id " V_ID, "id ping-1771425022000000000-1", NULL},
    {V_RECEIPT, "id " V_ID "\n", "", "id"},
    {V_RECEIPT, "id " V_ID, "id 20260231-143022-1234-a1b2c3d4", "id"},
    {V_RECEIPT, "id " V_ID, "id -", "id"},
    {V_RECEIPT, "id " V_ID, "id ../x", "id"},
    {V_RECEIPT, "id " V_ID, "id " V_ID " ", "request"},
    {V_RECEIPT, "id " V_ID, "id " TEXT_50 TEXT_50, "id"},
    /* request */
    {V_REFUSAL, "request " V_TOKEN_SHA, "request -", NULL},
    {V_RECEIPT, "request " V_TOKEN_SHA, "request -", "request"},
    {V_RECEIPT, "request a0d7", "request A0d7", "request"},
    {V_RECEIPT, "request a0d7", "request 0d7", "request"},
    {V_RECEIPT, "request a0d7", "request 0a0d7", "status"},
    {V_RECEIPT, "request a0d7", "request -a0d7", "status"},
    {V_RECEIPT, "request " V_TOKEN_SHA "\n", "", "request"},
    /* status and the exit that goes with it */
    {V_RECEIPT, EXITED, END_OF("exited", "255"), NULL},
    {V_RECEIPT, EXITED, END_OF("exited", "256"), "exit"},
    {V_RECEIPT, EXITED, END_OF("exited", "-1"), "exit"},
    {V_RECEIPT, EXITED, END_OF("exited", "00"), "exit"},
    {V_RECEIPT, EXITED, END_OF("exited", "-"), "exit"},
    {V_RECEIPT, EXITED, END_OF("exited", ""), "exit"},
    {V_RECEIPT, EXITED, END_OF("exited", "18446744073709551616"), "exit"},
    {V_RECEIPT, EXITED, END_OF("signaled", "129"), NULL},
    {V_RECEIPT, EXITED, END_OF("signaled", "192"), NULL},
    {V_RECEIPT, EXITED, END_OF("signaled", "128"), "exit"},
    {V_RECEIPT, EXITED, END_OF("signaled", "193"), "exit"},
    {V_RECEIPT, EXITED, END_OF("signaled", "9"), "exit"},
    {V_RECEIPT, EXITED, END_OF("timeout", "124"), NULL},
    {V_RECEIPT, EXITED, END_OF("timeout", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("cancelled", "130"), NULL},
    {V_RECEIPT, EXITED, END_OF("cancelled", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("checked", "0"), NULL},
    {V_RECEIPT, EXITED, END_OF("checked", "126"), "exit"},
    {V_RECEIPT, EXITED, END_OF("dry-run", "0"), NULL},
    {V_RECEIPT, EXITED, END_OF("dry-run", "1"), "exit"},
    {V_RECEIPT, EXITED, END_OF("rejected", "255"), NULL},
    {V_RECEIPT, EXITED, END_OF("rejected", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("denied", "126"), NULL},
    {V_RECEIPT, EXITED, END_OF("denied", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("expired", "255"), NULL},
    {V_RECEIPT, EXITED, END_OF("expired", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("replayed", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("interrupted", "0"), "exit"},
    {V_RECEIPT, EXITED, END_OF("Exited", "0"), "status"},
    {V_RECEIPT, EXITED, END_OF("exit", "0"), "status"},
    {V_RECEIPT, EXITED, END_OF("exitedx", "0"), "status"},
    {V_RECEIPT, EXITED, END_OF("", "0"), "status"},
    {V_RECEIPT, EXITED, END_OF("exited exited", "0"), "exit"},
    {V_RECEIPT, EXITED, "exit 0\nstatus exited\n", "status"},
    {V_RECEIPT, "status exited\n", "", "status"},
    {V_RECEIPT, "exit 0\n", "", "exit"},
    /* reason */
    {V_RECEIPT, "reason -", "reason ~ a \\x1b", NULL},
    {V_RECEIPT, "reason -", "reason  ", NULL},
    {V_RECEIPT, "reason -", "reason -\nreason -", "started"},
    {V_RECEIPT, "reason -", "reason ", "reason"},
    {V_RECEIPT, "reason -", "reason", "reason"},
    {V_RECEIPT, "reason -", "reason a\033[2J", "reason"},
    {V_RECEIPT, "reason -", "reason a\tb", "reason"},
    {V_RECEIPT, "reason -", "reason a\rb", "reason"},
    {V_RECEIPT, "reason -", "reason \xc3\xa4", "reason"},
    {V_RECEIPT, "reason -", "reason \x7f", "reason"},
    {V_RECEIPT, "reason -", "reason " TEXT_50 TEXT_50 TEXT_50 TEXT_50, NULL},
    {V_RECEIPT, "reason -", "reason " TEXT_50 TEXT_50 TEXT_50 TEXT_50 "1",
	"reason"},
    /* started, ended */
    {V_RECEIPT, STARTED, "started 0.000000\n", NULL},
    {V_RECEIPT, STARTED, "started 253402300799.999999\n", NULL},
    {V_RECEIPT, STARTED, "started 253402300800.000000\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022.51400\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022.5140000\n", "ended"},
    {V_RECEIPT, STARTED, "started 1771425022,514000\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022.\n", "started"},
    {V_RECEIPT, STARTED, "started .514000\n", "started"},
    {V_RECEIPT, STARTED, "started 01771425022.514000\n", "started"},
    {V_RECEIPT, STARTED, "started -1771425022.514000\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022.-14000\n", "started"},
    {V_RECEIPT, STARTED, "started 1771425022. 14000\n", "started"},
    {V_RECEIPT, STARTED, "", "started"},
    {V_RECEIPT, STARTED, "started -\n", "ended"},
    {V_RECEIPT, ENDED, "ended -\n", "ended"},
    {V_RECEIPT, ENDED, "ended 01771425022.517250\n", "ended"},
    {V_RECEIPT, ENDED, "ended 1771425022.51725\n", "ended"},
    {V_RECEIPT, ENDED, "ended 1771425022.5172500\n", "ended"},
    {V_RECEIPT, ENDED, "", "ended"},
    /* dom0's clock may have been set back in between. */
    {V_RECEIPT, ENDED, "ended 1771425021.000000\n", NULL},
    {V_RECEIPT, STARTED ENDED, "started -\nended -\n", "started"},
    {V_RECEIPT, EXITED "reason -\n" STARTED ENDED,
	END_OF("signaled", "137") "reason -\nstarted -\nended -\n", "started"},
    {V_RECEIPT, EXITED "reason -\n" STARTED ENDED,
	END_OF("timeout", "124") "reason -\nstarted -\nended -\n", "started"},
    {V_RECEIPT, EXITED "reason -\n" STARTED ENDED,
	END_OF("cancelled", "130") "reason -\nstarted -\nended -\n", NULL},
    {V_RECEIPT, EXITED "reason -\n" STARTED ENDED,
	END_OF("denied", "126") "reason no\nstarted -\nended -\n", NULL},
    /* out, err */
    {V_RECEIPT, "out 3 3", "out 4 3", NULL},
    {V_RECEIPT, "out 3 3", "out 9007199254740992 3", NULL},
    {V_RECEIPT, "out 3 3", "out 9007199254740993 3", "out"},
    {V_RECEIPT, "out 3 3", "out 2 3", "out"},
    {V_RECEIPT, "out 3 3", "out 03 3", "out"},
    {V_RECEIPT, "out 3 3", "out 3 03", "out"},
    {V_RECEIPT, "out 3 3", "out 3  3", "out"},
    {V_RECEIPT, "out 3 3", "out 3\t3", "out"},
    {V_RECEIPT, "out 3 3", "out 3 -3", "out"},
    {V_RECEIPT, "out 3 3", "out +3 3", "out"},
    {V_RECEIPT, "out 3 3", "out 3", "out"},
    {V_RECEIPT, "out 3 3", "out 3 3 3", "out"},
    {V_RECEIPT, "out 3 3", "out 3 0", "out"},
    {V_RECEIPT, OUT_3, "out 3 0 " V_SHA_NOTHING "\n", NULL},
    {V_RECEIPT, "dc51b8", "DC51b8", "out"},
    {V_RECEIPT, "fc22\n", "fc220\n", "out"},
    {V_RECEIPT, "fc22\n", "fc2\n", "out"},
    {V_RECEIPT, "fc22\n", "fc22\nout 0 0 " V_SHA_NOTHING "\n", "err"},
    {V_RECEIPT, "err 0 0", "err 1 0", NULL},
    {V_RECEIPT, "err 0 0", "err 0 1", "err"},
    {V_RECEIPT, "err 0 0 e3", "err 0 0 e4", "err"},
    {V_RECEIPT, "err 0 0", "err -", "err"},
    {V_RECEIPT, "err", "Err", "err"},
    /* Nothing of an interrupted command's output is kept. */
    {V_RECEIPT, EXITED, END_OF("interrupted", "255"), "out"},
    /* log and mac */
    {V_RECEIPT, "log 42", "log 0", NULL},
    {V_RECEIPT, "log 42", "log 9007199254740993", "log"},
    {V_RECEIPT, "log 42", "log 042", "log"},
    {V_RECEIPT, "log 42", "log  42", "log"},
    {V_RECEIPT, "log 42", "log -42", "log"},
    {V_RECEIPT, "log 42", "log", "log"},
    {V_RECEIPT, "c53003", "C53003", "log"},
    {V_RECEIPT, "aacf\n", "aac\n", "log"},
    {V_RECEIPT, LOG_LINE, "", "log"},
    {V_RECEIPT, MAC_LINE, "", "mac"},
    {V_RECEIPT, LOG_LINE MAC_LINE, "log -\n", NULL},
    {V_RECEIPT, LOG_LINE, "log -\n", "after"},
    {V_REFUSAL, "log -\n", "log -\n" MAC_LINE, "after"},
    {V_REFUSAL, "log -\n", LOG_LINE MAC_LINE, NULL},
    {V_REFUSAL, "log -\n", LOG_LINE, "mac"},
    {V_REFUSAL, "log -\n", "log -", "log"},
    {V_REFUSAL, "log -\n", "log - \n", "log"},
    {V_REFUSAL, "log -\n", "log -\n\n", "after"},
    {V_RECEIPT, "mac 0d14", "mac 0D14", "mac"},
    {V_RECEIPT, "mac 0d14", "mac 00d14", "mac"},
    {V_RECEIPT, "mac 0d14", "mac d14", "mac"},
    {V_RECEIPT, "mac 0d14", "mac -", "mac"},
    {V_RECEIPT, "276c\n", "276c", "mac"},
    {V_RECEIPT, "276c\n", "276c\n\n", "after"},
    {V_RECEIPT, "276c\n", "276c\r\n", "mac"},
    {V_RECEIPT, "276c\n", "276c\nx", "after"},
    /* A replay has no receipt of its own. */
    {V_REFUSAL, REJECTED, END_OF("replayed", "255"), NULL},
    {V_RECEIPT, EXITED, END_OF("replayed", "255"), "log"},
};

ATF_TC_WITHOUT_HEAD(each_line_is_read_by_its_rule);
ATF_TC_BODY(each_line_is_read_by_its_rule, tc)
{
	const struct change *c;
	char text[2 * RECEIPT_MAX];
	struct receipt r;
	const char *why;
	size_t len;

	for (c = changes; c < changes + sizeof(changes) / sizeof(changes[0]);
	     c++) {
		len = edit(text, sizeof(text), c->text, c->from, c->to);
		if (c->rule == NULL) {
			check_round_trip(text);
			continue;
		}
		why = NULL;
		ATF_REQUIRE_MSG(receipt_parse(text, len, &r, &why) == -1,
		    "\"%s\" as \"%s\" is accepted", c->from, c->to);
		ATF_CHECK_MSG(strncmp(why, c->rule, strlen(c->rule)) == 0,
		    "\"%s\" as \"%s\": %s", c->from, c->to, why);
	}
}

ATF_TC_WITHOUT_HEAD(an_interrupted_command_keeps_no_output);
ATF_TC_BODY(an_interrupted_command_keeps_no_output, tc)
{
	char one[RECEIPT_MAX], text[RECEIPT_MAX];

	edit(one, sizeof(one), V_RECEIPT, OUT_3, OUT_0);
	edit(text, sizeof(text), one, EXITED, END_OF("interrupted", "255"));
	check_round_trip(text);
}

ATF_TC_WITHOUT_HEAD(a_part_of_a_receipt_is_none);
ATF_TC_BODY(a_part_of_a_receipt_is_none, tc)
{
	const size_t len = strlen(V_RECEIPT);
	struct receipt r;
	const char *why;
	size_t i;

	for (i = 0; i < len; i++) {
		ATF_CHECK_EQ(-1, receipt_parse(V_RECEIPT, i, &r, &why));
		ATF_CHECK_EQ(-1,
		    receipt_parse(&V_RECEIPT[i + 1], len - i - 1, &r, &why));
	}
	/* The NUL of the C string. */
	ATF_CHECK_EQ(-1, receipt_parse(V_RECEIPT, len + 1, &r, &why));
}

ATF_TC_WITHOUT_HEAD(a_nul_is_refused_wherever_it_is);
ATF_TC_BODY(a_nul_is_refused_wherever_it_is, tc)
{
	const size_t len = strlen(V_RECEIPT);
	char text[RECEIPT_MAX];
	struct receipt r;
	const char *why;
	size_t i;

	for (i = 0; i < len; i++) {
		memcpy(text, V_RECEIPT, len);
		text[i] = '\0';
		ATF_CHECK_MSG(receipt_parse(text, len, &r, &why) == -1,
		    "NUL at %zu", i);
	}
}

ATF_TC_WITHOUT_HEAD(a_long_text_is_refused_unread);
ATF_TC_BODY(a_long_text_is_refused_unread, tc)
{
	char text[RECEIPT_MAX + 1];
	struct receipt x;
	const char *why;

	memset(text, 'a', sizeof(text));
	ATF_CHECK_EQ(-1, receipt_parse(text, RECEIPT_MAX, &x, &why));
	ATF_CHECK_STREQ("the first line is qvm-remote-receipt 2", why);
	ATF_CHECK_EQ(-1, receipt_parse(text, RECEIPT_MAX + 1, &x, &why));
	ATF_CHECK_STREQ("receipt: at most 1024 bytes", why);
}

ATF_TC_WITHOUT_HEAD(what_is_refused_leaves_no_fields);
ATF_TC_BODY(what_is_refused_leaves_no_fields, tc)
{
	static const struct receipt none;
	struct receipt r;
	const char *why;

	memset(&r, 0xff, sizeof(r));
	ATF_REQUIRE_EQ(-1,
	    receipt_parse(V_RECEIPT, strlen(V_RECEIPT) - 1, &r, &why));
	ATF_CHECK(same_bytes(&r, &none, sizeof(r)));
}

ATF_TC_WITHOUT_HEAD(statuses_have_the_exit_of_the_protocol);
ATF_TC_BODY(statuses_have_the_exit_of_the_protocol, tc)
{
	static const struct {
		const char *name;
		int exit;
	} expected[] = {{"exited", 77}, {"signaled", 77}, {"timeout", 124},
	    {"cancelled", 130}, {"checked", 0}, {"dry-run", 0},
	    {"rejected", 255}, {"denied", 126}, {"expired", 255},
	    {"replayed", 255}, {"interrupted", 255}};
	unsigned int i;

	ATF_REQUIRE_EQ(sizeof(expected) / sizeof(expected[0]),
	    RECEIPT_STATUS_COUNT);
	for (i = 0; i < RECEIPT_STATUS_COUNT; i++) {
		ATF_CHECK_STREQ(expected[i].name, receipt_status_name(i));
		ATF_CHECK_EQ(expected[i].exit, receipt_status_exit(i, 77));
	}
}

static void
random_stream(struct receipt_stream *s, bool kept, const uint8_t nothing[32])
{
	s->written = random_number(NUMBER_MAX);
	s->kept = kept ? random_number(s->written) : 0;
	if (s->kept > 0)
		random_fill(s->sha256, sizeof(s->sha256));
	else
		memcpy(s->sha256, nothing, sizeof(s->sha256));
}

static void
random_receipt(struct receipt *r)
{
	struct receipt vector;
	const char *why;
	bool kept;

	ATF_REQUIRE_EQ(0,
	    receipt_parse(V_RECEIPT, strlen(V_RECEIPT), &vector, &why));
	memset(r, 0, sizeof(*r));
	random_id(r->id, true);
	r->status = (enum receipt_status)random_below(RECEIPT_STATUS_COUNT);
	r->exit = receipt_status_exit(r->status,
	    (uint8_t)(r->status == RECEIPT_SIGNALED ? 129 + random_below(64)
						    : random_next()));
	random_text(r->reason, REASON_MAX);
	r->has_times = r->status <= RECEIPT_TIMEOUT || random_below(2) == 0;
	if (r->has_times) {
		r->started_us =
		    (int64_t)random_number(TIME_MAX * 1000000 + 999999);
		r->ended_us =
		    (int64_t)random_number(TIME_MAX * 1000000 + 999999);
	}
	kept = r->status != RECEIPT_INTERRUPTED;
	random_stream(&r->out, kept, vector.err.sha256);
	random_stream(&r->err, kept, vector.err.sha256);
	r->has_log = r->status != RECEIPT_REPLAYED && random_below(2) == 0;
	if (r->has_log) {
		r->log_seq = random_number(NUMBER_MAX);
		random_fill(r->log_hash, sizeof(r->log_hash));
		random_fill(r->mac, sizeof(r->mac));
	}
	r->has_request = r->has_log || random_below(2) == 0;
	if (r->has_request)
		random_fill(r->request, sizeof(r->request));
}

ATF_TC_WITHOUT_HEAD(every_valid_receipt_is_read_as_it_was_written);
ATF_TC_BODY(every_valid_receipt_is_read_as_it_was_written, tc)
{
	struct receipt r, back;
	char text[RECEIPT_MAX];
	const char *why;
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 20000; i++) {
		random_receipt(&r);
		len = receipt_print(text, sizeof(text), &r);
		ATF_REQUIRE_MSG(len > RECEIPT_MAC_LINE, "%zd", len);
		ATF_REQUIRE_EQ(r.has_log,
		    memcmp(text + len - RECEIPT_MAC_LINE, "mac ", 4) == 0);
		ATF_REQUIRE_MSG(receipt_parse(text, (size_t)len, &back, &why) ==
			0,
		    "%s: %.*s", why, (int)len, text);
		ATF_REQUIRE(same_bytes(&r, &back, sizeof(r)));
	}
}

ATF_TC_WITHOUT_HEAD(what_is_accepted_prints_back_the_same);
ATF_TC_BODY(what_is_accepted_prints_back_the_same, tc)
{
	unsigned int i, n, accepted = 0, refused = 0;
	char text[RECEIPT_MAX + 4], out[RECEIPT_MAX];
	struct receipt r;
	const char *why;
	size_t len;

	for (i = 0; i < 100000; i++) {
		random_receipt(&r);
		len = (size_t)receipt_print(text, RECEIPT_MAX, &r);
		for (n = 1 + (unsigned int)random_below(3); n > 0; n--)
			random_change(text, &len);
		if (receipt_parse(text, len, &r, &why) == -1) {
			refused++;
			continue;
		}
		accepted++;
		ATF_REQUIRE_EQ((ssize_t)len,
		    receipt_print(out, sizeof(out), &r));
		ATF_REQUIRE_MSG(memcmp(text, out, len) == 0, "%.*s", (int)len,
		    text);
	}
	/* Otherwise nothing was shown. */
	ATF_CHECK_MSG(accepted > 5000 && refused > 5000,
	    "%u accepted, %u refused", accepted, refused);
}

static void
set_reason(struct receipt *r, const char *reason)
{
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

ATF_TC_WITHOUT_HEAD(fields_that_are_no_receipt_are_not_printed);
ATF_TC_BODY(fields_that_are_no_receipt_are_not_printed, tc)
{
	struct receipt good, r;
	char text[RECEIPT_MAX];
	const char *why;

	ATF_REQUIRE_EQ(0,
	    receipt_parse(V_RECEIPT, strlen(V_RECEIPT), &good, &why));
	ATF_REQUIRE_EQ(494, receipt_print(text, sizeof(text), &good));
#define REFUSED(change)                                                    \
	do {                                                               \
		r = good;                                                  \
		change;                                                    \
		ATF_CHECK_MSG(receipt_print(text, sizeof(text), &r) == -1, \
		    "%s", #change);                                        \
	} while (0)
	REFUSED(r.id[0] = '\0');
	REFUSED(memset(r.id, '1', sizeof(r.id)));
	REFUSED(r.has_request = false);
	REFUSED(r.status = RECEIPT_STATUS_COUNT);
	REFUSED(r.status = RECEIPT_TIMEOUT);
	REFUSED(r.status = RECEIPT_SIGNALED);
	REFUSED(r.status = RECEIPT_REPLAYED; r.exit = 255);
	REFUSED(r.status = RECEIPT_INTERRUPTED; r.exit = 255);
	REFUSED(set_reason(&r, "-"));
	REFUSED(set_reason(&r, "a\033"));
	REFUSED(memset(r.reason, 'a', sizeof(r.reason)));
	REFUSED(r.has_times = false);
	REFUSED(r.started_us = -1);
	REFUSED(r.ended_us = -1);
	REFUSED(r.ended_us = (TIME_MAX + 1) * 1000000);
	REFUSED(r.started_us = INT64_MAX);
	REFUSED(r.out.kept = 4);
	REFUSED(r.out.kept = 0);
	REFUSED(r.err.kept = 1);
	REFUSED(r.out.written = UINT64_MAX);
	REFUSED(r.err.sha256[0] = 0);
	REFUSED(r.log_seq = UINT64_MAX);
#undef REFUSED
}

ATF_TC_WITHOUT_HEAD(nothing_is_written_behind_the_end);
ATF_TC_BODY(nothing_is_written_behind_the_end, tc)
{
	struct receipt r;
	char text[495];
	const char *why;
	size_t size;

	ATF_REQUIRE_EQ(0,
	    receipt_parse(V_RECEIPT, strlen(V_RECEIPT), &r, &why));
	for (size = 0; size < 494; size++)
		ATF_CHECK_EQ(-1, receipt_print(text, size, &r));
	text[494] = '#';
	ATF_CHECK_EQ(494, receipt_print(text, 494, &r));
	ATF_CHECK_EQ('#', text[494]);
}

static void
check_v1(const char *expected, const char *id, int64_t started, int64_t ended,
    uint8_t exit)
{
	char out[256];
	ssize_t len;

	len = receipt_v1_print(out, sizeof(out), id, started, ended, exit);
	ATF_REQUIRE_MSG(len != -1, "%s", id);
	ATF_CHECK_EQ((ssize_t)strlen(expected), len);
	ATF_CHECK_MSG(memcmp(expected, out, (size_t)len) == 0, "%.*s", (int)len,
	    out);
}

ATF_TC_WITHOUT_HEAD(version_1_gets_its_four_lines);
ATF_TC_BODY(version_1_gets_its_four_lines, tc)
{
	char out[256];

	check_v1("id=" V_ID "\nstarted=2026-02-18T14:30:22+00:00\n"
		 "duration_ms=3\nexit_code=0\n",
	    V_ID, INT64_C(1771425022514000), INT64_C(1771425022517250), 0);
	check_v1("id=ping-1-2\nstarted=1970-01-01T00:00:00+00:00\n"
		 "duration_ms=0\nexit_code=126\n",
	    "ping-1-2", 0, 0, 126);
	check_v1("id=ping-1-2\nstarted=1970-01-01T00:00:01+00:00\n"
		 "duration_ms=0\nexit_code=130\n",
	    "ping-1-2", 1000000, 0, 130);
	ATF_CHECK_EQ(-1, receipt_v1_print(out, sizeof(out), "a\nb", 0, 0, 0));
	ATF_CHECK_EQ(-1, receipt_v1_print(out, sizeof(out), V_ID, -1, 0, 0));
	ATF_CHECK_EQ(-1,
	    receipt_v1_print(out, sizeof(out), V_ID, INT64_MAX, 0, 0));
	ATF_CHECK_EQ(-1,
	    receipt_v1_print(out, sizeof(out), V_ID, 0, INT64_MAX, 0));
	ATF_CHECK_EQ(-1, receipt_v1_print(out, 40, V_ID, 0, 0, 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vectors_print_back_to_the_same_bytes);
	ATF_TP_ADD_TC(tp, every_field_of_a_vector_is_read);
	ATF_TP_ADD_TC(tp, each_line_is_read_by_its_rule);
	ATF_TP_ADD_TC(tp, an_interrupted_command_keeps_no_output);
	ATF_TP_ADD_TC(tp, a_part_of_a_receipt_is_none);
	ATF_TP_ADD_TC(tp, a_nul_is_refused_wherever_it_is);
	ATF_TP_ADD_TC(tp, a_long_text_is_refused_unread);
	ATF_TP_ADD_TC(tp, what_is_refused_leaves_no_fields);
	ATF_TP_ADD_TC(tp, statuses_have_the_exit_of_the_protocol);
	ATF_TP_ADD_TC(tp, every_valid_receipt_is_read_as_it_was_written);
	ATF_TP_ADD_TC(tp, what_is_accepted_prints_back_the_same);
	ATF_TP_ADD_TC(tp, fields_that_are_no_receipt_are_not_printed);
	ATF_TP_ADD_TC(tp, nothing_is_written_behind_the_end);
	ATF_TP_ADD_TC(tp, version_1_gets_its_four_lines);
	return (atf_no_error());
}
