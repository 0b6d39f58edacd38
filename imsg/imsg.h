#ifndef IMSG_H
#define IMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "imsg/messages.h"

/*
 * imsg: typed messages over a SOCK_SEQPACKET socketpair.  One packet is one
 * message, at most one descriptor rides on it.  Nothing is queued here.
 */

#define IMSG_MAX 16384 /* bytes, header included */

struct imsg_hdr {
	uint16_t type; /* enum imsg_type */
	uint16_t len;  /* of the whole packet */
	uint32_t id;   /* what the message is about; 0 where unused */
	uint32_t pid;  /* of the sender, for logs only */
};

struct imsg {
	struct imsg_hdr hdr;
	int fd;	    /* -1, or owned by the message: imsg_take_fd, imsg_free */
	bool bad;   /* sticky: a get went past the end or met no NUL */
	size_t off; /* read so far */
	unsigned char data[IMSG_MAX - sizeof(struct imsg_hdr)];
};

struct imsg_end {
	int fd;
	enum role me, peer;
	uint32_t state; /* mine: ST_* */
	bool no_room;	/* EAGAIN was the kernel's: no EPOLLOUT tells */
};

/* A socketpair, both ends non-blocking and close-on-exec.  0, or -1. */
int imsg_pair(int[2]);
void imsg_open(struct imsg_end *, int fd, enum role me, enum role peer,
    uint32_t state);
void imsg_set_state(struct imsg_end *, uint32_t state);

/*
 * Sends one message; fd is -1 or stays the caller's.  0; -1 with EAGAIN when
 * the channel is full (ETOOMANYREFS too), with another errno when it is over.
 * A type, size or descriptor that the table does not allow me to send is our
 * own mistake and aborts.
 */
int imsg_send(struct imsg_end *, enum imsg_type, uint32_t id,
    const void *payload, size_t len, int fd);

/* Why the table does not let me send this, or NULL. */
const char *imsg_may_send(const struct imsg_end *, enum imsg_type, size_t len,
    bool has_fd);

enum imsg_status {
	IMSG_OK,     /* *m is a message that the table allows */
	IMSG_AGAIN,  /* nothing there now */
	IMSG_EOF,    /* the peer is gone */
	IMSG_REFUSED /* not allowed: *why says what (until the next call) */
};
/*
 * Receives one message.  On IMSG_OK the message owns its descriptor; on
 * anything else no descriptor is left open.
 */
enum imsg_status imsg_recv(struct imsg_end *, struct imsg *, const char **why);

/*
 * The rules alone: why a packet of got bytes that begins with hdr (read only
 * where got reaches) is refused on this channel, or NULL.
 */
const char *imsg_check(const struct imsg_end *, const struct imsg_hdr *,
    size_t got, bool has_fd);

/* Sticky readers, then one check that every byte was used and none missed. */
void imsg_get(struct imsg *, void *, size_t);
int imsg_end_check(struct imsg *);
/* The whole payload as one struct of the table's size: 0, or -1. */
int imsg_payload(struct imsg *, void *, size_t);
/* A text field is NUL-terminated within size and printable ASCII. */
bool imsg_text_ok(const char *, size_t size);
/* Moves the descriptor out: the caller owns it. */
int imsg_take_fd(struct imsg *);
/* Closes a descriptor that nobody took. */
void imsg_free(struct imsg *);

const char *imsg_name(enum imsg_type);
const char *role_name(enum role);

#endif
