#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webui/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COOKIE \
	"fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* The next line; NULL where it is a dash, or there is none. */
static const char *
next(char **rest)
{
	char *line = strsep(rest, "\n");

	return line == NULL || strcmp(line, "-") == 0 ? NULL : line;
}

/* Only who shows a secret, and is no other page, is served. */
static void
check_served(const struct asked *a, const struct wanted *w, bool fresh)
{
	assert(strcmp(a->method, "GET") == 0 && !a->twice);
	assert(strcmp(a->host, "127.0.0.1:8890") == 0 ||
	    strcmp(a->host, "localhost:8890") == 0);
	assert(a->origin == NULL || strcmp(a->origin + 7, a->host) == 0);
	if (w->token)
		assert(fresh && strstr(a->target, "token=") != NULL);
	else
		assert(
		    strstr(a->cookie, "qvm-remote-webui-8890=" COOKIE) != NULL);
	assert(w->page <= PAGE_QUERY && query_valid(&w->query));
}

/* A line each: method, target, Host, Origin, Sec-Fetch-Site, Cookie, flags. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct msg_web_secrets secrets = {.token = TOKEN,
	    .cookie = COOKIE,
	    .port = 8890};
	char *text = malloc(size + 1), *rest = text;
	const char *why = NULL, *flags;
	struct asked a = {.method = ""};
	struct wanted w;
	unsigned int status;

	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	a.method = next(&rest);
	a.target = next(&rest);
	a.host = next(&rest);
	a.origin = next(&rest);
	a.site = next(&rest);
	a.cookie = next(&rest);
	flags = next(&rest);
	a.twice = flags != NULL && strchr(flags, '2') != NULL;
	if (a.method == NULL)
		a.method = "GET";
	status = request_parse(&a, &secrets, flags == NULL, &w, &why);
	if (status == 200)
		check_served(&a, &w, flags == NULL);
	else
		assert(why != NULL && status >= 400 && status < 500);
	free(text);
	return 0;
}
