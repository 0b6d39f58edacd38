#ifndef VERIFIER_TAIL_H
#define VERIFIER_TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "audit/audit.h"

/*
 * Where the log ends, and what it holds: what a start reads.  That is the
 * newest segment, and the one before where the newest one's snapshot is not
 * whole; never more, whatever the log's size.
 */

/*
 * Called for each record from a snapshot's beginning on.  size: of its line in
 * the log; one that is long is given without its body and input.
 */
typedef void tail_seen(const struct line_head *, const char *line, size_t len,
    uint64_t size);

struct log_end {
	uint64_t seq; /* of the newest record, 0: there is none */
	uint64_t run, step;
	bool stopped;	  /* it is a closing record */
	uint8_t hash[32]; /* its hash */
	int64_t newest_us;
	/* The newest segment, and what lies behind its good end. */
	bool any;
	uint64_t first, length;
	off_t good_end;
	uint8_t sha256[32]; /* of those bytes, zeros at the end aside */
};

/*
 * forget() is called where what was seen does not count: it is seen again.
 * Fatal where the log cannot be read or has no whole snapshot.
 */
void tail_read(int folder, tail_seen *, void (*forget)(void), struct log_end *);

#endif
