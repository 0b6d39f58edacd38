#ifndef CLIENT_KEYCMD_H
#define CLIENT_KEYCMD_H

#include "client/commands.h"

/* qvm-remote key: each returns the exit status. */
int cmd_key_gen(const struct home *, const struct args *);
int cmd_key_show(const struct home *, const struct args *);
int cmd_key_import(const struct home *, const struct args *);
int cmd_key_rotate(const struct home *, const struct args *);

#endif
