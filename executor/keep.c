#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/piece.h"
#include "executor/keep.h"
#include "privsep/event.h"
#include "privsep/log.h"

#define SEAL_S 60 /* for the disk to take it */

void
keep_init(struct keep *k)
{
	int i;

	memset(k, 0, sizeof(*k));
	for (i = 0; i < OUTPUT_FILES; i++)
		k->fd[i] = -1;
	sha256_init(&k->timing);
}

int
keep_open(struct keep *k, const struct msg_run *run)
{
	if (output_make(run->vm, run->seq, run->output_limit, k->fd) == 0)
		return 0;
	k->fd[OUTPUT_TIME] = -1;
	return errno;
}

void
keep_start(struct keep *k)
{
	k->start_ms = now_monotonic_ms();
}

/* What is over the room for it has no time of its own: it comes at the end. */
void
keep_note(struct keep *k, uint64_t out, uint64_t err)
{
	struct piece p = {.stream = out > k->out ? 1 : 2,
	    .ms = (uint32_t)(now_monotonic_ms() - k->start_ms),
	    .len = (uint32_t)(out - k->out + err - k->err)};
	uint8_t bytes[PIECE_LEN];

	if (k->bad || k->timing_len + PIECE_LEN > TIMING_MAX)
		return;
	piece_print(bytes, &p);
	if (write(k->fd[OUTPUT_TIME], bytes, PIECE_LEN) != PIECE_LEN) {
		log_warn("kept output: %s: it is not sealed", strerror(errno));
		k->bad = true;
		return;
	}
	sha256_update(&k->timing, bytes, PIECE_LEN);
	k->timing_len += PIECE_LEN;
	k->out = out;
	k->err = err;
}

bool
keep_seal(struct keep *k, const struct msg_run *run, int64_t ended_us)
{
	if (k->fd[OUTPUT_TIME] == -1 || k->bad)
		return false;
	k->sealer = fork();
	if (k->sealer == 0) {
		alarm(SEAL_S);
		_exit(output_sync(run->vm, k->fd, ended_us) == 0 ? 0 : 1);
	}
	if (k->sealer != -1)
		return true;
	log_warn("kept output of command %" PRIu64 ": %s: it is not sealed",
	    run->seq, strerror(errno));
	k->sealer = 0;
	return false;
}

void
keep_reaped(struct keep *k, int status)
{
	k->sealer = 0;
	k->sealed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!k->sealed)
		log_warn("a kept output could not be put on disk: it is not "
			 "sealed");
}

void
keep_close(struct keep *k, const struct msg_run *run, bool begun)
{
	if (k->fd[OUTPUT_TIME] == -1)
		return;
	if (close(k->fd[OUTPUT_TIME]) == -1)
		log_warn("kept output: %s", strerror(errno));
	k->fd[OUTPUT_TIME] = -1;
	if (!begun)
		output_remove(run->vm, run->seq);
}

void
keep_report(const struct keep *k, struct msg_ended *m)
{
	m->sealed = k->sealed;
	m->timing_len = k->timing_len;
	sha256_final(&k->timing, m->timing_sha256);
}
