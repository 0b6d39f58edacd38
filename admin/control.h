#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include <stdbool.h>

#include "imsg/imsg.h"

/* The control socket's other end.  What is said here is fatal on failure. */

#define EXIT_NO_DAEMON 3
#define EXIT_OVER      4 /* it waits for no person's word any more */

/* A connected socket; -1: no daemon runs. */
int control_connect(void);
/* Says that no daemon runs: the exit status for it. */
int control_absent(void);
/* The same, and the end where no daemon runs. */
int control_or_end(void);
/* The command with its payload; each message up to the last is fn's. */
void control_ask(int fd, enum imsg_type command, const void *payload,
    size_t len, void (*fn)(struct imsg *));
void control_payload(struct imsg *, void *out, size_t size);
/* Unix microseconds, in local time. */
void control_print_time(int64_t us);

/* queue.c */
/* [VM:]ID, as it is typed. */
void queue_which(const char *words, struct msg_which *);
/* False: the message is none of a request. */
bool queue_row(struct imsg *, struct msg_row *);

/* status.c: what `status` shows. */
void status_show(bool as_json);

#endif
