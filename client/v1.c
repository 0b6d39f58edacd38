#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/body.h"
#include "client/clock.h"
#include "client/file.h"
#include "client/history.h"
#include "client/interrupt.h"
#include "client/key.h"
#include "client/progress.h"
#include "client/request.h"
#include "client/say.h"
#include "client/text.h"
#include "client/v1.h"
#include "client/wait.h"

#define LOOK_MS	       100  /* dom0 itself looks once a second */
#define META_MS	       2000 /* .meta comes after .exit */
#define PING_S	       10
#define EXIT_TEXT      8 /* bytes of .exit that are looked at */
#define OUTPUT_MAX     (OUTPUT_DEFAULT + 64) /* and a line that says it was cut */
#define EXIT_TIMED_OUT 124
#define ALLOWED                                                        \
	(GIVEN(OPT_TIMEOUT) | GIVEN(OPT_NO_SHELL) | GIVEN(OPT_QUIET) | \
	    GIVEN(OPT_VERBOSE))

static const struct stream_v1 {
	const char *suffix, *name;
	int to;
} streams[] = {
    {".out", "standard output", 1},
    {".err", "standard error", 2},
};
#define STREAMS (sizeof(streams) / sizeof(streams[0]))

bool
v1_asked(void)
{
	const char *value = getenv(V1_VARIABLE);

	return (value != NULL && strcmp(value, "1") == 0);
}

int
v1_check(void)
{
	const char *value = getenv(V1_VARIABLE);

	if (value == NULL || v1_asked() || strcmp(value, "2") == 0)
		return (0);
	return (
	    usage_error(V1_VARIABLE " in the environment: 1, 2 or not set"));
}

static void
say_strange(const char *id, const char *suffix)
{
	say_error("results/%s%s is not what a dom0 of version 1 writes: a "
		  "link, no file, too long or no number; the outcome is not "
		  "known, so look in dom0 before it is run again",
	    id, suffix);
}

/* 1: *status is how it ended; 0: not yet; -1 after saying why. */
static int
read_exit(const struct home *h, const char *id, int *status)
{
	char text[EXIT_TEXT];
	ssize_t n = file_read(h->results, id, ".exit", text, sizeof(text) - 1);
	const char *digits = text;
	int32_t value;

	/* It is written in place: its name is there before its bytes. */
	if (n == 0 || (n == -1 && errno == ENOENT))
		return (0);
	if (n > 0) {
		if (text[n - 1] == '\n')
			n--;
		text[n] = '\0';
		/* What a signal has ended is negative there. */
		digits += text[0] == '-';
	}
	if (n == -1 || strlen(text) != (size_t)n ||
	    text_seconds(digits, 0, 255, &value) == -1) {
		say_strange(id, ".exit");
		return (-1);
	}
	*status = (digits > text ? -value : value) & 0xff;
	return (1);
}

/* The order matters: a request moves, and is removed once there is a result. */
static bool
dropped(const struct home *h, const char *id)
{
	return (!file_exists(h->pending, id, "") &&
	    !file_exists(h->running, id, "") &&
	    !file_exists(h->results, id, ".exit"));
}

/* Nobody waits for it any more: what to end with. */
static int
give_up(const struct home *h, const struct request *r)
{
	bool waits = file_exists(h->pending, r->id, "");

	history_withdraw(h, r->id);
	file_remove(h->running, r->id, "");
	if (interrupted()) {
		say_note("interrupted; version 1 has no cancel: the command "
			 "may still run in dom0");
		return (EXIT_INTERRUPTED);
	}
	audit_line(h, "TIMEOUT id=%s after=%ds", r->id, (int)r->patience);
	if (waits)
		say_error("timed out after %d s: dom0 has not taken the "
			  "request, which is withdrawn; in dom0: systemctl "
			  "status qvm-remote-dom0",
		    (int)r->patience);
	else
		say_error("timed out after %d s: the command may still run in "
			  "dom0",
		    (int)r->patience);
	return (EXIT_TIMED_OUT);
}

/* 0, and *status is the command's; or -1 after saying why, and it is ours. */
static int
await(const struct home *h, const struct request *r, int signals, int *status)
{
	struct pollfd p = {.fd = signals, .events = POLLIN};
	struct progress progress;
	int answer;

	progress_begin(&progress, now_ms());
	while ((answer = read_exit(h, r->id, status)) == 0) {
		if (interrupted() || now_ms() >= r->expires_ms) {
			*status = give_up(h, r);
			return (-1);
		}
		if (dropped(h, r->id)) {
			history_withdraw(h, r->id);
			say_error("dom0 has dropped the request without an "
				  "answer: is `qvm-remote key show` here the "
				  "key of `qvm-remote-dom0 keys` there?");
			return (-1);
		}
		progress_show(&progress, true, now_ms());
		poll(&p, 1, LOOK_MS);
	}
	say_progress_end();
	return (answer == 1 ? 0 : -1);
}

/* As write_all(), but a signal ends it. */
static int
write_out(int fd, const char *p, size_t len)
{
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (interrupted() ||
		    (errno != EAGAIN && errno != EINTR)) {
			return (-1);
		} else if (errno == EAGAIN) {
			poll(&writable, 1, -1);
		}
	}
	return (0);
}

/* Nothing vouches for it: what could move a terminal does not reach one. */
static size_t
escape(char *out, const char *text, size_t len)
{
	char *p = out;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\t') {
			*p++ = text[i];
			continue;
		}
		text_escape(p, sizeof("\\xHH"), text + i, 1);
		p += strlen(p);
	}
	return ((size_t)(p - out));
}

static int
print(int from, int to)
{
	static char text[16384], shown[4 * sizeof(text) + 1];
	bool terminal = isatty(to);
	size_t len;
	ssize_t n;

	while ((n = read(from, text, sizeof(text))) > 0) {
		len = terminal ? escape(shown, text, (size_t)n) : (size_t)n;
		if (write_out(to, terminal ? shown : text, len) == -1)
			return (-1);
	}
	return (n == 0 ? 0 : -1);
}

/* The status that print()'s failure has. */
static int
unprinted(const char *name)
{
	if (interrupted())
		return (EXIT_INTERRUPTED);
	if (errno == EPIPE)
		return (EXIT_BROKEN_PIPE);
	say_errno("%s", name);
	return (EXIT_OTHER);
}

/* Both, or nothing of them: the command's status, or ours. */
static int
show(const struct home *h, const char *id, int status)
{
	int from[STREAMS] = {-1, -1};
	bool good = true;
	uint64_t len;
	size_t i;

	for (i = 0; i < STREAMS && good; i++) {
		from[i] = file_open(h->results, id, streams[i].suffix, &len);
		good = from[i] == -1 ? errno == ENOENT : len <= OUTPUT_MAX;
		if (!good) {
			say_strange(id, streams[i].suffix);
			status = EXIT_OTHER;
		}
	}
	for (i = 0; i < STREAMS; i++) {
		if (from[i] == -1)
			continue;
		if (good && print(from[i], streams[i].to) == -1) {
			status = unprinted(streams[i].name);
			good = false;
		}
		close(from[i]);
	}
	return (status);
}

/* All of the result into history. */
static void
keep(const struct home *h, const char *id, int status)
{
	int64_t end = now_ms() + META_MS;
	uint64_t len;
	int fd;

	for (;;) {
		fd = file_open(h->results, id, ".meta", &len);
		if (fd != -1)
			close(fd);
		if ((fd != -1 && len > 0) || (fd == -1 && errno != ENOENT) ||
		    now_ms() >= end || interrupted())
			break;
		poll(NULL, 0, LOOK_MS);
	}
	if (history_store(h, id) == -1)
		say_errno("cannot move the result to history");
	if (audit_line(h, "DONE id=%s exit=%d", id, status) == -1)
		say_errno("audit.log");
}

static int
sign_with(const struct home *h, struct request *r)
{
	struct key key;

	if (key_read(h, KEY_FILE, &key) == -1)
		return (-1);
	hmac_init(&r->keys.v1, key.line, SHA256_HEX);
	explicit_bzero(&key, sizeof(key));
	return (0);
}

/* From the request to its end in history: the command's status, or ours. */
static int
ask(const struct home *h, struct request *r)
{
	int made, signals, status = EXIT_OTHER;

	if (sign_with(h, r) == -1)
		return (EXIT_OTHER);
	if ((signals = interrupt_catch()) == -1) {
		say_errno("signals");
		return (EXIT_OTHER);
	}
	made = request_make(r) == 0 && request_submit(h, r) == 0;
	explicit_bzero(&r->keys, sizeof(r->keys));
	if (!made)
		return (EXIT_OTHER);
	say_detail("request %s", r->id);
	history_sweep(h); /* while dom0 works */
	if (await(h, r, signals, &status) == 0) {
		status = show(h, r->id, status);
		keep(h, r->id, status);
	}
	close(r->lock);
	return (status);
}

int
v1_run(const struct options *o)
{
	struct request r = {
	    .v1 = true,
	    .kind = TOKEN_RUN,
	    .patience = o->timeout == TOKEN_TIMEOUT_POLICY ? TIMEOUT_DEFAULT
							   : o->timeout,
	};
	int status = EXIT_OTHER;
	struct home home;
	void *body;

	if (options_only(o, ALLOWED, "version 1 of the protocol") == -1)
		return (EXIT_USAGE);
	if (body_read(o, &body, &r.body_len) == -1)
		return (EXIT_OTHER);
	r.body = body;
	if (home_open(&home) == 0)
		status = ask(&home, &r);
	free(body);
	return (status);
}

double
v1_ping(const struct home *h, int32_t timeout)
{
	struct request r = {
	    .v1 = true,
	    .kind = TOKEN_RUN,
	    .patience = timeout == TOKEN_TIMEOUT_POLICY ? PING_S : timeout,
	    .body = "true\n",
	    .body_len = sizeof("true\n") - 1,
	};
	int64_t since = now_ms();

	return (ask(h, &r) == 0 ? (double)(now_ms() - since) : -1);
}
