#ifndef POLLER_READER_H
#define POLLER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"
#include "wire/limits.h"

/*
 * What a VM says: bytes in, events out.  No I/O, no clock, no allocation; all
 * that it keeps is in the struct.  It knows what was asked, and refuses all
 * else.
 */

#define ASKED_MAX 2 /* `next` frames that may stand */

enum reader_event {
	READER_MORE,	/* every byte was used */
	READER_READY,	/* frame: program, wait */
	READER_NONE,	/* superseded: another `next` stood */
	READER_REQUEST, /* frame; with over, none of its bytes follows */
	READER_BODY,	/* a piece of it: data, data_len */
	READER_INPUT,
	READER_REQUEST_END, /* all of it came, token too */
	READER_CANCEL,	    /* frame, token; with over, without */
	READER_KEPT, /* frame: id; whether it is owed is not known here */
	READER_BAD   /* why: the rule; and nothing else from there on */
};

enum reader_part {
	PART_GREETING,
	PART_LINE,
	PART_TOKEN,
	PART_BODY,
	PART_INPUT,
	PART_END, /* of a request */
	PART_BAD
};

struct reader_asked {
	bool cancel_only;
	uint64_t input_limit;
};

struct reader {
	/* What the last event is about. */
	struct frame frame;
	bool over; /* a length is over its limit */
	bool superseded;
	const char *data;
	size_t data_len;
	const char *why;
	size_t token_len; /* bytes of it that are here */
	char token[TOKEN_PIPE_MAX];
	/* Its own. */
	enum reader_part part;
	struct reader_asked asked[ASKED_MAX];
	unsigned asked_count;
	uint64_t left;	/* of this part */
	size_t greeted; /* bytes that were skipped */
	bool long_line; /* of a greeting */
	size_t line_len;
	char line[LINE_MAX_BYTES];
};

void reader_init(struct reader *);
/* A `next` has gone out.  Not more than ASKED_MAX may stand. */
void reader_ask(struct reader *, bool cancel_only, uint64_t input_limit);
/*
 * Uses bytes from *p, moves *p and *len on, and returns what they mean.  To
 * be called until it returns READER_MORE or READER_BAD.
 */
enum reader_event reader_next(struct reader *, const char **p, size_t *len);
/* The VM is in the middle of something. */
bool reader_within(const struct reader *);

#endif
