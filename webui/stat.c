#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "webui/webui.h"

#define HOURS	24
#define HOUR_US 3600000000ll
#define LOOK	500000 /* records, at most */

/* The 24 hours up to `until`; those of VMs beyond the table count together. */
static struct {
	int64_t until_us;
	uint64_t looked;
	struct {
		char vm[VM_NAME_MAX + 1];
		uint64_t asked[HOURS], refused[HOURS];
	} rows[VMS_MAX + 1];
	size_t count;
} stat;

static size_t
row_of(const char *vm)
{
	size_t i;

	for (i = 0; i < stat.count; i++)
		if (strcmp(stat.rows[i].vm, vm) == 0)
			return i;
	if (stat.count > VMS_MAX)
		return VMS_MAX;
	snprintf(stat.rows[i].vm, sizeof(stat.rows[i].vm), "%s",
	    stat.count < VMS_MAX ? vm : "others");
	return stat.count++;
}

static bool
count(const struct line_head *h, const char *line, const struct place *p,
    void *arg)
{
	int64_t hour = (stat.until_us - h->time_us) / HOUR_US;
	size_t i;

	(void)arg;
	if (hour < 0)
		return true;
	if (hour >= HOURS || stat.looked++ >= LOOK)
		return false;
	i = row_of(h->vm);
	request_count(h, line, p->len, &stat.rows[i].asked[hour],
	    &stat.rows[i].refused[hour]);
	return true;
}

static void
print_hours(const char *name, const uint64_t *hours)
{
	size_t i;

	printf(",\"%s\":[", name);
	for (i = HOURS; i > 0; i--)
		printf("%" PRIu64 "%s", hours[i - 1], i > 1 ? "," : "]");
}

void
stat_print(const struct log *log, int64_t until_us)
{
	struct window w = WINDOW_ALL;
	size_t i;

	stat.until_us = w.until_us = until_us;
	w.since_us = until_us - HOURS * HOUR_US;
	log_backward(log, &w, count, NULL);
	printf("{\"until\":%" PRId64 ",\"whole\":%s,\"vms\":[",
	    until_us / 1000000, stat.looked <= LOOK ? "true" : "false");
	for (i = 0; i < stat.count; i++) {
		printf("%s{\"vm\":\"%s\"", i > 0 ? "," : "", stat.rows[i].vm);
		print_hours("asked", stat.rows[i].asked);
		print_hours("refused", stat.rows[i].refused);
		printf("}");
	}
	printf("]}");
}
