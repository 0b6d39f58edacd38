#ifndef PRIVSEP_CHANNEL_H
#define PRIVSEP_CHANNEL_H

#include "imsg/imsg.h"
#include "privsep/event.h"

/*
 * A channel in the event loop.  Any callback may close and free it.  It holds
 * no messages: pump() is called when something may be sent (after channel_wake,
 * or when the socket took no more and is writable again); it sends what has
 * changed until channel_send says that the channel is full, or until nothing is
 * left to say.
 */
struct channel {
	struct imsg_end end;
	struct event ev;
	struct timer stall; /* a peer that does not read for 30 s */
	struct timer retry; /* the kernel has no room: no EPOLLOUT tells */
	bool full;	    /* waiting for EPOLLOUT, or for its end */
	char name[64];	    /* for logs: "poller [work]" */
	void (*dispatch)(struct channel *, struct imsg *);
	void (*pump)(struct channel *); /* may be NULL */
	/*
	 * The channel is over: EOF (why NULL), refused message, stall.  It has
	 * been closed already; the callback may free it.
	 */
	void (*closed)(struct channel *, const char *why);
	void *arg;
};

/*
 * Takes over fd.  The function pointers and arg are the caller's to set, before
 * or after; the struct must have been zeroed once.
 */
void channel_open(struct channel *, int fd, enum role me, enum role peer,
    uint32_t state, const char *name);
void channel_close(struct channel *);
bool channel_is_open(const struct channel *);
/*
 * As imsg_send; 0, or -1 when it is full (pump follows) or over (closed
 * follows from the loop).  The descriptor stays the caller's.
 */
int channel_send(struct channel *, enum imsg_type, uint32_t id,
    const void *payload, size_t len, int fd);
/* Calls pump now, unless the channel waits for EPOLLOUT. */
void channel_wake(struct channel *);

/*
 * What the peer has said is heard and, where it has ended, its end; one that goes
 * on talking holds up nobody.
 */
void channel_drain(struct channel *);

/*
 * The role's side of descriptor 3, for setup before the loop: blocks until
 * one message is there, at most 30 s.  Fatal on anything but IMSG_OK.
 */
void channel_await(struct channel *, struct imsg *);

#endif
