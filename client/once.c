#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/file.h"
#include "client/history.h"
#include "client/once.h"
#include "client/say.h"
#include "wire/id.h"

#define RECORD_MAX (ID_MAX + 1 + TOKEN_MAX)

/* The folder, locked: one of those that repeat goes first. */
static int
folder_lock(const struct home *h)
{
	int fd;

	if (mkdirat(h->dir, "queue/once", 0700) == -1 && errno != EEXIST)
		return (-1);
	fd = openat(h->dir, "queue/once", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_EX) == 0)
		return (fd);
	close_quietly(fd);
	return (-1);
}

static int
record_write(int folder, const char *name, const struct request *r)
{
	char text[RECORD_MAX];
	int fd, n, result;

	n = snprintf(text, sizeof(text), "%s\n%.*s", r->id, (int)r->token_len,
	    r->token);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    file_write(folder, name, "", text, (size_t)n, &fd) == -1)
		return (-1);
	result = fsync(fd) == 0 && fsync(folder) == 0 ? 0 : -1;
	close_quietly(fd);
	return (result);
}

/* 1: there is one, 0: there is none, -1 after saying why. */
static int
record_read(const struct home *h, int folder, const char *name,
    struct request *r)
{
	char text[RECORD_MAX], id[ID_MAX + 1];
	ssize_t len = file_read(folder, name, "", text, sizeof(text));
	const char *lf;
	size_t n;

	if (len == -1 && errno == ENOENT)
		return (0);
	lf = len <= 0 ? NULL : memchr(text, '\n', (size_t)len);
	n = lf == NULL ? 0 : (size_t)(lf - text);
	if (n > ID_MAX || !id_valid(text, n)) {
		say_error("queue/once/%s is damaged: remove it, if the "
			  "command may run again",
		    name);
		return (-1);
	}
	memcpy(id, text, n);
	id[n] = '\0';
	if (request_from_token(h, id, text + n + 1, (size_t)len - n - 1, r) ==
	    -1)
		return (-1);
	return (1);
}

/* The request of before asked for the same. */
static bool
same(const struct request *before, const struct request *now)
{
	uint8_t body[SHA256_LEN], input[SHA256_LEN];
	const char *why;
	struct token t;

	if (token_parse(before->token, before->token_len, &t, &why) == -1)
		return (false);
	sha256(now->body, now->body_len, body);
	sha256(now->input, now->input_len, input);
	return (t.kind == now->kind && t.body_len == now->body_len &&
	    ct_equal(t.body_sha256, body, sizeof(body)) &&
	    t.has_input == (now->input_len > 0) &&
	    (!t.has_input || ct_equal(t.input_sha256, input, sizeof(input))));
}

static bool
is_there(const struct home *h, const char *id)
{
	/* The order matters: pending, running, result. */
	return (file_exists(h->pending, id, ".auth") ||
	    file_exists(h->running, id, ".auth") || history_has_result(h, id));
}

/* Our own body goes with the token of before. */
static int
again(const struct home *h, struct request *before, const struct request *now)
{
	if (before->expires <= time(NULL)) {
		say_error("the request of this key, %s, brought no result, and "
			  "has expired: its outcome is not known; another key "
			  "sends it anew",
		    before->id);
		return (-1);
	}
	before->body = now->body;
	before->body_len = now->body_len;
	before->input = now->input;
	before->input_len = now->input_len;
	if (!history_forget(h, before->id)) {
		say_error("the request of this key, %s, is being given up: try "
			  "again",
		    before->id);
		return (-1);
	}
	return (request_submit(h, before));
}

static int
submit(const struct home *h, int folder, const char *name, struct request *r,
    bool *follow)
{
	struct request before;
	int found = record_read(h, folder, name, &before), result = -1;

	if (found == -1)
		return (-1);
	if (found == 0) {
		if (request_make(r) == -1)
			return (-1);
		if (record_write(folder, name, r) == 0)
			return (request_submit(h, r));
		say_errno("queue/once/%s", name);
		return (-1);
	}
	if (!same(&before, r)) {
		say_error("this key was used for another command, %s",
		    before.id);
	} else if (is_there(h, before.id)) {
		*follow = true;
		result = 0;
	} else {
		result = again(h, &before, r);
	}
	explicit_bzero(&r->keys, sizeof(r->keys));
	*r = before;
	return (result);
}

int
once_submit(const struct home *h, const char *key, struct request *r,
    bool *follow)
{
	char name[SHA256_HEX + 1];
	uint8_t digest[SHA256_LEN];
	int folder, result;

	sha256(key, strlen(key), digest);
	hex_print(name, digest, sizeof(digest));
	if ((folder = folder_lock(h)) == -1) {
		say_errno("queue/once");
		return (-1);
	}
	result = submit(h, folder, name, r, follow);
	close(folder);
	return (result);
}
