#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/attend.h"
#include "client/clock.h"
#include "client/interrupt.h"
#include "client/key.h"
#include "client/ping.h"
#include "client/request.h"
#include "client/say.h"
#include "client/show.h"
#include "client/text.h"
#include "client/v1.h"

#define PING_S	  10
#define PINGS_MAX 1000

struct ping {
	struct request request;
	struct wait wait;
	int64_t sent_us, round_us; /* Unix time, microseconds */
};

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/* The answer is in wait, to be ended: 0, or -1 after saying why. */
static int
ping(struct ping *p, const struct home *h, const struct derived_keys *keys,
    int32_t timeout, int signals)
{
	p->request = (struct request){
	    .kind = TOKEN_PING,
	    .timeout = TOKEN_TIMEOUT_POLICY,
	    .patience = timeout == TOKEN_TIMEOUT_POLICY ? PING_S : timeout,
	    .body = "",
	    .note = "",
	    .keys = *keys,
	    .lock = -1,
	};
	attend_begin(&p->wait, h, &p->request, true);
	p->wait.signals = signals;
	p->wait.limit_ms = now_ms() + (int64_t)p->request.patience * 1000;
	p->sent_us = now_us();
	if (request_make(&p->request) == 0 &&
	    request_submit(h, &p->request) == 0)
		attend(&p->wait);
	p->round_us = now_us() - p->sent_us;
	if (p->request.lock != -1)
		close(p->request.lock);
	explicit_bzero(&p->request.keys, sizeof(p->request.keys));
	return (p->wait.outcome.verified && p->wait.outcome.exit == 0 ? 0 : -1);
}

static int
ping_end(struct ping *p, int result)
{
	attend_end(&p->wait);
	return (result);
}

static int
prepare(const struct home *h, struct derived_keys *keys)
{
	int signals;

	if (key_load(h, KEY_FILE, keys) == -1)
		return (-1);
	if ((signals = interrupt_catch()) == -1)
		say_errno("signals");
	return (signals);
}

bool
ping_proves(const struct home *h, const struct derived_keys *keys)
{
	struct ping p;
	int signals = interrupt_catch();

	if (signals == -1)
		return (false);
	return (ping_end(&p,
		    ping(&p, h, keys, TOKEN_TIMEOUT_POLICY, signals)) == 0);
}

double
ping_time(const struct home *h)
{
	struct derived_keys keys;
	struct ping p;
	int signals, result;

	if (v1_asked())
		return (v1_ping(h, TOKEN_TIMEOUT_POLICY));
	if ((signals = prepare(h, &keys)) == -1)
		return (-1);
	result =
	    ping_end(&p, ping(&p, h, &keys, TOKEN_TIMEOUT_POLICY, signals));
	explicit_bzero(&keys, sizeof(keys));
	return (result == 0 ? (double)p.round_us / 1000 : -1);
}

/*
 * dom0's clock is read between our two readings: half way, and the error is
 * half the round trip at most.
 */
static void
show_times(const struct ping *p)
{
	const struct receipt *r = &p->wait.outcome.receipt;
	double off;

	printf("round trip %.1f ms", (double)p->round_us / 1000);
	if (r->has_times) {
		off = (double)(r->ended_us - p->sent_us) / 1000000 -
		    (double)p->round_us / 2000000;
		printf(", dom0's clock is %.3f s %s", off < 0 ? -off : off,
		    off < 0 ? "behind" : "ahead");
	}
	putchar('\n');
}

/* What version 1 has always said. */
static int
ping_v1(const struct home *h, int32_t timeout, int32_t count)
{
	for (; count > 0; count--) {
		if (v1_ping(h, timeout) < 0)
			return (1);
		puts("qvm-remote-dom0 is responding.");
		if (show_end() == -1)
			return (1);
	}
	return (0);
}

int
cmd_ping(const struct home *h, const struct args *a)
{
	struct derived_keys keys;
	struct ping p;
	int32_t i, count = 1;
	int signals, result = 0;

	if (a->flag && text_seconds(a->value, 1, PINGS_MAX, &count) == -1)
		return (usage_error("-c: 1 to %d times", PINGS_MAX));
	if (v1_asked())
		return (ping_v1(h, a->options->timeout, count));
	if ((signals = prepare(h, &keys)) == -1)
		return (1);
	for (i = 0; i < count && result == 0 && !interrupted(); i++) {
		result = ping(&p, h, &keys, a->options->timeout, signals);
		if (result == 0 && i == 0)
			attend_show(&p.wait);
		if (result == 0)
			show_times(&p);
		if (ping_end(&p, result) == 0)
			result = show_end();
	}
	explicit_bzero(&keys, sizeof(keys));
	return (result == 0 ? 0 : 1);
}

/* `qvm-remote VERSION in dom0. VM NAME: ` comes before it. */
int
cmd_policy(const struct home *h, const struct args *a)
{
	static const char before[] = " in dom0. ";
	struct derived_keys keys;
	struct ping p;
	char text[4096];
	const char *from;
	ssize_t len = 0;
	int signals, result;

	if ((signals = prepare(h, &keys)) == -1)
		return (EXIT_OTHER);
	result = ping(&p, h, &keys, a->options->timeout, signals);
	explicit_bzero(&keys, sizeof(keys));
	if (result == 0)
		len = pread(p.wait.out.from, text, sizeof(text) - 1, 0);
	if (len > 0) {
		text[len] = '\0';
		if ((from = strstr(text, before)) == NULL)
			from = text;
		else
			from += sizeof(before) - 1;
		show_bytes(from, (size_t)(text + len - from));
		result = show_end();
	}
	ping_end(&p, result);
	return (result == 0 ? 0 : EXIT_OTHER);
}
