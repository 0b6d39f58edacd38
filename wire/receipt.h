#ifndef WIRE_RECEIPT_H
#define WIRE_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

/* Receipt: what dom0 answers, signed exactly when it is recorded. */

#define RECEIPT_MAC_LINE 69

/* name, and the exit status that goes with it (-1: the command's own) */
#define RECEIPT_STATUSES(X)            \
	X(EXITED, "exited", -1)        \
	X(SIGNALED, "signaled", -1)    \
	X(TIMEOUT, "timeout", 124)     \
	X(CANCELLED, "cancelled", 130) \
	X(CHECKED, "checked", 0)       \
	X(DRY_RUN, "dry-run", 0)       \
	X(REJECTED, "rejected", 255)   \
	X(DENIED, "denied", 126)       \
	X(EXPIRED, "expired", 255)     \
	X(REPLAYED, "replayed", 255)   \
	X(INTERRUPTED, "interrupted", 255)

enum receipt_status {
#define X(e, name, status) RECEIPT_##e,
	RECEIPT_STATUSES(X)
#undef X
	RECEIPT_STATUS_COUNT
};

struct receipt_stream {
	uint64_t written;   /* bytes that the command wrote */
	uint64_t kept;	    /* bytes of them that are delivered */
	uint8_t sha256[32]; /* of the kept ones */
};

struct receipt {
	char id[ID_MAX + 1];
	bool has_request;
	uint8_t request[32]; /* SHA-256 of the .auth file */
	enum receipt_status status;
	uint8_t exit;
	char reason[REASON_MAX + 1]; /* "" for `-` */
	bool has_times;
	int64_t started_us, ended_us; /* Unix microseconds */
	struct receipt_stream out, err;
	bool has_log; /* then, and only then, has a mac */
	uint64_t log_seq;
	uint8_t log_hash[32];
	uint8_t mac[32];
};

/* As token_parse: 0, or -1 with *why. */
int receipt_parse(const char *, size_t len, struct receipt *, const char **why);
/*
 * As token_print: the length, or -1.  With has_log the last RECEIPT_MAC_LINE
 * bytes are the mac line, which covers all before it.
 */
ssize_t receipt_print(char *, size_t size, const struct receipt *);

const char *receipt_status_name(enum receipt_status);
/* The exit status that goes with a status; own: the command's. */
uint8_t receipt_status_exit(enum receipt_status, uint8_t own);

/* The four lines that a v1 client expects as .meta.  Length, or -1. */
ssize_t receipt_v1_print(char *, size_t size, const char *id,
    int64_t started_us, int64_t ended_us, uint8_t exit);

#endif
