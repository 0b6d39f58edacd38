#ifndef EXECUTOR_KEEP_H
#define EXECUTOR_KEEP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "executor/output.h"
#include "imsg/messages.h"

/*
 * A command's output that stays, where its policy says `record = full`: its
 * streams' files are the kept ones, and a third says when each piece came.
 */
struct keep {
	/* The first two are the streams'.  The third -1: nothing is kept. */
	int fd[OUTPUT_FILES];
	int64_t start_ms;
	uint64_t out, err; /* bytes that have been noted */
	uint64_t timing_len;
	struct sha256 timing;
	bool bad;     /* not all could be noted */
	pid_t sealer; /* until reaped */
	bool sealed;
};

/* Nothing is kept. */
void keep_init(struct keep *);
/* Makes its files, and room in them: 0, or the errno. */
int keep_open(struct keep *, const struct msg_run *);
/* It has begun. */
void keep_start(struct keep *);
/* One of its streams has so many bytes by now. */
void keep_note(struct keep *, uint64_t out, uint64_t err);
/* Has a process put it on disk: whether one is at it. */
bool keep_seal(struct keep *, const struct msg_run *, int64_t ended_us);
void keep_reaped(struct keep *, int status);
/* Closes it; of what did not begin, nothing stays. */
void keep_close(struct keep *, const struct msg_run *, bool begun);
void keep_report(const struct keep *, struct msg_ended *);

#endif
