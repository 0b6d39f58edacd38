#ifndef CLIENT_OUTPUT_H
#define CLIENT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/offer.h"
#include "wire/frame.h"

/*
 * The agent's pipe to dom0.  Frames without bytes wait in replies; at most one
 * with bytes is on its way, and is read from its files as the pipe takes it.
 */
struct output {
	char buf[65536];
	size_t start, end;
	char replies[4096];
	size_t replies_len;
	int file[2]; /* body, input: -1 when done */
	uint64_t left[2];
};

void output_init(struct output *);
/* Room for one more reply. */
bool output_room(const struct output *);
/* Something is still to be sent. */
bool output_busy(const struct output *);
void output_reply(struct output *, const struct frame *);
/* Only when it is not busy.  Takes over the offer's descriptors. */
void output_offer(struct output *, const struct offer *);
/* Sends what the pipe takes: 0, or -1 with errno (0: a file has changed). */
int output_flush(struct output *);

#endif
