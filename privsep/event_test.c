#include <sys/epoll.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/event.h"

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

static int turns, calls;
static struct event evs[3];
static struct timer timers[4];
static char order[32];

static void
begin(void)
{
	alarm(60);
	event_init();
}

/* A pipe with a byte in it: its end for reading. */
static int
readable(void)
{
	int fds[2];

	ATF_REQUIRE_EQ(0, pipe2(fds, O_CLOEXEC));
	ATF_REQUIRE_EQ(1, write(fds[1], "x", 1));
	return fds[0];
}

static void
stop_after_turn(void)
{
	event_stop();
}

static void
stop_after_three(void)
{
	if (++turns == 3)
		event_stop();
}

/* Whichever comes first removes the other, frees it and closes its file. */
static struct event *heap[2];

static void
remove_the_other(struct event *ev, uint32_t revents)
{
	int fd, i = ev == heap[0];

	ATF_REQUIRE_EQ(EPOLLIN, revents & EPOLLIN);
	calls++;
	if (heap[i] != NULL) {
		fd = heap[i]->fd;
		event_remove(heap[i]);
		close(fd);
		free(heap[i]);
		heap[i] = NULL;
	}
}

BODY_CASE(an_event_removed_in_a_callback_is_not_called_in_that_turn)
{
	int i;

	begin();
	for (i = 0; i < 2; i++) {
		heap[i] = calloc(1, sizeof(*heap[i]));
		event_add(heap[i], readable(), EPOLLIN, remove_the_other, NULL);
	}
	event_loop(stop_after_turn);
	ATF_REQUIRE_EQ(1, calls);
}

static void
count(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
	calls++;
}

/* The same struct on another file, which has nothing to read. */
static void
readd_the_other(struct event *ev, uint32_t revents)
{
	struct event *other = ev == &evs[0] ? &evs[1] : &evs[0];
	int fds[2];

	(void)revents;
	event_remove(ev);
	event_remove(other);
	ATF_REQUIRE_EQ(0, pipe2(fds, O_CLOEXEC));
	event_add(other, fds[0], EPOLLIN, count, NULL);
}

BODY_CASE(an_event_added_again_does_not_get_the_old_ones_turn)
{
	int i;

	begin();
	for (i = 0; i < 2; i++)
		event_add(&evs[i], readable(), EPOLLIN, readd_the_other, NULL);
	event_loop(stop_after_turn);
	ATF_REQUIRE_EQ(0, calls);
}

static void
remove_itself(struct event *ev, uint32_t revents)
{
	(void)revents;
	calls++;
	event_remove(ev);
	event_remove(ev);
	ATF_REQUIRE_EQ(-1, ev->fd);
}

static void
last(struct timer *t)
{
	(void)t;
	event_stop();
}

BODY_CASE(an_event_may_remove_itself_and_twice)
{
	begin();
	event_remove(&evs[0]);
	event_add(&evs[0], readable(), EPOLLIN, remove_itself, NULL);
	timer_start(&timers[0], CLOCK_MONOTONIC, 20, last, NULL);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, calls);
}

static void
unwant_the_other(struct event *ev, uint32_t revents)
{
	struct event *other = ev == &evs[0] ? &evs[1] : &evs[0];

	(void)revents;
	calls++;
	event_change(other, 0);
}

BODY_CASE(what_is_no_longer_wanted_is_not_told)
{
	int i;

	begin();
	for (i = 0; i < 2; i++)
		event_add(&evs[i], readable(), EPOLLIN, unwant_the_other, NULL);
	event_loop(stop_after_turn);
	ATF_REQUIRE_EQ(1, calls);
	event_change(&evs[0], EPOLLIN);
	event_change(&evs[1], EPOLLIN);
	event_loop(stop_after_turn);
	ATF_REQUIRE_EQ(2, calls);
}

static void
stop_the_loop(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
	calls++;
	event_stop();
}

BODY_CASE(after_a_stop_no_event_of_its_turn_is_told)
{
	int i;

	begin();
	for (i = 0; i < 2; i++)
		event_add(&evs[i], readable(), EPOLLIN, stop_the_loop, NULL);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, calls);
}

static void
note(struct timer *t)
{
	size_t n = strlen(order);

	ATF_REQUIRE(n + 1 < sizeof(order));
	order[n] = *(const char *)t->arg;
}

static char name_a[] = "a", name_b[] = "b", name_c[] = "c", name_d[] = "d";

static void
note_last(struct timer *t)
{
	note(t);
	event_stop();
}

BODY_CASE(timers_come_in_order_each_once)
{
	begin();
	timer_start(&timers[0], CLOCK_MONOTONIC, 90, note_last, name_d);
	timer_start(&timers[1], CLOCK_MONOTONIC, 60, note, name_c);
	timer_start(&timers[2], CLOCK_BOOTTIME, -5, note, name_a);
	timer_start(&timers[3], CLOCK_BOOTTIME, 30, note, name_b);
	event_loop(NULL);
	ATF_REQUIRE_STREQ("abcd", order);
	ATF_REQUIRE(!timers[0].set && !timers[1].set && !timers[2].set);
}

BODY_CASE(a_timer_started_again_has_moved)
{
	begin();
	timer_start(&timers[0], CLOCK_MONOTONIC, 1, note, name_a);
	timer_start(&timers[1], CLOCK_MONOTONIC, 30, note, name_b);
	timer_start(&timers[0], CLOCK_BOOTTIME, 60, note_last, name_c);
	event_loop(NULL);
	ATF_REQUIRE_STREQ("bc", order);
}

BODY_CASE(a_stopped_timer_does_not_come)
{
	begin();
	timer_stop(&timers[0]);
	timer_start(&timers[0], CLOCK_MONOTONIC, 1, note, name_a);
	timer_start(&timers[1], CLOCK_MONOTONIC, 30, note_last, name_b);
	timer_stop(&timers[0]);
	timer_stop(&timers[0]);
	event_loop(NULL);
	ATF_REQUIRE_STREQ("b", order);
}

static void
stop_all_others(struct timer *t)
{
	int i;

	note(t);
	for (i = 0; i < 3; i++)
		timer_stop(&timers[i]);
}

BODY_CASE(a_timer_may_stop_others_that_are_due)
{
	int i;

	begin();
	for (i = 0; i < 3; i++)
		timer_start(&timers[i], CLOCK_MONOTONIC, 0, stop_all_others,
		    name_a);
	timer_start(&timers[3], CLOCK_MONOTONIC, 20, note_last, name_b);
	event_loop(NULL);
	ATF_REQUIRE_STREQ("ab", order);
}

static void
again(struct timer *t)
{
	timer_start(t, CLOCK_MONOTONIC, 0, again, NULL);
}

/* Were it called until nothing is due, files would have no turn. */
BODY_CASE(a_timer_that_starts_itself_leaves_the_others_their_turn)
{
	begin();
	timer_start(&timers[0], CLOCK_MONOTONIC, 0, again, NULL);
	event_add(&evs[0], readable(), EPOLLIN, count, NULL);
	event_loop(stop_after_three);
	ATF_REQUIRE(calls >= 2);
}

static void
free_itself(struct timer *t)
{
	free(t);
	event_stop();
}

BODY_CASE(a_timer_may_be_freed_by_its_callback)
{
	struct timer *t = calloc(1, sizeof(*t));

	begin();
	timer_start(t, CLOCK_BOOTTIME, 1, free_itself, NULL);
	event_loop(NULL);
}

/* The kernel's own word on every timerfd that we have. */
static int
armed_timerfds(void)
{
	char path[64], line[128];
	FILE *f;
	int fd, armed = 0;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			armed += strncmp(line, "it_value:", 9) == 0 &&
			    strcmp(line, "it_value: (0, 0)\n") != 0;
		fclose(f);
	}
	return armed;
}

static void
look_at_timerfds(void)
{
	ATF_REQUIRE_EQ(turns == 0 ? 2 : 0, armed_timerfds());
	timer_stop(&timers[0]);
	timer_stop(&timers[1]);
	if (++turns == 3)
		event_stop();
}

BODY_CASE(an_idle_loop_has_no_timer)
{
	begin();
	ATF_REQUIRE_EQ(0, armed_timerfds());
	timer_start(&timers[0], CLOCK_MONOTONIC, 100000, last, NULL);
	timer_start(&timers[1], CLOCK_BOOTTIME, 100000, last, NULL);
	event_add(&evs[0], readable(), EPOLLIN, count, NULL);
	event_loop(look_at_timerfds);
	ATF_REQUIRE_EQ(3, turns);
}

static int signals[NSIG];

static void
got_signal(int signo)
{
	signals[signo]++;
	if (signals[SIGHUP] > 0 && signals[SIGUSR1] > 0)
		event_stop();
}

BODY_CASE(signals_are_told_by_the_loop)
{
	begin();
	event_signal(SIGHUP, got_signal);
	event_signal(SIGUSR1, got_signal);
	ATF_REQUIRE_EQ(0, raise(SIGHUP));
	ATF_REQUIRE_EQ(0, raise(SIGUSR1));
	ATF_REQUIRE_EQ(0, signals[SIGHUP]);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, signals[SIGHUP]);
	ATF_REQUIRE_EQ(1, signals[SIGUSR1]);
}

BODY_CASE(a_write_without_a_reader_is_an_error_and_no_death)
{
	int fds[2];

	begin();
	ATF_REQUIRE_EQ(0, pipe2(fds, O_CLOEXEC));
	close(fds[0]);
	ATF_REQUIRE_EQ(-1, write(fds[1], "x", 1));
}

BODY_CASE(a_child_has_its_signals_back)
{
	sigset_t now;
	int signo, status;
	pid_t pid;

	begin();
	event_signal(SIGTERM, got_signal);
	signal(SIGHUP, SIG_IGN);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		event_child_signals();
		sigprocmask(SIG_BLOCK, NULL, &now);
		for (signo = 1; signo < NSIG; signo++)
			if (sigismember(&now, signo) == 1)
				_exit(1);
		raise(SIGHUP);
		_exit(2);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp,
	    an_event_removed_in_a_callback_is_not_called_in_that_turn);
	ATF_TP_ADD_TC(tp, an_event_added_again_does_not_get_the_old_ones_turn);
	ATF_TP_ADD_TC(tp, an_event_may_remove_itself_and_twice);
	ATF_TP_ADD_TC(tp, what_is_no_longer_wanted_is_not_told);
	ATF_TP_ADD_TC(tp, after_a_stop_no_event_of_its_turn_is_told);
	ATF_TP_ADD_TC(tp, timers_come_in_order_each_once);
	ATF_TP_ADD_TC(tp, a_timer_started_again_has_moved);
	ATF_TP_ADD_TC(tp, a_stopped_timer_does_not_come);
	ATF_TP_ADD_TC(tp, a_timer_may_stop_others_that_are_due);
	ATF_TP_ADD_TC(tp,
	    a_timer_that_starts_itself_leaves_the_others_their_turn);
	ATF_TP_ADD_TC(tp, a_timer_may_be_freed_by_its_callback);
	ATF_TP_ADD_TC(tp, an_idle_loop_has_no_timer);
	ATF_TP_ADD_TC(tp, signals_are_told_by_the_loop);
	ATF_TP_ADD_TC(tp, a_write_without_a_reader_is_an_error_and_no_death);
	ATF_TP_ADD_TC(tp, a_child_has_its_signals_back);
	return atf_no_error();
}
