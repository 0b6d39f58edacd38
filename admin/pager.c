#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/show.h"

/* What is short stays on the screen; without less, all of it does. */
static const char less[] = "command -v less >/dev/null || exec cat\n"
			   "exec less -FRX";

static pid_t pager; /* 0: none */
static bool coloured;

/* "" where it is not set. */
static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static bool
on_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1 && env("TERM")[0] != '\0' &&
	    strcmp(env("TERM"), "dumb") != 0;
}

const char *
colour(const char *sequence)
{
	return coloured ? sequence : "";
}

/* It gets no more than the terminal and what is written to it. */
static void __attribute__((noreturn)) run_pager(const int pipe_ends[2])
{
	const char *command = env("PAGER")[0] != '\0' ? env("PAGER") : less;

	if (dup2(pipe_ends[0], STDIN_FILENO) == -1 ||
	    close(pipe_ends[0]) == -1 || close(pipe_ends[1]) == -1 ||
	    setenv("LESSSECURE", "1", 1) == -1)
		_exit(1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void
pager_start(bool wanted)
{
	int ends[2];

	coloured = on_terminal() && env("NO_COLOR")[0] == '\0';
	if (!wanted || !on_terminal() || strcmp(env("PAGER"), "cat") == 0)
		return;
	if (pipe(ends) == -1 || (pager = fork()) == -1)
		fail_errno("the pager");
	if (pager == 0)
		run_pager(ends);
	if (dup2(ends[1], STDOUT_FILENO) == -1 || close(ends[0]) == -1 ||
	    close(ends[1]) == -1)
		fail_errno("the pager");
	/* What is typed is the pager's; it may end before all is written. */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

bool
pager_gone(void)
{
	return pager != 0 && ferror(stdout);
}

void
pager_end(void)
{
	bool written = fflush(stdout) == 0 && !ferror(stdout);

	if (pager == 0) {
		finish_output();
		return;
	}
	if (!written && errno != EPIPE)
		fail_errno("the pager");
	if (fclose(stdout) == EOF && errno != EPIPE)
		fail_errno("the pager");
	while (waitpid(pager, NULL, 0) == -1)
		if (errno != EINTR)
			fail_errno("the pager");
}
