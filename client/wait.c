#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/file.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/patience.h"
#include "client/progress.h"
#include "client/say.h"
#include "client/socket.h"
#include "client/wait.h"
#include "wire/frame.h"

#define SILENT_MS     3000 /* without a session, before we say so */
#define LOOK_FIRST_MS 10   /* without a session: the first look, then twice */
#define LOOK_MOST_MS  1000 /*   as long each time, up to this */
#define LOOK_IDLE_MS  5000 /* with one, which tells us when to look */

struct state {
	int sock;	     /* -1: no session */
	int64_t alone_since; /* now_ms() when there was last a session */
	int look_ms;
	bool said_alone;
	bool full;	   /* the agent has no room for the output */
	int64_t cancel_at; /* now_ms() of our cancel, or 0 */
	struct progress progress;
	int word; /* last `next cancel` that was shown, or -1 */
};

static void
session_try(struct wait *w, struct state *s)
{
	s->sock = socket_connect(w->home);
	if (s->sock != -1 &&
	    socket_send_id(s->sock, "submitted ", w->request->id) == 0) {
		s->said_alone = false;
		s->look_ms = LOOK_FIRST_MS;
		s->word = -1;
		return;
	}
	if (s->sock != -1)
		close(s->sock);
	s->sock = -1;
	s->look_ms *= 2;
	if (s->look_ms > LOOK_MOST_MS)
		s->look_ms = LOOK_MOST_MS;
}

static void
show_state(struct wait *w, struct state *s, const struct frame *f)
{
	if (!progress_state(&s->progress, f, now_ms()))
		return;
	switch (f->state) {
	case STATE_QUEUED:
		report_queued(&w->report, f->id, (int64_t)f->n);
		say_detail("queued, %llu before it", (unsigned long long)f->n);
		break;
	case STATE_ASKED:
		say_detail("waiting for approval in dom0");
		break;
	case STATE_RUNNING:
		report_running(&w->report, f->id);
		say_detail("running");
		break;
	}
}

/*
 * One message of the agent.  Whatever it says, we look at the files next; so
 * one that is not understood, or is of another id, does no harm.
 */
static void
session_message(struct wait *w, struct state *s, const char *line, size_t len)
{
	static const char full[] = "full ";
	const size_t word = sizeof(full) - 1, id = strlen(w->request->id);
	struct frame f;
	const char *why;

	if (len == word + id + 1 && memcmp(line, full, word) == 0 &&
	    memcmp(line + word, w->request->id, id) == 0)
		s->full = true;
	if (frame_parse(FRAME_DOM0, line, len, &f, &why) == -1)
		return;
	if (f.type == FRAME_STATE && strcmp(f.id, w->request->id) == 0)
		show_state(w, s, &f);
	/* What dom0 has taken, that holds up no more. */
	if (f.type == FRAME_NEXT_CANCEL && s->word != (int)f.word &&
	    file_exists(w->home->pending, w->request->id, ".auth")) {
		say_note("dom0 takes no request at the moment (%s)",
		    frame_word_name(f.word));
		s->word = (int)f.word;
	}
}

static void
session_read(struct wait *w, struct state *s)
{
	char line[LINE_MAX_BYTES];
	ssize_t n;

	while ((n = recv(s->sock, line, sizeof(line), MSG_DONTWAIT)) > 0)
		session_message(w, s, line, (size_t)n);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	close(s->sock);
	s->sock = -1;
	s->alone_since = now_ms();
}

static bool
taken(const struct wait *w)
{
	return (file_exists(w->home->running, w->request->id, ".auth"));
}

/* The cancel is written once; a session is told, and given time to answer. */
static void
cancel(struct wait *w, struct state *s)
{
	s->cancel_at = now_ms();
	w->uncancelled = request_cancel(w->home, w->request) == -1;
	if (w->uncancelled || s->sock == -1)
		return;
	if (socket_send_id(s->sock, "submitted ", w->request->id) == -1) {
		/* It dropped us while we waited for a slow reader. */
		close(s->sock);
		session_try(w, s);
	}
}

/*
 * True, with *end, when waiting longer is of no use.  A request that was not
 * taken is withdrawn; its cancel stays, for the case that dom0 has it all the
 * same.
 */
static bool
over(struct wait *w, const struct state *s, enum wait_end *end)
{
	static const enum wait_end ends[VERDICTS] = {
	    [NEVER_TAKEN] = WAIT_NEVER_TAKEN,
	    [UNKNOWN] = WAIT_UNKNOWN,
	    [GIVEN_UP] = WAIT_GIVEN_UP,
	};
	struct patience p = {
	    .expires = w->request->expires_ms,
	    .limit = w->limit_ms,
	    .cancelled = s->cancel_at,
	    .alone = s->alone_since,
	    .timeout = w->request->timeout,
	    .session = s->sock != -1,
	    .taken = taken(w),
	};
	enum verdict verdict = patience_judge(&p, now_ms());

	if (verdict == GO_ON)
		return (false);
	/* The agent may take it just now. */
	if (!history_withdraw(w->home, w->request->id) &&
	    verdict == NEVER_TAKEN && taken(w))
		verdict = w->limit_ms != 0 ? UNKNOWN : GO_ON;
	*end = ends[verdict];
	return (verdict != GO_ON);
}

static int
timeout_ms(const struct wait *w, const struct state *s)
{
	int64_t now = now_ms(), ms = s->sock == -1 ? s->look_ms : LOOK_IDLE_MS;

	if (s->cancel_at != 0 && s->cancel_at + CANCEL_MS - now < ms)
		ms = s->cancel_at + CANCEL_MS - now;
	if (w->limit_ms != 0 && w->limit_ms - now < ms)
		ms = w->limit_ms - now;
	ms = progress_ms(&s->progress, ms, now);
	return (ms < 0 ? 0 : (int)ms);
}

/* Until the agent says something, a signal comes, or it is time to look. */
static void
pause_for_news(struct wait *w, struct state *s)
{
	struct pollfd p[] = {
	    /* A signal is noted once; then its pipe stays readable. */
	    {.fd = s->cancel_at == 0 ? w->signals : -1, .events = POLLIN},
	    {.fd = s->sock, .events = POLLIN},
	};

	if (poll(p, 2, timeout_ms(w, s)) == -1)
		return; /* a signal: the loop looks at it */
	if (s->sock != -1 && p[1].revents != 0)
		session_read(w, s);
}

static void
say_alone(struct state *s)
{
	static const char *const causes[] = {
	    "the service does not run: in dom0, systemctl status "
	    "qvm-remote-dom0",
	    "this VM is not authorised, or not in QVM_REMOTE_VMS: in dom0, "
	    "qvm-remote-dom0 keys",
	    "its policy is missing or bad: in dom0, qvm-remote-dom0 status",
	    "the VM or dom0 has just started: the session is about to begin",
	};
	size_t i;

	if (s->sock != -1 || s->said_alone ||
	    now_ms() - s->alone_since < SILENT_MS)
		return;
	s->said_alone = true;
	say_note("dom0 has no session here; waiting for one, Ctrl-C gives up. "
		 "Likely causes, the likeliest first:");
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		say_note("  %s", causes[i]);
}

/* The order matters: a request moves, and is removed once there is a result. */
static bool
gone(const struct wait *w)
{
	const struct home *h = w->home;
	const char *id = w->request->id;

	return (!file_exists(h->pending, id, ".auth") &&
	    !file_exists(h->running, id, ".auth") &&
	    !history_has_result(h, id));
}

/* True, with *end, when there is no result to be had; or it is cancelled. */
static bool
no_more(struct wait *w, struct state *s, bool printed, enum wait_end *end)
{
	bool stop = interrupted() || !printed;

	if (s->full) {
		*end = WAIT_FULL;
		return (true);
	}
	if (w->follow && (stop || gone(w))) {
		*end = stop ? WAIT_GIVEN_UP : WAIT_GONE;
		return (true);
	}
	if (s->cancel_at == 0 && stop)
		cancel(w, s);
	return (over(w, s, end));
}

/* Nothing of its output was shown. */
static bool
silent(const struct wait *w)
{
	return ((w->out.to == -1 || w->out.printed == 0) &&
	    (w->err.to == -1 || w->err.printed == 0));
}

enum wait_end
wait_result(struct wait *w)
{
	struct state s = {.sock = -1, .look_ms = LOOK_FIRST_MS, .word = -1};
	const char *id = w->request->id;
	enum wait_end end = WAIT_RESULT;
	bool printed;

	s.alone_since = now_ms();
	progress_begin(&s.progress, s.alone_since);
	session_try(w, &s);
	/* While dom0 works. */
	history_sweep(w->home);
	for (;;) {
		printed = stream_pump(&w->out, w->home, id) == 0;
		printed &= stream_pump(&w->err, w->home, id) == 0;
		if (history_has_result(w->home, id) ||
		    no_more(w, &s, printed, &end))
			break;
		say_alone(&s);
		progress_show(&s.progress, silent(w), now_ms());
		pause_for_news(w, &s);
		if (s.sock == -1)
			session_try(w, &s);
	}
	say_progress_end();
	if (history_has_result(w->home, id))
		end = WAIT_RESULT;
	if (s.sock != -1)
		close(s.sock);
	return (end);
}
