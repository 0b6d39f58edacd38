#include "verifier/verifier.h"

/*
 * What waits for a person in dom0.  It is in its VM's share as what waits for
 * its turn is, and ends as that does; nothing of it outlives a restart, after
 * which it is looked at anew.
 */

void
ask(struct request *r)
{
	if (record_asked(r))
		r->state = REQUEST_ASKED;
	else
		request_refuse(r, RECEIPT_REJECTED,
		    "dom0's log has no room: nothing runs");
}

void
ask_again(struct vm *vm)
{
	struct request *r;
	const char *why;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state != REQUEST_ASKED)
			continue;
		switch (decide(r, &why)) {
		case VERDICT_DENY:
			request_refuse(r, RECEIPT_DENIED, why);
			break;
		case VERDICT_ASK:
			break;
		case VERDICT_RUN:
			r->state = REQUEST_WAITING;
			break;
		}
	}
}
