#ifndef WIRE_TOKEN_H
#define WIRE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

/* Token, version 2: what the client signs. */

#define TOKEN_MAC_LINE 69 /* "mac ", 64 digits, LF: the last line */

enum token_kind {
	TOKEN_RUN,
	TOKEN_PING,
	TOKEN_CHECK,
	TOKEN_CANCEL
};
#define TOKEN_TIMEOUT_POLICY (-1) /* `timeout -` */

struct token {
	char key[17]; /* fingerprint */
	enum token_kind kind;
	int64_t issued;		 /* Unix seconds */
	int64_t expires;	 /* Unix seconds, after issued */
	int32_t timeout;	 /* seconds, or TOKEN_TIMEOUT_POLICY */
	bool queue;		 /* `order queue` */
	char note[NOTE_MAX + 1]; /* "" for `-` */
	uint64_t body_len;
	uint8_t body_sha256[32];
	bool has_input;
	uint64_t input_len;
	uint8_t input_sha256[32];
	uint8_t mac[32];
};

/*
 * Reads exactly what token_print writes and nothing else.  0, or -1 with *why
 * (static text that names the line and the rule).  Structure alone is judged:
 * no key, no clock.  kind ping and cancel: body 0, no input, digest of
 * nothing; 1 <= timeout <= 86400; issued <= expires <= issued + 86400; lengths
 * at most BODY_MAX and INPUT_POLICY_MAX.
 */
int token_parse(const char *, size_t len, struct token *, const char **why);

/*
 * Writes the token without a NUL.  The bytes that the mac covers are all but
 * the last TOKEN_MAC_LINE ones: sign in two passes.  The length, or -1 when
 * the fields are not a token or size is too small.
 */
ssize_t token_print(char *, size_t size, const struct token *);

const char *token_kind_name(enum token_kind);

/* Version 1: 64 hex digits, optionally one LF; mac gets the 32 bytes. */
int token_v1_parse(const char *, size_t len, uint8_t mac[32]);

#endif
