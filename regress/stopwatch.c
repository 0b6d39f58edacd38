/*
 * Times a command: for each line "N P" on its input, runs it N times, P at a
 * time, and prints the microseconds of wall time that took.
 *
 *	stopwatch COMMAND [ARGUMENT...]
 *
 * The command's input is empty, and its output is dropped.
 */
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000000LL + ts.tv_nsec / 1000);
}

static void
begin(char *argv[])
{
	int null;

	switch (vfork()) {
	case -1:
		err(1, "vfork");
	case 0:
		if ((null = open("/dev/null", O_RDWR)) == -1 ||
		    dup2(null, 0) == -1 || dup2(null, 1) == -1)
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
}

static void
end(void)
{
	int status;

	if (wait(&status) == -1)
		err(1, "wait");
	if (status != 0)
		errx(1, "the command failed: status 0x%x", status);
}

int
main(int argc, char *argv[])
{
	long long start;
	int n, p, i;

	if (argc < 2)
		return (2);
	while (scanf("%d %d", &n, &p) == 2) {
		start = now();
		for (i = 0; i < n; i++) {
			if (i >= p)
				end();
			begin(argv + 1);
		}
		for (i = 0; i < n && i < p; i++)
			end();
		printf("%lld\n", now() - start);
		fflush(stdout);
	}
	return (0);
}
