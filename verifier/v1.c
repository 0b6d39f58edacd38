#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"
#include "wire/id.h"

/*
 * Version 1 of the protocol, for a VM whose policy says so: a token that
 * covers the id alone, and an answer that is no receipt.
 */

#define V1_TOKEN_MAX 65 /* 64 digits and an LF; no other token is so short */
#define V1_SPAN	     (26 * 3600) /* seconds, on both sides of the id's time */
#define ZONE_MAX     (14 * 3600) /* seconds that dom0 may be ahead of UTC */

bool
v1_asked(uint64_t token_len)
{
	return (token_len <= V1_TOKEN_MAX);
}

void
v1_key_set(struct derived_keys *key, const char *characters)
{
	hmac_init(&key->v1, characters, SHA256_HEX);
}

/* Of the keys that it has and that come, with the policy of now. */
void
v1_keys_keep(struct vm *vm)
{
	const struct derived_keys *c;
	struct vm_key *k;
	size_t i;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (vm->policy->auth_v1)
			continue;
		explicit_bzero(&k->derived.v1, sizeof(k->derived.v1));
		k->v1 = false;
	}
	for (i = 0; i < KEYS_COMING && vm->policy->auth_v1; i++) {
		c = &vm->coming[i];
		k = vm->coming_ok[i] ? keys_find(vm, c->fingerprint) : NULL;
		if (k != NULL) {
			k->derived.v1 = c->v1;
			k->v1 = true;
		}
	}
}

/*
 * The id's time as dom0's local time is what a person means by it.  As UTC it
 * is the same in every time zone: dom0 may be in another one after a restart,
 * and what had become too old to be remembered must not be young again.
 */
static void
id_times(const char *id, int64_t *local, int64_t *utc)
{
	struct tm tm, same;

	if (id_valid_v1_ping(id, strlen(id))) {
		*local = *utc = id_ping_seconds(id);
		return;
	}
	id_time(id, &tm);
	same = tm;
	*local = mktime(&tm);
	*utc = timegm(&same);
}

/* It names no key: that whose mac it is. */
static const struct vm_key *
signer(const struct vm *vm, const char *id, const uint8_t claimed[SHA256_LEN])
{
	const struct vm_key *k, *found = NULL;
	uint8_t mac[SHA256_LEN];
	struct hmac hmac;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (k->use == KEY_FREE || !k->v1)
			continue;
		hmac = k->derived.v1;
		hmac_update(&hmac, id, strlen(id));
		hmac_final(&hmac, mac);
		explicit_bzero(&hmac, sizeof(hmac));
		if (ct_equal(mac, claimed, sizeof(mac)))
			found = k;
	}
	return (found);
}

const struct vm_key *
v1_token(const struct vm *vm, const struct msg_request *untrusted,
    struct token *t, const char **wrong)
{
	uint8_t claimed[SHA256_LEN];
	const struct vm_key *key;

	*wrong = "version 1: dom0's policy for this VM has no `auth = v1`";
	if (!vm->served || !vm->policy->auth_v1)
		return (NULL);
	*wrong = NOT_ACCEPTED;
	if (token_v1_parse(untrusted->token, untrusted->token_len, claimed) ==
	    -1)
		return (NULL);
	key = signer(vm, untrusted->id, claimed);
	if (key == NULL)
		return (NULL);
	*wrong = "version 1 has no input";
	if (untrusted->input_len != 0)
		return (NULL);
	memset(t, 0, sizeof(*t));
	memcpy(t->key, key->derived.fingerprint, sizeof(t->key));
	t->kind = TOKEN_RUN;
	id_times(untrusted->id, &t->issued, &t->expires);
	t->expires += V1_SPAN;
	t->timeout = TOKEN_TIMEOUT_POLICY;
	t->queue = true;
	t->body_len = untrusted->body_len;
	return (key);
}

enum receipt_status
v1_fresh(int memory, const struct token *t, char *reason, size_t size)
{
	int64_t now = journal_now(), age = now - t->issued;

	reason[0] = '\0';
	/* The memory's entries have 32 bits for it. */
	if (t->expires > UINT32_MAX - MEMORY_KEEP) {
		snprintf(reason, size, "its id is after the year 2105");
		return (RECEIPT_REJECTED);
	}
	if (t->expires <= memory_floor(memory) ||
	    t->expires <= memory_v1_floor()) {
		snprintf(reason, size, "this token may have run before");
		return (RECEIPT_REPLAYED);
	}
	if (age < -V1_SPAN) {
		snprintf(reason, size, "its id is of the future");
		return (RECEIPT_REJECTED);
	}
	if (age > V1_SPAN || t->expires < now) {
		snprintf(reason, size, "its id is %lld s old", (long long)age);
		return (RECEIPT_EXPIRED);
	}
	if (t->issued < memory_known_since(memory)) {
		snprintf(reason, size,
		    "its id is older than what dom0 knows "
		    "of its key");
		return (RECEIPT_REJECTED);
	}
	return (RECEIPT_EXITED);
}

int64_t
v1_expires_last(void)
{
	return (journal_now() + V1_SPAN + ZONE_MAX + V1_SPAN);
}

/* Its token does not cover the body; the log does. */
void
v1_digest(struct request *r)
{
	static char buf[65536];
	struct sha256 sha;
	uint64_t off;
	ssize_t n;

	sha256_init(&sha);
	for (off = 0; off < r->token.body_len; off += (uint64_t)n) {
		n = pread(r->body_fd, buf, sizeof(buf), (off_t)off);
		if (n <= 0)
			break;
		sha256_update(&sha, buf, (size_t)n);
	}
	sha256_final(&sha, r->token.body_sha256);
}

void
v1_exit(struct request *r)
{
	struct receipt *a = &r->answer;

	if (!r->v1)
		return;
	if (a->status == RECEIPT_INTERRUPTED)
		a->exit = 130;
	else if (a->exit == receipt_status_exit(RECEIPT_REJECTED, 0) &&
	    a->status != RECEIPT_EXITED)
		a->exit = receipt_status_exit(RECEIPT_DENIED, 0);
}

/* There is no receipt to read a reason in: .err says it. */
void
v1_say(struct request *r)
{
	char text[ANSWER_TEXT_MAX];
	int n;

	if (!r->v1 || r->answer.reason[0] == '\0' || r->err > 0 ||
	    r->text_fd != -1)
		return;
	n = snprintf(text, sizeof(text), "qvm-remote: %s: %s\n",
	    receipt_status_name(r->answer.status), r->answer.reason);
	if (n < 0 || (size_t)n >= sizeof(text))
		fatalx("a line that is too long");
	r->text_fd = request_memfd(text, (size_t)n);
	r->text_is_err = true;
	r->err = (uint64_t)n;
}

size_t
v1_meta(const struct request *r, char out[RECEIPT_MAX])
{
	const struct receipt *a = &r->answer;
	int64_t now = now_realtime_us();
	ssize_t n;

	n = receipt_v1_print(out, RECEIPT_MAX, a->id,
	    a->has_times ? a->started_us : now,
	    a->has_times ? a->ended_us : now, a->exit);
	if (n == -1)
		fatalx("the .meta of a result could not be made");
	return ((size_t)n);
}
