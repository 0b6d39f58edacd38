#ifndef EXECUTOR_SPAWN_H
#define EXECUTOR_SPAWN_H

#include <sys/types.h>

#include <pwd.h>

#include "imsg/messages.h"

/* What a command starts with.  The descriptors stay the caller's. */
struct spawn {
	int cgroup; /* its folder */
	int work;   /* the folder that it starts in */
	int in, out, err;
	int body; /* what bash reads, as descriptor 3 */
	const struct msg_run *run;
	const struct passwd *user;
	char *const *argv; /* words to be executed without a shell, or NULL */
};

/* Looks up what every command gets.  Fatal on failure. */
void spawn_init(void);
/*
 * Makes a process that is ready to become bash, and waits for spawn_go.
 * *status is a descriptor that is readable when that is decided:
 * spawn_outcome then says how.  The process, or -1.
 */
pid_t spawn(const struct spawn *, int *status);
void spawn_go(int status);
/* 0: bash runs; otherwise the errno of what failed, which *what names. */
int spawn_outcome(int status, const char **what);

#endif
