#include "admin/answers.h"

#include <string.h>

#include "admin/admin.h"

/* Where the last intents were: their answers mostly come soon. */
#define INTENTS 1024
static struct {
	uint64_t seq;
	struct place place;
} intents[INTENTS];

void
answers_begin(struct answers *a, const struct cursor *c)
{
	struct line_head h;
	struct place p;

	a->at = *c;
	if (c->seq == 0)
		return;
	if (a->log->count > 0 && c->seq < a->log->segments[0].first) {
		if (c->seq + 1 == a->log->segments[0].first)
			return;
		warn("records %ju to %ju are not there any more (`log verify` "
		     "says why)",
		    (uintmax_t)c->seq + 1,
		    (uintmax_t)a->log->segments[0].first - 1);
		return;
	}
	if (line_of_seq(a->log, c->seq, &p, &h) == NULL ||
	    memcmp(h.hash, c->hash, sizeof(h.hash)) != 0)
		fail("the cursor is not of this log: where its file is "
		     "removed, all is new");
}

/* False: its intent is not there any more. */
static bool
find_intent(const struct answers *a, uint64_t seq, struct place *p)
{
	struct line_head h;

	if (intents[seq % INTENTS].seq == seq) {
		*p = intents[seq % INTENTS].place;
		return true;
	}
	return line_of_seq(a->log, seq, p, &h) != NULL &&
	    strcmp(h.event, "intent") == 0;
}

static void
take_intent(struct answers *a, const struct line_head *h, const char *line,
    const struct place *p)
{
	struct request r = {.seq = h->seq, .run = h->run, .asked = *p};

	intents[h->seq % INTENTS].seq = h->seq;
	intents[h->seq % INTENTS].place = *p;
	if (a->started != NULL && filter_head(a->filter, h) &&
	    filter_command(a->filter, line, p->len))
		a->started(&r, a->arg);
}

static void
take_answer(struct answers *a, const struct line_head *h, const char *line,
    const struct place *p)
{
	struct request r = {.run = h->run, .asked = *p, .result = *p};
	uint64_t intent = 0;

	if (!filter_head(a->filter, h) ||
	    !filter_status(a->filter, line, p->len))
		return;
	if (strcmp(h->event, "result") == 0)
		intent = intent_of(line, p->len);
	r.seq = intent != 0 ? intent : h->seq;
	if (intent != 0 && !find_intent(a, intent, &r.asked))
		warn("record %ju is the result of %ju, which is not there",
		    (uintmax_t)h->seq, (uintmax_t)intent);
	if (filter_command(a->filter, line_at(&r.asked), r.asked.len))
		a->answered(&r, a->arg);
}

static bool
take(const struct line_head *h, const char *line, const struct place *p,
    void *arg)
{
	struct answers *a = arg;

	a->at.seq = h->seq;
	memcpy(a->at.hash, h->hash, sizeof(a->at.hash));
	if (strcmp(h->event, "intent") == 0)
		take_intent(a, h, line, p);
	else if (strcmp(h->event, "refused-summary") != 0)
		take_answer(a, h, line, p);
	return true;
}

void
answers_read(struct answers *a)
{
	struct window w = a->filter->window;

	w.seq = a->at.seq + 1;
	log_forward(a->log, &w, take, a);
}
