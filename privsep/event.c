/*
 * The event loop.  Two dangers shape it: a callback may remove, free or add
 * again any other event of the same turn, and an idle process must not wake.
 */
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "privsep/event.h"
#include "privsep/log.h"

#define BATCH	  64
#define NS_PER_MS 1000000
#define MS_MAX	  (INT64_C(10) * 366 * 86400 * 1000)

/* One clock's timers, earliest first, and the timerfd that stands for them. */
struct clock_queue {
	clockid_t clock;
	int fd;
	int64_t armed_ns; /* 0: not armed */
	struct timer *first;
	struct event ev;
};

static struct clock_queue queues[] = {
    {.clock = CLOCK_BOOTTIME, .fd = -1},
    {.clock = CLOCK_MONOTONIC, .fd = -1},
};
#define QUEUES (sizeof(queues) / sizeof(queues[0]))

static int epoll_fd = -1;
static bool stopping;

/* What is left of this turn: event_remove() strikes its event out. */
static struct epoll_event batch[BATCH];
static int batch_len, batch_next;

static sigset_t signal_set;
static int signal_fd = -1;
static struct event signal_event;
static void (*signal_fns[NSIG])(int);

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) == -1)
		fatal("clock_gettime");
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
now_boottime_ms(void)
{
	return clock_ns(CLOCK_BOOTTIME) / NS_PER_MS;
}

int64_t
now_monotonic_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

int64_t
now_realtime_us(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000;
}

void
event_add(struct event *ev, int fd, uint32_t events,
    void (*fn)(struct event *, uint32_t), void *arg)
{
	struct epoll_event ee;

	memset(&ee, 0, sizeof(ee));
	ee.events = events;
	ee.data.ptr = ev;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ee) == -1)
		fatal("epoll: add descriptor %d", fd);
	ev->fd = fd;
	ev->events = events;
	ev->fn = fn;
	ev->arg = arg;
}

void
event_change(struct event *ev, uint32_t events)
{
	struct epoll_event ee;

	if (ev->events == events)
		return;
	memset(&ee, 0, sizeof(ee));
	ee.events = events;
	ee.data.ptr = ev;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, ev->fd, &ee) == -1)
		fatal("epoll: change descriptor %d", ev->fd);
	ev->events = events;
}

void
event_remove(struct event *ev)
{
	int i;

	if (ev->fn == NULL)
		return;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, ev->fd, NULL) == -1)
		fatal("epoll: remove descriptor %d", ev->fd);
	for (i = batch_next; i < batch_len; i++) {
		if (batch[i].data.ptr == ev)
			batch[i].data.ptr = NULL;
	}
	ev->fd = -1;
	ev->fn = NULL;
}

static struct clock_queue *
queue_of(clockid_t clock)
{
	size_t i;

	for (i = 0; i < QUEUES; i++) {
		if (queues[i].clock == clock)
			return &queues[i];
	}
	fatalx("timer on clock %d", (int)clock);
}

void
timer_start(struct timer *t, clockid_t clock, int64_t ms,
    void (*fn)(struct timer *), void *arg)
{
	struct timer **p;

	timer_stop(t);
	if (ms < 0)
		ms = 0;
	if (ms > MS_MAX)
		ms = MS_MAX;
	t->at_ns = clock_ns(clock) + ms * NS_PER_MS;
	t->clock = clock;
	t->fn = fn;
	t->arg = arg;
	for (p = &queue_of(clock)->first; *p != NULL; p = &(*p)->next) {
		if ((*p)->at_ns > t->at_ns)
			break;
	}
	t->next = *p;
	*p = t;
	t->set = true;
}

void
timer_stop(struct timer *t)
{
	struct timer **p;

	if (!t->set)
		return;
	for (p = &queue_of(t->clock)->first; *p != t; p = &(*p)->next)
		continue;
	*p = t->next;
	t->next = NULL;
	t->set = false;
}

/* Once a turn, so that a timer moved often costs no system call. */
static void
arm(struct clock_queue *q)
{
	struct itimerspec its;
	int64_t at = q->first == NULL ? 0 : q->first->at_ns;

	if (at == q->armed_ns)
		return;
	memset(&its, 0, sizeof(its));
	its.it_value.tv_sec = (time_t)(at / 1000000000);
	its.it_value.tv_nsec = (long)(at % 1000000000);
	if (timerfd_settime(q->fd, TFD_TIMER_ABSTIME, &its, NULL) == -1)
		fatal("timerfd_settime");
	q->armed_ns = at;
}

/* What a callback starts is due in a later turn, even with no delay. */
static void
run_timers(struct event *ev, uint32_t revents)
{
	struct clock_queue *q = ev->arg;
	struct timer *t;
	uint64_t count;
	int64_t now = clock_ns(q->clock);

	(void)revents;
	if (read(q->fd, &count, sizeof(count)) == -1 && errno != EAGAIN &&
	    errno != EINTR)
		fatal("timerfd: read");
	q->armed_ns = 0;
	while ((t = q->first) != NULL && t->at_ns <= now) {
		timer_stop(t);
		t->fn(t);
	}
}

static void
run_signals(struct event *ev, uint32_t revents)
{
	struct signalfd_siginfo si;
	ssize_t n;

	(void)revents;
	n = read(ev->fd, &si, sizeof(si));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(si))
		fatal("signalfd: read");
	if (si.ssi_signo < NSIG && signal_fns[si.ssi_signo] != NULL)
		signal_fns[si.ssi_signo]((int)si.ssi_signo);
}

void
event_init(void)
{
	sigset_t pipe_set;
	size_t i;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		fatal("epoll_create1");
	for (i = 0; i < QUEUES; i++) {
		queues[i].fd =
		    timerfd_create(queues[i].clock, TFD_CLOEXEC | TFD_NONBLOCK);
		if (queues[i].fd == -1)
			fatal("timerfd_create");
		event_add(&queues[i].ev, queues[i].fd, EPOLLIN, run_timers,
		    &queues[i]);
	}
	/* Blocked, not ignored: who is executed would inherit the latter. */
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &pipe_set, NULL) == -1)
		fatal("sigprocmask");
	sigemptyset(&signal_set);
}

void
event_signal(int signo, void (*fn)(int signo))
{
	int fd;

	sigaddset(&signal_set, signo);
	if (sigprocmask(SIG_BLOCK, &signal_set, NULL) == -1)
		fatal("sigprocmask");
	signal_fns[signo] = fn;
	fd = signalfd(signal_fd, &signal_set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		fatal("signalfd");
	if (signal_fd == -1) {
		signal_fd = fd;
		event_add(&signal_event, fd, EPOLLIN, run_signals, NULL);
	}
}

void
event_child_signals(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Masked with what is wanted now: a callback may have changed that. */
static void
dispatch(void)
{
	struct event *ev;
	uint32_t revents;

	for (batch_next = 0; batch_next < batch_len && !stopping;) {
		ev = batch[batch_next].data.ptr;
		revents = batch[batch_next].events;
		batch_next++;
		if (ev == NULL)
			continue;
		revents &= ev->events | EPOLLERR | EPOLLHUP;
		if (revents != 0)
			ev->fn(ev, revents);
	}
	batch_len = batch_next = 0;
}

void
event_loop(void (*after)(void))
{
	size_t i;
	int n;

	stopping = false;
	while (!stopping) {
		for (i = 0; i < QUEUES; i++)
			arm(&queues[i]);
		n = epoll_wait(epoll_fd, batch, BATCH, -1);
		if (n == -1 && errno != EINTR)
			fatal("epoll_wait");
		batch_len = n == -1 ? 0 : n;
		dispatch();
		if (after != NULL)
			after();
	}
}

void
event_stop(void)
{
	stopping = true;
}
