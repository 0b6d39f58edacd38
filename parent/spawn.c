#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/event.h"
#include "privsep/path.h"

static void __attribute__((noreturn))
child(const char *path, char *title, int channel)
{
	static char env_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char env_lang[] = "LC_ALL=C.UTF-8";
	char *const argv[] = {title, NULL};
	char *const envp[] = {env_path, env_lang, NULL};
	int null, i;

	event_child_signals();
	/* dup2 of a descriptor on itself would keep close-on-exec. */
	if (channel == 3 ? fcntl(3, F_SETFD, 0) == -1 : dup2(channel, 3) == -1)
		_exit(126);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		_exit(126);
	for (i = 0; i < 3; i++)
		if (dup2(null, i) == -1)
			_exit(126);
	if (close_range(4, ~0U, 0) == -1)
		_exit(126);
	(void)execve(path, argv, envp);
	_exit(126);
}

pid_t
spawn(const char *name, const char *title, int channel, int cgroup_fd)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	char path[PATH_MAX], own_title[64];
	size_t used;
	long pid;

	settings_path(path, PATH_LIBEXEC);
	used = strlen(path);
	if (snprintf(path + used, sizeof(path) - used, "/%s", name) >=
		(int)(sizeof(path) - used) ||
	    snprintf(own_title, sizeof(own_title), "%s", title) >=
		(int)sizeof(own_title)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (cgroup_fd != -1) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (__u64)cgroup_fd;
	}
	/* As fork(2), but that the child is born in its cgroup. */
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child(path, own_title, channel);
	return (pid_t)pid;
}
