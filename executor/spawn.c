#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sched.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/spawn.h"
#include "privsep/event.h"
#include "policy/policy.h"
#include "privsep/log.h"

#define SHELL	   "/bin/bash"
#define BODY_FD	   3
#define STATUS_FD  4 /* close-on-exec: its end says that bash runs */
#define GO	   'g'
#define ABOVE_FDS  16 /* above all that is moved into place */
#define OUR_NOFILE 4096
#define OOM_ADJ	   "/proc/self/oom_score_adj"

/* Everything that can fail between clone and exec. */
#define STEPS(X)                      \
	X(SESSION, "setsid")          \
	X(DESCRIPTORS, "descriptors") \
	X(LIMITS, "limits")           \
	X(OOM, OOM_ADJ)               \
	X(FOLDER, "work folder")      \
	X(USER, "user")               \
	X(GO, "go")                   \
	X(EXEC, "exec")
enum step {
#define X(name, text) STEP_##name,
	STEPS(X)
#undef X
	STEP_COUNT
};
static const char *const step_names[] = {
#define X(name, text) text,
    STEPS(X)
#undef X
};

struct failure {
	int step, error;
};

static struct rlimit their_nofile;
static bool oom_reset;		  /* ours is not for them */
static gid_t groups[NGROUPS_MAX]; /* of the user who is about to run */
static int group_count;

/* We hold a few descriptors for each command; they get what we were given. */
static void
raise_nofile(void)
{
	struct rlimit ours;

	if (getrlimit(RLIMIT_NOFILE, &their_nofile) == -1)
		fatal("getrlimit");
	ours = their_nofile;
	if (ours.rlim_cur < OUR_NOFILE)
		ours.rlim_cur =
		    ours.rlim_max < OUR_NOFILE ? ours.rlim_max : OUR_NOFILE;
	if (setrlimit(RLIMIT_NOFILE, &ours) == -1)
		fatal("setrlimit");
}

static void
read_oom(void)
{
	char text[16] = "";
	int fd;

	if ((fd = open(OOM_ADJ, O_RDONLY | O_CLOEXEC)) == -1)
		fatal(OOM_ADJ);
	if (read(fd, text, sizeof(text) - 1) <= 0)
		fatal(OOM_ADJ);
	close(fd);
	oom_reset = text[0] == '-';
}

void
spawn_init(void)
{
	raise_nofile();
	read_oom();
}

static void __attribute__((noreturn)) fail(int status, enum step step)
{
	struct failure f = {.step = (int)step, .error = errno};

	/* If this fails, too, then the exit status is all there is to say. */
	if (write(status, &f, sizeof(f)) != (ssize_t)sizeof(f))
		_exit(126);
	_exit(127);
}

/*
 * 0 to 3 for the command and the status socket, which exec closes; nothing
 * else.  First all go out of each other's way.
 */
static int
place_fds(const struct spawn *s, int *status)
{
	int fds[] = {s->in, s->out, s->err, s->body, *status};
	int i;

	for (i = 0; i <= STATUS_FD; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ABOVE_FDS)) == -1)
			return -1;
	*status = fds[STATUS_FD];
	for (i = 0; i <= STATUS_FD; i++)
		if (dup3(fds[i], i, i == STATUS_FD ? O_CLOEXEC : 0) == -1)
			return -1;
	*status = STATUS_FD;
	return (int)syscall(SYS_close_range, STATUS_FD + 1, ~0U, 0);
}

static int
set_limit(int resource, uint64_t value)
{
	const struct rlimit limit = {value, value};

	return setrlimit(resource, &limit);
}

static int
set_limits(const struct msg_run *run)
{
	if (set_limit(RLIMIT_CORE, 0) == -1 ||
	    setrlimit(RLIMIT_NOFILE, &their_nofile) == -1)
		return -1;
	if (run->files > 0 && set_limit(RLIMIT_NOFILE, run->files) == -1)
		return -1;
	if (run->file_size > 0 && set_limit(RLIMIT_FSIZE, run->file_size) == -1)
		return -1;
	return run->nice > 0 ? setpriority(PRIO_PROCESS, 0, (int)run->nice) : 0;
}

/*
 * The user's groups, looked up before the fork: what that loads, it loads
 * once.
 */
static int
find_groups(const struct passwd *user)
{
	group_count = NGROUPS_MAX;
	if (getgrouplist(user->pw_name, user->pw_gid, groups, &group_count) !=
	    -1)
		return 0;
	errno = E2BIG;
	return -1;
}

/* All of it, and for good: saved ids too.  Root has its own groups, no more. */
static int
become(const struct passwd *user)
{
	if (setgroups((size_t)group_count, groups) == -1 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == -1)
		return -1;
	return setresuid(user->pw_uid, user->pw_uid, user->pw_uid);
}

static int
reset_oom(void)
{
	int fd;

	if (!oom_reset)
		return 0;
	if ((fd = open(OOM_ADJ, O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	if (write(fd, "0", 1) != 1)
		return -1;
	return close(fd);
}

/* All is ready.  Who is not told to go, by whatever end, does not. */
static int
await_go(int status)
{
	char byte = 0;
	ssize_t n;

	while ((n = read(status, &byte, 1)) == -1 && errno == EINTR)
		;
	if (n == 1 && byte == GO)
		return 0;
	errno = ECANCELED;
	return -1;
}

static void __attribute__((noreturn))
child(const struct spawn *s, int status, char *const envp[])
{
	static char *const shell[] = {(char *)"bash", (char *)"/dev/fd/3",
	    NULL};

	if (setsid() == -1)
		fail(status, STEP_SESSION);
	if (fchdir(s->work) == -1)
		fail(status, STEP_FOLDER);
	if (place_fds(s, &status) == -1)
		fail(status, STEP_DESCRIPTORS);
	if (reset_oom() == -1)
		fail(status, STEP_OOM);
	if (set_limits(s->run) == -1)
		fail(status, STEP_LIMITS);
	if (become(s->user) == -1)
		fail(status, STEP_USER);
	umask(077);
	event_child_signals();
	if (await_go(status) == -1)
		fail(status, STEP_GO);
	if (s->argv == NULL)
		execve(SHELL, shell, envp);
	else if (close(BODY_FD) == 0)
		execve(s->run->path, s->argv, envp);
	fail(status, STEP_EXEC);
}

/*
 * As fork, but the child is born in its cgroup: there is no moment in which
 * it could run outside.
 */
static pid_t
fork_into(int cgroup)
{
	struct clone_args args = {
	    .flags = CLONE_INTO_CGROUP,
	    .exit_signal = SIGCHLD,
	    .cgroup = (unsigned int)cgroup,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

pid_t
spawn(const struct spawn *s, int *status)
{
	char vm[sizeof("QVM_REMOTE_VM=") + VM_NAME_MAX];
	char id[sizeof("QVM_REMOTE_ID=") + sizeof(s->run->id)];
	char home[sizeof("HOME=") + PATH_MAX];
	char user[sizeof("USER=") + VM_NAME_MAX];
	char logname[sizeof("LOGNAME=") + VM_NAME_MAX];
	char *const envp[] = {
	    (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
		    "/usr/bin:/sbin:/bin",
	    home,
	    user,
	    logname,
	    (char *)"LANG=C.UTF-8",
	    (char *)"LC_ALL=C.UTF-8",
	    vm,
	    id,
	    NULL,
	};
	int p[2], saved;
	pid_t pid;

	snprintf(vm, sizeof(vm), "QVM_REMOTE_VM=%s", s->run->vm);
	snprintf(id, sizeof(id), "QVM_REMOTE_ID=%s", s->run->id);
	snprintf(home, sizeof(home), "HOME=%s", s->user->pw_dir);
	snprintf(user, sizeof(user), "USER=%s", s->user->pw_name);
	snprintf(logname, sizeof(logname), "LOGNAME=%s", s->user->pw_name);
	if (find_groups(s->user) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) == -1)
		return -1;
	if ((pid = fork_into(s->cgroup)) == 0)
		child(s, p[1], envp);
	saved = errno;
	close(p[1]);
	if (pid == -1) {
		close(p[0]);
		errno = saved;
		return -1;
	}
	*status = p[0];
	return pid;
}

/* One that is dead already is found so. */
void
spawn_go(int status)
{
	const char byte = GO;

	if (send(status, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1 &&
	    errno != EPIPE && errno != ECONNRESET)
		log_warn("go: %s", strerror(errno));
}

int
spawn_outcome(int status, const char **what)
{
	struct failure f;
	ssize_t n;

	*what = SHELL;
	n = recv(status, &f, sizeof(f), MSG_DONTWAIT);
	/* It is bash, or was killed, perhaps before it had read GO. */
	if (n == 0 || (n == -1 && errno == ECONNRESET))
		return 0;
	if (n != (ssize_t)sizeof(f) || f.step < 0 || f.step >= STEP_COUNT)
		return EIO;
	*what = step_names[f.step];
	return f.error != 0 ? f.error : EIO;
}
