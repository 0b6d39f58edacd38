#include "poller/qvmrun.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/event.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/sandbox.h"

/*
 * What runs in the VM: constant text without a secret.  The agent, where the
 * VM has one that speaks this protocol.  /dev/null: what follows on standard
 * input is the session's.
 */
#define COMMAND(args)                                                \
	"for q in qvm-remote \"$HOME/.local/bin/qvm-remote\"; do "   \
	"case \"$(\"$q\" --version </dev/null 2>/dev/null)\" in "    \
	"*'protocol 2'|*'protocol 2'[!0-9]*) exec \"$q\" agent" args \
	";; esac; "                                                  \
	"done; echo 'qvm-remote: no agent of protocol 2 in PATH or " \
	"~/.local/bin' >&2; exit 127"
static char command[] = COMMAND(""), command_once[] = COMMAND(" --poll");

static void __attribute__((noreturn)) give_up(const char *what)
{
	(void)dprintf(STDERR_FILENO, "qvm-remote: %s: %s\n", what,
	    strerror(errno));
	_exit(127);
}

static void __attribute__((noreturn)) child(const char *path,
    const struct msg_session *s, bool once, const int fds[3])
{
	char vm[sizeof(s->vm)], user[sizeof(s->user)];
	char name[] = "qvm-run", pass_io[] = "--pass-io";
	char no_start[] = "--no-autostart", no_gui[] = "--no-gui";
	char as[] = "--user", env_path[] = "PATH=/usr/bin:/bin";
	char env_home[] = "HOME=/", env_lang[] = "LC_ALL=C.UTF-8";
	char *const argv[] = {name, pass_io, no_start, no_gui, as, user, vm,
	    once ? command_once : command, NULL};
	char *const envp[] = {env_path, env_home, env_lang, NULL};
	int i;

	memcpy(vm, s->vm, sizeof(vm));
	memcpy(user, s->user, sizeof(user));
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
	char path[PATH_MAX];
	int in[2], out[2], err[2];

	if (path_join(path, sizeof(path), root, PATH_QVM_RUN) == -1)
		fatal("qvm-run");
	make_pipe(in);
	make_pipe(out);
	make_pipe(err);
	q->pid = fork();
	if (q->pid == -1)
		fatal("fork");
	if (q->pid == 0)
		child(path, s, once, (const int[3]){in[0], out[1], err[1]});
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	q->in = own_end(in[1]);
	q->out = own_end(out[0]);
	q->err = own_end(err[0]);
}
