#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "client/entry.h"
#include "client/home.h"
#include "crypto/crypto.h"

/* One output of a command on its way to where we print it. */
struct stream {
	enum part part;
	const char *name; /* for messages */
	int from;	  /* -1 until the file is there */
	int to;		  /* -1: it is only read, and kept for later */
	uint64_t printed; /* bytes, of which this is the digest */
	struct sha256 sha;
	int error; /* errno of the first failed write, or 0 */
};

void stream_init(struct stream *, enum part, const char *name, int to);
/*
 * Prints what there is beyond what was printed.  After a signal it no longer
 * waits for a slow reader.  0, or -1 with ->error: nothing more is printed.
 */
int stream_pump(struct stream *, const struct home *, const char *id);
void stream_close(struct stream *);

#endif
