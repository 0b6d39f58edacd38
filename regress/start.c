#include "regress/start.h"

#include <sys/socket.h>

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 30000 /* until READY */

static void __attribute__((noreturn))
child(enum role role, const char *libexec, int channel)
{
	char path[PATH_MAX], title[64];
	char *const argv[] = {title, NULL};
	int null, i;

	snprintf(path, sizeof(path), "%s/%s", libexec, role_name(role));
	snprintf(title, sizeof(title), "qvm-remote: %s", role_name(role));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (dup2(channel, 3) == -1)
		_exit(126);
	for (i = 0; i < 3; i++)
		if (dup2(null, i) == -1)
			_exit(126);
	if (close_range(4, ~0U, 0) == -1)
		_exit(126);
	execv(path, argv);
	_exit(126);
}

static void
tell(struct started *s, enum imsg_type type, const void *payload, size_t len,
    int fd)
{
	if (imsg_send(&s->parent, type, 0, payload, len, fd) == -1)
		err(1, "%s", imsg_name(type));
}

static void
tell_session(struct started *s)
{
	struct msg_session session = {.vm = "vm1", .user = "user"};
	struct passwd *pw = getpwnam("nobody");
	struct group *gr = getgrnam("qubes");

	if (pw == NULL || gr == NULL)
		errx(1, "no user nobody, or no group qubes");
	session.uid = pw->pw_uid;
	session.gid = pw->pw_gid;
	session.qubes_gid = gr->gr_gid;
	tell(s, IMSG_SESSION, &session, sizeof(session), -1);
}

static void
await_ready(struct started *s)
{
	struct pollfd p = {.fd = s->parent.fd, .events = POLLIN};
	static struct imsg m;
	struct msg_log line;
	const char *why = "it has ended";

	do {
		if (poll(&p, 1, WAIT_MS) != 1)
			errx(1, "not ready in time");
		if (imsg_recv(&s->parent, &m, &why) != IMSG_OK)
			errx(1, "not ready: %s", why);
		if (m.hdr.type == IMSG_LOG &&
		    imsg_payload(&m, &line, sizeof(line)) == 0)
			warnx("it says: %s", line.text);
	} while (m.hdr.type != IMSG_READY);
}

void
start_role(struct started *s, enum role role, const char *root,
    const char *libexec)
{
	struct msg_settings settings = {.verbose = 0};
	int own[2], peer[2];

	if (strlen(root) >= sizeof(settings.root))
		errx(1, "%s: too long", root);
	if (imsg_pair(own) == -1 || imsg_pair(peer) == -1)
		err(1, "socketpair");
	if ((s->pid = fork()) == -1)
		err(1, "fork");
	if (s->pid == 0)
		child(role, libexec, own[1]);
	close(own[1]);
	imsg_open(&s->parent, own[0], ROLE_PARENT, role, ST_SETUP);
	s->peer = peer[0];
	memcpy(settings.root, root, strlen(root));
	tell(s, IMSG_SETTINGS, &settings, sizeof(settings), -1);
	if (role == ROLE_POLLER) {
		tell_session(s);
		tell(s, IMSG_VERIFIER_CHANNEL, NULL, 0, peer[1]);
	} else
		tell(s, IMSG_EXECUTOR_CHANNEL, NULL, 0, peer[1]);
	close(peer[1]);
	await_ready(s);
}

void
start_forget(struct started *s)
{
	close(s->parent.fd);
	close(s->peer);
}
