#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/home.h"
#include "client/offer.h"
#include "client/output.h"
#include "client/peers.h"
#include "client/store.h"
#include "wire/frame.h"

/* The agent: one session with dom0, from its first line to bye. */

enum next {
	NEXT_NONE, /* dom0 has not asked, or has its answer */
	NEXT_CANCEL,
	NEXT_ANY
};

#define SAID_MAX 64 /* that a VM may have in dom0 */

struct session {
	const struct home *home;
	bool wait; /* or `poll` */
	bool greeted;
	bool over; /* with status */
	int status;
	char full[ID_MAX + 1]; /* whose client has no room for its output */
	enum next next;
	int64_t next_ms; /* since when it stands */
	uint64_t input_limit;
	int word; /* of `next cancel`, or -1 */
	/* what dom0 said last of those it has, for clients that come later */
	struct said {
		struct frame frame; /* without an id: free */
		int64_t at_ms;
	} said[SAID_MAX];
	/* what dom0 sends: lines, and the bytes behind some of them */
	char in[65536 + LINE_MAX_BYTES];
	size_t in_len;
	struct frame frame;
	uint64_t left; /* bytes of the frame to come */
	uint64_t at;   /* where they go: offset */
	int piece;     /* file of output, -1: dropped */
	char receipt[RECEIPT_MAX];
	/* its parts */
	struct store store;
	struct offers offers;
	struct output output;
	struct peers peers;
};

void session_begin(struct session *, const struct home *, bool wait);
/* Reads what is there. */
void session_read(struct session *);
/*
 * Handles what was read, as far as there is room for the answers: true when
 * it stopped for want of that.
 */
bool session_consume(struct session *);
/* Answers `next`, if it stands and there is something to say. */
void session_answer(struct session *);
/* A client named its request. */
void session_submitted(void *session, struct peer *);
/* Milliseconds until session_answer has something to do, or -1. */
int session_timeout(const struct session *);

#endif
