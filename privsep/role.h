#ifndef PRIVSEP_ROLE_H
#define PRIVSEP_ROLE_H

#include "privsep/channel.h"

/*
 * How poller, verifier, executor and web begin.  Each of these is fatal when it
 * fails.
 */

/*
 * Takes what the parent gave: descriptor 3 and nothing else above 2.  umask
 * 077, no core, not dumpable, poller and web with sandbox_setup_caps(); event loop,
 * log, the channel (ST_SETUP), and the first message on it.  *parent must stay
 * where it is; its callbacks are the caller's to set before event_loop().
 */
void role_begin(struct channel *parent, enum role me, struct msg_settings *);
/* The next message must be of this type. */
void role_await(struct channel *parent, enum imsg_type, struct imsg *);
/* The same, whose payload is one struct. */
void role_await_payload(struct channel *parent, enum imsg_type, void *, size_t);
/* The same, whose payload is a descriptor alone: it is the caller's. */
int role_await_fd(struct channel *parent, enum imsg_type);
/* READY; from here on this end is ST_SERVING. */
void role_ready(struct channel *parent, uint32_t sandbox);

#endif
