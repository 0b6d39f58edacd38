#include <inttypes.h>

#include "client/progress.h"
#include "client/say.h"

#define STEP_MS 1000

void
progress_begin(struct progress *p, int64_t now)
{
	*p = (struct progress){
	    .wanted = say_progress_wanted(),
	    .since = now,
	    .next = now + STEP_MS,
	};
}

bool
progress_state(struct progress *p, const struct frame *f, int64_t now)
{
	bool known = p->has_state && f->state == p->state &&
	    (f->state == STATE_RUNNING || f->n == p->before);

	p->has_state = true;
	p->state = f->state;
	p->before = f->n;
	if (f->state == STATE_RUNNING)
		p->since = now - (int64_t)f->n * 1000;
	/* A line that is there tells the new state at once. */
	if (p->shown)
		p->next = now;
	else if (f->state == STATE_RUNNING && f->n == 0)
		p->next = now + STEP_MS;
	return (!known);
}

static void
show(const struct progress *p, int64_t seconds)
{
	if (!p->has_state)
		say_progress("waiting for dom0 for %" PRId64 " s", seconds);
	else if (p->state == STATE_QUEUED && p->before == 0)
		say_progress("queued, the next to run");
	else if (p->state == STATE_QUEUED)
		say_progress("queued behind %" PRIu64, p->before);
	else if (p->state == STATE_ASKED)
		say_progress("waiting for approval in dom0");
	else if (seconds == 0)
		say_progress("running");
	else
		say_progress("running for %" PRId64 " s", seconds);
}

void
progress_show(struct progress *p, bool silent, int64_t now)
{
	if (!silent)
		p->wanted = false;
	if (!p->wanted || now < p->next)
		return;
	show(p, (now - p->since) / 1000);
	p->shown = true;
	p->next = now + STEP_MS - (now - p->since) % STEP_MS;
}

int64_t
progress_ms(const struct progress *p, int64_t ms, int64_t now)
{
	return (p->wanted && p->next - now < ms ? p->next - now : ms);
}
