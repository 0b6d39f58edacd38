#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/entry.h"
#include "client/file.h"
#include "client/history.h"
#include "client/key.h"
#include "client/request.h"
#include "client/say.h"
#include "client/text.h"
#include "wire/id.h"

#define CANCEL_PATIENCE (TIMEOUT_DEFAULT + 30)
#define AUDIT_COMMAND	200 /* bytes of it in audit.log */

static ssize_t
token_sign(const struct request *r, struct token *t, char out[TOKEN_MAX])
{
	ssize_t len;

	memcpy(t->key, r->keys.fingerprint, sizeof(t->key));
	if ((len = token_print(out, TOKEN_MAX, t)) == -1) {
		errno = EINVAL;
		return (-1);
	}
	request_mac(r->keys.request, r->id, out, (size_t)len - TOKEN_MAC_LINE,
	    t->mac);
	return (token_print(out, TOKEN_MAX, t));
}

static int
make_token(struct request *r, int64_t issued)
{
	struct token t = {0};
	ssize_t len;

	t.kind = r->kind;
	t.issued = issued;
	t.expires = r->expires;
	t.timeout = r->timeout;
	t.queue = r->queue;
	t.body_len = r->body_len;
	sha256(r->body, r->body_len, t.body_sha256);
	t.has_input = r->input_len > 0;
	t.input_len = r->input_len;
	if (t.has_input)
		sha256(r->input, r->input_len, t.input_sha256);
	snprintf(t.note, sizeof(t.note), "%s", r->note);
	if ((len = token_sign(r, &t, r->token)) == -1)
		return (-1);
	r->token_len = (size_t)len;
	sha256(r->token, r->token_len, r->digest);
	return (0);
}

/* Version 1 signs the id alone. */
static void
make_v1_token(struct request *r)
{
	uint8_t mac[SHA256_LEN];
	struct hmac hmac = r->keys.v1;

	hmac_update(&hmac, r->id, strlen(r->id));
	hmac_final(&hmac, mac);
	explicit_bzero(&hmac, sizeof(hmac));
	hex_print(r->token, mac, sizeof(mac));
	r->token_len = SHA256_HEX;
}

/* As the body: from here on the request exists. */
static int
write_token(const struct home *h, const struct request *r)
{
	char name[NAME_SIZE];

	file_name(name, "", r->id, ".auth");
	if (file_write(h->clients, r->id, ".auth", r->token, r->token_len,
		NULL) == -1)
		return (-1);
	return (linkat(h->clients, name, h->pending, name, 0));
}

/*
 * The body is written into clients/, and linked into pending/ later: there it
 * is whole from its first moment, here its lock says that this client lives,
 * and its text is kept for history/ when dom0 and the agent are done with it.
 */
static int
write_body(const struct home *h, struct request *r)
{
	r->lock = openat(h->clients, r->id,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->lock == -1)
		return (-1);
	if (flock(r->lock, LOCK_EX) == -1)
		return (-1);
	return (write_all(r->lock, r->body, r->body_len));
}

static int
link_body(const struct home *h, const struct request *r)
{
	return (linkat(h->clients, r->id, h->pending, r->id, 0));
}

static int
write_input(const struct home *h, const struct request *r)
{
	if (r->input_len == 0)
		return (0);
	return (
	    file_write(h->pending, r->id, ".in", r->input, r->input_len, NULL));
}

/* What is looked for comes last: the token; version 1 looks for the body. */
static int
publish(const struct home *h, const struct request *r)
{
	if (!r->v1)
		return (link_body(h, r) == 0 && write_input(h, r) == 0
			? write_token(h, r)
			: -1);
	if (file_write(h->pending, r->id, ".auth", r->token, r->token_len,
		NULL) == -1)
		return (-1);
	return (link_body(h, r));
}

static int
audit_submit(const struct home *h, const struct request *r)
{
	char command[4 * AUDIT_COMMAND + 1];
	size_t len = r->body_len;

	if (len > 0 && ((const char *)r->body)[len - 1] == '\n')
		len--;
	text_escape(command, sizeof(command), r->body,
	    len < AUDIT_COMMAND ? len : AUDIT_COMMAND);
	return (audit_line(h, "SUBMIT id=%s size=%zuB cmd=%s", r->id,
	    r->body_len, r->kind == TOKEN_PING ? "(ping)" : command));
}

static int
new_id(struct request *r, time_t now)
{
	struct tm tm;
	uint32_t random;

	if (localtime_r(&now, &tm) == NULL)
		return (-1);
	random_bytes(&random, sizeof(random));
	id_print(r->id, &tm, (uint32_t)getpid(), random);
	return (0);
}

int
request_make(struct request *r)
{
	time_t now = time(NULL);

	if (new_id(r, now) == -1) {
		say_errno("clock");
		return (-1);
	}
	r->expires = now + r->patience;
	r->expires_ms = now_ms() + (int64_t)r->patience * 1000;
	if (r->v1) {
		make_v1_token(r);
		return (0);
	}
	if (make_token(r, now) == 0)
		return (0);
	say_errno("cannot sign the request");
	return (-1);
}

/*
 * Nothing is synced: after a crash of the VM nobody waits for the request any
 * more, and what the crash left of body and token does not pass its digests.
 */
int
request_submit(const struct home *h, struct request *r)
{
	int saved;

	r->lock = -1;
	if (write_body(h, r) == 0 && audit_submit(h, r) == 0 &&
	    publish(h, r) == 0)
		return (0);
	saved = errno;
	/* What was there before we came is another client's. */
	if (r->lock != -1) {
		history_withdraw(h, r->id);
		file_remove(h->clients, r->id, ".auth");
		file_remove(h->clients, r->id, "");
		close(r->lock);
	}
	errno = saved;
	say_errno("cannot write the request");
	return (-1);
}

int
request_from_token(const struct home *h, const char *id, const char *token,
    size_t len, struct request *r)
{
	const char *why;
	struct token t;

	if (token_parse(token, len, &t, &why) == -1) {
		say_error("%s: its token is not whole: %s", id, why);
		return (-1);
	}
	*r = (struct request){
	    .kind = t.kind,
	    .timeout = t.timeout,
	    .patience = (int32_t)(t.expires - t.issued),
	    .expires = t.expires,
	    .token_len = len,
	    .lock = -1,
	};
	r->expires_ms = now_ms() + (t.expires - time(NULL)) * 1000;
	snprintf(r->id, sizeof(r->id), "%s", id);
	memcpy(r->token, token, len);
	sha256(token, len, r->digest);
	if (key_find(h, t.key, &r->keys) == 0)
		return (0);
	say_error("%s was signed with the key %s, which is not here", id,
	    t.key);
	return (-1);
}

int
request_load(const struct home *h, const char *id, struct request *r)
{
	char token[TOKEN_MAX];
	ssize_t len = entry_read(h, id, PART_TOKEN, token, sizeof(token));

	if (len >= 0)
		return (request_from_token(h, id, token, (size_t)len, r));
	say_error("%s: no such request was sent from here", id);
	return (-1);
}

/*
 * A cancel has times of its own: the command may run long after the request's
 * `expires`, and a cancel that overtakes its request must outlive it.
 */
int
request_cancel(const struct home *h, const struct request *r)
{
	struct token t = {0};
	char text[TOKEN_MAX];
	ssize_t len;

	t.kind = TOKEN_CANCEL;
	t.issued = time(NULL);
	t.expires = t.issued + CANCEL_PATIENCE;
	if (t.expires < r->expires && r->expires <= t.issued + EXPIRES_MAX)
		t.expires = r->expires;
	t.timeout = TOKEN_TIMEOUT_POLICY;
	sha256("", 0, t.body_sha256);
	if ((len = token_sign(r, &t, text)) == -1 ||
	    file_write(h->pending, r->id, ".cancel", text, (size_t)len, NULL) ==
		-1) {
		say_errno("cannot write the cancel");
		return (-1);
	}
	audit_line(h, "CANCEL id=%s", r->id);
	return (0);
}
