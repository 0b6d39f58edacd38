#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/kept.h"
#include "admin/requests.h"

/* The kept outputs that the log names, and has not removed so far. */
static struct output {
	uint64_t intent, ended_us;
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1];
	struct kept_record record;
} * outputs;
static size_t output_count, removed_count;
static bool wanted;

void
outputs_begin(void)
{
	wanted = true;
	kept_open();
}

static void
add(const struct line_head *h, const char *line, size_t len)
{
	static const char timing[] = "\"timing_sha256\":";
	struct output o = {.intent = 0};

	/* Most results have none: they are not taken apart for it. */
	if (memmem(line, len, timing, strlen(timing)) == NULL)
		return;
	o.intent = intent_of(line, len);
	if (!kept_record(line, len, &o.record) ||
	    line_u64(line, len, "ended", &o.ended_us) == -1)
		return;
	memcpy(o.vm, h->vm, sizeof(o.vm));
	memcpy(o.id, h->id, sizeof(o.id));
	if ((output_count & (output_count - 1)) == 0) {
		outputs = reallocarray(outputs,
		    output_count == 0 ? 1 : 2 * output_count, sizeof(*outputs));
		if (outputs == NULL)
			fail_errno("memory for kept outputs");
	}
	outputs[output_count++] = o;
}

/* What this VM's record says is gone; before: Unix seconds. */
static void
drop(const char *vm, uint64_t before)
{
	size_t i, left = 0;

	for (i = 0; i < output_count; i++)
		if (strcmp(outputs[i].vm, vm) != 0 ||
		    outputs[i].ended_us / 1000000 >= before)
			outputs[left++] = outputs[i];
	removed_count += output_count - left;
	output_count = left;
}

void
outputs_seen(const struct line_head *h, const char *line, size_t len)
{
	uint64_t before;

	if (!wanted)
		return;
	if (strcmp(h->event, "result") == 0)
		add(h, line, len);
	else if (strcmp(h->event, "outputs-removed") == 0 &&
	    line_u64(line, len, "before", &before) == 0)
		drop(h->vm, before);
}

bool
outputs_are_missing(void)
{
	enum kept_file file;
	size_t i;

	for (i = 0; i < output_count; i++)
		for (file = KEPT_OUT; file < KEPT_FILES; file++)
			if (!kept_is_there(outputs[i].vm, outputs[i].intent,
				file))
				return true;
	return false;
}

static bool
check(const struct output *o)
{
	enum kept_file file;
	const char *why;
	bool good = true;

	for (file = KEPT_OUT; file < KEPT_FILES; file++) {
		why = kept_read(o->vm, o->intent, file, &o->record, NULL, NULL);
		if (why == NULL)
			continue;
		printf("altered: the kept output of %s:%s: %s: %s\n", o->vm,
		    o->id, kept_name(o->vm, o->intent, file), why);
		good = false;
	}
	return good;
}

bool
outputs_check(void)
{
	size_t i, bad = 0;

	for (i = 0; i < output_count; i++)
		bad += !check(&outputs[i]);
	if (output_count + removed_count > 0)
		printf("kept outputs: %zu are as they were recorded, %zu are "
		       "not; %zu were removed for their age\n",
		    output_count - bad, bad, removed_count);
	return bad == 0;
}
