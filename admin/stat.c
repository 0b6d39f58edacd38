#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/options.h"
#include "admin/show.h"

/* log stat: each VM's requests, in numbers. */

struct row {
	char vm[VM_NAME_MAX + 1];
	uint64_t requests, refused, spent_us;
	int64_t last_us;
};

static struct {
	struct row *rows;
	size_t count;
} stat;

/* In order of names. */
static struct row *
row_of(const char *vm)
{
	size_t low = 0, high = stat.count, middle;
	struct row *r;
	int cmp;

	while (low < high) {
		middle = low + (high - low) / 2;
		cmp = strcmp(vm, stat.rows[middle].vm);
		if (cmp == 0)
			return &stat.rows[middle];
		if (cmp < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (stat.count % 64 == 0) {
		stat.rows = reallocarray(stat.rows, stat.count + 64,
		    sizeof(*stat.rows));
		if (stat.rows == NULL)
			fail_errno("log");
	}
	r = &stat.rows[low];
	memmove(r + 1, r, (stat.count++ - low) * sizeof(*r));
	memset(r, 0, sizeof(*r));
	memcpy(r->vm, vm, strlen(vm));
	return r;
}

static bool
take(const struct line_head *h, const char *line, const struct place *p,
    void *arg)
{
	uint64_t started, ended;
	struct row *r = row_of(h->vm);

	(void)arg;
	r->last_us = h->time_us;
	if (request_count(h, line, p->len, &r->requests, &r->refused))
		return true;
	if (line_u64(line, p->len, "started", &started) == 0 &&
	    line_u64(line, p->len, "ended", &ended) == 0 && ended > started)
		r->spent_us += ended - started;
	return true;
}

static void
print_row(const struct row *r)
{
	time_t t = (time_t)(r->last_us / 1000000);
	char text[32];
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fail("a time that is none");
	printf("%-31s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 ".%03u s  %s\n",
	    r->vm, r->requests, r->refused, r->spent_us / 1000000,
	    (unsigned)(r->spent_us / 1000 % 1000), text);
}

void
stat_requests(const struct log *log, const struct log_options *o)
{
	size_t i;

	log_forward(log, &o->filter.window, take, NULL);
	printf("%-31s %10s %10s %16s  %s\n", "VM", "requests", "refused",
	    "time spent", "last seen");
	for (i = 0; i < stat.count; i++)
		print_row(&stat.rows[i]);
	finish_output();
	free(stat.rows);
}

int
command_log_stat(int argc, char **argv)
{
	struct log_options o = {.json = false};
	static struct log log;

	log_options(LOG_STAT, argc, argv, &o);
	log_open(&log);
	stat_requests(&log, &o);
	return 0;
}
