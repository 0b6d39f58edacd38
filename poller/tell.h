#ifndef POLLER_TELL_H
#define POLLER_TELL_H

#include <stdbool.h>

#include "poller/reader.h"
#include "privsep/channel.h"

/*
 * To the verifier: one thing at a time.  Until it is sent, nothing more is
 * read from the VM, so that there is never a second.
 */
void tell_open(const struct frame *);
void tell_none(void);
void tell_kept(uint32_t serial);
void tell_cancel(const struct reader *);
/* A request: its line, the pieces of body and input, its end. */
void tell_request(const struct reader *);
void tell_body(const struct reader *);
void tell_input(const struct reader *);
void tell_request_end(const struct reader *);
/* Sends what there is: false while the channel is full. */
bool tell_pump(struct channel *);
bool tell_idle(void);

#endif
