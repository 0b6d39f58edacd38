#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/frame.h"

/* The quiet line: what a request that says nothing yet is waiting for. */
struct progress {
	bool wanted;
	int64_t since; /* now_ms(): the wait's, and then the command's begin */
	int64_t next;  /* when it is to be shown again */
	bool shown, has_state;
	enum frame_state state;
	uint64_t before; /* queued: requests that come first */
};

void progress_begin(struct progress *, int64_t now);
/* False where it is the state that was known. */
bool progress_state(struct progress *, const struct frame *, int64_t now);
/* Shows it when it is time to; silent: the command has written nothing. */
void progress_show(struct progress *, bool silent, int64_t now);
/* Milliseconds until then, at most ms. */
int64_t progress_ms(const struct progress *, int64_t ms, int64_t now);

#endif
