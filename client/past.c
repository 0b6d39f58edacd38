#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/entry.h"
#include "client/file.h"
#include "client/history.h"
#include "client/names.h"
#include "client/past.h"
#include "client/queue.h"
#include "client/say.h"
#include "client/show.h"
#include "client/text.h"
#include "client/verify.h"
#include "client/wait.h"
#include "crypto/crypto.h"
#include "wire/id.h"

#define LOG_DEFAULT	20
#define HISTORY_DEFAULT 10
#define LINES_MOST	1000000
#define SEARCH_MAX	(16 * 1024 * 1024)

/* N, or -n N: 0, or EXIT_USAGE. */
static int
how_many(const struct args *a, int32_t *n)
{
	const char *text = a->flag ? a->value : a->argc > 0 ? a->argv[0] : NULL;

	if (text == NULL)
		return (0);
	if (a->flag && a->argc > 0)
		return (usage_error("N or -n N: one of them"));
	if (text_seconds(text, 1, LINES_MOST, n) == -1)
		return (usage_error("N: 1 to %d", LINES_MOST));
	return (0);
}

static size_t
lines(FILE *f)
{
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(f)) != EOF)
		n += c == '\n';
	rewind(f);
	return (n);
}

/* Our lines are escaped already: a backslash in them is no byte of its own. */
static void
show_line(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (line[i] == '\\')
			putchar('\\');
		else
			show_bytes(line + i, 1);
	}
}

static void
last_lines(FILE *f, size_t most)
{
	size_t size = 0, all = lines(f), i;
	char *line = NULL;
	ssize_t n;

	for (i = 0; (n = getline(&line, &size, f)) > 0; i++) {
		if (i + most >= all)
			show_line(line, (size_t)n);
	}
	free(line);
}

int
cmd_log(const struct home *h, const struct args *a)
{
	int32_t n = LOG_DEFAULT;
	uint64_t len;
	FILE *f;
	int fd;

	if (how_many(a, &n) != 0)
		return (EXIT_USAGE);
	fd = file_open(h->dir, "audit.log", "", &len);
	if (fd == -1 && errno == ENOENT)
		return (0); /* nothing was sent yet */
	if (fd == -1 || (f = fdopen(fd, "r")) == NULL) {
		say_errno("audit.log");
		return (EXIT_OTHER);
	}
	last_lines(f, (size_t)n);
	fclose(f);
	return (show_end() == 0 ? 0 : EXIT_OTHER);
}

/* Its id, how it ended, and what it was: a line. */
static bool
list_one(const struct home *h, const char *id, void *arg)
{
	char text[RECEIPT_MAX];
	struct receipt r;
	const char *why;
	ssize_t len = entry_read(h, id, PART_META, text, sizeof(text));

	(void)arg;
	if (len == -1 || receipt_parse(text, (size_t)len, &r, &why) == -1)
		printf("%s  %-11s   -  ", id, "-");
	else
		printf("%s  %-11s %3u  ", id, receipt_status_name(r.status),
		    r.exit);
	queue_show_command(h, id);
	return (true);
}

int
cmd_history(const struct home *h, const struct args *a)
{
	int32_t n = HISTORY_DEFAULT;
	int result;

	if (how_many(a, &n) != 0)
		return (EXIT_USAGE);
	history_sweep(h);
	result = names_history(h, (size_t)n, list_one, NULL);
	result |= show_end();
	return (result == 0 ? 0 : EXIT_OTHER);
}

/* Its bytes, escaped, with a line before them. */
static void
show_part(const struct home *h, const char *id, enum part part,
    const char *title)
{
	uint64_t len;
	char last = '\n';
	int fd = entry_open(h, id, part, &len);

	if (fd == -1)
		return;
	if (len > 0) {
		printf("\n%s (%" PRIu64 " bytes):\n", title, len);
		show_file(fd, len);
		if (pread(fd, &last, 1, (off_t)len - 1) == 1 && last != '\n')
			putchar('\n');
	}
	close(fd);
}

static void
show_time(const char *name, int64_t us)
{
	char text[64];
	time_t s = us / 1000000;
	struct tm tm;

	if (localtime_r(&s, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm) > 0)
		printf("%-10s %s\n", name, text);
}

static void
show_receipt(const struct receipt *r)
{
	if (r->status == RECEIPT_STATUS_COUNT)
		return;
	printf("%-10s %s, exit status %u\n", "ended", /* that it did, and how */
	    receipt_status_name(r->status), r->exit);
	if (r->reason[0] != '\0')
		printf("%-10s %s\n", "reason", r->reason);
	if (r->has_times) {
		show_time("from", r->started_us);
		printf("%-10s %.3f s\n", "for",
		    (double)(r->ended_us - r->started_us) / 1000000);
	}
	if (r->has_log)
		printf("%-10s record %" PRIu64 " of dom0's log\n", "recorded",
		    r->log_seq);
}

/* It is not kept, so this is what there is to compare with. */
static void
show_input(const struct token *t)
{
	char digest[SHA256_HEX + 1];

	hex_print(digest, t->input_sha256, SHA256_LEN);
	printf("%-10s %" PRIu64 " bytes, SHA-256 %s (not kept)\n", "input",
	    t->input_len, digest);
}

int
cmd_history_show(const struct home *h, const struct args *a)
{
	const char *id = a->argv[0], *why;
	enum verified verified;
	struct receipt r;
	struct token t;

	if (!id_valid(id, strlen(id)))
		return (usage_error("history show: not a request's id"));
	if (!history_has_result(h, id)) {
		say_error("%s has no result here; `qvm-remote history` and "
			  "`qvm-remote queue list` show what is here",
		    id);
		return (EXIT_OTHER);
	}
	verified = verify_stored(h, id, &r, &why);
	printf("%-10s %s\n", "request", id);
	if (entry_token(h, id, &t) == 0) {
		show_time("asked", t.issued * 1000000);
		if (t.note[0] != '\0')
			printf("%-10s %s\n", "note", t.note);
		if (t.has_input)
			show_input(&t);
	}
	show_receipt(&r);
	printf("%-10s %s\n", "verified", verified == VERIFIED ? "yes" : why);
	show_part(h, id, PART_COMMAND, "command");
	show_part(h, id, PART_OUT, "output");
	show_part(h, id, PART_ERR, "error output");
	return (show_end() == 0 && verified != FALSIFIED ? 0 : EXIT_OTHER);
}

static bool
holds(const struct home *h, const char *id, enum part part, const char *text)
{
	static char *buf;
	ssize_t n;

	if (buf == NULL && (buf = malloc(SEARCH_MAX)) == NULL)
		return (false);
	n = entry_read(h, id, part, buf, SEARCH_MAX);
	return (n > 0 && memmem(buf, (size_t)n, text, strlen(text)) != NULL);
}

static bool
search_one(const struct home *h, const char *id, void *arg)
{
	static const enum part parts[] = {PART_COMMAND, PART_TOKEN, PART_OUT,
	    PART_ERR};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (holds(h, id, parts[i], arg))
			return (list_one(h, id, NULL));
	}
	return (true);
}

int
cmd_history_search(const struct home *h, const struct args *a)
{
	int result;

	history_sweep(h);
	result = names_history(h, 0, search_one, a->argv[0]);
	result |= show_end();
	return (result == 0 ? 0 : EXIT_OTHER);
}

static bool
verify_one(const struct home *h, const char *id, void *arg)
{
	size_t *counts = arg;
	enum verified verified;
	struct receipt r;
	const char *why;

	verified = verify_stored(h, id, &r, &why);
	counts[verified]++;
	if (verified != VERIFIED)
		printf("%s: %s\n", id, why);
	return (true);
}

int
cmd_history_verify(const struct home *h, const struct args *a)
{
	size_t counts[FALSIFIED + 1] = {0};
	int result;

	(void)a;
	history_sweep(h);
	result = names_history(h, 0, verify_one, counts);
	printf("%zu verified, %zu without a signed answer, %zu wrong\n",
	    counts[VERIFIED], counts[UNSIGNED], counts[FALSIFIED]);
	result |= show_end();
	return (result != 0 ? EXIT_OTHER : counts[FALSIFIED] > 0 ? 1 : 0);
}

/* As dom0 signed it; what it did not sign is no witness. */
static bool
export_one(const struct home *h, const char *id, void *arg)
{
	char text[RECEIPT_MAX];
	size_t *wrong = arg;
	enum verified verified;
	struct receipt r;
	const char *why;
	ssize_t len;

	verified = verify_stored(h, id, &r, &why);
	if (verified == FALSIFIED) {
		say_error("%s: %s; left out", id, why);
		++*wrong;
	}
	if (verified != VERIFIED)
		return (true);
	len = entry_read(h, id, PART_META, text, sizeof(text));
	if (len > 0)
		fwrite(text, 1, (size_t)len, stdout);
	return (true);
}

int
cmd_history_export(const struct home *h, const struct args *a)
{
	size_t wrong = 0;
	int result;

	if (!a->flag)
		return (usage_error("history export: --witness"));
	if (a->argc > 0 && freopen(a->argv[0], "we", stdout) == NULL) {
		say_errno("history export: the file cannot be opened");
		return (EXIT_OTHER);
	}
	history_sweep(h);
	result = names_history(h, 0, export_one, &wrong);
	result |= show_end();
	return (result != 0 ? EXIT_OTHER : wrong > 0 ? 1 : 0);
}
