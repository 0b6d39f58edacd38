#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "imsg/act.h"
#include "policy/text.h"
#include "privsep/path.h"

/* Who does what is done here, for the log. */

#define NOT_IN_LOG "who has done this is not in the log"
#define TRIES	   100 /* a daemon that starts takes one */
#define TRY_MS	   10

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
	    strlen(path) > VM_NAME_MAX || strchr(path, ' ') != NULL ||
	    !imsg_text_ok(path, sizeof(path)))
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

/* Whether the folder's file has this file's name still. */
static bool
is_there(int folder, const struct stat *st)
{
	struct stat now;

	return fstatat(folder, ACTS_FILE, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now.st_ino == st->st_ino;
}

/*
 * The folder is the verifier's, and so is what is in it.  1: it is on disk, -1:
 * it is not, 0: a daemon takes the file, perhaps without it.
 */
static int
append(int folder, const char *line, size_t len)
{
	struct stat st, of;
	int fd, result = -1;

	fd = openat(folder, ACTS_FILE,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || fstat(folder, &of) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_size > ACTS_MAX - (off_t)len)
		result = -1;
	else if (st.st_nlink != 1)
		result = 0;
	else if ((st.st_uid == of.st_uid ||
		     fchown(fd, of.st_uid, of.st_gid) == 0) &&
	    write(fd, line, len) == (ssize_t)len && fdatasync(fd) == 0 &&
	    fsync(folder) == 0)
		result = is_there(folder, &st) ? 1 : 0;
	close(fd);
	return result;
}

/* For the next start to record: whether it is on disk. */
static bool
leave(const struct msg_act *a)
{
	char line[ACT_MAX], path[PATH_MAX];
	struct timespec now;
	int folder, len, done = 0, tries;

	at_root(path, PATH_LOG);
	if (clock_gettime(CLOCK_REALTIME, &now) == -1 ||
	    (len = act_print(line,
		 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, a)) == -1)
		return false;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1)
		return false;
	for (tries = 0; tries < TRIES && done == 0; tries++) {
		done = append(folder, line, (size_t)len);
		if (done == 0)
			(void)poll(NULL, 0, TRY_MS);
	}
	close(folder);
	return done == 1;
}

/* What is done stays done, also where the daemon does not answer. */
void
person_did(enum act act, const char *vm, const char *fingerprint)
{
	struct msg_act a = {.act = act};
	int fd = control_connect(), status = -1;
	pid_t pid;

	finish_output();
	memcpy(a.vm, vm, strlen(vm));
	memcpy(a.fingerprint, fingerprint, strlen(fingerprint));
	person(a.who, a.tty);
	if (fd == -1) {
		if (leave(&a)) {
			/* One that has just started looks again when asked. */
			fd = control_connect();
			if (fd != -1)
				close(fd);
		} else
			warn(NOT_IN_LOG ": no daemon answers, and %s/%s cannot "
					"be written",
			    PATH_LOG, ACTS_FILE);
		return;
	}
	pid = fork();
	if (pid == 0) {
		control_ask(fd, IMSG_ACT, &a, sizeof(a), take_outcome);
		_exit(0);
	}
	close(fd);
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		warn(NOT_IN_LOG);
}
