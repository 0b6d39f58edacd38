#include "poller/qvmrun.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "privsep/event.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/sandbox.h"

/*
 * What runs in the VM: constant text without a secret.  The agent, where the
 * VM has one that speaks this protocol, and agent.sh otherwise.  /dev/null:
 * what follows on standard input is the session's.  qvm-run's service is bash,
 * qrexec-client's shell is the user's own, whatever that is: it only starts sh,
 * to which agent.sh is $0.
 */
#define COMMAND                                                           \
	"exec /bin/sh -c '"                                               \
	"for q in qvm-remote \"$HOME/.local/bin/qvm-remote\"; do "        \
	"case \"$(\"$q\" --version </dev/null 2>/dev/null)\" in "         \
	"*\"protocol 2\"|*\"protocol 2\"[!0-9]*) exec \"$q\" agent%s ;; " \
	"esac; done; exec /bin/sh -c \"$0\"' '%s'"
#define COMMAND_MAX 65535 /* of qrexec */

/* agent.sh in single quotes, as the build has made it. */
extern const char agent_text[];

/* A command line: each has what the real program wants, and no option more. */
#define ARGS_MAX 9

static const char *
qvm_run(const struct msg_session *s, char *cmd, char *argv[ARGS_MAX])
{
	static char name[] = "qvm-run", pass_io[] = "--pass-io";
	static char no_start[] = "--no-autostart", no_gui[] = "--no-gui";
	static char as[] = "--user", vm[sizeof(s->vm)], user[sizeof(s->user)];
	char *const args[ARGS_MAX] = {name, pass_io, no_start, no_gui, as, user,
	    vm, cmd, NULL};

	memcpy(vm, s->vm, sizeof(vm));
	memcpy(user, s->user, sizeof(user));
	memcpy(argv, args, sizeof(args));
	return PATH_QVM_RUN;
}

static const char *
qrexec_client(const struct msg_session *s, const char *cmd,
    char *argv[ARGS_MAX])
{
	static char name[] = "qrexec-client", domain[] = "-d";
	static char vm[sizeof(s->vm)];
	static char text[COMMAND_MAX];
	char *const args[ARGS_MAX] = {name, domain, vm, text, NULL};

	memcpy(vm, s->vm, sizeof(vm));
	(void)snprintf(text, sizeof(text), "%s:%s", s->user, cmd);
	memcpy(argv, args, sizeof(args));
	return PATH_QREXEC;
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	(void)dprintf(STDERR_FILENO, "qvm-remote: %s: %s\n", what,
	    strerror(errno));
	_exit(127);
}

static void __attribute__((noreturn)) child(const char *path,
    const struct msg_session *s, char *const argv[], const int fds[3])
{
	char env_path[] = "PATH=/usr/bin:/bin", env_home[] = "HOME=/";
	char env_lang[] = "LC_ALL=C.UTF-8";
	char *const envp[] = {env_path, env_home, env_lang, NULL};
	int i;

	event_child_signals();
	for (i = 0; i < 3; i++)
		if (dup2(fds[i], i) == -1)
			_exit(127);
	if (close_range(3, ~0U, 0) == -1 || chdir("/") == -1)
		give_up("setup");
	(void)umask(022);
	privdrop_exec(s->uid, s->gid, s->qubes_gid);
	(void)execve(path, argv, envp);
	give_up(path);
}

static void
make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal("pipe");
}

/* Ours alone: the other end is another open file. */
static int
own_end(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		fatal("fcntl");
	return fd;
}

void
qvmrun_start(struct qvmrun *q, const char *root, const struct msg_session *s,
    bool once)
{
	static char cmd[COMMAND_MAX - sizeof(s->user)];
	char path[PATH_MAX], *argv[ARGS_MAX];
	const char *program;
	int in[2], out[2], err[2], n;

	n = snprintf(cmd, sizeof(cmd), COMMAND, once ? " --poll" : "",
	    agent_text);
	if (n < 0 || (size_t)n >= sizeof(cmd))
		fatalx("the agent is too long for qrexec");
	program = s->transport == TRANSPORT_QREXEC_CLIENT
	    ? qrexec_client(s, cmd, argv)
	    : qvm_run(s, cmd, argv);
	if (path_join(path, sizeof(path), root, program) == -1)
		fatal("%s", program);
	make_pipe(in);
	make_pipe(out);
	make_pipe(err);
	q->pid = fork();
	if (q->pid == -1)
		fatal("fork");
	if (q->pid == 0)
		child(path, s, argv, (const int[3]){in[0], out[1], err[1]});
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	q->in = own_end(in[1]);
	q->out = own_end(out[0]);
	q->err = own_end(err[0]);
}
