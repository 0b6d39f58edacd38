#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "webui/web.h"

/*
 * From this address alone, nothing inline; no other page may frame, read or
 * keep it; nothing is what its type does not say.
 */
static const struct {
	const char *name, *value;
} headers[] = {
    {"Content-Security-Policy",
	"default-src 'none'; script-src 'self'; style-src 'self'; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'; require-trusted-types-for 'script'; "
	"trusted-types 'none'"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
};

static struct MHD_Response *
dress(struct MHD_Response *r, const char *type)
{
	size_t i;

	if (r == NULL)
		return NULL;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(r, headers[i].name, headers[i].value);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return r;
}

struct MHD_Response *
response_text(const char *type, const char *text)
{
	return dress(MHD_create_response_from_buffer(strlen(text),
			 (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT),
	    type);
}

struct mapping {
	void *data;
	size_t len;
};

static void
unmap(void *arg)
{
	struct mapping *m = arg;

	munmap(m->data, m->len);
	free(m);
}

struct MHD_Response *
response_memfd(const char *type, int fd, size_t len)
{
	struct MHD_Response *r;
	struct mapping *m;

	if (len == 0) {
		close(fd);
		return response_text(type, "");
	}
	m = malloc(sizeof(*m));
	if (m != NULL) {
		m->len = len;
		m->data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	if (m == NULL || m->data == MAP_FAILED) {
		free(m);
		return NULL;
	}
	r = MHD_create_response_from_buffer_with_free_callback_cls(len, m->data,
	    unmap, m);
	if (r == NULL)
		unmap(m);
	return dress(r, type);
}

struct MHD_Response *
response_stream(const char *type, MHD_ContentReaderCallback fn, void *arg,
    MHD_ContentReaderFreeCallback end)
{
	return dress(MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024,
			 fn, arg, end),
	    type);
}

void
response_cookie(struct MHD_Response *r)
{
	char name[COOKIE_NAME_MAX], text[256];

	if (r == NULL)
		return;
	cookie_name(name, &secrets);
	snprintf(text, sizeof(text),
	    "%s=%.*s; Path=/; HttpOnly; SameSite=Strict", name, SECRET_LEN,
	    secrets.cookie);
	MHD_add_response_header(r, MHD_HTTP_HEADER_SET_COOKIE, text);
	explicit_bzero(text, sizeof(text));
}

enum MHD_Result
answer(struct MHD_Connection *c, unsigned int status, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}
