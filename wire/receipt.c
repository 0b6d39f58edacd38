#include "wire/receipt.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "wire/digest.h"
#include "wire/emit.h"
#include "wire/id.h"
#include "wire/scan.h"

#define SECOND INT64_C(1000000) /* in microseconds */

#define OWN (-1)
static const struct {
	const char *name;
	int exit;
} statuses[] = {
#define X(e, name, status) {name, status},
    RECEIPT_STATUSES(X)
#undef X
};
static const char *const status_names[] = {
#define X(e, name, status) name,
    RECEIPT_STATUSES(X)
#undef X
};

const char *
receipt_status_name(enum receipt_status status)
{
	return (status_names[status]);
}

uint8_t
receipt_status_exit(enum receipt_status status, uint8_t own)
{
	int exit = statuses[status].exit;

	return (exit == OWN ? own : (uint8_t)exit);
}

/* The status of a command that ran to an end of its own or at its time. */
static bool
has_run(enum receipt_status status)
{
	return (status == RECEIPT_EXITED || status == RECEIPT_SIGNALED ||
	    status == RECEIPT_TIMEOUT);
}

static bool
time_ok(int64_t us)
{
	return (us >= 0 && us / SECOND <= TIME_MAX);
}

static bool
stream_ok(const struct receipt_stream *s)
{
	return (s->written <= NUMBER_MAX && s->kept <= s->written &&
	    (s->kept > 0 || is_digest_of_nothing(s->sha256)));
}

static bool
exit_ok(const struct receipt *r)
{
	/* 128 + signal, and Linux has signals 1 to 64. */
	if (r->status == RECEIPT_SIGNALED)
		return (r->exit > 128 && r->exit <= 128 + 64);
	return (r->exit == receipt_status_exit(r->status, r->exit));
}

/* NULL, or the rule that the fields break, however they came about. */
static const char *
rule_broken(const struct receipt *r)
{
	size_t len = strnlen(r->id, sizeof(r->id));

	if (!id_valid(r->id, len) && !id_valid_v1_ping(r->id, len))
		return ("id: not a request's id");
	if (r->status >= RECEIPT_STATUS_COUNT)
		return ("status: one of eleven words");
	if (!exit_ok(r))
		return ("exit: not the one of this status");
	if (!text_ok(r->reason, sizeof(r->reason)))
		return ("reason: 1 to 200 printable bytes, or -");
	if (r->has_times && (!time_ok(r->started_us) || !time_ok(r->ended_us)))
		return ("started: seconds with six digits");
	if (!r->has_times && has_run(r->status))
		return ("started: - for a command that ran");
	if (!stream_ok(&r->out))
		return ("out: more kept than written, or a wrong digest");
	if (!stream_ok(&r->err))
		return ("err: more kept than written, or a wrong digest");
	if (r->status == RECEIPT_INTERRUPTED && r->out.kept + r->err.kept > 0)
		return ("out: kept of an interrupted command");
	if (r->has_log && r->log_seq > NUMBER_MAX)
		return ("log: sequence number");
	/* Signed is what had a valid token and was not answered before. */
	if (r->has_log && !r->has_request)
		return ("request: - where there is a log");
	if (r->has_log && r->status == RECEIPT_REPLAYED)
		return ("log: not - for a replay");
	return (NULL);
}

static int64_t
scan_micros(struct scan *s)
{
	int64_t seconds = (int64_t)scan_number(s, TIME_MAX);

	scan_text(s, ".");
	return (seconds * SECOND + scan_digits(s, 6));
}

static void
scan_stream(struct scan *s, struct receipt_stream *stream)
{
	stream->written = scan_number(s, NUMBER_MAX);
	scan_text(s, " ");
	stream->kept = scan_number(s, NUMBER_MAX);
	scan_text(s, " ");
	scan_hex(s, stream->sha256, sizeof(stream->sha256));
	scan_text(s, "\n");
}

static void
scan_head(struct scan *s, struct receipt *r)
{
	scan_text(s, "qvm-remote-receipt 2\n");
	scan_rule(s, "id: not a request's id");
	scan_text(s, "id ");
	scan_field(s, r->id, sizeof(r->id));
	scan_rule(s, "request: SHA-256, or -");
	scan_text(s, "\nrequest ");
	r->has_request = !scan_try(s, "-");
	if (r->has_request)
		scan_hex(s, r->request, sizeof(r->request));
	scan_rule(s, "status: one of eleven words");
	scan_text(s, "\nstatus ");
	r->status = scan_name(s, status_names, RECEIPT_STATUS_COUNT);
	scan_rule(s, "exit: 0 to 255");
	scan_text(s, "\nexit ");
	r->exit = (uint8_t)scan_number(s, UINT8_MAX);
	scan_rule(s, "reason: 1 to 200 printable bytes, or -");
	scan_text(s, "\nreason ");
	if (!scan_try(s, "-\n")) {
		scan_line(s, r->reason, sizeof(r->reason));
		scan_text(s, "\n");
	}
}

static void
scan_times(struct scan *s, struct receipt *r)
{
	scan_rule(s, "started: seconds with six digits, or -");
	scan_text(s, "started ");
	r->has_times = !scan_try(s, "-\n");
	if (!r->has_times) {
		scan_rule(s, "ended: - exactly when started is");
		scan_text(s, "ended -\n");
		return;
	}
	r->started_us = scan_micros(s);
	scan_rule(s, "ended: seconds with six digits");
	scan_text(s, "\nended ");
	r->ended_us = scan_micros(s);
	scan_text(s, "\n");
}

static void
scan_rest(struct scan *s, struct receipt *r)
{
	scan_rule(s, "out: two lengths and SHA-256");
	scan_text(s, "out ");
	scan_stream(s, &r->out);
	scan_rule(s, "err: two lengths and SHA-256");
	scan_text(s, "err ");
	scan_stream(s, &r->err);
	scan_rule(s, "log: sequence number and hash, or -");
	scan_text(s, "log ");
	r->has_log = !scan_try(s, "-\n");
	if (!r->has_log)
		return;
	r->log_seq = scan_number(s, NUMBER_MAX);
	scan_text(s, " ");
	scan_hex(s, r->log_hash, sizeof(r->log_hash));
	scan_rule(s, "mac: 64 lower-case hex digits, where there is a log");
	scan_text(s, "\nmac ");
	scan_hex(s, r->mac, sizeof(r->mac));
	scan_text(s, "\n");
}

int
receipt_parse(const char *text, size_t len, struct receipt *r, const char **why)
{
	struct scan s;

	memset(r, 0, sizeof(*r));
	if (len > RECEIPT_MAX) {
		*why = "receipt: at most 1024 bytes";
		return (-1);
	}
	scan_init(&s, text, len, "the first line is qvm-remote-receipt 2");
	scan_head(&s, r);
	scan_times(&s, r);
	scan_rest(&s, r);
	scan_rule(&s, "after the last line: nothing");
	if (scan_end(&s, why) == 0 && (*why = rule_broken(r)) == NULL)
		return (0);
	memset(r, 0, sizeof(*r));
	return (-1);
}

static void
emit_micros(struct emit *e, const char *name, int64_t us)
{
	emit_text(e, "%s %" PRId64 ".%06" PRId64 "\n", name, us / SECOND,
	    us % SECOND);
}

static void
emit_stream(struct emit *e, const char *name, const struct receipt_stream *s)
{
	emit_text(e, "%s %" PRIu64 " %" PRIu64 " ", name, s->written, s->kept);
	emit_hex(e, s->sha256, sizeof(s->sha256));
	emit_text(e, "\n");
}

static void
emit_head(struct emit *e, const struct receipt *r)
{
	emit_text(e, "qvm-remote-receipt 2\nid %s\nrequest ", r->id);
	if (r->has_request)
		emit_hex(e, r->request, sizeof(r->request));
	else
		emit_text(e, "-");
	emit_text(e, "\nstatus %s\nexit %u\nreason %s\n",
	    status_names[r->status], r->exit,
	    r->reason[0] == '\0' ? "-" : r->reason);
}

ssize_t
receipt_print(char *out, size_t size, const struct receipt *r)
{
	struct emit e;

	if (rule_broken(r) != NULL)
		return (-1);
	emit_init(&e);
	emit_head(&e, r);
	if (r->has_times) {
		emit_micros(&e, "started", r->started_us);
		emit_micros(&e, "ended", r->ended_us);
	} else
		emit_text(&e, "started -\nended -\n");
	emit_stream(&e, "out", &r->out);
	emit_stream(&e, "err", &r->err);
	if (r->has_log) {
		emit_text(&e, "log %" PRIu64 " ", r->log_seq);
		emit_hex(&e, r->log_hash, sizeof(r->log_hash));
		emit_text(&e, "\nmac ");
		emit_hex(&e, r->mac, sizeof(r->mac));
		emit_text(&e, "\n");
	} else
		emit_text(&e, "log -\n");
	return (emit_end(&e, out, size));
}

ssize_t
receipt_v1_print(char *out, size_t size, const char *id, int64_t started_us,
    int64_t ended_us, uint8_t exit)
{
	/* A clock that was set back in between makes no negative duration. */
	int64_t ms = ended_us > started_us ? (ended_us - started_us) / 1000 : 0;
	size_t len = strnlen(id, ID_MAX + 1);
	time_t seconds;
	struct emit e;
	struct tm tm;

	if ((!id_valid(id, len) && !id_valid_v1_ping(id, len)) ||
	    !time_ok(started_us) || !time_ok(ended_us))
		return (-1);
	seconds = (time_t)(started_us / SECOND);
	if (gmtime_r(&seconds, &tm) == NULL)
		return (-1);
	emit_init(&e);
	emit_text(&e, "id=%s\nstarted=%04d-%02d-%02dT%02d:%02d:%02d+00:00\n",
	    id, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
	emit_text(&e, "duration_ms=%" PRId64 "\nexit_code=%u\n", ms, exit);
	return (emit_end(&e, out, size));
}
