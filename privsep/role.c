#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"

#define PARENT_FD 3

/* Started by hand there is no such channel, and nobody to tell but stderr. */
static void
check_parent_fd(void)
{
	socklen_t len = sizeof(int);
	int type = 0;

	if (getsockopt(PARENT_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type != SOCK_SEQPACKET)
		fatalx("started by qvm-remote-dom0, not by hand");
	if (fcntl(PARENT_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("fcntl");
}

/*
 * Ctrl-C and systemd's TERM reach us too; the parent ends us in its turn.  Who
 * is executed has them back (event_child_signals).
 */
static void
ignore_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			fatal("signal %d", ignored[i]);
	}
}

void
role_begin(struct channel *parent, enum role me, struct msg_settings *s)
{
	log_init(role_name(me), false, NULL);
	ignore_signals();
	check_parent_fd();
	sandbox_close_from(PARENT_FD + 1);
	sandbox_no_dump();
	if (me == ROLE_POLLER || me == ROLE_WEB)
		sandbox_setup_caps();
	umask(077);
	event_init();
	channel_open(parent, PARENT_FD, me, ROLE_PARENT, ST_SETUP, "parent");
	log_init(role_name(me), false, parent);
	role_await_payload(parent, IMSG_SETTINGS, s, sizeof(*s));
	if (!imsg_text_ok(s->root, sizeof(s->root)) ||
	    !imsg_text_ok(s->cgroup, sizeof(s->cgroup)))
		fatalx("settings: bad text");
	log_init(role_name(me), s->verbose != 0, parent);
}

void
role_await(struct channel *parent, enum imsg_type type, struct imsg *m)
{
	channel_await(parent, m);
	if (m->hdr.type != type)
		fatalx("%s instead of %s", imsg_name(m->hdr.type),
		    imsg_name(type));
}

void
role_await_payload(struct channel *parent, enum imsg_type type, void *out,
    size_t size)
{
	struct imsg m;

	role_await(parent, type, &m);
	if (imsg_payload(&m, out, size) == -1)
		fatalx("%s: bad payload", imsg_name(type));
	imsg_free(&m);
}

int
role_await_fd(struct channel *parent, enum imsg_type type)
{
	struct imsg m;

	role_await(parent, type, &m);
	return imsg_take_fd(&m);
}

void
role_ready(struct channel *parent, uint32_t sandbox)
{
	struct msg_ready ready = {.sandbox = sandbox};

	if (channel_send(parent, IMSG_READY, 0, &ready, sizeof(ready), -1) ==
	    -1)
		fatalx("READY: the channel is full or closed");
	imsg_set_state(&parent->end, ST_SERVING);
}
