#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/show.h"
#include "webui/webui.h"

#define COMMAND_MAX 240 /* bytes of a command in a list */

static int
sink(void *arg, const void *data, size_t len)
{
	(void)arg;
	return fwrite(data, 1, len, stdout) == len ? 0 : -1;
}

/* A field, where the record has it. */
static void
copy_number(struct record *r, const char *line, size_t len, const char *name)
{
	uint64_t n;

	if (line_u64(line, len, name, &n) == 0)
		record_u64(r, name, n);
}

static void
copy_text(struct record *r, const char *line, size_t len, const char *name)
{
	char text[512];
	ssize_t n = line_str(line, len, name, text, sizeof(text));

	if (n > 0)
		record_bytes(r, name, text,
		    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text));
}

/* Its beginning, not cut within a character. */
static void
print_command(struct record *r, const char *line, size_t len)
{
	size_t n, cut;
	const char *body = request_body(line, len, &n);

	if (body == NULL)
		return;
	cut = n < COMMAND_MAX ? n : COMMAND_MAX;
	while (cut > 0 && cut < n && ((uint8_t)body[cut] & 0xc0) == 0x80)
		cut--;
	record_bytes(r, "command", body, cut);
	if (cut < n)
		record_bool(r, "command_cut", true);
}

static void
print_asked(struct record *r, const char *line, size_t len)
{
	copy_text(r, line, len, "kind");
	copy_text(r, line, len, "note");
	copy_text(r, line, len, "user");
	print_command(r, line, len);
}

static void
print_answer(struct record *r, const char *line, size_t len)
{
	static const char *const numbers[] = {"exit", "started", "ended",
	    "out_written", "err_written"};
	size_t i;

	record_str(r, "category", show_category(line, len));
	copy_text(r, line, len, "status");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		copy_number(r, line, len, numbers[i]);
	copy_text(r, line, len, "reason");
}

/* Without an answer it runs, where its daemon does. */
static bool
still_runs(const struct log *log, const struct request *r)
{
	struct line_head h;
	char buf[AUDIT_PEEK];
	size_t n;

	n = segment_read(log->segments[log->count - 1].fd, buf, sizeof(buf), 0);
	return line_peek(buf, n, &h) == 0 && h.run == r->run &&
	    lock_holder(log->lock) != 0;
}

static void
print_open(struct record *r, const struct log *log, const struct request *q)
{
	bool runs = still_runs(log, q);

	record_str(r, "category", runs ? "INFO" : "ERROR");
	record_str(r, "status", runs ? "running" : "unknown");
}

void
row_print(const struct log *log, const struct request *q)
{
	struct record_head head;
	static struct record r;
	struct line_head h;
	const char *line, *why;

	line = line_at(&q->asked);
	if (line_parse(line, q->asked.len, &h, &why) == -1)
		fail("the log has changed while it was read");
	head = (struct record_head){.seq = h.seq,
	    .time_us = h.time_us,
	    .run = h.run,
	    .step = h.step,
	    .event = h.event,
	    .vm = h.vm[0] != '\0' ? h.vm : NULL,
	    .id = h.id[0] != '\0' ? h.id : NULL};
	record_begin(&r, sink, NULL, &head);
	print_asked(&r, line, q->asked.len);
	if (q->result.len == 0)
		print_open(&r, log, q);
	else
		print_answer(&r, line_at(&q->result), q->result.len);
	if (record_covered(&r) == -1 || putchar('}') == EOF)
		fail_errno("the answer");
}

static void
print_record(const char *name, const char *line, size_t len)
{
	printf("\"%s\":", name);
	fwrite(line, 1, len - 1, stdout);
}

void
row_print_records(const struct log *log, const struct request *q)
{
	const char *line = line_at(&q->asked);
	uint64_t approved = 0;
	struct line_head h;
	struct place p;

	putchar('{');
	print_record("asked", line, q->asked.len);
	(void)line_u64(line, q->asked.len, "approved", &approved);
	if (q->result.len > 0) {
		putchar(',');
		print_record("answer", line_at(&q->result), q->result.len);
	}
	if (approved != 0 &&
	    (line = line_of_seq(log, approved, &p, &h)) != NULL) {
		putchar(',');
		print_record("approved", line, p.len);
	}
	putchar('}');
	if (ferror(stdout))
		fail_errno("the answer");
}
