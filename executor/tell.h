#ifndef EXECUTOR_TELL_H
#define EXECUTOR_TELL_H

#include "imsg/messages.h"

struct channel;

/*
 * What the verifier is told: whatever the table of commands says that it is to
 * be told, and the spool descriptors that it has asked for.
 */

/* Descriptors of the command's output are wanted.  0; -1: too many. */
int tell_spool(const struct msg_output *);
/* They are not wanted any more. */
void tell_no_spool(uint64_t seq);
/* How much of a VM's output is kept is to be looked at.  The same. */
int tell_output(const struct msg_look *);
/*
 * Looks how full the spool's disk is, now and, while it is low, once a minute;
 * the verifier is told when that has changed.
 */
void tell_disk(struct channel *);
/* The verifier's pump: sends until all is told or the channel is full. */
void tell_pump(struct channel *);

#endif
