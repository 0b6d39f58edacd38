#ifndef REGRESS_START_H
#define REGRESS_START_H

#include <sys/types.h>

#include "imsg/imsg.h"

/* A poller or a verifier, started as the parent starts it. */
struct started {
	pid_t pid;
	struct imsg_end parent; /* ours: we are its parent */
	int peer;		/* and whoever is at its other channel */
};

/*
 * Runs libexec/NAME of the bed with the bed's users and returns when it is
 * READY.  root stands before its paths; what it needs there, the caller has
 * made.
 */
void start_role(struct started *, enum role, const char *root,
    const char *libexec);
/* Ours to close when it has ended, by whatever. */
void start_forget(struct started *);

#endif
