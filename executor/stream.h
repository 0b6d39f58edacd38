#ifndef EXECUTOR_STREAM_H
#define EXECUTOR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "imsg/messages.h"
#include "privsep/event.h"

/*
 * One of a command's two output streams: from its pipe to its spool file, up
 * to a limit, hashed on the way; the rest is read, counted and dropped.
 */
struct stream {
	struct event ev;
	struct timer pause; /* after a small piece: it is not read */
	int pipe, spool;    /* -1 where closed; spool is made when needed */
	uint64_t limit;
	uint64_t written, kept;
	bool full; /* the disk takes no more */
	struct sha256 digest;
	size_t head_len;
	char head[sizeof(((struct msg_ended *)0)->out_head)];
	bool (*need)(void *);
	void (*grown)(void *);
	void *arg;
};

/* Nothing open: what stream_close may be given. */
void stream_init(struct stream *);
/*
 * At most limit bytes are kept.  need(arg) is called before the first, and
 * sets the stream's spool, or sets full and returns false; grown(arg) whenever
 * there is more.
 */
void stream_open(struct stream *, uint64_t limit, bool (*need)(void *),
    void (*grown)(void *), void *arg);
/*
 * Starts to read.  Returns the end that the command writes to, which the
 * caller closes; or -1.
 */
int stream_pipe(struct stream *);
/*
 * Reads what the pipe holds now, and no more: somebody else may go on writing
 * into it.
 */
void stream_drain(struct stream *);
void stream_close(struct stream *);
void stream_report(const struct stream *, struct msg_ended_stream *);

#endif
