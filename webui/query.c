#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/keeper.h"
#include "webui/webui.h"

/*
 * One query is one process (reader.c): what it takes of time and memory is
 * limited there, and all that it leaves behind goes with it.
 */

#define LOOK	   300000 /* records of one answer, at most */
#define LOGS_LINES 2000
#define LOGS_MAX   (1024 * 1024) /* bytes of one answer */

struct asker {
	const struct msg_web_query *q;
	const struct log *log;
	int copy;
	const struct verified *verified;
};

/* 400 and why, where the pattern is none. */
static unsigned int
make_filter(const struct msg_web_query *q, struct filter *f)
{
	char why[256];
	int error;

	f->vm = q->vm[0] != '\0' ? q->vm : NULL;
	f->status = q->status[0] != '\0' ? q->status : NULL;
	f->count = q->count;
	f->look = LOOK;
	f->window = (struct window)WINDOW_ALL;
	f->window.before = q->before;
	f->window.seq = q->seq;
	if (q->since > 0)
		f->window.since_us = q->since * 1000000;
	if (q->until < TIME_MAX)
		f->window.until_us = q->until * 1000000 + 999999;
	f->grep = q->grep[0] != '\0';
	if (!f->grep)
		return 200;
	error = regcomp(&f->regex, q->grep, REG_EXTENDED | REG_NEWLINE);
	if (error == 0)
		return 200;
	regerror(error, &f->regex, why, sizeof(why));
	printf("not a pattern: %s", why);
	return 400;
}

static unsigned int
rows(struct asker *a)
{
	struct filter f = {.grep = false};
	struct requests found;
	size_t i;

	if (make_filter(a->q, &f) != 200)
		return 400;
	requests_find(a->log, &f, &found);
	printf("{\"newest\":%" PRIu64 ",\"changes\":%" PRIu64
	       ",\"next\":%" PRIu64 ",\"rows\":[",
	    log_newest(a->log), keeper_changes, found.more ? found.next : 0);
	for (i = 0; i < found.count; i++) {
		fputs(i > 0 ? ",\n" : "\n", stdout);
		row_print(a->log, &found.list[i]);
	}
	fputs("]}\n", stdout);
	return 200;
}

static unsigned int
download(struct asker *a)
{
	struct filter f = {.grep = false};
	struct requests found;
	size_t i;

	if (make_filter(a->q, &f) != 200)
		return 400;
	requests_find(a->log, &f, &found);
	for (i = found.count; i > 0; i--) {
		row_print_records(a->log, &found.list[i - 1]);
		putchar('\n');
	}
	if (found.more)
		printf("{\"cut\":\"older requests are not here\","
		       "\"before\":%" PRIu64 "}\n",
		    found.next);
	return 200;
}

static unsigned int
request(struct asker *a)
{
	struct filter f = {.count = 1, .window = WINDOW_ALL, .look = LOOK};
	struct requests found;

	f.window.seq = a->q->seq;
	f.window.before = a->q->seq + 1;
	if (a->q->seq > 0)
		requests_find(a->log, &f, &found);
	if (a->q->seq == 0 || found.count == 0) {
		fputs("there is no such request", stdout);
		return 404;
	}
	row_print_records(a->log, &found.list[0]);
	return 200;
}

static unsigned int
hours(struct asker *a)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		fail_errno("clock");
	stat_print(a->log,
	    (a->q->until < now.tv_sec ? a->q->until : now.tv_sec) * 1000000);
	return 200;
}

/* Its lines, as an array. */
static void
print_verified(const struct verified *v)
{
	char text[sizeof(v->text)], *rest = text, *line;
	bool more = false;

	printf(",\"verified\":{\"time\":%" PRId64 ",\"status\":%d,\"text\":[",
	    v->time_us / 1000000, v->status);
	memcpy(text, v->text, sizeof(text));
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		if (more)
			putchar(',');
		print_json(line);
		more = true;
	}
	fputs("]}", stdout);
}

static unsigned int
state(struct asker *a)
{
	printf("{\"version\":\"%s\",\"newest\":%" PRIu64 ",\"daemon\":%s",
	    VERSION, log_newest(a->log),
	    lock_holder(a->log->lock) != 0 ? "true" : "false");
	if (a->verified->time_us != 0)
		print_verified(a->verified);
	fputs("}\n", stdout);
	return 200;
}

/* Where the last so many lines of these bytes begin. */
static size_t
last_lines(const char *buf, size_t len)
{
	size_t lines = 0;

	while (len > 0 && !(buf[len - 1] == '\n' && lines++ == LOGS_LINES))
		len--;
	return len;
}

/*
 * Whole lines alone; of one that is longer than an answer, a part, which stands as
 * a line.
 */
static size_t
whole_lines(const char *buf, size_t len)
{
	size_t n = len;

	while (n > 0 && buf[n - 1] != '\n')
		n--;
	return n == 0 && len == LOGS_MAX ? len : n;
}

static void
print_lines(char *buf, size_t from, size_t n)
{
	char *line, *end;

	fputs("{\"lines\":[", stdout);
	for (line = buf + from; line < buf + n; line = end + 1) {
		end = memchr(line, '\n', (size_t)(buf + n - line));
		if (end == NULL)
			end = buf + n;
		*end = '\0';
		if (line > buf + from)
			putchar(',');
		print_json(line);
	}
}

/*
 * The copy for people, as the viewer before this one gave it.  What is shorter
 * than what was read has been begun anew.
 */
static unsigned int
logs(struct asker *a)
{
	uint64_t offset = a->q->offset;
	static char buf[LOGS_MAX + 1];
	struct stat st = {.st_size = 0};
	size_t n = 0, from = 0;
	uint64_t size;

	if (a->copy != -1 && fstat(a->copy, &st) == -1)
		fail_errno("the readable log");
	size = (uint64_t)st.st_size;
	if (offset > size)
		offset = 0;
	if (offset == 0 && size > LOGS_MAX)
		offset = size - LOGS_MAX;
	if (offset < size)
		n = segment_read(a->copy, buf, LOGS_MAX, (off_t)offset);
	n = whole_lines(buf, n);
	if (a->q->offset == 0)
		from = last_lines(buf, n);
	print_lines(buf, from, n);
	printf("],\"total_bytes\":%" PRIu64 "}\n",
	    offset < size ? offset + n : size);
	return 200;
}

unsigned int
query_answer(const struct msg_web_query *q, const struct log *log, int copy,
    const struct verified *verified)
{
	static unsigned int (*const answers[WEB_WHAT_COUNT])(
	    struct asker *) = {[WEB_ROWS] = rows,
	    [WEB_DOWNLOAD] = download,
	    [WEB_REQUEST] = request,
	    [WEB_STAT] = hours,
	    [WEB_STATE] = state,
	    [WEB_LOGS] = logs};
	struct asker a = {.q = q,
	    .log = log,
	    .copy = copy,
	    .verified = verified};

	return answers[q->what](&a);
}
