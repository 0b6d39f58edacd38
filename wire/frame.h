#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

/* Frames on the pipe: one line of at most 256 bytes, LF included. */

enum frame_side {
	FRAME_DOM0,
	FRAME_VM
};

enum frame_type {
	/* dom0 */
	FRAME_HELLO,	   /* qvm-remote 2 */
	FRAME_NEXT_ANY,	   /* input_limit */
	FRAME_NEXT_CANCEL, /* word */
	FRAME_TAKE,	   /* id */
	FRAME_STATE,	   /* id, state, n */
	FRAME_OUT,	   /* id, offset, length; then the bytes */
	FRAME_ERR,
	FRAME_DONE, /* id, exit, length; then the receipt */
	FRAME_COUNT,
	FRAME_BYE,
	/* VM */
	FRAME_READY,   /* program, wait */
	FRAME_REQUEST, /* id, clock, three lengths; then the bytes */
	FRAME_CANCEL,  /* id, clock, token_len; then the token */
	FRAME_NONE,
	FRAME_KEPT,  /* id */
	FRAME_COUNTS /* pending, running, results */
};

#define FRAME_WORDS(X)  \
	X(FULL, "full") \
	X(RATE, "rate") \
	X(LOG, "log")   \
	X(DISK, "disk") \
	X(MEMORY, "memory")
enum frame_word {
#define X(e, name) WORD_##e,
	FRAME_WORDS(X)
#undef X
	WORD_COUNT
};

enum frame_state {
	STATE_QUEUED, /* n: requests of this VM before it */
	STATE_ASKED,
	STATE_RUNNING /* n: seconds so far */
};

struct frame {
	enum frame_type type;
	char id[ID_MAX + 1];
	uint64_t input_limit;
	enum frame_word word;
	enum frame_state state;
	uint64_t n;
	uint64_t offset, length;
	uint8_t exit;
	char program[PROGRAM_MAX + 1]; /* <program>/<version> */
	bool wait;
	int64_t clock; /* Unix seconds, the VM's */
	uint64_t token_len, body_len, input_len;
	uint64_t pending, running, results;
};

/*
 * Reads one line, LF included, as sent by a side.  0, or -1 with *why (static
 * text that names the rule).  Ids are checked with id_valid() or, where v1
 * allows them, id_valid_v1_ping().  Lengths are read up to 2^53; whether they
 * are within limits is the caller's business, but for out and err, whose
 * length is 1 to PIECE_MAX, and done, whose length is at most RECEIPT_MAX.
 */
int frame_parse(enum frame_side from, const char *line, size_t len,
    struct frame *, const char **why);

/* Writes the line with its LF, without a NUL: its length, or -1. */
ssize_t frame_print(char out[LINE_MAX_BYTES], const struct frame *);

/*
 * Whether a request's announced lengths are within limits; if not, none of its
 * bytes follows the line.  NULL, or the rule as text for the rejection.
 */
const char *frame_lengths_rule(const struct frame *, uint64_t input_limit);

const char *frame_word_name(enum frame_word);
const char *frame_state_name(enum frame_state);

/* The content rules of a body: NULL, or the rule that is broken. */
const char *body_rule(const void *, size_t len);

#endif
