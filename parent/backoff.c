#include "parent/backoff.h"

void
backoff_reset(struct backoff *b)
{
	b->wait_ms = BACKOFF_MIN_MS;
}

/* One more start at once, where the last minute has room for it. */
static bool
burst_take(struct backoff *b, int64_t now_ms)
{
	int64_t *slot = &b->at_once[b->used % BACKOFF_BURST];

	if (b->used >= BACKOFF_BURST && now_ms - *slot < BACKOFF_BURST_MS)
		return false;
	*slot = now_ms;
	/* Only the value modulo BACKOFF_BURST matters from there on. */
	if (++b->used == 2 * BACKOFF_BURST)
		b->used = BACKOFF_BURST;
	return true;
}

int64_t
backoff_after(struct backoff *b, int64_t now_ms, int64_t lasted_ms, bool good)
{
	int64_t wait;

	if (b->wait_ms == 0 || good || lasted_ms >= BACKOFF_LONG_MS)
		backoff_reset(b);
	if (good && burst_take(b, now_ms))
		return 0;
	wait = b->wait_ms;
	b->wait_ms = wait * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait * 2;
	return wait;
}
