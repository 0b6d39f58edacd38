#include <stdlib.h>
#include <string.h>

#include "webui/web.h"

/*
 * Server-sent events (HTML, 9.2): that there is something new, and not what; a
 * page asks for that by its own filter.  So there is nothing to queue, and who
 * reads slowly misses nothing.
 */

#define STREAMS_MAX 16
#define PING_MS	    30000 /* a page that is gone is noticed by this */

/* One that ends has its place until it has ended. */
static struct stream {
	struct MHD_Connection *connection; /* NULL: free */
	uint64_t number;
	bool suspended, ends;
	const char *say; /* NULL: nothing */
} streams[VISITS_MAX];
static uint64_t streams_begun;
static struct timer ping;

static void
say(struct stream *s, const char *text)
{
	s->say = text;
	if (s->suspended)
		MHD_resume_connection(s->connection);
	s->suspended = false;
}

static void
say_all(const char *text)
{
	size_t i;

	for (i = 0; i < VISITS_MAX; i++)
		if (streams[i].connection != NULL)
			say(&streams[i], text);
}

static void
say_ping(struct timer *t)
{
	size_t i;

	for (i = 0; i < VISITS_MAX && streams[i].connection == NULL;)
		i++;
	if (i == VISITS_MAX)
		return;
	for (i = 0; i < VISITS_MAX; i++)
		if (streams[i].connection != NULL && streams[i].say == NULL)
			say(&streams[i], ":\n\n");
	timer_start(t, CLOCK_MONOTONIC, PING_MS, say_ping, NULL);
}

static ssize_t
read_stream(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = arg;
	size_t len;

	(void)pos;
	if (s->ends)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->say == NULL) {
		s->suspended = true;
		MHD_suspend_connection(s->connection);
		return 0;
	}
	len = strlen(s->say);
	if (len > max)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	memcpy(buf, s->say, len);
	s->say = NULL;
	return (ssize_t)len;
}

static void
end_stream(void *arg)
{
	struct stream *s = arg;

	s->connection = NULL;
}

/* Where so many are open, the oldest goes: its page may be gone, too. */
static void
end_oldest(void)
{
	struct stream *s, *oldest = NULL;
	size_t open = 0;

	for (s = streams; s < streams + VISITS_MAX; s++) {
		if (s->connection == NULL || s->ends)
			continue;
		open++;
		if (oldest == NULL || s->number < oldest->number)
			oldest = s;
	}
	if (open < STREAMS_MAX)
		return;
	oldest->ends = true;
	say(oldest, NULL);
}

enum MHD_Result
events_open(struct MHD_Connection *c)
{
	struct MHD_Response *r;
	size_t i;

	end_oldest();
	for (i = 0; i < VISITS_MAX && streams[i].connection != NULL;)
		i++;
	if (i == VISITS_MAX)
		return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		    response_text(TYPE_TEXT, "too many pages are open\n"));
	r = response_stream("text/event-stream", read_stream, &streams[i],
	    end_stream);
	if (r == NULL)
		return MHD_NO;
	streams[i] = (struct stream){.connection = c,
	    .number = ++streams_begun,
	    .say = "retry: 2000\n\n"};
	if (!ping.set)
		timer_start(&ping, CLOCK_MONOTONIC, PING_MS, say_ping, NULL);
	return answer(c, MHD_HTTP_OK, r);
}

void
events_tell(void)
{
	say_all("data: new\n\n");
}
