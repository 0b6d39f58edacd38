#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/answers.h"
#include "admin/options.h"
#include "admin/show.h"
#include "audit/text.h"

/* log export: what other programs read. */

static bool
ran(const struct request *r)
{
	return r->asked.fd != r->result.fd ||
	    r->asked.offset != r->result.offset;
}

/* A record as it is, but for its LF. */
static void
json_record(const char *name, const struct place *p)
{
	printf("\"%s\":", name);
	if (fwrite(line_at(p), 1, p->len - 1, stdout) != p->len - 1)
		fail_errno("standard output");
}

static void
json_row(const struct request *r, void *arg)
{
	(void)arg;
	putchar('{');
	if (ran(r)) {
		json_record("asked", &r->asked);
		putchar(',');
	}
	json_record("answer", &r->result);
	printf("}\n");
}

/*
 * RFC 4180, of printable ASCII.  A spreadsheet takes what begins with one of
 * these for a formula, and runs what the VM wrote.
 */
static void
csv_text(const char *text, size_t len)
{
	char one[5];
	size_t i;

	putchar('"');
	if (len > 0 && strchr("=+-@|%\t\r", text[0]) != NULL)
		putchar('\'');
	for (i = 0; i < len; i++) {
		escape(one, sizeof(one), text + i, 1);
		printf("%s%s", one[0] == '"' ? "\"" : "", one);
	}
	putchar('"');
}

static void
csv_field(const char *line, size_t len, const char *name)
{
	char text[2048];
	ssize_t n = line_str(line, len, name, text, sizeof(text));

	putchar(',');
	if (n > 0)
		csv_text(text,
		    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void
csv_number(const char *line, size_t len, const char *name)
{
	uint64_t n;

	putchar(',');
	if (line_u64(line, len, name, &n) == 0)
		printf("%" PRIu64, n);
}

static void
csv_asked(const char *line, size_t len)
{
	char time[TIME_TEXT_LEN + 1];
	struct line_head h;
	const char *why;

	if (line_parse(line, len, &h, &why) == -1 ||
	    time_print(time, h.time_us) == -1)
		fail("the log has changed while it was read");
	printf("%s,%s,", time, h.vm);
	csv_text(h.id, strlen(h.id));
	csv_number(line, len, "policy_line");
	csv_field(line, len, "user");
	csv_field(line, len, "note");
}

static void
csv_answer(const char *line, size_t len)
{
	static const char *const numbers[] = {"exit", "started", "ended",
	    "out_written", "err_written"};
	size_t i;

	csv_field(line, len, "status");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		csv_number(line, len, numbers[i]);
	csv_field(line, len, "reason");
	csv_field(line, len, "hidden_reason");
}

static void
csv_row(const struct request *r, void *arg)
{
	const char *body;
	size_t len;

	(void)arg;
	csv_asked(line_at(&r->asked), r->asked.len);
	csv_answer(line_at(&r->result), r->result.len);
	putchar(',');
	body = request_body(line_at(&r->asked), r->asked.len, &len);
	if (body != NULL)
		csv_text(body, len);
	printf("\r\n");
}

void
export_answers(const struct log *log, const struct log_options *o)
{
	struct answers a = {.log = log,
	    .filter = &o->filter,
	    .answered = o->csv ? csv_row : json_row};

	answers_begin(&a, &keeper_cursor);
	if (o->csv)
		printf("time,vm,id,policy_line,user,note,status,exit,started,"
		       "ended,out_written,err_written,reason,hidden_reason,"
		       "command\r\n");
	answers_read(&a);
	finish_output();
	if (o->cursor != NULL)
		keeper_save(&a.at);
}

int
command_log_export(int argc, char **argv)
{
	struct log_options o = {.json = false};
	static struct log log;

	log_options(LOG_EXPORT, argc, argv, &o);
	if (o.cursor != NULL)
		keeper_start(o.cursor, KEEP_CURSOR);
	log_open(&log);
	export_answers(&log, &o);
	return 0;
}
