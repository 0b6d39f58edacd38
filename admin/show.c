#include "admin/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/admin.h"

#define ROWS	      8	 /* of a command */
#define WIDTH	      66 /* of each */
#define WAIT_SHOWN_US 1000000

/* As the classic log names and colours them. */
enum category {
	EXEC,
	CMD,
	AUTH_OK,
	AUTH_FAIL,
	REJECT,
	DONE,
	DONE_FAIL,
	TIMEOUT,
	TRUNC,
	DRY,
	INFO,
	ERROR
};
static const struct {
	const char *name, *colour;
} categories[] = {
    [EXEC] = {"EXEC", "\033[1m"},
    [CMD] = {"CMD", "\033[33m"},
    [AUTH_OK] = {"AUTH-OK", "\033[32m"},
    [AUTH_FAIL] = {"AUTH-FAIL", "\033[1;31m"},
    [REJECT] = {"REJECT", "\033[31m"},
    [DONE] = {"DONE", "\033[32m"},
    [DONE_FAIL] = {"DONE-FAIL", "\033[93m"},
    [TIMEOUT] = {"TIMEOUT", "\033[1;31m"},
    [TRUNC] = {"TRUNC", "\033[35m"},
    [DRY] = {"DRY", "\033[35m"},
    [INFO] = {"INFO", "\033[36m"},
    [ERROR] = {"ERROR", "\033[1;31m"},
};

static const struct {
	const char *status;
	enum category category;
} endings[] = {
    {"timeout", TIMEOUT},
    {"cancelled", INFO},
    {"checked", INFO},
    {"dry-run", DRY},
    {"rejected", REJECT},
    {"denied", REJECT},
    {"expired", REJECT},
    {"replayed", REJECT},
    {"interrupted", ERROR},
};

static void
begin_row(enum category c)
{
	printf("  %s%-10s ", colour(categories[c].colour), categories[c].name);
}

static void
end_row(void)
{
	printf("%s\n", colour("\033[0m"));
}

/* A field's text, escaped; false: there is none. */
static bool
text_field(const char *line, size_t len, const char *name, char *out,
    size_t size)
{
	char raw[512];
	ssize_t n = line_str(line, len, name, raw, sizeof(raw));

	if (n <= 0)
		return false;
	if ((size_t)n >= sizeof(raw))
		n = sizeof(raw) - 1;
	escape(out, size, raw, (size_t)n);
	return true;
}

/*
 * What fits into a row of the bytes up to the end of their line: how many.  A
 * row that is not their last ends with a backslash, which stands alone there.
 */
static size_t
print_folded(const char *body, size_t len)
{
	size_t i, n, used = 0;
	char one[5];

	for (i = 0; i < len && body[i] != '\n'; i++) {
		escape(one, sizeof(one), body + i, 1);
		n = strlen(one);
		if (used + n > WIDTH) {
			putchar('\\');
			return i;
		}
		fputs(one, stdout);
		used += n;
	}
	return i;
}

static void
print_rest(const char *rest, size_t len)
{
	size_t i, lines = 1;

	for (i = 0; i < len; i++)
		lines += rest[i] == '\n';
	printf("  %-10s ... %zu more line%s (%zu bytes)\n", "", lines,
	    lines == 1 ? "" : "s", len);
}

static void
print_command(const char *line, size_t len)
{
	char kind[16] = "";
	const char *body;
	size_t n = 0, done = 0;
	int row;

	(void)line_str(line, len, "kind", kind, sizeof(kind));
	body = request_body(line, len, &n);
	if (strcmp(kind, "ping") == 0 || body == NULL)
		return;
	/* An LF at the end is not shown. */
	if (n > 0 && body[n - 1] == '\n')
		n--;
	for (row = 0; row < ROWS && (done < n || row == 0); row++) {
		if (row == 0)
			begin_row(CMD);
		else
			printf("  %s%-10s ", colour(categories[CMD].colour),
			    "");
		done += print_folded(body + done, n - done);
		done += done < n && body[done] == '\n';
		end_row();
	}
	if (done < n)
		print_rest(body + done, n - done);
}

static void
print_head(const char *line, size_t len)
{
	struct line_head head;
	const char *why;
	char text[32];
	struct tm tm;
	time_t t;

	if (line_parse(line, len, &head, &why) == -1)
		fail("the log has changed while it was read");
	t = (time_t)(head.time_us / 1000000);
	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fail("a time that is none");
	printf("%s%s  %s  %s", colour(categories[EXEC].colour), text, head.vm,
	    head.id);
	end_row();
}

static void
print_note(const char *line, size_t len)
{
	char note[4 * NOTE_MAX + 1];

	if (!text_field(line, len, "note", note, sizeof(note)))
		return;
	begin_row(INFO);
	printf("the VM claims: %s", note);
	end_row();
}

/* Who has allowed what its policy asks about. */
static void
print_person(const struct log *log, uint64_t seq)
{
	char who[256] = "a person", tty[256];
	struct line_head h;
	struct place p;
	const char *line = line_of_seq(log, seq, &p, &h);

	if (line != NULL)
		(void)text_field(line, p.len, "who", who, sizeof(who));
	printf("approved in dom0 by %s", who);
	if (line != NULL && text_field(line, p.len, "tty", tty, sizeof(tty)))
		printf(" on %s", tty);
	printf(" (record %" PRIu64 ")", seq);
}

static void
duration_text(uint64_t us, char out[48])
{
	uint64_t ms = us / 1000, s = ms / 1000;

	if (ms < 1000)
		snprintf(out, 48, "%" PRIu64 "ms", ms);
	else if (s < 100)
		snprintf(out, 48, "%" PRIu64 ".%" PRIu64 "s", s,
		    ms % 1000 / 100);
	else if (s < 100 * 60)
		snprintf(out, 48, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		snprintf(out, 48, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
		    s / 60 % 60);
}

/* Where it had to wait for its turn, or for a person. */
static void
print_wait(const char *line, size_t len)
{
	struct line_head head;
	uint64_t received;
	char duration[48];

	if (line_u64(line, len, "received", &received) == -1 ||
	    line_peek(line, len, &head) == -1 ||
	    (uint64_t)head.time_us < received + WAIT_SHOWN_US)
		return;
	duration_text((uint64_t)head.time_us - received, duration);
	printf(", after a wait of %s", duration);
}

/* What let it run, and as whom. */
static void
print_verdict(const struct log *log, const char *line, size_t len)
{
	char path[2048], user[256];
	uint64_t n;

	begin_row(AUTH_OK);
	if (line_u64(line, len, "approved", &n) == 0)
		print_person(log, n);
	else if (line_u64(line, len, "policy_line", &n) == 0)
		printf("allowed by line %" PRIu64 " of its policy", n);
	else
		printf("allowed, as every command is");
	if (text_field(line, len, "path", path, sizeof(path)))
		printf(": %s", path);
	printf(", as %s",
	    text_field(line, len, "user", user, sizeof(user)) ? user : "root");
	if (line_u64(line, len, "input_length", &n) == 0)
		printf(", with %" PRIu64 " bytes of input", n);
	print_wait(line, len);
	end_row();
}

static enum category
ending_of(const char *line, size_t len, const char *status)
{
	uint64_t n;
	size_t i;

	if (strcmp(status, "exited") == 0)
		return line_u64(line, len, "exit", &n) == 0 && n == 0
		    ? DONE
		    : DONE_FAIL;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (strcmp(status, endings[i].status) == 0)
			return endings[i].category;
	}
	return DONE_FAIL;
}

const char *
show_category(const char *line, size_t len)
{
	struct line_head head;
	char status[16];
	ssize_t n = line_str(line, len, "status", status, sizeof(status));

	if (line_peek(line, len, &head) == 0 &&
	    strcmp(head.event, "refused") == 0)
		return categories[AUTH_FAIL].name;
	if (n < 0 || (size_t)n >= sizeof(status))
		return categories[ERROR].name;
	status[n] = '\0';
	return categories[ending_of(line, len, status)].name;
}

static void
print_stream(const char *line, size_t len, const char *name, const char *what)
{
	char field[16];
	uint64_t n;

	snprintf(field, sizeof(field), "%s_written", name);
	if (line_u64(line, len, field, &n) == 0)
		printf("; %s %" PRIu64 " byte%s", what, n, n == 1 ? "" : "s");
}

/* Where not all that was written was kept. */
static void
print_cut(const char *line, size_t len, const char *name, const char *what)
{
	char field[16];
	uint64_t written, kept;

	snprintf(field, sizeof(field), "%s_written", name);
	if (line_u64(line, len, field, &written) == -1)
		return;
	snprintf(field, sizeof(field), "%s_kept", name);
	if (line_u64(line, len, field, &kept) == -1 || kept >= written)
		return;
	begin_row(TRUNC);
	printf("of the %s, %" PRIu64 " bytes were kept", what, kept);
	end_row();
}

/* What became of it: status, exit status, time, output, and why. */
static void
print_end(const char *line, size_t len, bool refused)
{
	char status[64], reason[4 * REASON_MAX + 1], duration[48];
	uint64_t n, started, ended;

	if (!text_field(line, len, "status", status, sizeof(status)))
		snprintf(status, sizeof(status), "%s", "?");
	begin_row(refused ? AUTH_FAIL : ending_of(line, len, status));
	printf("%s", status);
	if (line_u64(line, len, "exit", &n) == 0)
		printf(" %" PRIu64, n);
	if (text_field(line, len, "reason", reason, sizeof(reason)))
		printf(": %s", reason);
	if (text_field(line, len, "hidden_reason", reason, sizeof(reason)))
		printf(" (which the VM was told; in truth: %s)", reason);
	if (line_u64(line, len, "started", &started) == 0 &&
	    line_u64(line, len, "ended", &ended) == 0 && ended >= started) {
		duration_text(ended - started, duration);
		printf("; took %s", duration);
	}
	print_stream(line, len, "out", "output");
	print_stream(line, len, "err", "error output");
	end_row();
	print_cut(line, len, "out", "output");
	print_cut(line, len, "err", "error output");
}

static void
print_without_end(enum fate fate)
{
	begin_row(fate == FATE_RUNS ? INFO : ERROR);
	printf("%s", fate == FATE_RUNS ? "running" : "its end is unknown");
	end_row();
}

void
show_announced(const struct request *r)
{
	print_head(line_at(&r->asked), r->asked.len);
	print_without_end(FATE_RUNS);
}

void
show_request(const struct log *log, const struct request *r, enum fate fate)
{
	const char *line = line_at(&r->asked);
	bool ran =
	    r->result.offset != r->asked.offset || r->result.fd != r->asked.fd;
	struct line_head head;

	print_head(line, r->asked.len);
	print_command(line, r->asked.len);
	print_note(line, r->asked.len);
	if (ran)
		print_verdict(log, line, r->asked.len);
	if (r->result.len == 0) {
		print_without_end(fate);
		return;
	}
	line = line_at(&r->result);
	print_end(line, r->result.len,
	    line_peek(line, r->result.len, &head) == 0 &&
		strcmp(head.event, "refused") == 0);
}
