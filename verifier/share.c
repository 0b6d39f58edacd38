#include "verifier/verifier.h"

#include <string.h>

#include "verifier/journal.h"

/*
 * How much of the log each VM has used.  By name: neither a restart nor a
 * revocation gives a VM a new share.
 */

static struct share shares[SHARES_MAX];

/* A VM that is not here any more, the one whose newest record is oldest. */
static struct share *
oldest(void)
{
	struct share *s, *best = NULL;

	for (s = shares; s < shares + SHARES_MAX; s++) {
		if (vm_find(s->vm) == NULL &&
		    (best == NULL || s->newest_us < best->newest_us))
			best = s;
	}
	return (best);
}

struct share *
share_of(const char *vm)
{
	struct share *s, *place = NULL;

	for (s = shares; s < shares + SHARES_MAX; s++) {
		if (strcmp(s->vm, vm) == 0)
			return (s);
		if (s->vm[0] == '\0' && place == NULL)
			place = s;
	}
	if (place == NULL)
		place = oldest();
	memset(place, 0, sizeof(*place));
	memcpy(place->vm, vm, strlen(vm) + 1);
	return (place);
}

/* As share_of, for who is served: it is asked each turn. */
static struct share *
share_of_served(struct vm *vm)
{
	if (vm->share == NULL || strcmp(vm->share->vm, vm->name) != 0)
		vm->share = share_of(vm->name);
	return (vm->share);
}

const struct share *
share_next(const struct share *s)
{
	for (s = s == NULL ? shares : s + 1; s < shares + SHARES_MAX; s++) {
		if (s->vm[0] != '\0')
			return (s);
	}
	return (NULL);
}

void
share_forget(void)
{
	memset(shares, 0, sizeof(shares));
}

void
share_drop(const char *vm)
{
	struct share *s;

	for (s = shares; s < shares + SHARES_MAX; s++) {
		if (strcmp(s->vm, vm) == 0)
			memset(s, 0, sizeof(*s));
	}
}

/* A day is UTC's, by the records' own times. */
static void
turn_day(struct share *s, int64_t time_us)
{
	int64_t day = time_us / (86400 * INT64_C(1000000));

	if (day != s->day)
		s->day_bytes = 0;
	s->day = day;
}

void
share_count(const char *vm, int64_t time_us, uint64_t bytes)
{
	struct share *s = share_of(vm);

	turn_day(s, time_us);
	s->day_bytes += bytes;
	s->total_bytes += bytes;
	s->newest_us = time_us;
}

void
share_policy(const char *vm, const uint8_t digest[SHA256_LEN])
{
	struct share *s = share_of(vm);

	memcpy(s->policy, digest, SHA256_LEN);
	s->policy_known = true;
}

static uint32_t
full_for(struct vm *vm, uint64_t len)
{
	uint64_t bytes = record_bound(len) + JOURNAL_RESULT;
	struct share *s = share_of_served(vm);

	turn_day(s, journal_now_us());
	if (s->total_bytes + bytes > vm->policy->log_total)
		return (LOG_FULL_ALL);
	return (s->day_bytes + bytes > vm->policy->log_limit ? LOG_FULL_DAY
							     : LOG_FULL_NOT);
}

bool
share_has(struct vm *vm, uint64_t len)
{
	return (full_for(vm, len) == LOG_FULL_NOT);
}

bool
share_room(struct vm *vm, uint64_t len)
{
	struct share *s = share_of_served(vm);
	uint32_t full = full_for(vm, len);

	if (full != LOG_FULL_NOT && s->full == LOG_FULL_NOT)
		record_event(vm, "share", "used",
		    full == LOG_FULL_DAY ? "of a day" : "in all");
	s->full = full;
	return (full == LOG_FULL_NOT);
}
