#include "audit/audit.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/memory.h"

static struct memory m;
static struct record r;

ATF_TC_WITHOUT_HEAD(a_record_is_one_line_of_known_bytes);
ATF_TC_BODY(a_record_is_one_line_of_known_bytes, tc)
{
	static const uint8_t bytes[] = {0x00, 0xab, 0xff};

	memory_begin(&m, &r);
	record_str(&r, "kind", "run");
	record_u64(&r, "big", UINT64_MAX);
	record_i64(&r, "small", INT64_MIN);
	record_i64(&r, "zero", 0);
	record_bool(&r, "yes", true);
	record_bool(&r, "no", false);
	record_hex(&r, "digest", bytes, sizeof(bytes));
	ATF_REQUIRE_EQ(0, memory_end(&r, 1));
	ATF_CHECK_STREQ(MEMORY_HEAD
	    ",\"kind\":\"run\",\"big\":18446744073709551615,"
	    "\"small\":-9223372036854775808,\"zero\":0,\"yes\":true,"
	    "\"no\":false,\"digest\":\"00abff\"" MEMORY_HASH MEMORY_MAC "}\n",
	    m.data);
}

ATF_TC_WITHOUT_HEAD(vm_and_id_may_be_absent);
ATF_TC_BODY(vm_and_id_may_be_absent, tc)
{
	struct record_head head = memory_head;

	head.vm = head.id = NULL;
	record_begin(&r, memory_sink, &m, &head);
	ATF_REQUIRE_EQ(0, memory_end(&r, 0));
	ATF_CHECK_STREQ("{\"seq\":7,\"time\":\"2026-02-18T14:30:22.514000Z\","
			"\"run\":1,\"step\":3,\"event\":\"intent\"" MEMORY_HASH
			"}\n",
	    m.data);
}

ATF_TC_WITHOUT_HEAD(covered_is_all_but_the_tail);
ATF_TC_BODY(covered_is_all_but_the_tail, tc)
{
	size_t covered;

	memory_begin(&m, &r);
	ATF_REQUIRE_EQ(0, record_covered(&r));
	covered = m.len;
	ATF_CHECK_STREQ(MEMORY_HEAD, m.data);
	ATF_REQUIRE_EQ(0, memory_end(&r, 0));
	ATF_CHECK_EQ(covered + AUDIT_TAIL_HASH, m.len);
	memory_begin(&m, &r);
	ATF_REQUIRE_EQ(0, memory_end(&r, 1));
	ATF_CHECK_EQ(covered + AUDIT_TAIL_MAC, m.len);
}

/* What a VM may have written, and how it stands in a line. */
static const struct {
	const char *bytes;
	size_t len;
	const char *field;
} rows[] = {
#define ROW(bytes, field)                       \
	{                                       \
		bytes, sizeof(bytes) - 1, field \
	}
    ROW("", ",\"x\":\"\""),
    ROW("echo ok\n", ",\"x\":\"echo ok\\n\""),
    ROW("\t\r\"\\/", ",\"x\":\"\\t\\r\\\"\\\\/\""),
    ROW("\xc3\xa9", ",\"x\":\"\\u00e9\""),
    ROW("\xc2\xa0", ",\"x\":\"\\u00a0\""),
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is the point */
    ROW("\xe2\x80\xae", ",\"x\":\"\\u202e\""),
    ROW("\xf0\x9f\x98\x80", ",\"x\":\"\\ud83d\\ude00\""),
    ROW("\xf4\x8f\xbf\xbf", ",\"x\":\"\\udbff\\udfff\""),
    ROW("\x00", ",\"x_b64\":\"AA==\""),
    ROW("\x1b[31m", ",\"x_b64\":\"G1szMW0=\""),
    ROW("\x7f", ",\"x_b64\":\"fw==\""),
    ROW("\xc2\x9b", ",\"x_b64\":\"wps=\""),
    ROW("ok\xff", ",\"x_b64\":\"b2v/\""),
    ROW("ok\xc3", ",\"x_b64\":\"b2vD\""),
    ROW("\xed\xa0\x80", ",\"x_b64\":\"7aCA\""),
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

ATF_TC_WITHOUT_HEAD(bytes_are_text_or_base64);
ATF_TC_BODY(bytes_are_text_or_base64, tc)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		memory_begin(&m, &r);
		record_bytes(&r, "x", rows[i].bytes, rows[i].len);
		ATF_REQUIRE_EQ(0, record_covered(&r));
		ATF_CHECK_STREQ(rows[i].field, m.data + strlen(MEMORY_HEAD));
	}
}

static int
memfd_of(const void *data, size_t len)
{
	int fd;

	fd = memfd_create("test", MFD_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, data, len));
	return fd;
}

ATF_TC_WITHOUT_HEAD(a_file_s_bytes_are_the_same);
ATF_TC_BODY(a_file_s_bytes_are_the_same, tc)
{
	size_t i;
	int fd;

	for (i = 0; i < ROWS; i++) {
		fd = memfd_of(rows[i].bytes, rows[i].len);
		memory_begin(&m, &r);
		ATF_CHECK_EQ(0, record_bytes_fd(&r, "x", fd, rows[i].len));
		ATF_REQUIRE_EQ(0, record_covered(&r));
		ATF_CHECK_STREQ(rows[i].field, m.data + strlen(MEMORY_HEAD));
		close(fd);
	}
}

/* Sequences that lie across the pieces in which a file is read. */
ATF_TC_WITHOUT_HEAD(long_bytes_are_the_same_from_memory_and_file);
ATF_TC_BODY(long_bytes_are_the_same_from_memory_and_file, tc)
{
	static const uint8_t emoji[] = {0xf0, 0x9f, 0x98, 0x80};
	static char text[20000], in_memory[sizeof(m.data)];
	size_t shift, i, k;
	int fd;

	for (shift = 0; shift < 4; shift++) {
		memset(text, 'a', shift);
		for (i = shift; i + 4 <= sizeof(text); i += 4)
			memcpy(text + i, emoji, sizeof(emoji));
		if (shift == 3) {
			for (k = 0; k < sizeof(text); k++)
				text[k] = (char)memory_random();
		}
		memory_begin(&m, &r);
		record_bytes(&r, "x", text, i);
		ATF_REQUIRE_EQ(0, memory_end(&r, 0));
		ATF_CHECK(strstr(m.data, shift == 3 ? "x_b64" : "\\ud83d"));
		memcpy(in_memory, m.data, m.len + 1);
		fd = memfd_of(text, i);
		memory_begin(&m, &r);
		ATF_REQUIRE_EQ(0, record_bytes_fd(&r, "x", fd, i));
		ATF_REQUIRE_EQ(0, memory_end(&r, 0));
		ATF_CHECK_STREQ(in_memory, m.data);
		close(fd);
	}
}

ATF_TC_WITHOUT_HEAD(a_file_that_is_too_short_makes_no_record);
ATF_TC_BODY(a_file_that_is_too_short_makes_no_record, tc)
{
	int fd = memfd_of("abc", 3);

	memory_begin(&m, &r);
	ATF_CHECK_EQ(-1, record_bytes_fd(&r, "x", fd, 4));
	ATF_CHECK_EQ(-1, record_covered(&r));
	memory_begin(&m, &r);
	ATF_CHECK_EQ(-1, record_bytes_fd(&r, "x", -1, 4));
	ATF_CHECK_EQ(-1, memory_end(&r, 0));
	close(fd);
}

static int changing_fd;

/* Is called for the first time when the file is read the second time. */
static int
changing_sink(void *arg, const void *data, size_t len)
{
	ATF_REQUIRE_EQ(1, pwrite(changing_fd, "\xff", 1, 19999));
	return memory_sink(arg, data, len);
}

ATF_TC_WITHOUT_HEAD(a_file_that_changes_meanwhile_makes_no_record);
ATF_TC_BODY(a_file_that_changes_meanwhile_makes_no_record, tc)
{
	static char text[20000];

	memset(text, 'a', sizeof(text));
	changing_fd = memfd_of(text, sizeof(text));
	m.len = 0;
	record_begin(&r, changing_sink, &m, &memory_head);
	ATF_CHECK_EQ(-1, record_bytes_fd(&r, "x", changing_fd, sizeof(text)));
	ATF_CHECK_EQ(-1, memory_end(&r, 0));
	close(changing_fd);
}

ATF_TC_WITHOUT_HEAD(a_sink_that_fails_makes_no_record);
ATF_TC_BODY(a_sink_that_fails_makes_no_record, tc)
{
	static char text[10000];
	size_t at, before;

	memset(text, 'a', sizeof(text));
	for (at = 1; at < 10000; at += 1000) {
		memory_begin(&m, &r);
		m.fail_at = at;
		record_bytes(&r, "x", text, sizeof(text));
		ATF_CHECK_EQ(-1, record_covered(&r));
		/* What follows the failure is dropped. */
		before = m.len;
		m.fail_at = 0;
		ATF_CHECK_EQ(-1, memory_end(&r, 0));
		ATF_CHECK_EQ(before, m.len);
	}
}

ATF_TC_WITHOUT_HEAD(a_head_that_cannot_be_read_makes_no_record);
ATF_TC_BODY(a_head_that_cannot_be_read_makes_no_record, tc)
{
	char long_one[ID_MAX + 2];
	const char *const bad[] = {"", "a\"b", "a\\b", "a\nb", "\xc3\xa9",
	    long_one};
	struct record_head head;
	size_t i;

	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		head = memory_head;
		head.id = bad[i];
		record_begin(&r, memory_sink, &m, &head);
		ATF_CHECK_EQ_MSG(-1, record_covered(&r), "id %zu", i);
		head = memory_head;
		head.vm = bad[i];
		record_begin(&r, memory_sink, &m, &head);
		ATF_CHECK_EQ_MSG(-1, record_covered(&r), "vm %zu", i);
		head = memory_head;
		head.event = bad[i];
		record_begin(&r, memory_sink, &m, &head);
		ATF_CHECK_EQ_MSG(-1, record_covered(&r), "event %zu", i);
	}
	head = memory_head;
	head.time_us = -1;
	record_begin(&r, memory_sink, &m, &head);
	ATF_CHECK_EQ(-1, record_covered(&r));
}

/* A command of any bytes, with every other field at its longest. */
ATF_TC_WITHOUT_HEAD(no_record_is_longer_than_its_bound);
ATF_TC_BODY(no_record_is_longer_than_its_bound, tc)
{
	static const char *const fills[] = {"\"", "\xc3\xa9", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80", "a", "\x01"};
	static char body[1024 * 1024];
	char note[2 * NOTE_MAX + 1] = "";
	uint8_t digest[32] = {0};
	size_t i, k, n;

	memset(note, '"', sizeof(note) - 1);
	for (i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		n = strlen(fills[i]);
		for (k = 0; k + n <= sizeof(body); k += n)
			memcpy(body + k, fills[i], n);
		memory_begin(&m, &r);
		record_bytes(&r, "body", body, k);
		record_str(&r, "note", note);
		for (n = 0; n < 4; n++)
			record_hex(&r, "digest", digest, sizeof(digest));
		for (n = 0; n < 12; n++)
			record_i64(&r, "some_number", INT64_MIN);
		ATF_REQUIRE_EQ(0, memory_end(&r, 1));
		ATF_CHECK_MSG(m.len <= record_bound(k), "row %zu: %zu > %zu", i,
		    m.len, (size_t)record_bound(k));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_record_is_one_line_of_known_bytes);
	ATF_TP_ADD_TC(tp, vm_and_id_may_be_absent);
	ATF_TP_ADD_TC(tp, covered_is_all_but_the_tail);
	ATF_TP_ADD_TC(tp, bytes_are_text_or_base64);
	ATF_TP_ADD_TC(tp, a_file_s_bytes_are_the_same);
	ATF_TP_ADD_TC(tp, long_bytes_are_the_same_from_memory_and_file);
	ATF_TP_ADD_TC(tp, a_file_that_is_too_short_makes_no_record);
	ATF_TP_ADD_TC(tp, a_file_that_changes_meanwhile_makes_no_record);
	ATF_TP_ADD_TC(tp, a_sink_that_fails_makes_no_record);
	ATF_TP_ADD_TC(tp, a_head_that_cannot_be_read_makes_no_record);
	ATF_TP_ADD_TC(tp, no_record_is_longer_than_its_bound);
	return atf_no_error();
}
