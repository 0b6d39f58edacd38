#ifndef CLIENT_PAST_H
#define CLIENT_PAST_H

#include "client/commands.h"

/* qvm-remote log and history: each returns the exit status. */
int cmd_log(const struct home *, const struct args *);
int cmd_history(const struct home *, const struct args *);
int cmd_history_show(const struct home *, const struct args *);
int cmd_history_search(const struct home *, const struct args *);
int cmd_history_verify(const struct home *, const struct args *);
int cmd_history_export(const struct home *, const struct args *);

#endif
