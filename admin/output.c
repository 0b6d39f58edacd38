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

static struct {
	uint8_t *data[KEPT_FILES];
	size_t len[KEPT_FILES];
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

/* All pieces in their order; what has no row in the time file comes last. */
static void
play(double speed, void (*piece)(uint32_t, const uint8_t *, size_t))
{
	size_t at[2] = {0, 0}, row_at, left;
	struct timespec start;
	struct piece p;
	int i;

	if (clock_gettime(CLOCK_MONOTONIC, &start) == -1)
		fail_errno("clock");
	for (row_at = 0; row_at + PIECE_LEN <= kept.len[KEPT_TIME];
	     row_at += PIECE_LEN) {
		piece_read(kept.data[KEPT_TIME] + row_at, &p);
		if (p.stream < 1 || p.stream > 2)
			fail("its time file is none");
		i = (int)p.stream - 1;
		left = kept.len[i] - at[i];
		if (p.len > left && kept.sealed)
			fail("its time file is of another output");
		if (speed > 0) {
			finish_output();
			wait_until(&start, p.ms, speed);
		}
		piece(p.stream, kept.data[i] + at[i],
		    p.len < left ? p.len : left);
		at[i] += p.len < left ? p.len : left;
	}
	for (i = 0; i < 2; i++)
		piece((uint32_t)i + 1, kept.data[i] + at[i],
		    kept.len[i] - at[i]);
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
		why = kept_read(h->vm, h->seq, file, record, &kept.data[file],
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
		    "%s: note: a newer one is not looked for: this one is of "
		    "within %s of the time that the id says\n",
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
