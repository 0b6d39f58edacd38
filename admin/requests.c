#include "admin/requests.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "wire/id.h"

#define PENDING_MAX 4096 /* results, before their intents are met */
#define DAY_US	    86400000000ll

struct pending {
	uint64_t intent;
	struct place place;
};

static struct {
	const struct filter *filter;
	struct requests *out;
	size_t room, open; /* of the list; requests without a result in it */
	size_t looked;
	struct pending pending[PENDING_MAX];
	size_t pending_count;
} find;

uint64_t
intent_of(const char *line, size_t len)
{
	uint64_t seq;

	return line_u64(line, len, "intent", &seq) == -1 ? 0 : seq;
}

bool
is_request(const struct line_head *h, const char *line, size_t len)
{
	if (strcmp(h->event, "result") == 0)
		return intent_of(line, len) == 0;
	return strcmp(h->event, "intent") == 0 ||
	    strcmp(h->event, "refused") == 0;
}

/* Without an intent, a result says that nothing ran; pings aside. */
static bool
is_refusal(const struct line_head *h, const char *line, size_t len)
{
	char status[16];

	if (strcmp(h->event, "refused") == 0)
		return true;
	if (line_str(line, len, "status", status, sizeof(status)) < 0)
		return false;
	return strcmp(status, "rejected") == 0 ||
	    strcmp(status, "denied") == 0 || strcmp(status, "expired") == 0 ||
	    strcmp(status, "replayed") == 0;
}

bool
request_count(const struct line_head *h, const char *line, size_t len,
    uint64_t *requests, uint64_t *refused)
{
	uint64_t n;

	if (strcmp(h->event, "refused-summary") == 0) {
		if (line_u64(line, len, "count", &n) == -1)
			n = 0;
		*requests += n;
		*refused += n;
		return true;
	}
	if (is_request(h, line, len)) {
		++*requests;
		*refused +=
		    strcmp(h->event, "intent") != 0 && is_refusal(h, line, len);
	}
	return false;
}

const char *
request_body(const char *line, size_t len, size_t *body_len)
{
	static char body[BODY_MAX + 1];
	ssize_t n = line_str(line, len, "body", body, sizeof(body));

	if (n < 0)
		return NULL;
	*body_len = (size_t)n > BODY_MAX ? BODY_MAX : (size_t)n;
	return body;
}

bool
filter_head(const struct filter *f, const struct line_head *h)
{
	return (f->vm == NULL || strcmp(f->vm, h->vm) == 0) &&
	    (f->id == NULL || strcmp(f->id, h->id) == 0);
}

/* As regexec(3), which says of too little memory that there is no match. */
static bool
matches(const struct filter *f, const char *text, size_t len)
{
	/* What re_search calls a pattern is the same, and is not changed. */
	struct re_pattern_buffer *re = (regex_t *)(uintptr_t)&f->regex;
	regoff_t at;

	at = re_search(re, text, (regoff_t)len, 0, (regoff_t)len, NULL);
	if (at < -1)
		fail("the pattern needs more memory than it may have: a "
		     "simpler one, without \\1 and the like, does with less");
	return at >= 0;
}

bool
filter_command(const struct filter *f, const char *line, size_t len)
{
	const char *body;
	size_t n;

	if (!f->grep)
		return true;
	body = request_body(line, len, &n);
	return body != NULL && matches(f, body, n);
}

bool
filter_status(const struct filter *f, const char *line, size_t len)
{
	char status[16];
	ssize_t n;

	if (f->status == NULL)
		return true;
	n = line_str(line, len, "status", status, sizeof(status));
	return n > 0 && (size_t)n < sizeof(status) &&
	    strcmp(status, f->status) == 0;
}

/* Its intent comes later, further back; the oldest of too many is let go. */
static void
pending_add(uint64_t intent, const struct place *p)
{
	if (find.pending_count == PENDING_MAX)
		memmove(find.pending, find.pending + 1,
		    --find.pending_count * sizeof(find.pending[0]));
	find.pending[find.pending_count++] =
	    (struct pending){.intent = intent, .place = *p};
}

static void
pending_take(uint64_t intent, struct place *p)
{
	size_t i;

	for (i = find.pending_count; i > 0; i--) {
		if (find.pending[i - 1].intent != intent)
			continue;
		*p = find.pending[i - 1].place;
		memmove(find.pending + i - 1, find.pending + i,
		    (find.pending_count-- - i) * sizeof(find.pending[0]));
		return;
	}
}

static void
list_add(const struct request *r)
{
	struct requests *out = find.out;

	if (out->count == find.room) {
		find.room = find.room == 0 ? 64 : find.room * 2;
		out->list =
		    reallocarray(out->list, find.room, sizeof(*out->list));
		if (out->list == NULL)
			fail_errno("log");
	}
	out->list[out->count++] = *r;
	find.open += r->result.len == 0;
}

/* What has no result in the window may get one behind it, which is seen later. */
static bool
may_follow(void)
{
	return find.filter->window.until_us != INT64_MAX ||
	    find.filter->window.before != 0;
}

static bool
looked_enough(void)
{
	return find.filter->look != 0 && find.looked++ >= find.filter->look;
}

static bool
wanted_status(const struct request *r)
{
	if (find.filter->status == NULL || r->result.len == 0)
		return find.filter->status == NULL || may_follow();
	return filter_status(find.filter, line_at(&r->result), r->result.len);
}

/* Those that may still turn out not to be wanted are not counted. */
static bool
enough(void)
{
	size_t sure = find.out->count;

	if (find.filter->status != NULL)
		sure -= find.open;
	return sure >= find.filter->count;
}

static bool
take_backward(const struct line_head *h, const char *line,
    const struct place *p, void *arg)
{
	struct request r = {.seq = h->seq, .run = h->run, .asked = *p};

	(void)arg;
	if (looked_enough()) {
		find.out->more = true;
		return false;
	}
	if (!filter_head(find.filter, h)) {
		find.out->next = h->seq;
		return true;
	}
	if (!is_request(h, line, p->len)) {
		if (strcmp(h->event, "result") == 0)
			pending_add(intent_of(line, p->len), p);
		find.out->next = h->seq;
		return true;
	}
	if (strcmp(h->event, "intent") == 0)
		pending_take(h->seq, &r.result);
	else
		r.result = *p;
	if (filter_command(find.filter, line, p->len) && wanted_status(&r)) {
		find.out->more = enough();
		if (find.out->more)
			return false;
		list_add(&r);
	}
	find.out->next = h->seq;
	return true;
}

/* The list is in order of seq, the highest first. */
static struct request *
list_find(uint64_t seq)
{
	size_t low = 0, high = find.out->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (find.out->list[middle].seq == seq)
			return &find.out->list[middle];
		if (find.out->list[middle].seq > seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool
take_answer(const struct line_head *h, const char *line, const struct place *p,
    void *arg)
{
	struct request *r;

	(void)arg;
	if (filter_head(find.filter, h) && strcmp(h->event, "result") == 0) {
		r = list_find(intent_of(line, p->len));
		if (r != NULL && r->result.len == 0) {
			r->result = *p;
			find.open--;
		}
	}
	return find.open > 0 && !looked_enough();
}

/* Answers that came behind the window, and whether they are wanted. */
static void
finish(const struct log *log)
{
	const struct window *w = &find.filter->window;
	struct window behind = WINDOW_ALL;
	struct requests *out = find.out;
	size_t i, kept = 0;

	behind.seq = w->before;
	if (w->until_us != INT64_MAX)
		behind.since_us = w->until_us;
	find.looked = 0;
	if (find.open > 0 && may_follow())
		log_forward(log, &behind, take_answer, NULL);
	for (i = 0; i < out->count; i++) {
		if (find.filter->status != NULL &&
		    (out->list[i].result.len == 0 ||
			!wanted_status(&out->list[i])))
			continue;
		out->list[kept++] = out->list[i];
	}
	out->count = kept;
	if (kept > find.filter->count) {
		out->count = find.filter->count;
		out->more = true;
		out->next = out->list[out->count - 1].seq;
	}
}

static void
find_in(const struct log *log, const struct filter *f, struct requests *out)
{
	find.filter = f;
	find.out = out;
	find.room = find.open = find.pending_count = find.looked = 0;
	memset(out, 0, sizeof(*out));
	log_backward(log, &f->window, take_backward, NULL);
	finish(log);
}

/* When an honest client's id says that it was made, by its VM's clock. */
static int64_t
id_says(const char *id)
{
	struct tm tm;

	if (id_valid_v1_ping(id, strlen(id)))
		return id_ping_seconds(id) * 1000000;
	id_time(id, &tm);
	return (int64_t)mktime(&tm) * 1000000;
}

/* Around the time that its id says, as far as it must: it is no scan. */
static void
find_near(const struct log *log, const struct filter *f, struct requests *out)
{
	static const struct {
		int64_t us;
		const char *text;
	} around[] = {{DAY_US / 8640, "10 seconds"},
	    {DAY_US / 144, "10 minutes"}, {DAY_US, "a day"}};
	int64_t us = id_says(f->id);
	struct filter near = *f;
	size_t i;

	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		if (i > 0)
			free(out->list);
		near.window.since_us = us - around[i].us;
		if (f->window.until_us > us + around[i].us)
			near.window.until_us = us + around[i].us;
		find_in(log, &near, out);
		out->around = around[i].text;
		if (out->count > 0)
			break;
	}
}

void
requests_find(const struct log *log, const struct filter *f,
    struct requests *out)
{
	if (f->id != NULL && f->window.since_us == INT64_MIN)
		find_near(log, f, out);
	else
		find_in(log, f, out);
}
