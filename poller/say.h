#ifndef POLLER_SAY_H
#define POLLER_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "imsg/messages.h"

/* To the VM: one frame at a time, on qvm-run's standard input. */

/* Begins with `qvm-remote 2`. */
void say_init(int fd);
/* NULL, or what is wrong with it. */
const char *say_next(const struct msg_next *);
/* After the frame that is being written, `bye`, and nothing more. */
void say_bye(void);
bool say_bye_written(void);
/* Writes what the pipe takes. */
void say_turn(void);
/* Nothing more is written. */
void say_stop(void);
/* When the pipe must have taken something, monotonic ms; -1: it need not. */
int64_t say_deadline(const char **what);

#endif
