#ifndef CLIENT_OFFER_H
#define CLIENT_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/home.h"
#include "client/idlist.h"
#include "wire/frame.h"

/* The agent: which file of the queue answers `next`. */

/* Ids that a folder names, read a bounded number at a time. */
struct source {
	int dir;
	const char *suffix;
	bool stale; /* read it again from the beginning */
	struct idlist list;
	char last[ID_MAX + 1]; /* what is younger is for a further read */
};

struct offers {
	const struct home *home;
	struct source cancels, running, requests;
	struct idlist offered;	 /* dom0 has said neither take nor done */
	struct idlist cancelled; /* cancels of this session that stay */
	int64_t look_again;	 /* now_ms(); 0: no need */
};

/* What is sent: the frame, then its bytes, if any are. */
struct offer {
	struct frame frame;
	bool bytes; /* the token's, the body's and the input's */
	char token[TOKEN_PIPE_MAX];
	int body, input; /* the receiver's to close; -1 for none */
};

/* A session begins: all that lies in the queue is to be looked at. */
void offers_begin(struct offers *, const struct home *);
/* A file of pending/ has appeared, or has been written. */
void offers_name(struct offers *, const char *name);
/* A client says that there may be something of this id. */
void offers_id(struct offers *, const char *id);
/* Something was missed: look at the whole folder. */
void offers_rescan(struct offers *);
/*
 * The next answer: a cancel, or (any) a request.  False when there is none.
 */
bool offers_next(struct offers *, bool any, uint64_t input_limit,
    struct offer *);
/* dom0 has answered an offer. */
void offers_answered(struct offers *, const char *id);

#endif
