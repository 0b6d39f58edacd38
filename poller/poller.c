/*
 * poller: one VM's session.
 * Fed by:  the VM, through qvm-run's pipe; the verifier (verdicts, spool
 *          descriptors, receipts)
 * Feeds:   the verifier (requests, cancels); the VM (output, receipts)
 * May:     read, write, poll, memfd_create
 * May not: open, connect, exec, kill
 */

#include <limits.h>
#include <string.h>

#include "policy/policy.h"
#include "poller/session.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"
#include "wire/id.h"
#include "wire/limits.h"

#define NOFILE_MAX 80 /* two spool files for each delivery, and our own */
#define FSIZE_MAX  (INPUT_POLICY_MAX + PIECE_MAX) /* of a memfd */

static struct channel parent;

static void
parent_dispatch(struct channel *ch, struct imsg *m)
{
	(void)ch;
	fatalx("parent: unexpected %s", imsg_name(m->hdr.type));
}

static void
parent_closed(struct channel *ch, const char *why)
{
	(void)ch;
	(void)why;
	session_abandon();
}

static void
await_session(struct msg_session *s)
{
	role_await_payload(&parent, IMSG_SESSION, s, sizeof(*s));
	if (!imsg_text_ok(s->vm, sizeof(s->vm)) ||
	    !vm_name_valid(s->vm, strnlen(s->vm, sizeof(s->vm))) ||
	    !imsg_text_ok(s->user, sizeof(s->user)) || s->user[0] == '\0' ||
	    s->user[0] == '-' || s->transport > TRANSPORT_QREXEC_CLIENT)
		fatalx("parent: a bad session");
}

int
main(void)
{
	struct msg_settings settings;
	struct msg_session session;
	char empty[PATH_MAX];
	struct sandbox box = {.name = "poller",
	    .user = USER_POLLER,
	    .chroot = empty,
	    .nofile = NOFILE_MAX,
	    .fsize = FSIZE_MAX};
	int verifier_fd;

	role_begin(&parent, ROLE_POLLER, &settings);
	parent.dispatch = parent_dispatch;
	parent.closed = parent_closed;
	await_session(&session);
	verifier_fd = role_await_fd(&parent, IMSG_VERIFIER_CHANNEL);
	if (path_join(empty, sizeof(empty), settings.root, PATH_EMPTY) == -1)
		fatal("%s", settings.root);

	session_start(settings.root, &session, settings.once != 0);
	role_ready(&parent, sandbox_enter(&box));

	session_open(verifier_fd);
	event_loop(session_turn);
	return 0;
}
