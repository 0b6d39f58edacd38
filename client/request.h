#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

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
	struct derived_keys keys;
	/* what request_submit finds */
	char id[ID_MAX + 1];
	int64_t expires;	    /* Unix seconds, the VM's clock */
	int64_t expires_ms;	    /* the same on now_ms() */
	uint8_t digest[SHA256_LEN]; /* of the token's bytes */
	int lock; /* clients/<id>, locked as long as we live */
};

/*
 * Writes the request so that it exists whole or not at all.  0, or -1 after
 * saying why, with nothing left behind.
 */
int request_submit(const struct home *, struct request *);
/* Writes its cancel: 0, or -1 after saying why. */
int request_cancel(const struct home *, const struct request *);

#endif
