#ifndef ADMIN_CLAIMS_H
#define ADMIN_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/text.h"
#include "crypto/crypto.h"
#include "wire/receipt.h"

/*
 * log verify: files that say something of records.  Checkpoints, which the
 * administrator has kept, and receipts, which a VM has: hostile input.
 */

struct source {
	char name[512]; /* to be shown */
	bool receipts;	/* else checkpoints */
	int fd;
	uint64_t silent; /* receipts that say nothing of the log */
	uint64_t pruned; /* that name what is not kept any more */
	/* witness.c: what fits the log, up to which record, and what does not. */
	uint64_t fits, newest, disagrees;
	char newest_time[TIME_TEXT_LEN + 1]; /* of a checkpoint */
};

/* Opens a file; `-` is standard input.  Fatal on failure. */
void claims_open(const char *file, bool receipts);
/* Parses them, as the user that may do nothing else.  Fatal on failure. */
void claims_read(void);
/* The i-th file, or NULL. */
struct source *claims_source(size_t i);

/* One line or one receipt: where it is, since their texts are not kept. */
struct claim {
	uint64_t seq; /* of the record that it names */
	off_t offset;
	uint32_t len, line;
	struct source *source;
};
/* The next one, in order of seq, up to that; NULL: there is none. */
struct claim *claim_upto(uint64_t seq);
/* Its len bytes, once more. */
void claim_read(const struct claim *, char text[RECEIPT_MAX]);

/* A line of `log checkpoint`. */
struct checkpoint {
	char time[TIME_TEXT_LEN + 1];
	uint64_t seq;
	uint8_t hash[SHA256_LEN];
};
/* 0, or -1: it is none. */
int checkpoint_parse(const char *, size_t len, struct checkpoint *);

#endif
