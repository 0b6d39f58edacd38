#include <sys/epoll.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "webui/page.h"
#include "webui/web.h"

#define IDLE_S	  30
#define RATE	  65536 /* bytes a second: who takes fewer is cut off */
#define STRANGERS 64	/* with them, so many connections */

/*
 * One visit is one request of a connection.  Those that wait for the log are
 * suspended; their place is what the reader is told as id.
 */
enum visit_state {
	VISIT_FREE,
	VISIT_NEW,
	VISIT_READ, /* all of it is there */
	VISIT_ASKED,
	VISIT_ANSWERED
};
static struct visit {
	enum visit_state state;
	uint32_t id;
	struct MHD_Connection *connection; /* while it waits */
	char target[TARGET_MAX];
	bool download, cookie;
	struct msg_web_answer answer;
	int fd; /* or -1 */
	struct timer deadline;
} visits[VISITS_MAX];

/* Whoever is connected, the oldest first, and whether it has shown a secret. */
static struct guest {
	int fd;
	bool known, gone;
} guests[VISITS_MAX];
static size_t guest_count;

static struct MHD_Daemon *http;
static struct event http_ev;
static struct timer http_timer;
static bool token_used;

/* Before all places are taken the oldest stranger goes. */
static void
make_room(void)
{
	size_t i;

	if (guest_count < STRANGERS)
		return;
	for (i = 0; i < guest_count; i++) {
		if (guests[i].known || guests[i].gone)
			continue;
		guests[i].gone = true;
		shutdown(guests[i].fd, SHUT_RDWR);
		return;
	}
}

static int
socket_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)
	    ->connect_fd;
}

static struct guest *
guest_of(struct MHD_Connection *c)
{
	int fd = socket_of(c);
	size_t i;

	for (i = 0; i < guest_count; i++)
		if (guests[i].fd == fd)
			return &guests[i];
	return NULL;
}

static void
came_or_went(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_ConnectionNotificationCode code)
{
	struct guest *g;

	(void)cls;
	(void)ctx;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		make_room();
		if (guest_count < VISITS_MAX)
			guests[guest_count++] =
			    (struct guest){.fd = socket_of(c)};
		return;
	}
	g = guest_of(c);
	if (g != NULL)
		memmove(g, g + 1,
		    (size_t)(&guests[guest_count--] - (g + 1)) * sizeof(*g));
}

/* NULL: there is no room, or it is too long; the handler says so. */
static void *
begin(void *cls, const char *target, struct MHD_Connection *c)
{
	struct visit *v;
	size_t i, len = strlen(target);

	(void)cls;
	(void)c;
	for (i = 0; i < VISITS_MAX && visits[i].state != VISIT_FREE;)
		i++;
	if (i == VISITS_MAX)
		return NULL;
	v = &visits[i];
	v->state = VISIT_NEW;
	v->id =
	    (v->id & ~(uint32_t)(VISITS_MAX - 1)) + VISITS_MAX + (uint32_t)i;
	v->fd = -1;
	v->download = v->cookie = false;
	len = len < TARGET_MAX ? len : TARGET_MAX - 1;
	memcpy(v->target, target, len);
	v->target[len] = '\0';
	return v;
}

static void
end(void *cls, struct MHD_Connection *c, void **arg,
    enum MHD_RequestTerminationCode code)
{
	struct visit *v = *arg;

	(void)cls;
	(void)c;
	(void)code;
	if (v == NULL)
		return;
	if (v->fd != -1)
		close(v->fd);
	timer_stop(&v->deadline);
	v->state = VISIT_FREE;
}

static enum MHD_Result
take_header(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct asked *a = arg;
	struct {
		const char *name, **value;
	} known[] = {{MHD_HTTP_HEADER_HOST, &a->host},
	    {MHD_HTTP_HEADER_ORIGIN, &a->origin}, {"Sec-Fetch-Site", &a->site},
	    {MHD_HTTP_HEADER_COOKIE, &a->cookie}};
	size_t i;

	(void)kind;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(known[i].name, name) != 0)
			continue;
		a->twice = a->twice || *known[i].value != NULL;
		*known[i].value = value != NULL ? value : "";
	}
	return MHD_YES;
}

static enum MHD_Result
refuse(struct MHD_Connection *c, unsigned int status, const char *why)
{
	return answer(c, status, response_text(TYPE_TEXT, why));
}

/* It waits from here on, for as long as the reader takes. */
static enum MHD_Result
ask(struct visit *v, struct MHD_Connection *c, const struct wanted *w)
{
	if (channel_send(&reader, IMSG_WEB_QUERY, v->id, &w->query,
		sizeof(w->query), -1) == -1)
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too much is asked at once");
	v->state = VISIT_ASKED;
	v->connection = c;
	v->download = w->query.what == WEB_DOWNLOAD;
	v->cookie = w->token;
	MHD_suspend_connection(c);
	return MHD_YES;
}

static enum MHD_Result
serve(struct MHD_Connection *c, const struct wanted *w, struct visit *v)
{
	static const struct {
		const char *type, *text;
	} files[] = {[PAGE_HTML] = {"text/html; charset=utf-8", page_html},
	    [PAGE_CSS] = {"text/css; charset=utf-8", page_css},
	    [PAGE_JS] = {"text/javascript; charset=utf-8", page_js}};
	struct MHD_Response *r;

	if (w->page == PAGE_QUERY)
		return ask(v, c, w);
	if (w->page == PAGE_EVENTS)
		return events_open(c);
	r = response_text(files[w->page].type, files[w->page].text);
	if (!w->token)
		return answer(c, MHD_HTTP_OK, r);
	/* Its address is in the browser's history: the token in it is used. */
	response_cookie(r);
	if (r != NULL)
		MHD_add_response_header(r, MHD_HTTP_HEADER_LOCATION, "/");
	return answer(c, MHD_HTTP_SEE_OTHER, r);
}

static enum MHD_Result
arrived(struct visit *v, struct MHD_Connection *c, const char *method)
{
	struct asked a = {.method = method, .target = v->target};
	struct guest *g = guest_of(c);
	const char *why = "";
	struct wanted w;
	unsigned int status;

	if (strlen(v->target) == TARGET_MAX - 1)
		a.target = NULL;
	MHD_get_connection_values(c, MHD_HEADER_KIND, take_header, &a);
	status = request_parse(&a, &secrets, !token_used, &w, &why);
	if (status != 200)
		return refuse(c, status, why);
	token_used = token_used || w.token;
	if (g != NULL)
		g->known = true;
	return serve(c, &w, v);
}

/* It holds memory for as long as it is read. */
static void
too_slow(struct timer *t)
{
	shutdown(socket_of(t->arg), SHUT_RDWR);
}

/* What the log has said to this visit. */
static enum MHD_Result
answered(struct visit *v, struct MHD_Connection *c)
{
	struct MHD_Response *r;
	bool good = v->answer.status == MHD_HTTP_OK;

	r = response_memfd(!good ? TYPE_TEXT
		: v->download	 ? "application/x-ndjson"
				 : TYPE_JSON,
	    v->fd, v->answer.length);
	v->fd = -1;
	if (r != NULL && v->download && good)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
		    "attachment; filename=\"qvm-remote-log.jsonl\"");
	if (v->cookie)
		response_cookie(r);
	timer_start(&v->deadline, CLOCK_MONOTONIC,
	    (int64_t)(IDLE_S + v->answer.length / RATE) * 1000, too_slow, c);
	return answer(c, v->answer.status, r);
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **arg)
{
	struct visit *v = *arg;

	(void)cls;
	(void)url;
	(void)version;
	(void)upload;
	if (*upload_size > 0 || (v != NULL && v->state == VISIT_ASKED))
		return MHD_NO;
	if (v == NULL)
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "too much is asked at once");
	if (v->state == VISIT_ANSWERED)
		return answered(v, c);
	/* An answer before its end would end the connection, too. */
	if (v->state == VISIT_NEW && strcmp(method, MHD_HTTP_METHOD_GET) == 0) {
		v->state = VISIT_READ;
		return MHD_YES;
	}
	return arrived(v, c, method);
}

void
connections_answer(uint32_t id, const struct msg_web_answer *said, int fd)
{
	struct visit *v = &visits[id % VISITS_MAX];

	/* It has gone meanwhile. */
	if (v->state != VISIT_ASKED || v->id != id) {
		close(fd);
		return;
	}
	v->answer = *said;
	v->fd = fd;
	v->state = VISIT_ANSWERED;
	MHD_resume_connection(v->connection);
}

static void
ready(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
}

static void
due(struct timer *t)
{
	(void)t;
}

void
connections_run(void)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_run(http) == MHD_NO)
		fatalx("libmicrohttpd: run");
	if (MHD_get_timeout(http, &ms) == MHD_YES)
		timer_start(&http_timer, CLOCK_MONOTONIC, (int64_t)ms, due,
		    NULL);
	else
		timer_stop(&http_timer);
}

/* Nothing is decoded but in request.c. */
static size_t
as_it_is(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

void
connections_open(int listener)
{
	const union MHD_DaemonInfo *info;

	http = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
	    NULL, NULL, handle, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
	    MHD_OPTION_CONNECTION_LIMIT, VISITS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
	    MHD_OPTION_URI_LOG_CALLBACK, begin, NULL,
	    MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, end, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, came_or_went, NULL,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (http == NULL)
		fatalx("libmicrohttpd: start");
	info = MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		fatalx("libmicrohttpd: no epoll");
	event_add(&http_ev, info->epoll_fd, EPOLLIN, ready, NULL);
}
