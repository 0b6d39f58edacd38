#include <sys/resource.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/channel.h"
#include "privsep/log.h"

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

/* We are the verifier; the executor's ends are bare. */
static struct channel ch[2];
static struct imsg_end peer[2];
static struct imsg m;
static const char *why, *closed_why;
static int received[2], pumps, closings, turns;

static void
fail_dispatch(struct channel *c, struct imsg *msg)
{
	(void)c;
	(void)msg;
	atf_tc_fail("dispatch of what should not come");
}

static void
note_closed(struct channel *c, const char *reason)
{
	ATF_REQUIRE(!channel_is_open(c));
	closings++;
	closed_why = reason;
	event_stop();
}

static void
open_one(struct channel *c, struct imsg_end *p)
{
	int fds[2];

	ATF_REQUIRE_EQ(0, imsg_pair(fds));
	c->dispatch = fail_dispatch;
	c->closed = note_closed;
	channel_open(c, fds[0], ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING,
	    "executor");
	imsg_open(p, fds[1], ROLE_EXECUTOR, ROLE_VERIFIER, ST_SERVING);
}

static void
begin(void)
{
	alarm(60);
	log_init("test", false, NULL);
	event_init();
	open_one(&ch[0], &peer[0]);
	open_one(&ch[1], &peer[1]);
}

static int
send_kill(struct channel *c)
{
	struct msg_seq seq = {.seq = 1};

	return channel_send(c, IMSG_KILL, 0, &seq, sizeof(seq), -1);
}

static void
peer_says(struct imsg_end *p, int times)
{
	struct msg_sizes sizes = {1, 2, 3};

	while (times-- > 0)
		ATF_REQUIRE_EQ(0,
		    imsg_send(p, IMSG_GROWN, 0, &sizes, sizeof(sizes), -1));
}

static void
count_received(struct channel *c, struct imsg *msg)
{
	ATF_REQUIRE_EQ(IMSG_GROWN, msg->hdr.type);
	received[c == &ch[1]]++;
}

static void
check_turn(void)
{
	int difference = received[0] - received[1];

	ATF_REQUIRE_MSG(abs(difference) <= 16, "%d and %d", received[0],
	    received[1]);
	turns++;
	if (received[0] == 100 && received[1] == 100)
		event_stop();
}

BODY_CASE(channels_take_turns)
{
	begin();
	ch[0].dispatch = ch[1].dispatch = count_received;
	peer_says(&peer[0], 100);
	peer_says(&peer[1], 100);
	event_loop(check_turn);
	ATF_REQUIRE(turns >= 100 / 16);
}

BODY_CASE(the_end_of_the_peer_is_told_after_its_last_message)
{
	begin();
	ch[0].dispatch = count_received;
	closed_why = "none";
	ATF_REQUIRE_EQ(0, send_kill(&ch[0])); /* never read */
	peer_says(&peer[0], 40);
	close(peer[0].fd);
	event_loop(NULL);
	ATF_REQUIRE_EQ(40, received[0]);
	ATF_REQUIRE_EQ(1, closings);
	ATF_REQUIRE(closed_why == NULL);
	ATF_REQUIRE_EQ(-1, send_kill(&ch[0]));
	channel_wake(&ch[0]);
	channel_close(&ch[0]);
	ATF_REQUIRE_EQ(1, closings);
}

BODY_CASE(sending_to_a_peer_that_is_gone_fails_and_closed_follows)
{
	begin();
	close(peer[0].fd);
	ATF_REQUIRE_EQ(-1, send_kill(&ch[0]));
	ATF_REQUIRE_EQ(0, closings);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, closings);
}

BODY_CASE(a_refused_message_closes_the_channel)
{
	begin();
	ATF_REQUIRE_EQ(2, write(peer[0].fd, "xx", 2));
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, closings);
	ATF_REQUIRE(closed_why != NULL);
	ATF_REQUIRE(channel_is_open(&ch[1]));
}

static int untaken;

static void
leave_descriptor(struct channel *c, struct imsg *msg)
{
	(void)c;
	ATF_REQUIRE(msg->fd != -1);
	untaken = msg->fd;
	event_stop();
}

BODY_CASE(a_descriptor_that_dispatch_does_not_take_is_closed)
{
	struct msg_stream st;

	begin();
	memset(&st, 0, sizeof(st));
	ch[0].dispatch = leave_descriptor;
	ATF_REQUIRE_EQ(0,
	    imsg_send(&peer[0], IMSG_SPOOL, 0, &st, sizeof(st), STDIN_FILENO));
	event_loop(NULL);
	ATF_REQUIRE_EQ(-1, fcntl(untaken, F_GETFD));
	ATF_REQUIRE_EQ(EBADF, errno);
}

static void
fill(struct channel *c)
{
	while (send_kill(c) == 0)
		continue;
	ATF_REQUIRE(c->full);
}

static void
count_pump(struct channel *c)
{
	pumps++;
	if (c != NULL)
		event_stop();
}

static int
drain(struct imsg_end *p)
{
	int n = 0;

	imsg_set_state(p, ST_SERVING);
	while (imsg_recv(p, &m, &why) == IMSG_OK)
		n++;
	return n;
}

BODY_CASE(a_full_channel_is_pumped_when_it_has_been_read)
{
	begin();
	ch[0].pump = count_pump;
	channel_wake(&ch[0]);
	ATF_REQUIRE_EQ(1, pumps);
	fill(&ch[0]);
	ATF_REQUIRE_EQ(-1, send_kill(&ch[0]));
	channel_wake(&ch[0]);
	ATF_REQUIRE_EQ(1, pumps);
	ATF_REQUIRE(drain(&peer[0]) > 16);
	event_loop(NULL);
	ATF_REQUIRE_EQ(2, pumps);
	ATF_REQUIRE(!ch[0].full && !ch[0].stall.set);
	ATF_REQUIRE_EQ(0, send_kill(&ch[0]));
	ch[0].pump = NULL;
	channel_wake(&ch[0]);
}

/* Thirty seconds of silence are not waited for: the timer is looked at. */
BODY_CASE(a_peer_that_does_not_read_is_ended)
{
	int64_t left;

	begin();
	ATF_REQUIRE(!ch[0].stall.set);
	fill(&ch[0]);
	ATF_REQUIRE(ch[0].stall.set);
	ATF_REQUIRE_EQ(CLOCK_MONOTONIC, ch[0].stall.clock);
	left = ch[0].stall.at_ns / 1000000 - now_monotonic_ms();
	ATF_REQUIRE(left > 20000 && left <= 30000);
	timer_start(&ch[0].stall, CLOCK_MONOTONIC, 0, ch[0].stall.fn,
	    ch[0].stall.arg);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, closings);
	ATF_REQUIRE_STREQ("does not read", closed_why);
	ATF_REQUIRE(!ch[0].stall.set);
}

BODY_CASE(trying_a_full_channel_does_not_prolong_its_time)
{
	int64_t at;

	begin();
	fill(&ch[0]);
	at = ch[0].stall.at_ns;
	ATF_REQUIRE_EQ(-1, send_kill(&ch[0]));
	ATF_REQUIRE_EQ(at, ch[0].stall.at_ns);
	channel_close(&ch[0]);
	ATF_REQUIRE(!ch[0].stall.set);
}

/* The channel is freed by each of its callbacks in turn. */
static struct channel *on_heap;

static void
free_it(struct channel *c)
{
	channel_close(c);
	memset(c, 0xa5, sizeof(*c));
	free(c);
	event_stop();
}

static void
free_in_dispatch(struct channel *c, struct imsg *msg)
{
	(void)msg;
	received[0]++;
	free_it(c);
}

static void
free_in_closed(struct channel *c, const char *reason)
{
	(void)reason;
	closings++;
	free_it(c);
}

static void
open_on_heap(void)
{
	on_heap = calloc(1, sizeof(*on_heap));
	ATF_REQUIRE(on_heap != NULL);
	open_one(on_heap, &peer[0]);
}

BODY_CASE(a_channel_may_be_freed_by_dispatch)
{
	begin();
	open_on_heap();
	on_heap->dispatch = free_in_dispatch;
	peer_says(&peer[0], 5);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, received[0]);
}

BODY_CASE(a_channel_may_be_freed_by_pump)
{
	begin();
	open_on_heap();
	on_heap->pump = free_it;
	fill(on_heap);
	drain(&peer[0]);
	peer_says(&peer[0], 5);
	event_loop(NULL);
}

BODY_CASE(a_channel_may_be_freed_by_closed)
{
	begin();
	open_on_heap();
	on_heap->closed = free_in_closed;
	close(peer[0].fd);
	event_loop(NULL);
	open_on_heap();
	on_heap->closed = free_in_closed;
	fill(on_heap);
	timer_start(&on_heap->stall, CLOCK_MONOTONIC, 0, on_heap->stall.fn,
	    on_heap->stall.arg);
	event_loop(NULL);
	ATF_REQUIRE_EQ(2, closings);
}

static void
close_it(struct channel *c, struct imsg *msg)
{
	(void)msg;
	received[0]++;
	channel_close(c);
	event_stop();
}

BODY_CASE(a_channel_closed_by_dispatch_says_no_more)
{
	begin();
	ch[0].dispatch = close_it;
	peer_says(&peer[0], 5);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, received[0]);
	ATF_REQUIRE_EQ(0, closings);
}

static void
close_and_open_again(struct channel *c, struct imsg *msg)
{
	(void)msg;
	received[0]++;
	channel_close(c);
	open_one(c, &peer[1]);
	c->dispatch = close_and_open_again;
	event_stop();
}

BODY_CASE(a_channel_may_be_opened_again_by_dispatch)
{
	begin();
	ch[0].dispatch = close_and_open_again;
	peer_says(&peer[0], 5);
	event_loop(NULL);
	ATF_REQUIRE_EQ(1, received[0]);
	peer_says(&peer[1], 1);
	event_loop(NULL);
	ATF_REQUIRE_EQ(2, received[0]);
}

/*
 * As an ordinary user: the kernel's count of descriptors in flight is used up
 * by other channels; this one is tried again by time, and without a spin.
 */
static void __attribute__((noreturn)) wait_for_the_kernels_room(void)
{
	struct msg_seq seq = {.seq = 1};
	struct imsg_end a[64];
	int b[64], fds[2], i, n = 0;

	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200}) == -1 ||
	    setresuid(65532, 65532, 65532) == -1)
		_exit(2);
	ch[0].pump = count_pump;
	while (channel_send(&ch[0], IMSG_RUN_INPUT, 0, &seq, sizeof(seq), 0) ==
	    0) {
		if (++n % 64 != 0)
			continue;
		for (i = 0; i < 64; i++) {
			if (imsg_recv(&peer[0], &m, &why) != IMSG_OK)
				_exit(3);
			imsg_free(&m);
		}
		if (n / 64 >= 64 || imsg_pair(fds) == -1)
			_exit(4);
		imsg_open(&a[n / 64], fds[0], ROLE_VERIFIER, ROLE_EXECUTOR,
		    ST_SERVING);
		b[n / 64] = fds[1];
		for (i = 0; i < 64; i++)
			if (imsg_send(&a[n / 64], IMSG_RUN_INPUT, 0, &seq,
				sizeof(seq), 0) == -1)
				break;
	}
	if (!ch[0].full || !ch[0].retry.set || ch[0].stall.set)
		_exit(5);
	for (i = 1; i <= n / 64; i++) {
		close(a[i].fd);
		close(b[i]);
	}
	event_loop(NULL);
	_exit(pumps == 1 && !ch[0].full ? 0 : 6);
}

BODY_CASE(a_channel_without_the_kernels_room_is_pumped_later)
{
	int status;
	pid_t pid;

	begin();
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		wait_for_the_kernels_room();
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE_EQ_MSG(0, status, "%#x", (unsigned int)status);
}

/* Exit status of channel_await() in a child. */
static int
await_status(void)
{
	int status;
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		close(peer[0].fd);
		channel_await(&ch[0], &m);
		_exit(m.hdr.type == IMSG_GROWN ? 0 : 2);
	}
	close(peer[0].fd);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

BODY_CASE(await_takes_one_message_and_fails_on_anything_else)
{
	begin();
	peer_says(&peer[0], 1);
	ATF_REQUIRE_EQ(0, await_status());
	channel_close(&ch[0]);
	open_one(&ch[0], &peer[0]);
	ATF_REQUIRE_EQ(W_EXITCODE(1, 0), await_status());
	channel_close(&ch[0]);
	open_one(&ch[0], &peer[0]);
	ATF_REQUIRE_EQ(2, write(peer[0].fd, "xx", 2));
	ATF_REQUIRE_EQ(W_EXITCODE(1, 0), await_status());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, channels_take_turns);
	ATF_TP_ADD_TC(tp, the_end_of_the_peer_is_told_after_its_last_message);
	ATF_TP_ADD_TC(tp,
	    sending_to_a_peer_that_is_gone_fails_and_closed_follows);
	ATF_TP_ADD_TC(tp, a_refused_message_closes_the_channel);
	ATF_TP_ADD_TC(tp, a_descriptor_that_dispatch_does_not_take_is_closed);
	ATF_TP_ADD_TC(tp, a_full_channel_is_pumped_when_it_has_been_read);
	ATF_TP_ADD_TC(tp, a_peer_that_does_not_read_is_ended);
	ATF_TP_ADD_TC(tp, trying_a_full_channel_does_not_prolong_its_time);
	ATF_TP_ADD_TC(tp, a_channel_closed_by_dispatch_says_no_more);
	ATF_TP_ADD_TC(tp, a_channel_may_be_freed_by_dispatch);
	ATF_TP_ADD_TC(tp, a_channel_may_be_freed_by_pump);
	ATF_TP_ADD_TC(tp, a_channel_may_be_freed_by_closed);
	ATF_TP_ADD_TC(tp, a_channel_may_be_opened_again_by_dispatch);
	ATF_TP_ADD_TC(tp, a_channel_without_the_kernels_room_is_pumped_later);
	ATF_TP_ADD_TC(tp, await_takes_one_message_and_fails_on_anything_else);
	return atf_no_error();
}
