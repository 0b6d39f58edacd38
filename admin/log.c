#include "admin/claims.h"
#include "admin/log.h"
#include "admin/seals.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/when.h"
#include "wire/id.h"

#define SHOW_DEFAULT 20
#define SHOW_MAX     100000
#define COMMAND_SHOW 160 /* bytes of a command's first line */

struct options {
	size_t count;
	const char *vm, *id; /* NULL: any */
	bool json;
};

/* Where a record's line is. */
struct place {
	int fd;
	off_t offset;
	size_t len;
};

/* One request: what was asked (or refused), and what became of it. */
struct request {
	uint64_t seq, run;
	struct place asked, result;
};

/* The last requests: as many as are shown. */
struct ring {
	struct request *list;
	size_t size, count, next;
	uint64_t run; /* of the newest record */
};

static struct reader reader;

static bool
matches(const struct options *o, const struct line_head *h)
{
	return (o->vm == NULL || strcmp(o->vm, h->vm) == 0) &&
	    (o->id == NULL || strcmp(o->id, h->id) == 0);
}

/* The intent that a result belongs to; 0: it stands alone. */
static uint64_t
intent_of(const char *line, size_t len)
{
	uint64_t seq;

	return line_u64(line, len, "intent", &seq) == -1 ? 0 : seq;
}

/* Whether the record is the first that a request has. */
static bool
is_request(const struct line_head *h, const char *line, size_t len)
{
	if (strcmp(h->event, "result") == 0)
		return intent_of(line, len) == 0;
	return strcmp(h->event, "intent") == 0 ||
	    strcmp(h->event, "refused") == 0;
}

void
log_each_record(const struct segment *s,
    void (*fn)(const struct line_head *, const char *, size_t, off_t, void *),
    void *arg)
{
	struct line_head head;
	const char *line, *why;
	off_t offset;
	size_t len;

	reader_start(&reader, s->fd, 0);
	for (;;) {
		offset = reader_offset(&reader);
		if (!reader_line(&reader, &line, &len))
			return;
		if (line_parse(line, len, &head, &why) == -1) {
			warn("segment %" PRIu64 ", byte %jd: %s; what follows "
			     "in it is not shown (`log verify` says more)",
			    s->first, (intmax_t)offset, why);
			return;
		}
		fn(&head, line, len, offset, arg);
	}
}

struct counting {
	const struct options *options;
	size_t count;
};

static void
count_record(const struct line_head *h, const char *line, size_t len,
    off_t offset, void *arg)
{
	struct counting *c = arg;

	(void)offset;
	if (matches(c->options, h) && is_request(h, line, len))
		c->count++;
}

/* The segment from which on there are enough requests. */
static size_t
first_needed(const struct log *log, const struct options *o)
{
	struct counting c = {.options = o};
	size_t i = log->count;

	while (i > 0 && c.count < o->count)
		log_each_record(&log->segments[--i], count_record, &c);
	return i;
}

static void
ring_add(struct ring *ring, const struct request *r)
{
	ring->list[ring->next] = *r;
	ring->next = (ring->next + 1) % ring->size;
	if (ring->count < ring->size)
		ring->count++;
}

/* The i-th, oldest first. */
static struct request *
ring_at(struct ring *ring, size_t i)
{
	return &ring->list[(ring->next + ring->size - ring->count + i) %
	    ring->size];
}

/* They are in order of seq. */
static struct request *
ring_find(struct ring *ring, uint64_t seq)
{
	size_t low = 0, high = ring->count, middle;
	struct request *r;

	while (low < high) {
		middle = low + (high - low) / 2;
		r = ring_at(ring, middle);
		if (r->seq == seq)
			return r;
		if (r->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct collecting {
	const struct options *options;
	struct ring *ring;
	int fd;
};

static void
collect_record(const struct line_head *h, const char *line, size_t len,
    off_t offset, void *arg)
{
	struct collecting *c = arg;
	struct request *r, one = {.seq = h->seq, .run = h->run};
	struct place place = {.fd = c->fd, .offset = offset, .len = len};

	c->ring->run = h->run;
	if (!matches(c->options, h))
		return;
	if (is_request(h, line, len)) {
		one.asked = place;
		if (strcmp(h->event, "intent") != 0)
			one.result = place;
		ring_add(c->ring, &one);
	} else if (strcmp(h->event, "result") == 0) {
		r = ring_find(c->ring, intent_of(line, len));
		if (r != NULL)
			r->result = place;
	}
}

/* A line again, in the reader's buffer. */
static const char *
line_at(const struct place *p)
{
	const char *line;
	size_t len;

	reader_start(&reader, p->fd, p->offset);
	if (!reader_line(&reader, &line, &len) || len != p->len)
		fail("the log has changed while it was read");
	return line;
}

static void
print_time(const char *line, size_t len)
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
	printf("%s  %-12s", text, head.vm);
}

/* What was asked, as one line of printable ASCII. */
static void
asked_text(const char *line, size_t len, char *out, size_t size)
{
	char kind[16], body[COMMAND_SHOW + 1];
	ssize_t n, shown;
	char *lf;

	out[0] = '\0';
	if (line_str(line, len, "kind", kind, sizeof(kind)) > 0 &&
	    strcmp(kind, "run") != 0)
		snprintf(out, size, "[%.*s] ", (int)sizeof(kind) - 1, kind);
	n = line_str(line, len, "body", body, sizeof(body));
	if (n <= 0) {
		if (out[0] == '\0')
			snprintf(out, size, "-");
		return;
	}
	shown = n > COMMAND_SHOW ? COMMAND_SHOW : n;
	lf = memchr(body, '\n', (size_t)shown);
	if (lf != NULL)
		shown = lf - body;
	escape(out + strlen(out), size - strlen(out), body, (size_t)shown);
	/* More than an LF at the end is not shown. */
	if (n > shown + 1 || (n == shown + 1 && lf == NULL))
		strncat(out, " ...", size - strlen(out) - 1);
}

static void
duration_text(int64_t us, char out[32])
{
	int64_t ms = us / 1000, s = ms / 1000;

	if (ms < 1000)
		snprintf(out, 32, "%dms", (int)ms);
	else if (s < 100)
		snprintf(out, 32, "%d.%ds", (int)s, (int)(ms % 1000 / 100));
	else if (s < 100 * 60)
		snprintf(out, 32, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else
		snprintf(out, 32, "%" PRId64 "h%02dm", s / 3600,
		    (int)(s / 60 % 60));
}

static void
print_result(const char *line, size_t len)
{
	char status[16], escaped[64], duration[32] = "-";
	uint64_t status_number = 0, started, ended;

	if (line_str(line, len, "status", status, sizeof(status)) < 0)
		status[0] = '\0';
	if (strcmp(status, "exited") == 0 || strcmp(status, "signaled") == 0) {
		if (line_u64(line, len, "exit", &status_number) == 0)
			snprintf(status, sizeof(status), "%u",
			    (unsigned int)(uint8_t)status_number);
	}
	if (line_u64(line, len, "started", &started) == 0 &&
	    line_u64(line, len, "ended", &ended) == 0 && ended >= started)
		duration_text((int64_t)(ended - started), duration);
	escape(escaped, sizeof(escaped), status, strlen(status));
	printf("  %-11s  %7s  ", escaped, duration);
}

static void
print_reason(const char *line, size_t len)
{
	char reason[REASON_MAX + 1], escaped[4 * REASON_MAX + 1];

	if (line_str(line, len, "reason", reason, sizeof(reason)) <= 0)
		return;
	escape(escaped, sizeof(escaped), reason, strlen(reason));
	printf(" (%s)", escaped);
}

/* What it is for, in the VM's words. */
static void
claim_text(const char *line, size_t len, char *out, size_t size)
{
	char note[NOTE_MAX + 1], escaped[4 * NOTE_MAX + 1];
	ssize_t n;

	out[0] = '\0';
	n = line_str(line, len, "note", note, sizeof(note));
	if (n <= 0 || n > NOTE_MAX)
		return;
	escape(escaped, sizeof(escaped), note, (size_t)n);
	snprintf(out, size, " (the VM claims: %s)", escaped);
}

static void
print_request(const struct request *r, bool running)
{
	char asked[4 * COMMAND_SHOW + 64], claim[4 * NOTE_MAX + 64];
	const char *line;

	line = line_at(&r->asked);
	print_time(line, r->asked.len);
	asked_text(line, r->asked.len, asked, sizeof(asked));
	claim_text(line, r->asked.len, claim, sizeof(claim));
	if (r->result.len == 0) {
		printf("  %-11s  %7s  %s%s\n", running ? "running" : "unknown",
		    "-", asked, claim);
		return;
	}
	line = line_at(&r->result);
	print_result(line, r->result.len);
	printf("%s%s", asked, claim);
	print_reason(line, r->result.len);
	putchar('\n');
}

static void
print_record(const struct place *p)
{
	if (fwrite(line_at(p), 1, p->len, stdout) != p->len)
		fail_errno("standard output");
}

static void
show(struct ring *ring, const struct log *log, bool json)
{
	bool runs = lock_holder(log->lock) != 0;
	struct request *r;
	size_t i;

	for (i = 0; i < ring->count; i++) {
		r = ring_at(ring, i);
		if (!json) {
			print_request(r, runs && r->run == ring->run);
			continue;
		}
		print_record(&r->asked);
		if (r->result.len > 0 &&
		    (r->result.fd != r->asked.fd ||
			r->result.offset != r->asked.offset))
			print_record(&r->result);
	}
	finish_output();
}

static void
log_show(const struct log *log, const struct options *o)
{
	struct ring ring = {.size = o->count};
	struct collecting c = {.options = o, .ring = &ring};
	size_t i;

	ring.list = calloc(ring.size, sizeof(*ring.list));
	if (ring.list == NULL)
		fail_errno("log");
	for (i = first_needed(log, o); i < log->count; i++) {
		c.fd = log->segments[i].fd;
		log_each_record(&log->segments[i], collect_record, &c);
	}
	show(&ring, log, o->json);
	free(ring.list);
}

int64_t
when_option(const char *option, const char *text)
{
	struct timespec now;
	int64_t us;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		fail_errno("clock");
	us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	if (when_parse(text, us, &us) == -1)
		usage_error("%s: `%s` is no time: as 'yesterday', '1 hour "
			    "ago', '2026-02-18 14:30' (local), "
			    "'2026-02-18T14:30:22Z' or @1771425022",
		    option, text);
	return us;
}

static size_t
parse_count(const char *s)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno != 0 || n < 1 ||
	    n > SHOW_MAX)
		usage_error("log: -n: a number from 1 to %d", SHOW_MAX);
	return n;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	enum {
		OPT_VM = 256,
		OPT_ID,
		OPT_JSON
	};
	static const struct option options[] = {
	    {"vm", required_argument, NULL, OPT_VM},
	    {"id", required_argument, NULL, OPT_ID},
	    {"json", no_argument, NULL, OPT_JSON}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			o->count = parse_count(optarg);
			break;
		case OPT_VM:
			o->vm = optarg;
			if (!vm_name_valid(optarg, strlen(optarg)))
				usage_error("log: --vm: no VM has the name %s",
				    optarg);
			break;
		case OPT_ID:
			o->id = optarg;
			if (!id_valid(optarg, strlen(optarg)) &&
			    !id_valid_v1_ping(optarg, strlen(optarg)))
				usage_error("log: --id: %s is no request's id",
				    optarg);
			break;
		case OPT_JSON:
			o->json = true;
			break;
		default:
			option_error(argv);
		}
	}
}

static void
parse_verify(int argc, char **argv)
{
	static const struct option options[] = {
	    {"key", required_argument, NULL, 'k'},
	    {"since-checkpoint", required_argument, NULL, 'c'},
	    {"witness", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	bool input = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			option_error(argv);
		if (strcmp(optarg, "-") == 0 && input)
			usage_error("log verify: `-`: only once");
		input = input || strcmp(optarg, "-") == 0;
		if (c == 'k')
			seals_add(optarg);
		else
			claims_open(optarg, c == 'w');
	}
	if (optind < argc)
		usage_error("log verify: too many words");
}

int
command_log_verify(int argc, char **argv)
{
	static struct log log;

	parse_verify(argc, argv);
	log_open(&log);
	claims_read();
	return log_verify(&log);
}

int
command_log_checkpoint(int argc, char **argv)
{
	static struct log log;

	(void)argv;
	if (argc > 1)
		usage_error("log checkpoint: too many words");
	if (control_checkpoint())
		return 0;
	log_open(&log);
	return log_checkpoint(&log);
}

int
command_log(int argc, char **argv)
{
	struct options o = {.count = SHOW_DEFAULT};
	static struct log log;

	parse_options(argc, argv, &o);
	if (optind < argc)
		usage_error("log: too many words");
	log_open(&log);
	log_show(&log, &o);
	return 0;
}
