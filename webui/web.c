/*
 * web: what a browser talks to.
 * Fed by:  browsers on this machine, or whoever says to be one; the reader
 * Feeds:   browsers; the reader (queries)
 * May:     accept, receive, send      May not: open, connect, exec, kill
 */

#include <string.h>

#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"
#include "webui/web.h"

struct channel reader;
struct msg_web_secrets secrets;

static void
dispatch(struct channel *c, struct imsg *m)
{
	struct msg_web_answer answer;

	(void)c;
	if (m->hdr.type == IMSG_WEB_NEWS) {
		events_tell();
		return;
	}
	if (imsg_payload(m, &answer, sizeof(answer)) == -1)
		fatalx("%s: bad payload", imsg_name(m->hdr.type));
	connections_answer(m->hdr.id, &answer, imsg_take_fd(m));
}

static void
closed(struct channel *c, const char *why)
{
	(void)c;
	if (why != NULL)
		fatalx("reader: %s", why);
	event_stop();
}

int
main(void)
{
	struct sandbox box = {.name = "web",
	    .user = USER_WEB,
	    .nofile = 3 * VISITS_MAX,
	    .fsize = 0};
	char empty[IMSG_PATH_MAX + sizeof(PATH_WEB_EMPTY)];
	struct msg_settings settings;
	struct imsg m;
	int listener;

	role_begin(&reader, ROLE_WEB, &settings);
	role_await(&reader, IMSG_WEB_SOCKET, &m);
	if (imsg_payload(&m, &secrets, sizeof(secrets)) == -1)
		fatalx("%s: bad payload", imsg_name(IMSG_WEB_SOCKET));
	listener = imsg_take_fd(&m);
	explicit_bzero(&m, sizeof(m));
	reader.dispatch = dispatch;
	reader.closed = closed;
	if (path_join(empty, sizeof(empty), settings.root, PATH_WEB_EMPTY) ==
	    -1)
		fatal("%s", PATH_WEB_EMPTY);
	box.chroot = empty;
	connections_open(listener);
	role_ready(&reader, sandbox_enter(&box));
	event_loop(connections_run);
	return 0;
}
