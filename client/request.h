#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/home.h"
#include "crypto/crypto.h"
#include "wire/limits.h"
#include "wire/token.h"

/* One request, from its id to its files in pending/. */
struct request {
	/* the caller's to fill in */
	enum token_kind kind;
	int32_t timeout;  /* seconds, or TOKEN_TIMEOUT_POLICY */
	int32_t patience; /* seconds from issued to expires */
	const void *body;
	size_t body_len;
	const void *input; /* for the command: */
	size_t input_len;  /*   0 for none */
	const char *note;  /* "" for none */
	bool queue;	   /* detached: one after another */
	bool v1; /* version 1: kind, input, note, queue are not said */
	struct derived_keys keys;
	/* what request_make and request_load find */
	char id[ID_MAX + 1];
	int64_t expires;    /* Unix seconds, the VM's clock */
	int64_t expires_ms; /* the same on now_ms() */
	char token[TOKEN_MAX];
	size_t token_len;
	uint8_t digest[SHA256_LEN]; /* of the token's bytes */
	int lock; /* clients/<id>, locked as long as we live */
};

/* Finds an id and signs the token: 0, or -1 after saying why. */
int request_make(struct request *);
/*
 * Writes the request so that it exists whole or not at all.  0, or -1 after
 * saying why, with nothing left behind.
 */
int request_submit(const struct home *, struct request *);
/* What id was sent before, with its key: 0, or -1 after saying why. */
int request_load(const struct home *, const char *id, struct request *);
/* The same of a token that is known. */
int request_from_token(const struct home *, const char *id, const char *token,
    size_t len, struct request *);
/* Writes its cancel: 0, or -1 after saying why. */
int request_cancel(const struct home *, const struct request *);

#endif
