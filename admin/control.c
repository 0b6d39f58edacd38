#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/log.h"
#include "privsep/path.h"

/* What is asked of the running daemon, through its control socket. */

#define DEADLINE_MS 15000 /* another client may have its 5 s before us */

/* Where others wait in a full line, connect() would wait for ever. */
static int
control_socket(void)
{
	const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
	int fd;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1)
		fail_errno("control socket");
	return fd;
}

int
control_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int folder, fd;

	at_root(path, PATH_RUN);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1 && errno == ENOENT)
		return -1;
	if (folder == -1)
		fail_errno("%s", path);
	fd = control_socket();
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path),
	    "/proc/self/fd/%d/%s", folder, PATH_CONTROL);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1) {
		if (errno == EAGAIN)
			fail("too many wait for the daemon: try again");
		if (errno != ENOENT && errno != ECONNREFUSED)
			fail_errno("%s/%s", path, PATH_CONTROL);
		close(fd);
		fd = -1;
	}
	close(folder);
	return fd;
}

static void
receive(struct imsg_end *end, struct imsg *m, int64_t deadline)
{
	struct pollfd p = {.fd = end->fd, .events = POLLIN};
	const char *why;
	int64_t left;

	for (;;) {
		left = deadline - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			fail("the daemon does not answer");
		switch (imsg_recv(end, m, &why)) {
		case IMSG_OK:
			return;
		case IMSG_AGAIN:
			break;
		case IMSG_EOF:
			fail("the daemon has closed the control socket");
		case IMSG_REFUSED:
			fail("the daemon's answer is none: %s", why);
		}
	}
}

void
control_ask(int fd, enum imsg_type command, const void *payload, size_t len,
    void (*fn)(struct imsg *))
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct imsg_end end;
	struct imsg m;
	bool done;

	/* Its word first: until then it is not its turn. */
	imsg_open(&end, fd, ROLE_CONTROL, ROLE_VERIFIER, ST_SERVING);
	if (imsg_send(&end, command, 0, payload, len, -1) == -1)
		fail_errno("control socket");
	imsg_open(&end, fd, ROLE_CONTROL, ROLE_PARENT, ST_SETUP);
	do {
		receive(&end, &m, deadline);
		done = m.hdr.type == IMSG_PROCESS_END;
		if (!done)
			fn(&m);
	} while (!done);
	imsg_open(&end, fd, ROLE_CONTROL, ROLE_VERIFIER, ST_SERVING);
	do {
		receive(&end, &m, deadline);
		done = m.hdr.type == IMSG_CONTROL_END;
		if (!done)
			fn(&m);
	} while (!done);
	close(fd);
}

void
control_payload(struct imsg *m, void *out, size_t size)
{
	if (imsg_payload(m, out, size) == -1)
		fail("the daemon's answer is none");
}

int
control_absent(void)
{
	fprintf(stderr, "qvm-remote-dom0: no daemon runs\n");
	return EXIT_NO_DAEMON;
}

int
control_or_end(void)
{
	int fd = control_connect();

	if (fd == -1)
		exit(control_absent());
	return fd;
}

void
control_print_time(int64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	char text[32];
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fail("a time that is none");
	fputs(text, stdout);
}

/* clock accept */

static void
show_clock(struct imsg *m)
{
	struct msg_clock c;

	if (m->hdr.type != IMSG_CLOCK)
		return;
	control_payload(m, &c, sizeof(c));
	if (!c.accepted)
		fail("clock accept: the log has no room for its record: now is "
		     "as it was; make room on the log's disk");
	printf("now is ");
	control_print_time(c.to_us);
	printf("; it was ");
	control_print_time(c.from_us);
	printf("\n");
}

int
command_clock(int argc, char **argv)
{
	struct msg_person p = {.vm = ""};
	int fd;

	if (argc != 2 || strcmp(argv[1], "accept") != 0)
		usage_error(
		    "clock: the one thing to do with it is `clock accept`");
	fd = control_connect();
	if (fd == -1)
		return control_absent();
	person(p.who, p.tty);
	control_ask(fd, IMSG_CLOCK_ACCEPT, &p, sizeof(p), show_clock);
	finish_output();
	return 0;
}

/* log checkpoint */

static void
show_newest(struct imsg *m)
{
	struct msg_newest n;

	if (m->hdr.type != IMSG_NEWEST)
		return;
	control_payload(m, &n, sizeof(n));
	checkpoint_print(n.seq, n.time_us, n.hash);
}

bool
control_checkpoint(void)
{
	int fd;

	fd = control_connect();
	if (fd != -1)
		control_ask(fd, IMSG_CHECKPOINT, NULL, 0, show_newest);
	return fd != -1;
}
