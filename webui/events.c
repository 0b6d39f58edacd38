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

static struct stream {
	struct MHD_Connection *connection; /* NULL: free */
	bool suspended;
	const char *say; /* NULL: nothing */
} streams[STREAMS_MAX];
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

	for (i = 0; i < STREAMS_MAX; i++)
		if (streams[i].connection != NULL)
			say(&streams[i], text);
}

static void
say_ping(struct timer *t)
{
	size_t i;

	for (i = 0; i < STREAMS_MAX && streams[i].connection == NULL;)
		i++;
	if (i == STREAMS_MAX)
		return;
	for (i = 0; i < STREAMS_MAX; i++)
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

enum MHD_Result
events_open(struct MHD_Connection *c)
{
	struct MHD_Response *r;
	size_t i;

	for (i = 0; i < STREAMS_MAX && streams[i].connection != NULL;)
		i++;
	if (i == STREAMS_MAX)
		return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		    response_text(TYPE_TEXT, "too many pages are open\n"));
	r = response_stream("text/event-stream", read_stream, &streams[i],
	    end_stream);
	if (r == NULL)
		return MHD_NO;
	streams[i].connection = c;
	streams[i].suspended = false;
	streams[i].say = "retry: 2000\n\n";
	timer_start(&ping, CLOCK_MONOTONIC, PING_MS, say_ping, NULL);
	return answer(c, MHD_HTTP_OK, r);
}

void
events_tell(void)
{
	say_all("data: new\n\n");
}
