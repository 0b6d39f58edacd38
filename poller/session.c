#include "poller/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "poller/deliver.h"
#include "poller/hear.h"
#include "poller/qvmrun.h"
#include "poller/say.h"
#include "poller/tell.h"
#include "privsep/channel.h"
#include "privsep/log.h"

/*
 * Between two parties: the VM on the pipes (hear.c, say.c), the verifier on
 * its channel (tell.c).  Callbacks take what has come; session_turn() then
 * writes what can be written and looks at the clock.
 */

#define STDERR_KEPT	1024
#define STDERR_A_TURN	16   /* reads, at the end */
#define END_WAIT_MS	2000 /* for the rest of what qvm-run leaves */
#define BYE_WAIT_MS	5000
#define PROBLEM_WAIT_MS 5000 /* for the verifier to take it */

static struct channel verifier;
static struct qvmrun qvm;
static struct event stderr_ev;
static struct timer silence, end_timer;
static int64_t silence_at_ms = -1;

static char stderr_kept[STDERR_KEPT];
static size_t stderr_len;
static bool reaped;
static int exit_status = -1;
static bool bye, problem;
static struct msg_problem problem_msg;

/* The end. */

bool
session_over(void)
{
	return problem || bye;
}

static void
end_now(struct timer *t)
{
	(void)t;
	event_stop();
}

void
session_abandon(void)
{
	if (!bye)
		event_stop();
}

static void
read_stderr(void)
{
	char buf[4096];
	size_t room = sizeof(stderr_kept) - stderr_len;
	ssize_t n;

	n = read(qvm.err, buf, sizeof(buf));
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		event_remove(&stderr_ev);
	if (n <= 0)
		return;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(stderr_kept + stderr_len, buf, room);
	stderr_len += room;
}

void
session_end(enum problem what, const char *rule)
{
	int i;

	if (session_over())
		return;
	for (i = 0; i < STDERR_A_TURN && stderr_ev.fn != NULL; i++)
		read_stderr();
	problem = true;
	problem_msg.problem = what;
	problem_msg.status = what == PROBLEM_ENDED ? exit_status : -1;
	(void)snprintf(problem_msg.rule, sizeof(problem_msg.rule), "%s", rule);
	log_escape(problem_msg.stderr_text, sizeof(problem_msg.stderr_text),
	    stderr_kept, stderr_len);
	say_stop();
	timer_stop(&silence);
	timer_start(&end_timer, CLOCK_MONOTONIC, PROBLEM_WAIT_MS, end_now,
	    NULL);
}

static void
end_overdue(struct timer *t)
{
	(void)t;
	session_end(PROBLEM_ENDED, "");
}

/* The pipes and the process end one after another. */
void
session_ending(void)
{
	if (bye) {
		if (say_bye_written() && hear_at_end())
			event_stop();
	} else if (hear_at_end() && reaped)
		session_end(PROBLEM_ENDED, "");
	else if (!end_timer.set)
		timer_start(&end_timer, CLOCK_MONOTONIC, END_WAIT_MS,
		    end_overdue, NULL);
}

static void
child_ended(int signo)
{
	int status;

	(void)signo;
	if (reaped || waitpid(qvm.pid, &status, WNOHANG) != qvm.pid)
		return;
	reaped = true;
	exit_status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	session_ending();
}

static void
stderr_readable(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
	read_stderr();
}

/* From the verifier: each returns NULL, or what is wrong. */

static bool
id_ok(const char id[ID_MAX + 8])
{
	return imsg_text_ok(id, ID_MAX + 8);
}

static const char *
got_next(struct imsg *m)
{
	struct msg_next msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1)
		return "a bad next";
	return say_next(&msg);
}

static const char *
got_take(struct imsg *m)
{
	struct msg_id msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 || !id_ok(msg.id))
		return "a bad take";
	return deliver_take(&msg);
}

static const char *
got_state(struct imsg *m)
{
	struct msg_state msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 || !id_ok(msg.id))
		return "a bad state";
	return deliver_state(&msg);
}

static const char *
got_output(struct imsg *m)
{
	struct msg_stream msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 || !id_ok(msg.id))
		return "a bad output";
	return deliver_output(m->hdr.id, &msg, imsg_take_fd(m));
}

static const char *
got_sizes(struct imsg *m)
{
	struct msg_sizes msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1)
		return "bad sizes";
	return deliver_sizes(m->hdr.id, &msg);
}

static const char *
got_done(struct imsg *m)
{
	struct msg_done msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 || !id_ok(msg.id))
		return "a bad done";
	return deliver_done(m->hdr.id, &msg);
}

static const char *
got_bye(struct imsg *m)
{
	(void)m;
	bye = true;
	say_bye();
	timer_start(&end_timer, CLOCK_MONOTONIC, BYE_WAIT_MS, end_now, NULL);
	return NULL;
}

static const struct {
	enum imsg_type type;
	const char *(*fn)(struct imsg *);
} handlers[] = {
    {IMSG_NEXT, got_next},
    {IMSG_TAKE, got_take},
    {IMSG_STATE, got_state},
    {IMSG_OUTPUT, got_output},
    {IMSG_SIZES, got_sizes},
    {IMSG_DONE, got_done},
    {IMSG_BYE, got_bye},
};

static void
verifier_dispatch(struct channel *ch, struct imsg *m)
{
	const char *wrong = "an unexpected message";
	size_t i;

	if (session_over())
		return;
	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == m->hdr.type)
			wrong = handlers[i].fn(m);
	if (wrong != NULL)
		fatalx("%s: %s: %s", ch->name, imsg_name(m->hdr.type), wrong);
}

/* It takes messages again: until now, silence was not the VM's. */
static void
verifier_pump(struct channel *ch)
{
	(void)ch;
	hear_excuse();
	hear_use();
}

static void
verifier_closed(struct channel *ch, const char *why)
{
	if (why != NULL)
		log_warn("%s: %s", ch->name, why);
	session_abandon();
}

/* Silence. */

static int64_t
deadline(const char **what)
{
	const char *say_what;
	int64_t hear, say;

	if (session_over() || !tell_idle())
		return -1;
	hear = hear_deadline(what);
	say = say_deadline(&say_what);
	if (say == -1 || (hear != -1 && hear <= say))
		return hear;
	*what = say_what;
	return say;
}

static void
silence_over(struct timer *t)
{
	char rule[64];
	const char *what;
	int64_t at = deadline(&what);

	(void)t;
	silence_at_ms = -1;
	if (at == -1 || at > now_monotonic_ms())
		return;
	(void)snprintf(rule, sizeof(rule), "silent: waited for %s", what);
	session_end(PROBLEM_SILENT, rule);
}

static void
watch_silence(void)
{
	const char *what;
	int64_t at = deadline(&what);

	if (at == silence_at_ms)
		return;
	silence_at_ms = at;
	timer_stop(&silence);
	if (at != -1)
		timer_start(&silence, CLOCK_MONOTONIC, at - now_monotonic_ms(),
		    silence_over, NULL);
}

/* Whatever was being told first, then the problem. */
static void
tell_problem(void)
{
	hear_watch(false);
	if (tell_pump(&verifier) &&
	    channel_send(&verifier, IMSG_PROBLEM, 0, &problem_msg,
		sizeof(problem_msg), -1) == 0)
		event_stop();
}

void
session_turn(void)
{
	if (!problem) {
		say_turn();
		hear_watch(bye || tell_idle());
		watch_silence();
	}
	if (problem)
		tell_problem();
}

void
session_start(const char *root, const struct msg_session *s, bool once)
{
	deliver_init();
	/* Before there is a child: its end must not be missed. */
	event_signal(SIGCHLD, child_ended);
	qvmrun_start(&qvm, root, s, once);
}

void
session_open(int fd)
{
	verifier.dispatch = verifier_dispatch;
	verifier.pump = verifier_pump;
	verifier.closed = verifier_closed;
	channel_open(&verifier, fd, ROLE_POLLER, ROLE_VERIFIER, ST_SERVING,
	    "verifier");
	event_add(&stderr_ev, qvm.err, EPOLLIN, stderr_readable, NULL);
	hear_init(qvm.out, &verifier);
	say_init(qvm.in);
	session_turn();
}
