/*
 * stopwatch: how long a command takes, from before its start to its end.
 *
 *   stopwatch COMMAND [ARG...]
 *
 * For each line `RUNS AT_A_TIME` on its input, runs it so often and so many at
 * a time, and prints the microseconds that all of it took.  The command's input
 * is empty, and what it prints is dropped; one that fails ends it, with 1.
 */
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static posix_spawn_file_actions_t actions;

static int64_t
now_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		err(1, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
begin(char **argv)
{
	pid_t pid;

	if ((errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv,
		 environ)) != 0)
		err(1, "%s", argv[0]);
}

static void
end(const char *name)
{
	int status;

	if (wait(&status) == -1)
		err(1, "wait");
	if (status != 0)
		errx(1, "%s: wait status 0x%x", name, (unsigned)status);
}

static int64_t
measure(char **argv, long runs, long at_a_time)
{
	int64_t begun = now_us();
	long i;

	for (i = 0; i < runs; i++) {
		if (i >= at_a_time)
			end(argv[0]);
		begin(argv);
	}
	for (i = 0; i < runs && i < at_a_time; i++)
		end(argv[0]);
	return now_us() - begun;
}

int
main(int argc, char **argv)
{
	char line[64], *rest;
	long runs, at_a_time;

	if (argc < 2)
		errx(2, "usage: stopwatch COMMAND [ARG...]");
	if ((errno = posix_spawn_file_actions_init(&actions)) != 0 ||
	    (errno = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
		 O_RDONLY, 0)) != 0 ||
	    (errno = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null",
		 O_WRONLY, 0)) != 0)
		err(1, "/dev/null");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		runs = strtol(line, &rest, 10);
		at_a_time = strtol(rest, NULL, 10);
		if (runs < 1 || at_a_time < 1)
			errx(2, "RUNS AT_A_TIME, not: %s", line);
		printf("%" PRId64 "\n", measure(argv + 1, runs, at_a_time));
		fflush(stdout);
	}
	return 0;
}
