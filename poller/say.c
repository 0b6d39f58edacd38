#include "poller/say.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "poller/deliver.h"
#include "poller/hear.h"
#include "poller/reader.h"
#include "poller/session.h"
#include "privsep/event.h"
#include "privsep/log.h"

#define FRAMES_A_TURN 8
#define SILENCE_MS    30000
#define PIECE	      (1 << 20) /* has to be taken in so much time */

enum kind {
	FRAME_OF_OURS,
	FRAME_OF_NEXT,
	FRAME_OF_DELIVERY,
	FRAME_OF_BYE
};

static int pipe_fd = -1;
static struct event pipe_ev;
static struct timer pace;
static struct {
	enum kind kind;
	size_t len, off;
	char buf[FRAME_MAX];
} out;
static struct msg_next nexts[ASKED_MAX]; /* to be written */
static unsigned next_count;
static bool bye, bye_written, broken;
static int64_t piece_ms;
static size_t piece_len; /* written since */
static bool writing;	 /* since then something was left to write */

static void
print(const struct frame *f, enum kind kind)
{
	ssize_t n;

	n = frame_print(out.buf, f);
	if (n == -1)
		fatalx("a frame that cannot be printed");
	out.kind = kind;
	out.len = (size_t)n;
	out.off = 0;
}

void
say_init(int fd)
{
	const struct frame hello = {.type = FRAME_HELLO};

	pipe_fd = fd;
	print(&hello, FRAME_OF_OURS);
	piece_ms = now_monotonic_ms();
}

const char *
say_next(const struct msg_next *msg)
{
	if (msg->cancel_only > 1 || msg->word >= WORD_COUNT ||
	    msg->input_limit > INPUT_POLICY_MAX || !hear_opened())
		return "a bad next";
	if (hear_asked() + next_count == ASKED_MAX)
		return "a third next";
	nexts[next_count++] = *msg;
	return NULL;
}

void
say_bye(void)
{
	bye = true;
}

bool
say_bye_written(void)
{
	return bye_written;
}

void
say_stop(void)
{
	event_remove(&pipe_ev);
	timer_stop(&pace);
	broken = true;
}

static void
pace_over(struct timer *t)
{
	(void)t;
	/* The turn writes. */
}

/* The one after a quick `none` waits for its time: see hear_not_before. */
static bool
next_due(void)
{
	int64_t left = hear_not_before() - now_monotonic_ms();

	if (next_count == 0)
		return false;
	if (left <= 0)
		return true;
	if (!pace.set)
		timer_start(&pace, CLOCK_MONOTONIC, left, pace_over, NULL);
	return false;
}

static void
print_next(void)
{
	struct frame f = {.type = FRAME_NEXT_ANY};

	f.input_limit = nexts[0].input_limit;
	if (nexts[0].cancel_only != 0) {
		f.type = FRAME_NEXT_CANCEL;
		f.word = (enum frame_word)nexts[0].word;
	}
	print(&f, FRAME_OF_NEXT);
}

/* Chooses what to write: false when there is nothing. */
static bool
choose(void)
{
	const struct frame goodbye = {.type = FRAME_BYE};
	ssize_t n;

	if (bye) {
		print(&goodbye, FRAME_OF_BYE);
		return true;
	}
	if (next_due()) {
		print_next();
		return true;
	}
	n = deliver_frame(out.buf);
	if (n == -1)
		fatal("spool");
	out.kind = FRAME_OF_DELIVERY;
	out.len = (size_t)n;
	out.off = 0;
	return n > 0;
}

/* All of it is in the pipe. */
static void
written(void)
{
	out.len = out.off = 0;
	switch (out.kind) {
	case FRAME_OF_NEXT:
		hear_ask(nexts[0].cancel_only != 0, nexts[0].input_limit);
		nexts[0] = nexts[1];
		next_count--;
		break;
	case FRAME_OF_DELIVERY:
		deliver_written(now_monotonic_ms());
		break;
	case FRAME_OF_BYE:
		bye_written = true;
		say_stop();
		(void)close(pipe_fd);
		session_ending();
		break;
	case FRAME_OF_OURS:
		break;
	}
}

static void
begin_piece(void)
{
	piece_ms = now_monotonic_ms();
	piece_len = 0;
}

/* Some of the frame: false when the pipe takes no more. */
static bool
write_some(void)
{
	ssize_t n;

	n = write(pipe_fd, out.buf + out.off, out.len - out.off);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == -1 && errno == EPIPE) {
		say_stop();
		session_ending();
		return false;
	}
	if (n == -1)
		fatal("the VM's pipe: write");
	piece_len += (size_t)n;
	if (piece_len >= PIECE)
		begin_piece();
	out.off += (size_t)n;
	if (out.off == out.len)
		written();
	return true;
}

static void
writable(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
	/* The turn writes. */
}

void
say_turn(void)
{
	int frames = 0;
	bool more;

	while (!broken && frames < FRAMES_A_TURN) {
		if (out.off == out.len) {
			if (!choose())
				break;
			if (!writing)
				begin_piece();
			writing = true;
			frames++;
		}
		if (!write_some())
			break;
	}
	/* In the loop only while it is waited for: see hear_watch. */
	more = !broken && (out.off < out.len || frames == FRAMES_A_TURN);
	writing = more;
	if (more && pipe_ev.fn == NULL)
		event_add(&pipe_ev, pipe_fd, EPOLLOUT, writable, NULL);
	else if (!more)
		event_remove(&pipe_ev);
}

int64_t
say_deadline(const char **what)
{
	if (broken || out.off == out.len)
		return -1;
	*what = "room in the pipe";
	return piece_ms + SILENCE_MS;
}
