#include <err.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "wire/receipt.h"
#include "wire/token.h"

/*
 * For vectors_test: makes the vectors of PROTOCOL.md as client and verifier
 * do, from the key, the ids and the contents alone, and prints them.
 */

#define KEY  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ID   "20260218-143022-1234-a1b2c3d4"
#define ID_2 "20260218-143022-1235-00000001"

static struct derived_keys keys;

static void
print_hex(const char *name, const uint8_t bytes[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, bytes, SHA256_LEN);
	printf("%s %s\n", name, hex);
}

static void
print_text(const char *name, const char *text, ssize_t len, uint8_t *digest)
{
	if (len == -1)
		errx(1, "%s: not printed", name);
	sha256(text, (size_t)len, digest);
	printf("%s %zd\n%.*s", name, len, (int)len, text);
	print_hex("sha256", digest);
}

static void
make_keys(void)
{
	uint8_t k[KEY_LEN], mac[SHA256_LEN];
	struct hmac h;

	if (key_parse(KEY, strlen(KEY), k) == -1)
		errx(1, "the key does not parse");
	derive_keys(k, &keys);
	printf("fingerprint %s\n", keys.fingerprint);
	print_hex("K_request", keys.request);
	print_hex("K_receipt", keys.receipt);
	hmac_init(&h, KEY, strlen(KEY));
	hmac_update(&h, ID, strlen(ID));
	hmac_final(&h, mac);
	print_hex("v1", mac);
}

/* Prints unsigned, signs what the mac covers, prints again. */
static void
make_token(const char *name, const char *id, struct token *t, const char *body,
    const char *input, uint8_t digest[SHA256_LEN])
{
	char text[TOKEN_MAX];
	ssize_t len;

	memcpy(t->key, keys.fingerprint, sizeof(t->key));
	t->issued = 1771425022;
	t->expires = 1771425352;
	t->body_len = strlen(body);
	sha256(body, strlen(body), t->body_sha256);
	t->has_input = input != NULL;
	if (t->has_input) {
		t->input_len = strlen(input);
		sha256(input, strlen(input), t->input_sha256);
	}
	len = token_print(text, sizeof(text), t);
	if (len == -1)
		errx(1, "%s: not a token", name);
	request_mac(keys.request, id, text, (size_t)len - TOKEN_MAC_LINE,
	    t->mac);
	len = token_print(text, sizeof(text), t);
	print_text(name, text, len, digest);
}

static void
make_receipt(const uint8_t request[SHA256_LEN])
{
	struct receipt r = {.id = ID,
	    .has_request = true,
	    .status = RECEIPT_EXITED,
	    .has_times = true,
	    .started_us = 1771425022514000,
	    .ended_us = 1771425022517250,
	    .out = {.written = 3, .kept = 3},
	    .has_log = true,
	    .log_seq = 42};
	char text[RECEIPT_MAX];
	uint8_t digest[SHA256_LEN];
	ssize_t len;

	memcpy(r.request, request, SHA256_LEN);
	sha256("ok\n", 3, r.out.sha256);
	sha256("", 0, r.err.sha256);
	if (hex_parse(r.log_hash,
		"c53003c4d09275495646eb40c6971132"
		"97ba9b4b40bb9a37e8e5199b5eebaacf",
		SHA256_LEN) == -1)
		errx(1, "the log's hash does not parse");
	len = receipt_print(text, sizeof(text), &r);
	if (len == -1)
		errx(1, "not a receipt");
	receipt_mac(keys.receipt, text, (size_t)len - RECEIPT_MAC_LINE, r.mac);
	len = receipt_print(text, sizeof(text), &r);
	print_text("receipt", text, len, digest);
}

static void
make_refusal(const uint8_t request[SHA256_LEN])
{
	struct receipt r = {.id = ID,
	    .has_request = true,
	    .status = RECEIPT_REJECTED,
	    .exit = 255,
	    .reason = "token not accepted"};
	char text[RECEIPT_MAX];
	uint8_t digest[SHA256_LEN];

	memcpy(r.request, request, SHA256_LEN);
	sha256("", 0, r.out.sha256);
	sha256("", 0, r.err.sha256);
	print_text("refusal", text, receipt_print(text, sizeof(text), &r),
	    digest);
}

int
main(void)
{
	struct token run = {.kind = TOKEN_RUN, .timeout = 300},
		     cancel = {.kind = TOKEN_CANCEL,
			 .timeout = TOKEN_TIMEOUT_POLICY},
		     input = {.kind = TOKEN_RUN,
			 .queue = true,
			 .timeout = TOKEN_TIMEOUT_POLICY,
			 .note = "weekly mac check"};
	uint8_t request[SHA256_LEN], digest[SHA256_LEN];

	make_keys();
	make_token("token", ID, &run, "echo ok\n", NULL, request);
	make_token("cancel", ID, &cancel, "", NULL, digest);
	make_token("token-input", ID_2, &input, "wc -c\n", "abc", digest);
	make_receipt(request);
	make_refusal(request);
	return (0);
}
