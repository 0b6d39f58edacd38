#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "policy/text.h"

/* Who does what is done here, for the log. */

#define NOT_IN_LOG "who has done this is not in the log"

void
person(char who[VM_NAME_MAX + 1], char tty[VM_NAME_MAX + 1])
{
	char login[LOGIN_NAME_MAX], path[PATH_MAX];
	const char *name = getenv("SUDO_USER");

	if (getlogin_r(login, sizeof(login)) == 0)
		name = login;
	if (name == NULL || !user_name_valid(name))
		name = "root";
	snprintf(who, VM_NAME_MAX + 1, "%.*s", VM_NAME_MAX, name);
	if (ttyname_r(STDIN_FILENO, path, sizeof(path)) != 0 ||
	    strlen(path) > VM_NAME_MAX || !imsg_text_ok(path, sizeof(path)))
		memcpy(path, "-", 2);
	snprintf(tty, VM_NAME_MAX + 1, "%.*s", VM_NAME_MAX, path);
}

static void
take_outcome(struct imsg *m)
{
	struct msg_answered a;

	if (m->hdr.type != IMSG_ANSWERED)
		return;
	control_payload(m, &a, sizeof(a));
	if (a.outcome != OUTCOME_DONE)
		fail("the log has no room for it");
}

/* What is done stays done, also where the daemon does not answer. */
void
person_did(enum act act, const char *vm, const char *fingerprint)
{
	struct msg_act a = {.act = act};
	int fd = control_connect(), status = -1;
	pid_t pid;

	finish_output();
	if (fd == -1) {
		warn(NOT_IN_LOG ": no daemon answers");
		return;
	}
	memcpy(a.vm, vm, strlen(vm));
	memcpy(a.fingerprint, fingerprint, strlen(fingerprint));
	person(a.who, a.tty);
	pid = fork();
	if (pid == 0) {
		control_ask(fd, IMSG_ACT, &a, sizeof(a), take_outcome);
		_exit(0);
	}
	close(fd);
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		warn(NOT_IN_LOG);
}
