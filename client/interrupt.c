#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "client/interrupt.h"

static volatile sig_atomic_t count;
static int wake[2];

/*
 * A handler, since a write to a slow terminal must be interruptible at any
 * time; it calls nothing that is not safe there.
 */
static void
on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	if (count > 0)
		_exit(130);
	count = 1;
	/* Full means that it is readable, which is all that is asked of it. */
	if (write(wake[1], "", 1) == -1 && errno != EAGAIN)
		_exit(130);
	errno = saved;
}

int
interrupt_catch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction old, action = {.sa_handler = on_signal};
	size_t i;

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) == -1)
		return (-1);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], NULL, &old) == -1)
			return (-1);
		if (old.sa_handler == SIG_IGN) /* nohup, a shell's `&` */
			continue;
		if (sigaction(signals[i], &action, NULL) == -1)
			return (-1);
	}
	action.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &action, NULL) == -1)
		return (-1);
	return (wake[0]);
}

bool
interrupted(void)
{
	return (count > 0);
}
