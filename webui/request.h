#ifndef WEBUI_REQUEST_H
#define WEBUI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "imsg/messages.h"

/*
 * What a browser asks, and whether it may: pure functions.  Whoever is on this
 * machine may say anything here, and any web page can make a browser say it.
 */

#define VISITS_MAX 128	/* at a time */
#define TARGET_MAX 2048 /* bytes of a path and its query */
#define SECRET_LEN 64

/* As it came; NULL: it did not. */
struct asked {
	const char *method, *target;
	const char *host, *origin, *site, *cookie; /* headers */
	bool twice; /* one of these headers came twice */
};

enum page {
	PAGE_HTML,
	PAGE_CSS,
	PAGE_JS,
	PAGE_EVENTS,
	PAGE_QUERY /* of the log */
};

struct wanted {
	enum page page;
	struct msg_web_query query;
	bool token; /* it came with the right token, not with the cookie */
};

/*
 * 200, or the HTTP status of a refusal and what is wrong in *why.  The token is
 * taken where fresh says so.  Nothing is said about pages to who may not ask.
 */
unsigned int request_parse(const struct asked *, const struct msg_web_secrets *,
    bool fresh, struct wanted *, const char **why);

/* The name of the cookie: browsers keep one for all ports. */
#define COOKIE_NAME_MAX 32
void cookie_name(char out[COOKIE_NAME_MAX], const struct msg_web_secrets *);

/* What the reader is asked: nothing else than request_parse makes. */
bool query_valid(const struct msg_web_query *);

#endif
