#ifndef CLIENT_PATIENCE_H
#define CLIENT_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* How long a client waits: a pure function of what it knows. */

enum verdict {
	GO_ON,
	NEVER_TAKEN,
	UNKNOWN,  /* taken, and no session for too long */
	GIVEN_UP, /* the person's signal, or an output nobody reads */
	VERDICTS
};

/* Times are in milliseconds on one clock; 0 for what has not been. */
struct patience {
	int64_t expires;   /* the token's */
	int64_t limit;	   /* ping: whatever happens */
	int64_t cancelled; /* we have cancelled it */
	int64_t alone;	   /* since when there is no session */
	int32_t timeout;   /* seconds, or TOKEN_TIMEOUT_POLICY */
	bool session;	   /* there is one now */
	bool taken;	   /* dom0 has it */
};

#define CANCEL_MS 7000	/* TERM, 5 s, KILL, and the way back */
#define GRACE_MS  60000 /* after `expires`, and after a lost session */

enum verdict patience_judge(const struct patience *, int64_t now);

#endif
