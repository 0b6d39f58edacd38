#include "wire/token.h"

#include <inttypes.h>
#include <string.h>

#include "wire/digest.h"
#include "wire/emit.h"
#include "wire/scan.h"

#define MAC_RULE "mac: 64 lower-case hex digits, and nothing after them"

static const char *const kind_names[] = {"run", "ping", "check", "cancel"};
static const char *const order_names[] = {"now", "queue"};

const char *
token_kind_name(enum token_kind kind)
{
	return (kind_names[kind]);
}

static bool
is_fingerprint(const char *key, size_t size)
{
	const char *why;
	struct scan s;

	scan_init(&s, key, strnlen(key, size), "key");
	scan_hex_digits(&s, 16);
	return (scan_end(&s, &why) == 0);
}

/* NULL, or the rule that the fields break, however they came about. */
static const char *
rule_broken(const struct token *t)
{
	if (!is_fingerprint(t->key, sizeof(t->key)))
		return ("key: 16 lower-case hex digits");
	if (t->kind > TOKEN_CANCEL)
		return ("kind: run, ping, check or cancel");
	if (t->issued < 0)
		return ("issued: seconds");
	if (t->expires < t->issued || t->expires > TIME_MAX ||
	    t->expires - t->issued > EXPIRES_MAX)
		return ("expires: at most 24 h after issued");
	if (t->timeout != TOKEN_TIMEOUT_POLICY &&
	    (t->timeout < 1 || t->timeout > TIMEOUT_MAX))
		return ("timeout: 1 to 86400, or -");
	if (!text_ok(t->note, sizeof(t->note)))
		return ("note: 1 to 200 printable bytes, or -");
	if (t->body_len > BODY_MAX)
		return ("body: at most 1 MiB");
	if (t->input_len > INPUT_POLICY_MAX)
		return ("input: at most 16 MiB");
	if (t->has_input == (t->input_len == 0))
		return ("input: - exactly when there is none");
	if (t->kind == TOKEN_RUN || t->kind == TOKEN_CHECK)
		return (NULL);
	if (t->body_len != 0 || !is_digest_of_nothing(t->body_sha256))
		return ("body: nothing, for ping and cancel");
	if (t->has_input)
		return ("input: none, for ping and cancel");
	return (NULL);
}

static void
scan_head(struct scan *s, struct token *t)
{
	scan_text(s, "qvm-remote-auth 2\n");
	scan_rule(s, "key: 16 lower-case hex digits");
	scan_text(s, "key ");
	scan_field(s, t->key, sizeof(t->key));
	scan_rule(s, "kind: run, ping, check or cancel");
	scan_text(s, "\nkind ");
	t->kind = scan_name(s, kind_names, 4);
	scan_rule(s, "issued: seconds");
	scan_text(s, "\nissued ");
	t->issued = (int64_t)scan_number(s, TIME_MAX);
	scan_rule(s, "expires: at most 24 h after issued");
	scan_text(s, "\nexpires ");
	t->expires = (int64_t)scan_number(s, TIME_MAX);
	scan_rule(s, "timeout: 1 to 86400, or -");
	scan_text(s, "\ntimeout ");
	if (scan_try(s, "-"))
		t->timeout = TOKEN_TIMEOUT_POLICY;
	else
		t->timeout = (int32_t)scan_number(s, TIMEOUT_MAX);
	scan_text(s, "\n");
}

static void
scan_rest(struct scan *s, struct token *t)
{
	scan_rule(s, "order: now or queue");
	scan_text(s, "order ");
	t->queue = scan_name(s, order_names, 2) == 1;
	scan_rule(s, "note: 1 to 200 printable bytes, or -");
	scan_text(s, "\nnote ");
	if (!scan_try(s, "-\n")) {
		scan_line(s, t->note, sizeof(t->note));
		scan_text(s, "\n");
	}
	scan_rule(s, "body: length and SHA-256");
	scan_text(s, "body ");
	t->body_len = scan_number(s, BODY_MAX);
	scan_text(s, " ");
	scan_hex(s, t->body_sha256, sizeof(t->body_sha256));
	scan_rule(s, "input: length and SHA-256, or -");
	scan_text(s, "\ninput ");
	t->has_input = !scan_try(s, "-");
	if (t->has_input) {
		t->input_len = scan_number(s, INPUT_POLICY_MAX);
		scan_text(s, " ");
		scan_hex(s, t->input_sha256, sizeof(t->input_sha256));
	}
	scan_rule(s, MAC_RULE);
	scan_text(s, "\nmac ");
	scan_hex(s, t->mac, sizeof(t->mac));
	scan_text(s, "\n");
}

int
token_parse(const char *text, size_t len, struct token *t, const char **why)
{
	struct scan s;

	memset(t, 0, sizeof(*t));
	if (len > TOKEN_MAX) {
		*why = "token: at most 1024 bytes";
		return (-1);
	}
	scan_init(&s, text, len, "the first line is qvm-remote-auth 2");
	scan_head(&s, t);
	scan_rest(&s, t);
	if (scan_end(&s, why) == 0 && (*why = rule_broken(t)) == NULL)
		return (0);
	memset(t, 0, sizeof(*t));
	return (-1);
}

ssize_t
token_print(char *out, size_t size, const struct token *t)
{
	struct emit e;

	if (rule_broken(t) != NULL)
		return (-1);
	emit_init(&e);
	emit_text(&e, "qvm-remote-auth 2\nkey %s\nkind %s\n", t->key,
	    kind_names[t->kind]);
	emit_text(&e, "issued %" PRId64 "\nexpires %" PRId64 "\n", t->issued,
	    t->expires);
	if (t->timeout == TOKEN_TIMEOUT_POLICY)
		emit_text(&e, "timeout -\n");
	else
		emit_text(&e, "timeout %" PRId32 "\n", t->timeout);
	emit_text(&e, "order %s\nnote %s\n", order_names[t->queue],
	    t->note[0] == '\0' ? "-" : t->note);
	emit_text(&e, "body %" PRIu64 " ", t->body_len);
	emit_hex(&e, t->body_sha256, sizeof(t->body_sha256));
	if (t->has_input) {
		emit_text(&e, "\ninput %" PRIu64 " ", t->input_len);
		emit_hex(&e, t->input_sha256, sizeof(t->input_sha256));
	} else
		emit_text(&e, "\ninput -");
	emit_text(&e, "\nmac ");
	emit_hex(&e, t->mac, sizeof(t->mac));
	emit_text(&e, "\n");
	return (emit_end(&e, out, size));
}

int
token_v1_parse(const char *text, size_t len, uint8_t mac[32])
{
	const char *why;
	struct scan s;

	scan_init(&s, text, len, MAC_RULE);
	scan_hex(&s, mac, 32);
	scan_try(&s, "\n");
	return (scan_end(&s, &why));
}
