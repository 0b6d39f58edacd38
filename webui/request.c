#include "webui/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "imsg/imsg.h"

#define ROWS_MAX     200
#define DOWNLOAD_MAX 10000

/* The parameters of a page's address. */
enum {
	P_TOKEN = 1,
	P_SEQ = 2,
	P_BEFORE = 4,
	P_COUNT = 8,
	P_SINCE = 16,
	P_UNTIL = 32,
	P_VM = 64,
	P_STATUS = 128,
	P_GREP = 256,
	P_OFFSET = 512
};
#define P_FILTER                                                            \
	(P_SEQ | P_BEFORE | P_COUNT | P_SINCE | P_UNTIL | P_VM | P_STATUS | \
	    P_GREP)

static const struct {
	const char *path;
	enum page page;
	enum web_what what;
	unsigned takes; /* and a token */
} pages[] = {
    {"/", PAGE_HTML, 0, 0},
    {"/page.css", PAGE_CSS, 0, 0},
    {"/page.js", PAGE_JS, 0, 0},
    {"/api/events", PAGE_EVENTS, 0, 0},
    {"/api/rows", PAGE_QUERY, WEB_ROWS, P_FILTER},
    {"/api/download", PAGE_QUERY, WEB_DOWNLOAD, P_FILTER},
    {"/api/request", PAGE_QUERY, WEB_REQUEST, P_SEQ},
    {"/api/stat", PAGE_QUERY, WEB_STAT, P_UNTIL},
    {"/api/state", PAGE_QUERY, WEB_STATE, 0},
    {"/api/logs", PAGE_QUERY, WEB_LOGS, P_OFFSET},
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

struct values {
	unsigned given;
	uint64_t count;
	char token[SECRET_LEN + 1];
	struct msg_web_query *q;
};

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One value, decoded; printable ASCII, and not more than fits: 0, or -1. */
static int
take_text(char *out, size_t size, const char *in, size_t len)
{
	size_t i, used = 0;
	char c;

	for (i = 0; i < len; i++) {
		c = in[i] == '+' ? ' ' : in[i];
		if (c == '%') {
			if (len - i < 3 || digit(in[i + 1]) == -1 ||
			    digit(in[i + 2]) == -1)
				return -1;
			c = (char)(digit(in[i + 1]) << 4 | digit(in[i + 2]));
			i += 2;
		}
		if (c < 0x20 || c > 0x7e || used + 1 >= size)
			return -1;
		out[used++] = c;
	}
	memset(out + used, 0, size - used);
	return 0;
}

/* Up to 2^53, which is what JSON's readers know. */
static int
take_number(uint64_t *out, const char *in, size_t len)
{
	size_t i;

	*out = 0;
	if (len == 0 || len > 16)
		return -1;
	for (i = 0; i < len; i++) {
		if (in[i] < '0' || in[i] > '9')
			return -1;
		*out = *out * 10 + (uint64_t)(in[i] - '0');
	}
	return *out <= NUMBER_MAX ? 0 : -1;
}

static int
take_time(int64_t *out, const char *in, size_t len)
{
	uint64_t n;

	if (take_number(&n, in, len) == -1 || n > TIME_MAX)
		return -1;
	*out = (int64_t)n;
	return 0;
}

static int
take_value(struct values *v, unsigned which, const char *in, size_t len)
{
	struct msg_web_query *q = v->q;

	switch (which) {
	case P_TOKEN:
		return take_text(v->token, sizeof(v->token), in, len);
	case P_SEQ:
		return take_number(&q->seq, in, len);
	case P_BEFORE:
		return take_number(&q->before, in, len);
	case P_COUNT:
		return take_number(&v->count, in, len);
	case P_SINCE:
		return take_time(&q->since, in, len);
	case P_UNTIL:
		return take_time(&q->until, in, len);
	case P_VM:
		return take_text(q->vm, sizeof(q->vm), in, len);
	case P_STATUS:
		return take_text(q->status, sizeof(q->status), in, len);
	case P_GREP:
		return take_text(q->grep, sizeof(q->grep), in, len);
	default:
		return take_number(&q->offset, in, len);
	}
}

static unsigned
parameter(const char *name, size_t len)
{
	static const char *const names[] = {"token", "seq", "before", "count",
	    "since", "until", "vm", "status", "grep", "offset"};
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return 1u << i;
	return 0;
}

/* NAME=VALUE&…: each of those that are taken once, and no other. */
static int
take_query(struct values *v, const char *query, unsigned takes)
{
	const char *equals;
	size_t len, name;
	unsigned which;

	for (; *query != '\0'; query += len + (query[len] == '&')) {
		len = strcspn(query, "&");
		equals = memchr(query, '=', len);
		if (equals == NULL)
			return -1;
		name = (size_t)(equals - query);
		which = parameter(query, name);
		if ((which & takes & ~v->given) == 0 ||
		    take_value(v, which, equals + 1, len - name - 1) == -1)
			return -1;
		v->given |= which;
	}
	return 0;
}

/* :N, of a forwarded port. */
static bool
is_any_port(const char *s)
{
	size_t n = strspn(s + 1, "0123456789");

	return s[0] == ':' && s[1] != '0' && n >= 1 && n <= 5 &&
	    s[1 + n] == '\0';
}

/* Of a socket, which people reach by any port, or of ours; 80 is not said. */
static bool
port_right(const char *port, const struct msg_web_secrets *s)
{
	char want[32];

	if (port[0] == '\0')
		return s->port == 0 || s->port == 80;
	if (s->port == 0)
		return is_any_port(port);
	snprintf(want, sizeof(want), ":%" PRIu64, s->port);
	return strcmp(port, want) == 0;
}

/* The address that the browser was given, and no name that means it, too. */
static bool
host_right(const char *host, const struct msg_web_secrets *s)
{
	static const char *const names[] = {"127.0.0.1", "localhost"};
	size_t i, n;

	for (i = 0; host != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if (strncmp(host, names[i], n) == 0 && port_right(host + n, s))
			return true;
	}
	return false;
}

/* No other page asks: browsers say which one does. */
static bool
origin_right(const struct asked *a)
{
	if (a->site != NULL && strcmp(a->site, "same-origin") != 0 &&
	    strcmp(a->site, "none") != 0)
		return false;
	return a->origin == NULL ||
	    (strncmp(a->origin, "http://", 7) == 0 &&
		strcmp(a->origin + 7, a->host) == 0);
}

void
cookie_name(char out[COOKIE_NAME_MAX], const struct msg_web_secrets *s)
{
	snprintf(out, COOKIE_NAME_MAX, "qvm-remote-webui-%" PRIu64, s->port);
}

/* RFC 6265, 4.2.1: pairs with "; " between them. */
static bool
cookie_right(const char *cookie, const struct msg_web_secrets *s)
{
	char name[COOKIE_NAME_MAX];
	size_t n;

	cookie_name(name, s);
	n = strlen(name);
	while (cookie != NULL) {
		cookie += strspn(cookie, " ");
		if (strncmp(cookie, name, n) == 0 && cookie[n] == '=' &&
		    strcspn(cookie + n + 1, ";") == SECRET_LEN &&
		    ct_equal(cookie + n + 1, s->cookie, SECRET_LEN))
			return true;
		cookie = strchr(cookie, ';');
		if (cookie != NULL)
			cookie++;
	}
	return false;
}

static unsigned int
refuse(unsigned int status, const char **why, const char *text)
{
	*why = text;
	return status;
}

/* What comes before the question who asks. */
static unsigned int
check_form(const struct asked *a, const struct msg_web_secrets *s,
    const char **why)
{
	if (strcmp(a->method, "GET") != 0)
		return refuse(405, why, "only GET: nothing is changed here");
	if (a->target == NULL || strlen(a->target) >= TARGET_MAX)
		return refuse(414, why, "the address is too long");
	if (a->twice)
		return refuse(400, why, "a header came twice");
	if (!host_right(a->host, s))
		return refuse(403, why, "not by this name");
	if (!origin_right(a))
		return refuse(403, why, "not for another page");
	return 200;
}

static bool
is_path(const char *target, size_t len, const char *path)
{
	return strlen(path) == len && memcmp(target, path, len) == 0;
}

/* What the page takes; what an unknown one would is its token alone. */
static unsigned int
take_page(const char *target, struct values *v, struct wanted *w,
    const char **why)
{
	size_t i, len = strcspn(target, "?");
	const char *query = target + len + (target[len] == '?');

	for (i = 0; i < PAGES && !is_path(target, len, pages[i].path);)
		i++;
	if (i == PAGES)
		return refuse(404, why, "there is no such page");
	w->page = pages[i].page;
	v->q->what = pages[i].what;
	if (take_query(v, query, pages[i].takes | P_TOKEN) == -1)
		return refuse(400, why,
		    "a parameter of the address is none, or wrong");
	return 200;
}

/* Limits, and where nothing is said, all. */
static unsigned int
complete(struct values *v, const char **why)
{
	struct msg_web_query *q = v->q;
	uint64_t most = q->what == WEB_DOWNLOAD ? DOWNLOAD_MAX : ROWS_MAX;

	if ((v->given & P_COUNT) == 0)
		v->count = q->what == WEB_DOWNLOAD ? DOWNLOAD_MAX : 100;
	if ((v->given & P_UNTIL) == 0)
		q->until = TIME_MAX;
	if (v->count < 1 || v->count > most)
		return refuse(400, why,
		    "count: from 1 to 200, and 10000 for a download");
	q->count = (uint32_t)v->count;
	return 200;
}

unsigned int
request_parse(const struct asked *a, const struct msg_web_secrets *s,
    bool fresh, struct wanted *w, const char **why)
{
	struct values v = {.q = &w->query};
	unsigned int status;
	const char *wrong = NULL;

	memset(w, 0, sizeof(*w));
	status = check_form(a, s, why);
	if (status != 200)
		return status;
	status = take_page(a->target, &v, w, &wrong);
	if ((v.given & P_TOKEN) != 0)
		w->token = fresh && strlen(v.token) == SECRET_LEN &&
		    ct_equal(v.token, s->token, SECRET_LEN);
	explicit_bzero(v.token, sizeof(v.token));
	if (!w->token && !cookie_right(a->cookie, s))
		return refuse(403, why,
		    "open the address that qvm-remote-webui has printed; it "
		    "works once, so start it again if that was done");
	*why = wrong;
	return status == 200 ? complete(&v, why) : status;
}

bool
query_valid(const struct msg_web_query *q)
{
	return q->what < WEB_WHAT_COUNT && q->count >= 1 &&
	    q->count <= DOWNLOAD_MAX && q->seq <= NUMBER_MAX &&
	    q->before <= NUMBER_MAX && q->offset <= NUMBER_MAX &&
	    q->since >= 0 && q->since <= TIME_MAX && q->until >= 0 &&
	    q->until <= TIME_MAX && imsg_text_ok(q->vm, sizeof(q->vm)) &&
	    imsg_text_ok(q->status, sizeof(q->status)) &&
	    imsg_text_ok(q->grep, sizeof(q->grep));
}
