#include "poller/hear.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "poller/deliver.h"
#include "poller/reader.h"
#include "poller/session.h"
#include "poller/tell.h"
#include "privsep/log.h"

#define READ_MAX       65536
#define ANSWER_WAIT_MS 330000	 /* to `next`, of an agent that waits */
#define SILENCE_MS     30000	 /* to all else */
#define FRAME_PIECE    (1 << 20) /* of a frame, in so much time */
#define PACE_MS	       1000 /* from a `next` with a quick `none` to another */

static int pipe_fd = -1;
static struct event pipe_ev;
static struct channel *verifier;
static struct reader reader;
static char input[READ_MAX];
static const char *input_next;
static size_t input_len;
static bool opened, agent_waits, at_end;
/* When what began that is being waited for; monotonic ms. */
static int64_t started_ms, asked_ms, answer_since_ms, piece_ms;
static size_t piece_len; /* has come since */
static int64_t not_before_ms;

void
hear_init(int fd, struct channel *ch)
{
	pipe_fd = fd;
	verifier = ch;
	reader_init(&reader);
	started_ms = now_monotonic_ms();
}

bool
hear_at_end(void)
{
	return at_end;
}

bool
hear_opened(void)
{
	return opened;
}

void
hear_ask(bool cancel_only, uint64_t input_limit)
{
	reader_ask(&reader, cancel_only, input_limit);
	asked_ms = answer_since_ms = now_monotonic_ms();
}

unsigned
hear_asked(void)
{
	return reader.asked_count;
}

int64_t
hear_not_before(void)
{
	return not_before_ms;
}

static void
begin_piece(void)
{
	piece_ms = now_monotonic_ms();
	piece_len = 0;
}

void
hear_excuse(void)
{
	begin_piece();
	answer_since_ms = piece_ms;
}

static void
got_ready(void)
{
	opened = true;
	agent_waits = reader.frame.wait;
	tell_open(&reader.frame);
}

/* One that came at once, and not because another `next` did: slowly. */
static void
got_none(void)
{
	if (!reader.superseded)
		not_before_ms = asked_ms + PACE_MS;
	tell_none();
}

static void
got_kept(void)
{
	uint32_t serial;

	if (deliver_kept(reader.frame.id, &serial) == -1)
		session_end(PROBLEM_VIOLATION, "kept: an id that is not owed");
	else
		tell_kept(serial);
}

static void
got(enum reader_event ev)
{
	switch (ev) {
	case READER_MORE:
		break;
	case READER_READY:
		got_ready();
		break;
	case READER_NONE:
		got_none();
		break;
	case READER_REQUEST:
		tell_request(&reader);
		break;
	case READER_BODY:
		tell_body(&reader);
		break;
	case READER_INPUT:
		tell_input(&reader);
		break;
	case READER_REQUEST_END:
		tell_request_end(&reader);
		break;
	case READER_CANCEL:
		tell_cancel(&reader);
		break;
	case READER_KEPT:
		got_kept();
		break;
	case READER_BAD:
		session_end(PROBLEM_VIOLATION, reader.why);
		break;
	}
}

void
hear_use(void)
{
	enum reader_event ev = READER_BAD;
	unsigned asked = reader.asked_count;

	while (ev != READER_MORE && tell_pump(verifier) && !session_over()) {
		ev = reader_next(&reader, &input_next, &input_len);
		got(ev);
		if (!reader_within(&reader))
			begin_piece();
	}
	/* The next answer, where one is owed, has its own time. */
	if (reader.asked_count != asked)
		answer_since_ms = now_monotonic_ms();
}

static void
readable(struct event *ev, uint32_t revents)
{
	ssize_t n;

	(void)ev;
	(void)revents;
	n = read(pipe_fd, input, sizeof(input));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1)
		fatal("the VM's pipe: read");
	if (n == 0) {
		at_end = true;
		hear_watch(false);
		session_ending();
		return;
	}
	piece_len += (size_t)n;
	if (!reader_within(&reader) || piece_len >= FRAME_PIECE)
		begin_piece();
	input_next = input;
	input_len = (size_t)n;
	hear_use();
}

/* Out of the loop while it waits: a pipe at its end would never rest. */
void
hear_watch(bool on)
{
	if (on && !at_end && pipe_ev.fn == NULL)
		event_add(&pipe_ev, pipe_fd, EPOLLIN, readable, NULL);
	else if (!on || at_end)
		event_remove(&pipe_ev);
}

static void
sooner(int64_t *deadline, const char **what, int64_t at, const char *of)
{
	if (*deadline != -1 && *deadline <= at)
		return;
	*deadline = at;
	*what = of;
}

int64_t
hear_deadline(const char **what)
{
	int64_t at = -1, done = deliver_oldest_done();

	if (!opened)
		sooner(&at, what, started_ms + SILENCE_MS, "ready");
	if (reader.asked_count > 0)
		sooner(&at, what,
		    answer_since_ms +
			(agent_waits ? ANSWER_WAIT_MS : SILENCE_MS),
		    "an answer to next");
	if (reader_within(&reader))
		sooner(&at, what, piece_ms + SILENCE_MS, "the rest of a frame");
	if (done != -1)
		sooner(&at, what, done + SILENCE_MS, "kept");
	return at;
}
