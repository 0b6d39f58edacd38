#ifndef POLLER_DELIVER_H
#define POLLER_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "imsg/messages.h"
#include "wire/frame.h"

/*
 * What a VM is to be told of its requests.  Tables of fixed size with the
 * newest state: `take` and `state` by id, output and receipt by the
 * verifier's serial number.
 *
 * A function that is fed by the verifier returns NULL, or what is wrong with
 * what it was fed.
 */

#define NOTICES_MAX    64 /* as many as a VM may have accepted */
#define DELIVERIES_MAX (JOBS_MAX + 1)
#define FRAME_MAX      (LINE_MAX_BYTES + PIECE_MAX)

void deliver_init(void);
const char *deliver_take(const struct msg_id *);
const char *deliver_state(const struct msg_state *);
/* Takes the descriptor, also where it complains. */
const char *deliver_output(uint32_t serial, const struct msg_stream *, int fd);
const char *deliver_sizes(uint32_t serial, const struct msg_sizes *);
const char *deliver_done(uint32_t serial, const struct msg_done *);

/*
 * Writes the next frame, its bytes too: its length, 0 when there is nothing
 * to say now, -1 with errno when a spool file cannot be read.
 */
ssize_t deliver_frame(char out[FRAME_MAX]);
/* The last frame has been written, at now_ms. */
void deliver_written(int64_t now_ms);
/* `kept`: 0 and the serial number; -1 when no such `done` was written. */
int deliver_kept(const char *id, uint32_t *serial);
/* When the oldest `done` without its `kept` was written, or -1. */
int64_t deliver_oldest_done(void);

#endif
