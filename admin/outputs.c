#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/kept.h"
#include "admin/requests.h"

#define NAMED_MAX 100

/*
 * Outputs that are not as their records say: each is looked at when its result
 * is read, and a later record may say that it was removed.
 */
static struct output {
	uint64_t intent, ended_us;
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1];
	struct kept_record record;
} suspects[NAMED_MAX];

/* Those that have no place there: all of a VM's are gone when its newest is. */
static struct others {
	char vm[VM_NAME_MAX + 1];
	size_t count;
	uint64_t newest_us;
} * others;

static size_t suspect_count, others_count, good_count, removed_count;
static bool wanted;

void
outputs_begin(void)
{
	wanted = true;
	kept_open();
}

static struct others *
others_of(const char *vm)
{
	struct others *o;
	size_t i;

	for (i = 0; i < others_count; i++)
		if (strcmp(others[i].vm, vm) == 0)
			return &others[i];
	others = reallocarray(others, others_count + 1, sizeof(*others));
	if (others == NULL)
		fail_errno("memory for kept outputs");
	o = &others[others_count++];
	memset(o, 0, sizeof(*o));
	memcpy(o->vm, vm, strlen(vm));
	return o;
}

/* Of too many the latest keep their names: the others may be due for removal. */
static void
suspect(const struct output *o)
{
	struct output first = *o;
	struct others *more;
	size_t i, at = 0;

	if (suspect_count < NAMED_MAX) {
		suspects[suspect_count++] = *o;
		return;
	}
	for (i = 1; i < suspect_count; i++)
		if (suspects[i].ended_us < suspects[at].ended_us)
			at = i;
	if (suspects[at].ended_us < o->ended_us) {
		first = suspects[at];
		suspects[at] = *o;
	}
	more = others_of(first.vm);
	more->count++;
	if (first.ended_us > more->newest_us)
		more->newest_us = first.ended_us;
}

/* Says which of its files are not as they were recorded, where it is to. */
static bool
check(const struct output *o, bool say)
{
	enum kept_file file;
	const char *why;
	bool good = true;

	for (file = KEPT_OUT; file < KEPT_FILES && (good || say); file++) {
		why =
		    kept_check(o->vm, o->intent, file, &o->record, NULL, NULL);
		if (why == NULL)
			continue;
		if (say)
			printf("altered: the kept output of %s:%s: %s: %s\n",
			    o->vm, o->id, kept_name(o->vm, o->intent, file),
			    why);
		good = false;
	}
	return good;
}

static void
look(const struct line_head *h, const char *line, size_t len)
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
	if (check(&o, false))
		good_count++;
	else
		suspect(&o);
}

/* What this VM's record says is gone; before: Unix seconds. */
static void
drop(const char *vm, uint64_t before)
{
	struct others *o;
	size_t i, left = 0;

	for (i = 0; i < suspect_count; i++)
		if (strcmp(suspects[i].vm, vm) != 0 ||
		    suspects[i].ended_us / 1000000 >= before)
			suspects[left++] = suspects[i];
	removed_count += suspect_count - left;
	suspect_count = left;
	for (i = 0; i < others_count; i++) {
		o = &others[i];
		if (strcmp(o->vm, vm) != 0 || o->newest_us / 1000000 >= before)
			continue;
		removed_count += o->count;
		o->count = o->newest_us = 0;
	}
}

void
outputs_seen(const struct line_head *h, const char *line, size_t len)
{
	uint64_t before;

	if (!wanted)
		return;
	if (strcmp(h->event, "result") == 0)
		look(h, line, len);
	else if (strcmp(h->event, "outputs-removed") == 0 &&
	    line_u64(line, len, "before", &before) == 0)
		drop(h->vm, before);
}

bool
outputs_are_suspect(void)
{
	size_t i, more = 0;

	for (i = 0; i < others_count; i++)
		more += others[i].count;
	return suspect_count + more > 0;
}

/* How many there are at least. */
static size_t
say_others(void)
{
	const struct others *o;
	size_t i, bad = 0;

	for (i = 0; i < others_count; i++) {
		o = &others[i];
		if (o->count == 0)
			continue;
		printf("altered: kept outputs of %s: of %zu more, one at least "
		       "is not as it was recorded\n",
		    o->vm, o->count);
		bad++;
	}
	return bad;
}

bool
outputs_check(void)
{
	size_t i, bad = 0, more;

	for (i = 0; i < suspect_count; i++)
		bad += !check(&suspects[i], true);
	good_count += suspect_count - bad;
	more = say_others();
	if (good_count + bad + more + removed_count > 0)
		printf("kept outputs: %zu are as they were recorded, %zu%s are "
		       "not; %zu were removed for their age\n",
		    good_count, bad + more, more > 0 ? " or more" : "",
		    removed_count);
	return bad + more == 0;
}
