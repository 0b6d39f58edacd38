#include <sys/file.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/entry.h"
#include "client/key.h"
#include "client/names.h"
#include "client/ping.h"
#include "client/queue.h"
#include "client/show.h"
#include "client/socket.h"
#include "client/status.h"
#include "client/v1.h"
#include "wire/receipt.h"

static void
show_key(const struct home *h, const char *file, const char *title)
{
	struct derived_keys keys;

	if (key_load(h, file, &keys) == 0)
		printf("%-13s %s\n", title, keys.fingerprint);
	else
		printf("%-13s none that can be used\n", title);
	explicit_bzero(&keys, sizeof(keys));
}

/* Whoever holds the lock is one; with a socket, it has a session. */
static bool
agent_runs(const struct home *h)
{
	int fd = openat(h->dir, "agent.lock",
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool runs;

	if (fd == -1)
		return (false);
	runs = flock(fd, LOCK_EX | LOCK_NB) == -1;
	close(fd);
	return (runs);
}

static bool
show_session(const struct home *h)
{
	int fd = socket_connect(h);

	printf("%-13s %s\n", "agent", agent_runs(h) ? "runs" : "does not run");
	printf("%-13s %s\n", "session", fd == -1 ? "none" : "there is one");
	if (fd != -1)
		close(fd);
	return (fd != -1);
}

static bool
note_success(const struct home *h, const char *id, void *arg)
{
	char text[RECEIPT_MAX], *last = arg;
	struct receipt r;
	const char *why;
	ssize_t len = entry_read(h, id, PART_META, text, sizeof(text));

	if (len != -1 && receipt_parse(text, (size_t)len, &r, &why) == 0 &&
	    r.status == RECEIPT_EXITED && r.exit == 0)
		snprintf(last, ID_MAX + 1, "%s", id);
	return (true);
}

int
cmd_status(const struct home *h, const struct args *a)
{
	char last[ID_MAX + 1] = "none";
	struct counts c;
	double ms = -1;

	(void)a;
	show_key(h, KEY_FILE, "key");
	if (key_exists(h, KEY_FILE_NEXT))
		show_key(h, KEY_FILE_NEXT, "next key");
	if (v1_asked() || show_session(h))
		ms = ping_time(h);
	if (ms >= 0)
		printf("%-13s answers, in %.1f ms\n", "dom0", ms);
	else
		printf("%-13s does not answer\n", "dom0");
	queue_count(h, &c);
	printf("%-13s %zu pending, %zu running, %zu results\n", "queue",
	    c.pending, c.running, c.results);
	if (names_history(h, 0, note_success, last) == -1)
		return (1);
	printf("%-13s %s\n", "last success", last);
	if (show_end() == -1)
		return (1);
	return (ms >= 0 && c.pending + c.running + c.results == 0 ? 0 : 1);
}
