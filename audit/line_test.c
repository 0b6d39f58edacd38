#include "audit/audit.h"

#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>

#include "audit/memory.h"

static struct memory m;
static struct record r;

#define PARSES(text) \
	ATF_CHECK_EQ_MSG(0, line_parse(text, strlen(text), &h, &why), "%s", why)

ATF_TC_WITHOUT_HEAD(the_head_is_read);
ATF_TC_BODY(the_head_is_read, tc)
{
	static const char line[] =
	    MEMORY_HEAD ",\"x\":1" MEMORY_HASH MEMORY_MAC "}\n";
	struct line_head h;
	const char *why = "";

	PARSES(line);
	ATF_CHECK_EQ(7, h.seq);
	ATF_CHECK_EQ(1, h.run);
	ATF_CHECK_EQ(3, h.step);
	ATF_CHECK_EQ(1771425022514000, h.time_us);
	ATF_CHECK_STREQ("intent", h.event);
	ATF_CHECK_STREQ("work", h.vm);
	ATF_CHECK_STREQ("20260218-143022-1234-a1b2c3d4", h.id);
	ATF_CHECK_EQ(strlen(MEMORY_HEAD ",\"x\":1"), h.covered);
	ATF_CHECK_EQ(0x11, h.hash[31]);
	ATF_CHECK(h.has_mac);
	ATF_CHECK_EQ(0x22, h.mac[31]);
}

/* Of the longest numbers and event, its first bytes are enough. */
ATF_TC_WITHOUT_HEAD(a_lines_beginning_has_its_head);
ATF_TC_BODY(a_lines_beginning_has_its_head, tc)
{
	static const char line[] =
	    "{\"seq\":18446744073709551615,"
	    "\"time\":\"2026-02-18T14:30:22.514000Z\","
	    "\"run\":18446744073709551614,\"step\":18446744073709551613,"
	    "\"event\":\"abcdefghijklmnopqrstuvwxyzabcde\",\"body\":\"x\"";
	const size_t needed = strlen(line) - strlen(",\"body\":\"x\"");
	struct line_head h;
	size_t i;

	ATF_REQUIRE(needed < AUDIT_PEEK);
	ATF_REQUIRE_EQ(0, line_peek(line, strlen(line), &h));
	ATF_CHECK_EQ(UINT64_MAX, h.seq);
	ATF_CHECK_EQ(UINT64_MAX - 1, h.run);
	ATF_CHECK_EQ(UINT64_MAX - 2, h.step);
	ATF_CHECK_EQ(1771425022514000, h.time_us);
	ATF_CHECK_STREQ("abcdefghijklmnopqrstuvwxyzabcde", h.event);
	for (i = 0; i <= strlen(line); i++)
		ATF_CHECK_EQ(i < needed ? -1 : 0, line_peek(line, i, &h));
	ATF_CHECK_EQ(-1, line_peek("x" MEMORY_HEAD, 100, &h));
}

#define HEAD_5                                                           \
	"{\"seq\":7,\"time\":\"2026-02-18T14:30:22.514000Z\",\"run\":1," \
	"\"step\":3,\"event\":\"start\""

ATF_TC_WITHOUT_HEAD(vm_id_and_mac_may_be_absent);
ATF_TC_BODY(vm_id_and_mac_may_be_absent, tc)
{
	struct line_head h;
	const char *why = "";

	PARSES(HEAD_5 MEMORY_HASH "}\n");
	ATF_CHECK_STREQ("", h.vm);
	ATF_CHECK_STREQ("", h.id);
	ATF_CHECK(!h.has_mac);
	PARSES(HEAD_5 ",\"vm\":\"work\"" MEMORY_HASH "}\n");
	ATF_CHECK_STREQ("work", h.vm);
	PARSES(HEAD_5 ",\"id\":\"x\"" MEMORY_HASH "}\n");
	ATF_CHECK_STREQ("x", h.id);
}

ATF_TC_WITHOUT_HEAD(values_as_the_writer_makes_them);
ATF_TC_BODY(values_as_the_writer_makes_them, tc)
{
	static const char *const good[] = {"0", "-1", "9",
	    "18446744073709551615", "-9223372036854775808", "true", "false",
	    "\"\"", "\"a\"", "\"\\t\\n\\r\\\"\\\\/\"",
	    "\"\\u00e9\\ud83d\\ude00\""};
	struct line_head h;
	const char *why = "";
	char line[1024];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line),
		    MEMORY_HEAD ",\"x\":%s" MEMORY_HASH "}\n", good[i]);
		PARSES(line);
	}
}

ATF_TC_WITHOUT_HEAD(other_values_are_refused);
ATF_TC_BODY(other_values_are_refused, tc)
{
	static const char *const bad[] = {"", "00", "01", "-0", "-", "+1",
	    "1.0", "1e3", " 1", "1 ", "18446744073709551616",
	    "-9223372036854775809", "tru", "True", "null", "[]", "{}", "'a'",
	    "\"", "\"a", "\"\\", "\"\\u", "\"\\/\"", "\"\\b\"", "\"\\u0041\"",
	    "\"\\u000a\"", "\"\\u007f\"", "\"\\u009b\"", "\"\\u00E9\"",
	    "\"\\u00e\"", "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"",
	    "\"\\ude00\\ud83d\"", "\"\\ud83dx\"", "\"\xc3\xa9\"", "\"\x1b\"",
	    "\"\x7f\"", "\"\n\"", "\"\t\""};
	struct line_head h;
	const char *why;
	char line[1024];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line),
		    MEMORY_HEAD ",\"x\":%s" MEMORY_HASH "}\n", bad[i]);
		ATF_CHECK_EQ_MSG(-1, line_parse(line, strlen(line), &h, &why),
		    "%s", bad[i]);
	}
}

ATF_TC_WITHOUT_HEAD(base64_that_the_writer_would_not_write_is_refused);
ATF_TC_BODY(base64_that_the_writer_would_not_write_is_refused, tc)
{
	static const struct {
		const char *value;
		int want;
	} rows[] = {{"\"G1szMW0=\"", 0}, {"\"AA==\"", 0},
	    {"\"YQ==\"", -1}, /* "a" is text */
	    {"\"w6k=\"", -1}, /* so is e with an accent */
	    {"\"ww==\"", 0},  /* half of it is not */
	    {"\"\"", -1}, {"\"AB==\"", -1}, {"\"AA=\"", -1},
	    {"\"AA==AA==\"", -1}, {"\"A\\n==\"", -1}, {"1", -1}};
	struct line_head h;
	const char *why;
	char line[1024];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line),
		    MEMORY_HEAD ",\"x_b64\":%s" MEMORY_HASH "}\n",
		    rows[i].value);
		ATF_CHECK_EQ_MSG(rows[i].want,
		    line_parse(line, strlen(line), &h, &why), "%s",
		    rows[i].value);
	}
}

ATF_TC_WITHOUT_HEAD(other_forms_are_refused);
ATF_TC_BODY(other_forms_are_refused, tc)
{
	static const char *const bad[] = {"", "\n", "{}\n",
	    MEMORY_HEAD MEMORY_HASH "}", MEMORY_HEAD MEMORY_HASH "}\n\n",
	    MEMORY_HEAD MEMORY_HASH "}\r\n", MEMORY_HEAD "}\n",
	    MEMORY_HEAD MEMORY_MAC "}\n",
	    MEMORY_HEAD MEMORY_MAC MEMORY_HASH "}\n",
	    MEMORY_HEAD MEMORY_HASH MEMORY_HASH "}\n",
	    MEMORY_HEAD MEMORY_HASH ",\"x\":1}\n",
	    MEMORY_HEAD MEMORY_HASH MEMORY_MAC ",\"x\":1}\n",
	    " " MEMORY_HEAD MEMORY_HASH "}\n",
	    MEMORY_HEAD ", \"x\":1" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"x\": 1" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"\":1" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"X\":1" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"x\":1,\"x\":2" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"x\":\"a\",\"x_b64\":\"AA==\"" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"seq\":7" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"vm\":\"work\"" MEMORY_HASH "}\n",
	    MEMORY_HEAD ",\"hash_b64\":\"AA==\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"x\":1,\"vm\":\"work\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"x\":1,\"id\":\"1\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"id\":\"1\",\"vm\":\"work\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"vm\":\"\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"vm\":1" MEMORY_HASH "}\n",
	    HEAD_5 ",\"vm\":\"a\\\\b\"" MEMORY_HASH "}\n",
	    HEAD_5 ",\"vm\":\"abcdefghijklmnopqrstuvwxyzabcdef\"" MEMORY_HASH
		   "}\n",
	    HEAD_5 ",\"hash\":\"11\"}\n",
	    HEAD_5 ",\"hash\":\"" MEMORY_64("111G") "\"}\n",
	    HEAD_5 ",\"hash\":\"" MEMORY_64("AAAA") "\"}\n",
	    HEAD_5 ",\"hash\":1}\n"};
	struct line_head h;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1,
		    line_parse(bad[i], strlen(bad[i]), &h, &why), "row %zu", i);
}

ATF_TC_WITHOUT_HEAD(a_cut_or_changed_head_is_refused);
ATF_TC_BODY(a_cut_or_changed_head_is_refused, tc)
{
	static const char line[] = MEMORY_HEAD ",\"x\":\"y\"" MEMORY_HASH "}\n";
	static const char *const pairs[][2] = {{"seq", "sex"},
	    {"seq\":7", "seq\":\"7\""}, {"seq\":7", "seq\":-7"},
	    {"2026-02-18", "2026-02-30"}, {"Z\"", "z\""},
	    {"\"run\":1,\"step\":3", "\"step\":3,\"run\":1"},
	    {"\"run\":1,", ""}, {"intent", "in\\ttent"},
	    {"intent", "0123456789012345678901234567890123456789"},
	    {"\"intent\"", "5"}};
	struct line_head h;
	const char *why, *at;
	char text[1024];
	size_t i;

	for (i = 0; i < strlen(line); i++)
		ATF_CHECK_EQ(-1, line_parse(line, i, &h, &why));
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		at = strstr(line, pairs[i][0]);
		ATF_REQUIRE(at != NULL);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - line), line,
		    pairs[i][1], at + strlen(pairs[i][0]));
		ATF_CHECK_EQ_MSG(-1, line_parse(text, strlen(text), &h, &why),
		    "%s", pairs[i][1]);
	}
}

ATF_TC_WITHOUT_HEAD(more_fields_than_there_are_is_refused);
ATF_TC_BODY(more_fields_than_there_are_is_refused, tc)
{
	struct line_head h;
	const char *why = "";
	char line[4096];
	int i, n, fields;

	for (fields = 41; fields <= 42; fields++) {
		n = snprintf(line, sizeof(line), MEMORY_HEAD);
		for (i = 0; i < fields; i++)
			n += snprintf(line + n, sizeof(line) - (size_t)n,
			    ",\"x%d\":1", i);
		snprintf(line + n, sizeof(line) - (size_t)n, MEMORY_HASH "}\n");
		ATF_CHECK_EQ(fields == 41 ? 0 : -1,
		    line_parse(line, strlen(line), &h, &why));
	}
}

ATF_TC_WITHOUT_HEAD(a_line_that_is_too_long_is_refused);
ATF_TC_BODY(a_line_that_is_too_long_is_refused, tc)
{
	static char line[AUDIT_LINE_MAX + 1];
	static const char head[] = MEMORY_HEAD ",\"x\":\"",
			  tail[] = "\"" MEMORY_HASH "}\n";
	struct line_head h;
	const char *why;
	size_t len;

	for (len = AUDIT_LINE_MAX; len <= AUDIT_LINE_MAX + 1; len++) {
		memset(line, 'a', len);
		memcpy(line, head, sizeof(head) - 1);
		memcpy(line + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
		ATF_CHECK_EQ(len == AUDIT_LINE_MAX ? 0 : -1,
		    line_parse(line, len, &h, &why));
	}
}

ATF_TC_WITHOUT_HEAD(a_field_s_value_is_what_was_written);
ATF_TC_BODY(a_field_s_value_is_what_was_written, tc)
{
	char out[64];
	uint64_t n;

	memory_begin(&m, &r);
	record_bytes(&r, "body", "caf\xc3\xa9 \xf0\x9f\x98\x80 \"\\\n", 14);
	record_bytes(&r, "raw", "\x1b[0m\0", 5);
	record_u64(&r, "intent", 42);
	record_i64(&r, "minus", -1);
	record_bool(&r, "yes", true);
	ATF_REQUIRE_EQ(0, memory_end(&r, 0));
	ATF_CHECK_EQ(14, line_str(m.data, m.len, "body", out, sizeof(out)));
	ATF_CHECK_STREQ("caf\xc3\xa9 \xf0\x9f\x98\x80 \"\\\n", out);
	ATF_CHECK_EQ(5, line_str(m.data, m.len, "raw", out, sizeof(out)));
	ATF_CHECK(memcmp(out, "\x1b[0m\0", 6) == 0);
	ATF_CHECK_EQ(4, line_str(m.data, m.len, "vm", out, sizeof(out)));
	ATF_CHECK_STREQ("work", out);
	ATF_CHECK_EQ(0, line_u64(m.data, m.len, "intent", &n));
	ATF_CHECK_EQ(42, n);
	ATF_CHECK_EQ(0, line_u64(m.data, m.len, "seq", &n));
	ATF_CHECK_EQ(7, n);
	ATF_CHECK_EQ(-1, line_u64(m.data, m.len, "minus", &n));
	ATF_CHECK_EQ(-1, line_u64(m.data, m.len, "body", &n));
	ATF_CHECK_EQ(-1, line_u64(m.data, m.len, "inten", &n));
	ATF_CHECK_EQ(-1, line_str(m.data, m.len, "intent", out, sizeof(out)));
	ATF_CHECK_EQ(-1, line_str(m.data, m.len, "yes", out, sizeof(out)));
	ATF_CHECK_EQ(-1, line_str(m.data, m.len, "bod", out, sizeof(out)));
}

ATF_TC_WITHOUT_HEAD(a_field_in_a_string_is_not_a_field);
ATF_TC_BODY(a_field_in_a_string_is_not_a_field, tc)
{
	char out[16];
	uint64_t n;

	memory_begin(&m, &r);
	record_str(&r, "body", "\",\"exit\":0,\"status\":\"exited");
	record_u64(&r, "exit", 126);
	record_str(&r, "status", "denied");
	ATF_REQUIRE_EQ(0, memory_end(&r, 0));
	ATF_CHECK_EQ(0, line_u64(m.data, m.len, "exit", &n));
	ATF_CHECK_EQ(126, n);
	ATF_CHECK_EQ(6, line_str(m.data, m.len, "status", out, sizeof(out)));
	ATF_CHECK_STREQ("denied", out);
}

ATF_TC_WITHOUT_HEAD(a_long_value_is_cut_and_counted);
ATF_TC_BODY(a_long_value_is_cut_and_counted, tc)
{
	char out[5];

	memory_begin(&m, &r);
	record_str(&r, "body", "0123456789");
	ATF_REQUIRE_EQ(0, memory_end(&r, 0));
	memset(out, 'x', sizeof(out));
	ATF_CHECK_EQ(10, line_str(m.data, m.len, "body", out, sizeof(out)));
	ATF_CHECK_STREQ("0123", out);
	ATF_CHECK_EQ(10, line_str(m.data, m.len, "body", NULL, 0));
}

/* Text with what must be escaped, or bytes, of a random length. */
static size_t
random_bytes_of_a_vm(char *out, size_t max)
{
	static const char *const parts[] = {"a", "\"", "\\", "\n", "\t", "\r",
	    "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7e", " "};
	size_t i, len = 0, want = memory_random() % (max - 4);

	while (len < want) {
		i = memory_random() % (sizeof(parts) / sizeof(parts[0]));
		memcpy(out + len, parts[i], strlen(parts[i]));
		len += strlen(parts[i]);
	}
	if (memory_random() % 3 == 0 && len > 0)
		out[memory_random() % len] = (char)memory_random();
	return len;
}

ATF_TC_WITHOUT_HEAD(what_is_written_is_read);
ATF_TC_BODY(what_is_written_is_read, tc)
{
	static char body[6000], out[6001];
	struct line_head h;
	const char *why = "";
	uint64_t number, n;
	size_t len;
	int i, mac;

	for (i = 0; i < 3000; i++) {
		len = random_bytes_of_a_vm(body, sizeof(body));
		number = memory_random() >> i % 64;
		mac = i % 2;
		memory_begin(&m, &r);
		record_u64(&r, "intent", number);
		record_bytes(&r, "body", body, len);
		ATF_REQUIRE_EQ(0, memory_end(&r, mac));
		ATF_REQUIRE_EQ_MSG(0, line_parse(m.data, m.len, &h, &why),
		    "%s: %s", why, m.data);
		ATF_REQUIRE_EQ(m.len -
			(size_t)(mac ? AUDIT_TAIL_MAC : AUDIT_TAIL_HASH),
		    h.covered);
		ATF_REQUIRE_EQ(0, line_u64(m.data, m.len, "intent", &n));
		ATF_REQUIRE_EQ(number, n);
		ATF_REQUIRE_EQ((ssize_t)len,
		    line_str(m.data, m.len, "body", out, sizeof(out)));
		ATF_REQUIRE(memcmp(body, out, len) == 0);
	}
}

/* A byte changed in a line: refused, or it says something else, the same way.
 */
ATF_TC_WITHOUT_HEAD(what_is_read_is_what_would_be_written);
ATF_TC_BODY(what_is_read_is_what_would_be_written, tc)
{
	static char body[200], line[4096], out[1024], field[4096];
	struct line_head h;
	const char *why;
	size_t len, line_len;
	ssize_t n;
	int i, k;

	for (i = 0; i < 300; i++) {
		len = random_bytes_of_a_vm(body, sizeof(body));
		memory_begin(&m, &r);
		record_bytes(&r, "body", body, len);
		ATF_REQUIRE_EQ(0, memory_end(&r, 0));
		memcpy(line, m.data, m.len);
		line_len = m.len;
		for (k = 0; k < 100; k++) {
			size_t at = strlen(MEMORY_HEAD) +
			    memory_random() %
				(line_len - AUDIT_TAIL_HASH -
				    strlen(MEMORY_HEAD));
			char was = line[at];

			line[at] = (char)memory_random();
			if (line_parse(line, line_len, &h, &why) == 0 &&
			    (n = line_str(line, line_len, "body", out,
				 sizeof(out))) != -1) {
				memory_begin(&m, &r);
				record_bytes(&r, "body", out, (size_t)n);
				ATF_REQUIRE_EQ(0, record_covered(&r));
				memcpy(field, m.data + strlen(MEMORY_HEAD),
				    m.len - strlen(MEMORY_HEAD) + 1);
				ATF_REQUIRE_MSG(memmem(line, line_len, field,
						    strlen(field)) != NULL,
				    "%.*s", (int)line_len, line);
			}
			line[at] = was;
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, the_head_is_read);
	ATF_TP_ADD_TC(tp, a_lines_beginning_has_its_head);
	ATF_TP_ADD_TC(tp, vm_id_and_mac_may_be_absent);
	ATF_TP_ADD_TC(tp, values_as_the_writer_makes_them);
	ATF_TP_ADD_TC(tp, other_values_are_refused);
	ATF_TP_ADD_TC(tp, base64_that_the_writer_would_not_write_is_refused);
	ATF_TP_ADD_TC(tp, other_forms_are_refused);
	ATF_TP_ADD_TC(tp, a_cut_or_changed_head_is_refused);
	ATF_TP_ADD_TC(tp, more_fields_than_there_are_is_refused);
	ATF_TP_ADD_TC(tp, a_line_that_is_too_long_is_refused);
	ATF_TP_ADD_TC(tp, a_field_s_value_is_what_was_written);
	ATF_TP_ADD_TC(tp, a_field_in_a_string_is_not_a_field);
	ATF_TP_ADD_TC(tp, a_long_value_is_cut_and_counted);
	ATF_TP_ADD_TC(tp, what_is_written_is_read);
	ATF_TP_ADD_TC(tp, what_is_read_is_what_would_be_written);
	return atf_no_error();
}
