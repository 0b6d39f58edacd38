#ifndef POLLER_QVMRUN_H
#define POLLER_QVMRUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "imsg/messages.h"

/* qvm-run, or qrexec-client in its place, and our ends of its pipes, non-blocking. */
struct qvmrun {
	pid_t pid;
	int in, out, err;
};

/*
 * Starts the session's transport as its user, with three pipes and nothing else.
 * While the poller is still root.  Fatal on failure, but for what happens in
 * the child: that is the transport's end, 126 or 127, with its reason on stderr.
 * once: the agent answers at once when it has nothing.
 */
void qvmrun_start(struct qvmrun *, const char *root, const struct msg_session *,
    bool once);

#endif
