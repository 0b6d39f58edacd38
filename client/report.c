#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "client/file.h"
#include "client/json.h"
#include "client/report.h"
#include "crypto/crypto.h"

void
outcome_set(struct outcome *o, const char *status, int exit, const char *reason)
{
	o->status = status;
	o->exit = exit;
	snprintf(o->reason, sizeof(o->reason), "%s", reason);
}

/* One write a line; a reader that is gone is no reason to stop. */
static void
tell(const struct report *r, char *line, size_t size, FILE *f)
{
	long len;

	fputs("}\n", f);
	fflush(f);
	len = ftell(f);
	fclose(f);
	if (len > 0 && (size_t)len < size)
		write_all(r->fd, line, (size_t)len);
}

static FILE *
event(const struct report *r, char *line, size_t size, const char *name,
    const char *id)
{
	FILE *f = r->fd == -1 ? NULL : fmemopen(line, size, "w");

	if (f == NULL)
		return (NULL);
	fprintf(f, "{\"event\":\"%s\",", name);
	json_string(f, "id", id[0] == '\0' ? NULL : id);
	return (f);
}

void
report_queued(const struct report *r, const char *id, int64_t before)
{
	char line[512];
	FILE *f = event(r, line, sizeof(line), "queued", id);

	if (f == NULL)
		return;
	if (before >= 0)
		fprintf(f, ",\"before\":%" PRId64, before);
	tell(r, line, sizeof(line), f);
}

void
report_running(struct report *r, const char *id)
{
	char line[512];
	FILE *f;

	if (r->running)
		return;
	r->running = true;
	if ((f = event(r, line, sizeof(line), "running", id)) != NULL)
		tell(r, line, sizeof(line), f);
}

static void
end(FILE *f, const struct outcome *o)
{
	fputc(',', f);
	json_string(f, "status", o->status);
	fprintf(f, ",\"exit\":%d,", o->exit);
	json_string(f, "reason", o->reason[0] == '\0' ? NULL : o->reason);
}

void
report_exit(struct report *r, const char *id, const struct outcome *o)
{
	char line[2048];
	FILE *f;

	/* It may have ended before anybody told us that it began. */
	if (o->verified && o->receipt.has_times &&
	    o->receipt.status != RECEIPT_CHECKED)
		report_running(r, id);
	if ((f = event(r, line, sizeof(line), "exit", id)) == NULL)
		return;
	end(f, o);
	tell(r, line, sizeof(line), f);
}

static void
put_time(FILE *f, const char *name, int64_t us)
{
	char text[32];
	time_t s = us / 1000000;
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	fprintf(f, ",\"%s\":\"%s.%06dZ\"", name, text, (int)(us % 1000000));
}

static void
put_stream(FILE *f, const char *name, const struct receipt_stream *s, int fd)
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, s->sha256, SHA256_LEN);
	fprintf(f,
	    ",\"%s_written\":%" PRIu64 ",\"%s_kept\":%" PRIu64
	    ",\"%s_sha256\":\"%s\",",
	    name, s->written, name, s->kept, name, hex);
	json_file(f, name, fd, s->kept);
}

static void
put_receipt(FILE *f, const struct receipt *r, int out, int err)
{
	char hex[SHA256_HEX + 1];

	if (r->has_times) {
		put_time(f, "started", r->started_us);
		put_time(f, "ended", r->ended_us);
	}
	hex_print(hex, r->request, SHA256_LEN);
	fprintf(f, ",\"request_sha256\":\"%s\"", hex);
	hex_print(hex, r->log_hash, SHA256_LEN);
	fprintf(f, ",\"log_seq\":%" PRIu64 ",\"log_hash\":\"%s\"", r->log_seq,
	    hex);
	put_stream(f, "out", &r->out, out);
	put_stream(f, "err", &r->err, err);
}

int
report_json(const char *id, const struct outcome *o, int out, int err)
{
	putchar('{');
	json_string(stdout, "id", id[0] == '\0' ? NULL : id);
	end(stdout, o);
	printf(",\"verified\":%s", o->verified ? "true" : "false");
	if (o->verified)
		put_receipt(stdout, &o->receipt, out, err);
	puts("}");
	return (fflush(stdout) == 0 ? 0 : -1);
}
