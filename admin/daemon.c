#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "privsep/path.h"

int
lock_open(void)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	at_root(path, PATH_LOG "/lock");
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return -1;
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_errno("%s", path);
	if (!S_ISREG(st.st_mode))
		fail("%s: not a regular file", path);
	return fd;
}

pid_t
lock_holder(int lock)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (lock == -1)
		return 0;
	if (fcntl(lock, F_GETLK, &fl) == -1)
		fail_errno("the daemon's lock");
	return fl.l_type == F_UNLCK ? 0 : fl.l_pid;
}

void
daemon_reload(void)
{
	int lock = lock_open();
	pid_t pid = lock_holder(lock);

	if (lock != -1)
		close(lock);
	if (pid <= 1) {
		printf("No daemon runs: this takes effect when it starts.\n");
		return;
	}
	if (kill(pid, SIGHUP) == -1)
		fail_errno("the daemon (pid %d) was not told", (int)pid);
	printf("The daemon (pid %d) has been told.\n", (int)pid);
}

#define OPTIONS_MAX (2 * VMS_MAX + 8)

void
daemon_start(char *const options[], size_t count)
{
	char title[] = "qvm-remote: parent";
	char *argv[OPTIONS_MAX + 2];
	char path[PATH_MAX];
	size_t i;

	at_root(path, PATH_LIBEXEC "/parent");
	if (count > OPTIONS_MAX)
		usage_error("too many options");
	argv[0] = title;
	for (i = 0; i < count; i++)
		argv[i + 1] = options[i];
	argv[count + 1] = NULL;
	execv(path, argv);
	fail_errno("%s", path);
}
