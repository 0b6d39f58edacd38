#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/home.h"
#include "client/report.h"
#include "client/request.h"
#include "client/stream.h"

#define EXIT_INTERRUPTED 130
#define EXIT_BROKEN_PIPE 141
#define EXIT_OTHER	 255

enum wait_end {
	WAIT_RESULT,	  /* .exit is there */
	WAIT_NEVER_TAKEN, /* and withdrawn */
	WAIT_UNKNOWN,	  /* taken, and no session for too long */
	WAIT_FULL,	  /* no room for its output */
	WAIT_GONE,	  /* follow: nothing waits, runs or has ended */
	WAIT_GIVEN_UP	  /* interrupted, or its output cannot be printed */
};

struct wait {
	const struct home *home;
	const struct request *request;
	bool follow;	  /* another's: it is not cancelled */
	int signals;	  /* of interrupt_catch() */
	int64_t limit_ms; /* on now_ms(): ping ends then; or 0 */
	struct stream out, err;
	bool uncancelled; /* the cancel could not be written */
	struct report report;
	struct outcome outcome; /* finish(), and who calls it */
};

/*
 * Prints output as it comes, until there is a result, or a reason to wait no
 * longer.
 */
enum wait_end wait_result(struct wait *);

#endif
