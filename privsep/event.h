#ifndef PRIVSEP_EVENT_H
#define PRIVSEP_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * The one event loop: epoll, signalfd, timerfd.  No threads, no handlers.
 * A structure is the caller's, zeroed before its first use; it must stay where
 * it is until removed.  An event or a timer may be removed, and its memory
 * freed, from within any callback.
 */

struct event {
	int fd;
	uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLPRI */
	void (*fn)(struct event *, uint32_t revents); /* NULL: not added */
	void *arg;
};

/* Before anything else; fatal on failure.  Blocks SIGPIPE. */
void event_init(void);
void event_add(struct event *, int fd, uint32_t events,
    void (*fn)(struct event *, uint32_t), void *arg);
void event_change(struct event *, uint32_t events);
/* Out of the loop, if it is in it; the descriptor stays open till then. */
void event_remove(struct event *);

/*
 * One-shot timers.  Milliseconds from now, on CLOCK_BOOTTIME (deadlines: they
 * run while the machine sleeps) or CLOCK_MONOTONIC (silence: they do not).
 */
struct timer {
	struct timer *next; /* NULL-terminated list while set */
	int64_t at_ns;
	clockid_t clock;
	bool set;
	void (*fn)(struct timer *);
	void *arg;
};
void timer_start(struct timer *, clockid_t, int64_t ms,
    void (*fn)(struct timer *), void *arg);
void timer_stop(struct timer *);

/* Blocks the signal and calls fn from the loop.  Before the sandbox only. */
void event_signal(int signo, void (*fn)(int signo));
/* In a child, before exec: every signal unblocked and at its default. */
void event_child_signals(void);

/*
 * Runs until event_stop(), after which no event is handled any more; after() is
 * called once a turn, the last one too, where not NULL.
 */
void event_loop(void (*after)(void));
void event_stop(void);

int64_t now_boottime_ms(void);
int64_t now_monotonic_ms(void);
int64_t now_realtime_us(void);

#endif
