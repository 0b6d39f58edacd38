#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/kept.h"
#include "admin/log.h"
#include "admin/options.h"
#include "admin/requests.h"
#include "admin/show.h"
#include "audit/piece.h"

/* `log output` and `log replay`: a kept output, as it came. */

#define SAME_MAX 1000 /* requests with one id */
#define WIDTH	 66   /* of a row, behind its mark */
#define CHUNK	 65536

static struct {
	int fd[KEPT_FILES];
	uint64_t len[KEPT_FILES];
	bool sealed;
	const char *around; /* of its id's time: looked no further; or NULL */
} kept;

/* The row that is being printed; stream 0: there is none. */
static struct {
	uint32_t stream;
	size_t used; /* columns behind its mark */
} row;

/* Its line goes on: in a row of its own, or nowhere. */
static void
break_row(void)
{
	if (row.stream != 0)
		fputs("\\\n", stdout);
	row.stream = 0;
}

/*
 * Each row behind our mark, no wider than a terminal, and in it printable ASCII
 * alone.  A backslash at its end is ours: no LF came there.
 */
static void
print_byte(uint32_t stream, const uint8_t *byte)
{
	char one[5];
	size_t n;

	escape(one, sizeof(one), byte, 1);
	n = *byte == '\n' ? 0 : strlen(one);
	if (row.stream != stream || row.used + n > WIDTH)
		break_row();
	if (row.stream == 0) {
		fputs(stream == 1 ? "out | " : "err | ", stdout);
		row.stream = stream;
		row.used = 0;
	}
	row.used += n;
	if (*byte != '\n') {
		fputs(one, stdout);
		return;
	}
	putchar('\n');
	row.stream = 0;
}

static void
print_rows(uint32_t stream, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	if (stream == 2 && len > 0)
		fputs(colour("\033[31m"), stdout);
	while (p < end)
		print_byte(stream, p++);
	if (stream == 2 && len > 0)
		fputs(colour("\033[0m"), stdout);
}

static void
write_raw(uint32_t stream, const uint8_t *p, size_t len)
{
	if (stream == 2)
		finish_output();
	if (fwrite(p, 1, len, stream == 1 ? stdout : stderr) != len)
		fail_errno("standard %s", stream == 1 ? "output" : "error");
}

/* Until a piece is due, at that speed. */
static void
wait_until(const struct timespec *start, uint32_t ms, double speed)
{
	int64_t ns = (int64_t)((double)ms * 1000000 / speed) + start->tv_nsec;
	struct timespec at = {.tv_sec = start->tv_sec + ns / 1000000000,
	    .tv_nsec = ns % 1000000000};

	while (
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

static void
read_kept(enum kept_file file, uint64_t at, uint8_t *p, size_t len)
{
	if (segment_read(kept.fd[file], p, len, (off_t)at) != len)
		fail("a kept output: it was cut while it was read");
}

static void
print_piece(enum kept_file file, uint64_t at, uint64_t len,
    void (*piece)(uint32_t, const uint8_t *, size_t))
{
	static uint8_t buf[CHUNK];
	size_t n;

	for (; len > 0; at += n, len -= n) {
		n = len < sizeof(buf) ? (size_t)len : sizeof(buf);
		read_kept(file, at, buf, n);
		piece(file == KEPT_OUT ? 1 : 2, buf, n);
	}
}

/* All pieces in their order; what has no row in the time file comes last. */
static void
play(double speed, void (*piece)(uint32_t, const uint8_t *, size_t))
{
	uint64_t at[2] = {0, 0}, row_at, left;
	uint8_t row_bytes[PIECE_LEN];
	struct timespec start;
	enum kept_file i;
	struct piece p;

	if (clock_gettime(CLOCK_MONOTONIC, &start) == -1)
		fail_errno("clock");
	for (row_at = 0; row_at + PIECE_LEN <= kept.len[KEPT_TIME];
	     row_at += PIECE_LEN) {
		read_kept(KEPT_TIME, row_at, row_bytes, PIECE_LEN);
		piece_read(row_bytes, &p);
		if (p.stream < 1 || p.stream > 2)
			fail("its time file is none");
		i = p.stream == 1 ? KEPT_OUT : KEPT_ERR;
		left = kept.len[i] - at[i];
		if (p.len > left && kept.sealed)
			fail("its time file is of another output");
		if (speed > 0) {
			finish_output();
			wait_until(&start, p.ms, speed);
		}
		if (p.len < left)
			left = p.len;
		print_piece(i, at[i], left, piece);
		at[i] += left;
	}
	for (i = KEPT_OUT; i <= KEPT_ERR; i++)
		print_piece(i, at[i], kept.len[i] - at[i], piece);
}

static void
head_of(const struct place *p, struct line_head *h)
{
	const char *why;

	if (line_parse(line_at(p), p->len, h, &why) == -1)
		fail("the log has changed while it was read");
}

/* The newest of them that ran; NULL: none did. */
static const struct request *
newest(const struct requests *all, const struct filter *f, struct line_head *h)
{
	const struct request *found = NULL;
	struct line_head other;
	size_t i;

	for (i = 0; i < all->count; i++) {
		head_of(&all->list[i].asked, &other);
		if (strcmp(other.event, "intent") != 0)
			continue;
		if (found == NULL) {
			found = &all->list[i];
			*h = other;
		} else if (strcmp(h->vm, other.vm) != 0)
			fail("%s: %s and %s have used this id: name one with "
			     "--vm",
			    f->id, h->vm, other.vm);
	}
	return found;
}

/* The newest that ran under this id. */
static struct request
find_request(const struct log *log, struct filter *f, struct line_head *h)
{
	const struct request *found;
	struct requests all;
	struct request r;

	f->window = (struct window)WINDOW_ALL;
	f->count = SAME_MAX;
	requests_find(log, f, &all);
	found = newest(&all, f, h);
	if (found == NULL && all.around != NULL) {
		/* Then wherever it is: its VM's clock may have been wrong. */
		f->window.since_us = 0;
		free(all.list);
		requests_find(log, f, &all);
		found = newest(&all, f, h);
	}
	if (found == NULL)
		fail("%s: the log has no command with this id that ran", f->id);
	kept.around = all.around;
	r = *found;
	free(all.list);
	return r;
}

static void
load(const struct line_head *h, const struct kept_record *record)
{
	enum kept_file file;
	const char *why;

	for (file = KEPT_OUT; file < KEPT_FILES; file++) {
		why = kept_check(h->vm, h->seq, file, record, &kept.fd[file],
		    &kept.len[file]);
		if (why != NULL)
			fail("kept output %s: %s%s",
			    kept_name(h->vm, h->seq, file), why,
			    kept_is_there(h->vm, h->seq, file)
				? ""
				: ": removed for its age, or taken away: `log "
				  "verify` tells");
	}
}

static void
open_output(struct filter *f)
{
	struct kept_record record;
	static struct log log;
	struct line_head h;
	struct request r;
	const char *line;
	char full[8];

	kept_open();
	log_open(&log);
	r = find_request(&log, f, &h);
	if (line_str(line_at(&r.asked), r.asked.len, "record", full,
		sizeof(full)) == -1)
		fail("%s: its output was not kept: its policy did not say "
		     "`record = full`",
		    f->id);
	if (r.result.len > 0) {
		line = line_at(&r.result);
		kept.sealed = kept_record(line, r.result.len, &record);
	}
	load(&h, kept.sealed ? &record : NULL);
	if (!kept.sealed)
		warn("this output is not sealed: nothing shows that it is "
		     "what the command wrote, or all of it");
}

/* Not beside what --raw writes there. */
static void
note_around(void)
{
	if (kept.around != NULL)
		fprintf(stderr,
		    "%s: note: this one was asked for within %s of the time "
		    "that its id says; a newer one was not looked for\n",
		    our_name, kept.around);
}

static double
parse_speed(const char *s)
{
	double speed = 0;
	char *end = NULL;

	if (s[strspn(s, "0123456789.")] == '\0')
		speed = strtod(s, &end);
	if (end == NULL || end == s || *end != '\0' || speed < 0.1 ||
	    speed > 1000)
		usage_error("log replay: --speed: a number from 0.1 to 1000");
	return speed;
}

/* Its own option is a letter of ours: its argument, or the option itself. */
static const char *
parse(int argc, char **argv, const struct option *options, struct filter *f)
{
	const char *own = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			option_error(argv);
		if (c == 'v')
			filter_vm(f, optarg);
		else
			own = optarg != NULL ? optarg : "";
	}
	if (optind + 1 != argc)
		usage_error("log %s: one id, as `log` shows it", argv[0]);
	filter_id(f, argv[optind]);
	return own;
}

int
command_log_output(int argc, char **argv)
{
	static const struct option options[] = {
	    {"vm", required_argument, NULL, 'v'},
	    {"raw", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	struct filter f = {.vm = NULL};
	bool raw = parse(argc, argv, options, &f) != NULL;

	if (raw && (isatty(STDOUT_FILENO) == 1 || isatty(STDERR_FILENO) == 1))
		fail("--raw: standard output and standard error must be no "
		     "terminal, which would obey what a command wrote");
	open_output(&f);
	if (raw) {
		play(0, write_raw);
		finish_output();
		return 0;
	}
	pager_start(true);
	play(0, print_rows);
	break_row();
	pager_end();
	note_around();
	return 0;
}

int
command_log_replay(int argc, char **argv)
{
	static const struct option options[] = {
	    {"vm", required_argument, NULL, 'v'},
	    {"speed", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	struct filter f = {.vm = NULL};
	const char *speed = parse(argc, argv, options, &f);
	double factor = speed != NULL ? parse_speed(speed) : 1;

	open_output(&f);
	pager_start(false);
	play(factor, print_rows);
	break_row();
	finish_output();
	note_around();
	return 0;
}
