#ifndef POLLER_HEAR_H
#define POLLER_HEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/channel.h"

/* From the VM: what qvm-run's standard output brings. */

void hear_init(int fd, struct channel *verifier);
/* Goes on with what is here, as far as the verifier takes it. */
void hear_use(void);
/* Reads from the pipe, or lets it wait. */
void hear_watch(bool on);
/* The pipe is at its end. */
bool hear_at_end(void);

/* The VM has said `ready`. */
bool hear_opened(void);
/* A `next` has been written. */
void hear_ask(bool cancel_only, uint64_t input_limit);
/* How many of them stand. */
unsigned hear_asked(void);
/* After a quick `none`, the next `next` goes out no sooner than this. */
int64_t hear_not_before(void);

/* When the VM must have spoken, monotonic ms, and what of; -1: it need not. */
int64_t hear_deadline(const char **what);
/* The wait was not the VM's. */
void hear_excuse(void);

#endif
