#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "executor/command.h"
#include "executor/folder.h"
#include "executor/output.h"
#include "executor/tell.h"
#include "privsep/channel.h"
#include "privsep/log.h"

/*
 * A session holds the spool of at most its jobs and one: so many may be asked
 * for before the first is answered.
 */
#define WANTED_MAX (VMS_MAX * (JOBS_MAX + 1))

#define DISK_AGAIN_MS 60000

static struct wanted {
	uint64_t seq;
	uint32_t stream; /* the next to be sent: 1 or 2 */
	char vm[VM_NAME_MAX + 1];
} wanted[WANTED_MAX];
static unsigned int wanted_count;

static struct msg_look looks[2 * VMS_MAX]; /* one for each VM */
static unsigned int look_count;

static bool disk_low, told_low; /* of the spool's disk; at first it is not */

static struct wanted *
find_wanted(uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < wanted_count; i++)
		if (wanted[i].seq == seq)
			return &wanted[i];
	return NULL;
}

/* Order does not matter: the last one takes its place. */
static void
drop_wanted(struct wanted *w)
{
	*w = wanted[--wanted_count];
}

int
tell_spool(const struct msg_output *o)
{
	struct wanted *w = find_wanted(o->seq);

	if (w == NULL) {
		if (wanted_count == WANTED_MAX)
			return -1;
		w = &wanted[wanted_count++];
	}
	w->seq = o->seq;
	w->stream = 1;
	memcpy(w->vm, o->vm, sizeof(w->vm));
	return 0;
}

void
tell_no_spool(uint64_t seq)
{
	struct wanted *w = find_wanted(seq);

	if (w != NULL)
		drop_wanted(w);
}

/*
 * A file that is not there is answered with one that is empty: who asks gets
 * an answer, and finds that it is shorter than he was told.
 */
static int
open_spool(const struct wanted *w)
{
	int fd;

	fd = w->vm[0] == '\0' ? spool_open(w->seq, w->stream)
			      : output_open(w->vm, w->seq, w->stream);
	if (fd != -1)
		return fd;
	log_warn("command %" PRIu64 ": spool: %s", w->seq, strerror(errno));
	if ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
		fatal("/dev/null");
	return fd;
}

static int
send_spool(struct channel *ch, const struct wanted *w)
{
	struct msg_stream m;
	int fd, result;

	memset(&m, 0, sizeof(m));
	m.seq = w->seq;
	m.stream = w->stream;
	fd = open_spool(w);
	result = channel_send(ch, IMSG_SPOOL, 0, &m, sizeof(m), fd);
	close(fd);
	return result;
}

static int
send_wanted(struct channel *ch)
{
	struct wanted *w;

	while (wanted_count > 0) {
		w = &wanted[wanted_count - 1];
		if (send_spool(ch, w) == -1)
			return -1;
		if (++w->stream > 2)
			drop_wanted(w);
	}
	return 0;
}

int
tell_output(const struct msg_look *look)
{
	unsigned int i;

	for (i = 0; i < look_count; i++)
		if (strcmp(looks[i].vm, look->vm) == 0)
			break;
	if (i == sizeof(looks) / sizeof(looks[0]))
		return -1;
	if (i == look_count)
		look_count++;
	looks[i] = *look;
	return 0;
}

/*
 * Looked at when it can be told: what ENDED has said by then is in it, and
 * nothing else.
 */
static int
send_looks(struct channel *ch)
{
	struct msg_kept m;

	while (look_count > 0) {
		const struct msg_look *look = &looks[look_count - 1];

		memset(&m, 0, sizeof(m));
		memcpy(m.vm, look->vm, sizeof(m.vm));
		output_look(look->vm, look->before, &m.bytes, &m.oldest);
		if (channel_send(ch, IMSG_OUTPUTS, 0, &m, sizeof(m), -1) == -1)
			return -1;
		look_count--;
	}
	return 0;
}

/* Nothing says when there is room again, so we look. */
static void
look_again(struct timer *t)
{
	tell_disk(t->arg);
}

void
tell_disk(struct channel *ch)
{
	static struct timer again;
	int now = spool_disk_is_low();

	if (now == -1)
		fatal("spool: its disk");
	disk_low = now == 1;
	if (disk_low)
		timer_start(&again, CLOCK_BOOTTIME, DISK_AGAIN_MS, look_again,
		    ch);
	else
		timer_stop(&again);
	channel_wake(ch);
}

static int
send_disk(struct channel *ch)
{
	struct msg_disk m = {.low = disk_low};

	if (disk_low == told_low)
		return 0;
	if (channel_send(ch, IMSG_SPOOL_DISK, 0, &m, sizeof(m), -1) == -1)
		return -1;
	told_low = disk_low;
	return 0;
}

static int
send_started(struct channel *ch, struct command *c)
{
	struct msg_started m = {
	    .seq = c->run.seq,
	    .started_us = c->started_us,
	};

	if (channel_send(ch, IMSG_STARTED, 0, &m, sizeof(m), -1) == -1)
		return -1;
	c->tell_started = false;
	return 0;
}

static int
send_grown(struct channel *ch, struct command *c)
{
	struct msg_sizes m = {
	    .seq = c->run.seq,
	    .out = c->out.kept,
	    .err = c->err.kept,
	};

	if (channel_send(ch, IMSG_GROWN, 0, &m, sizeof(m), -1) == -1)
		return -1;
	c->tell_grown = false;
	c->grown_ms = now_monotonic_ms();
	c->told_out = m.out;
	c->told_err = m.err;
	return 0;
}

static uint32_t
end_value(const struct command *c)
{
	switch (c->how) {
	case END_EXITED:
		return (uint32_t)WEXITSTATUS(c->status);
	case END_SIGNALED:
		return (uint32_t)WTERMSIG(c->status);
	case END_FAILED:
	case END_UNKEPT:
		return (uint32_t)c->error;
	case END_TIMEOUT:
	case END_KILLED:
		break;
	}
	return 0;
}

static int
send_ended(struct channel *ch, struct command *c)
{
	struct msg_ended m;

	memset(&m, 0, sizeof(m));
	m.seq = c->run.seq;
	m.how = (uint32_t)c->how;
	m.value = end_value(c);
	m.limits = c->limits;
	m.started_us = c->started_us;
	m.ended_us = c->ended_us;
	stream_report(&c->out, &m.out);
	stream_report(&c->err, &m.err);
	m.out_head_len = (uint32_t)c->out.head_len;
	m.err_head_len = (uint32_t)c->err.head_len;
	memcpy(m.out_head, c->out.head, sizeof(m.out_head));
	memcpy(m.err_head, c->err.head, sizeof(m.err_head));
	keep_report(&c->keep, &m);
	if (channel_send(ch, IMSG_ENDED, 0, &m, sizeof(m), -1) == -1)
		return -1;
	command_forget(c);
	return 0;
}

/* ENDED says what GROWN would, and comes last. */
static int
send_command(struct channel *ch, struct command *c)
{
	if (c->state == CMD_FREE)
		return 0;
	if (c->tell_started && send_started(ch, c) == -1)
		return -1;
	if (c->state == CMD_ENDED)
		return send_ended(ch, c);
	if (c->tell_grown)
		return send_grown(ch, c);
	return 0;
}

/* Begins where a full channel has stopped it: each has its turn. */
void
tell_pump(struct channel *ch)
{
	static unsigned int at;
	unsigned int i;

	if (send_disk(ch) == -1)
		return;
	for (i = 0; i < COMMANDS_MAX; i++) {
		if (send_command(ch, &commands[at]) == -1)
			return;
		at = (at + 1) % COMMANDS_MAX;
	}
	if (send_wanted(ch) == 0)
		send_looks(ch);
}
