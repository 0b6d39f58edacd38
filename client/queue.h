#ifndef CLIENT_QUEUE_H
#define CLIENT_QUEUE_H

#include "client/commands.h"

struct counts {
	size_t pending, running, results;
};
/* Requests and results on their way.  What cannot be read counts as none. */
void queue_count(const struct home *, struct counts *);
/* The beginning of what an id asks, on one line, and LF. */
void queue_show_command(const struct home *, const char *id);

/* qvm-remote queue: each returns the exit status. */
int cmd_queue_status(const struct home *, const struct args *);
int cmd_queue_list(const struct home *, const struct args *);
int cmd_queue_clean(const struct home *, const struct args *);
int cmd_queue_debug(const struct home *, const struct args *);

#endif
