#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/entry.h"
#include "client/key.h"
#include "client/verify.h"
#include "crypto/crypto.h"

static bool
has_digest(const struct home *h, const char *id, enum part part,
    const uint8_t expected[SHA256_LEN])
{
	static char buf[65536];
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;
	uint64_t len;
	ssize_t n;
	int fd = entry_open(h, id, part, &len);

	if (fd == -1)
		return (false);
	sha256_init(&sha);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sha256_update(&sha, buf, (size_t)n);
	close(fd);
	sha256_final(&sha, digest);
	return (n == 0 && ct_equal(digest, expected, sizeof(digest)));
}

/* As the agent writes it. */
static bool
has_exit(const struct home *h, const char *id, uint8_t expected)
{
	char text[8], line[8];
	ssize_t n = entry_read(h, id, PART_EXIT, text, sizeof(text));
	int len = snprintf(line, sizeof(line), "%u\n", expected);

	return (n == len && memcmp(text, line, (size_t)n) == 0);
}

/* NULL, or what is wrong. */
static const char *
check_token(const struct home *h, const char *id, const char *text, size_t len,
    const struct token *t, const struct derived_keys *keys)
{
	uint8_t mac[SHA256_LEN];

	request_mac(keys->request, id, text, len - TOKEN_MAC_LINE, mac);
	if (!ct_equal(mac, t->mac, sizeof(mac)))
		return ("its token was not signed with this VM's key");
	if (!has_digest(h, id, PART_COMMAND, t->body_sha256))
		return ("its command is not what was signed");
	return (NULL);
}

static const char *
check_receipt(const struct home *h, const char *id, const char *text,
    size_t len, const struct receipt *r, const struct derived_keys *keys)
{
	uint8_t mac[SHA256_LEN];

	receipt_mac(keys->receipt, text, len - RECEIPT_MAC_LINE, mac);
	if (!ct_equal(mac, r->mac, sizeof(mac)))
		return ("its receipt was not signed with this VM's key");
	if (strcmp(r->id, id) != 0)
		return ("its receipt is of another request");
	if (!has_exit(h, id, r->exit))
		return ("its exit status is not what was signed");
	if (r->status == RECEIPT_INTERRUPTED)
		return (NULL); /* which vouches for no output */
	if (!has_digest(h, id, PART_OUT, r->out.sha256) ||
	    !has_digest(h, id, PART_ERR, r->err.sha256))
		return ("its output is not what was signed");
	return (NULL);
}

static const char *
check(const struct home *h, const char *id, const char *token, size_t token_len,
    const char *receipt, size_t receipt_len, const struct receipt *r)
{
	struct derived_keys keys;
	uint8_t digest[SHA256_LEN];
	const char *wrong;
	struct token t;

	if (token_parse(token, token_len, &t, &wrong) == -1)
		return ("its token is damaged");
	if (key_find(h, t.key, &keys) == -1)
		return ("its key is not here");
	sha256(token, token_len, digest);
	wrong = check_token(h, id, token, token_len, &t, &keys);
	if (wrong == NULL)
		wrong = check_receipt(h, id, receipt, receipt_len, r, &keys);
	if (wrong == NULL &&
	    (!r->has_request || !ct_equal(r->request, digest, sizeof(digest))))
		wrong = "its receipt is of another token";
	explicit_bzero(&keys, sizeof(keys));
	return (wrong);
}

/* Version 1 signs no answer; what it answers begins so. */
static bool
is_v1(const char *text, ssize_t len)
{
	return (len >= 3 && memcmp(text, "id=", 3) == 0);
}

enum verified
verify_stored(const struct home *h, const char *id, struct receipt *r,
    const char **why)
{
	char token[TOKEN_MAX], receipt[RECEIPT_MAX];
	ssize_t token_len, receipt_len;
	const char *rule;
	bool no_token;

	memset(r, 0, sizeof(*r));
	r->status = RECEIPT_STATUS_COUNT;
	token_len = entry_read(h, id, PART_TOKEN, token, sizeof(token));
	no_token = token_len == -1 && errno == ENOENT;
	receipt_len = entry_read(h, id, PART_META, receipt, sizeof(receipt));
	if (receipt_len == -1) {
		*why = errno == ENOENT ? "it has no receipt"
				       : "its receipt cannot be read";
		return (FALSIFIED);
	}
	if (no_token && is_v1(receipt, receipt_len)) {
		*why = "it was not sent with a token of this version";
		return (UNSIGNED);
	}
	if (receipt_parse(receipt, (size_t)receipt_len, r, &rule) == -1) {
		r->status = RECEIPT_STATUS_COUNT;
		*why = "its receipt is damaged";
		return (FALSIFIED);
	}
	if (token_len == -1) {
		*why = no_token ? "it has a receipt, and its token is not here"
				: "its token cannot be read";
		return (FALSIFIED);
	}
	if (!r->has_log) {
		*why = "its answer is not signed";
		return (UNSIGNED);
	}
	*why = check(h, id, token, (size_t)token_len, receipt,
	    (size_t)receipt_len, r);
	return (*why == NULL ? VERIFIED : FALSIFIED);
}
