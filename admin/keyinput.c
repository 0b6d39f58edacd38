#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "admin/admin.h"

#define KEY_TEXT (2 * KEY_LEN)

/*
 * Waits for a line, or for a signal that would end us: the terminal is to
 * echo again before it does.
 */
static bool
wait_for_line(const sigset_t *signals)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.events = POLLIN}};
	int n;

	p[1].fd = signalfd(-1, signals, SFD_CLOEXEC);
	if (p[1].fd == -1)
		return false;
	do
		n = poll(p, 2, -1);
	while (n == -1 && errno == EINTR);
	close(p[1].fd);
	return n > 0 && p[1].revents == 0;
}

size_t
secret_input(const char *prompt, char *buf, size_t size)
{
	struct termios saved, hidden;
	sigset_t signals, before;
	ssize_t n = -1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTSTP);
	if (tcgetattr(STDIN_FILENO, &saved) == -1 ||
	    sigprocmask(SIG_BLOCK, &signals, &before) == -1)
		fail_errno("terminal");
	hidden = saved;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == -1)
		fail_errno("terminal");
	fputs(prompt, stderr);
	if (wait_for_line(&signals))
		n = read(STDIN_FILENO, buf, size);
	fprintf(stderr, "\n");
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved) == -1)
		warn("the terminal may not echo: `stty echo`");
	/* What came meanwhile acts here. */
	if (sigprocmask(SIG_SETMASK, &before, NULL) == -1)
		fail_errno("signals");
	if (n <= 0)
		fail("no key");
	return (size_t)n;
}

void
key_input(const char *vm, const char *argument, uint8_t key[KEY_LEN],
    char text[KEY_TEXT + 1])
{
	/* One more than a key and its LF: what is longer is seen to be. */
	char buf[KEY_TEXT + 2], prompt[64 + VM_NAME_MAX];
	size_t len;

	if (argument != NULL) {
		warn("the key is now in the shell's history and was in the "
		     "process list: leave it out, and it is asked for");
		len = strlen(argument);
		if (len > sizeof(buf))
			len = sizeof(buf);
		memcpy(buf, argument, len);
	} else if (isatty(STDIN_FILENO)) {
		snprintf(prompt, sizeof(prompt),
		    "Key of %s, 64 hex digits, not shown: ", vm);
		len = secret_input(prompt, buf, sizeof(buf));
	} else
		len = read_input(buf, sizeof(buf));
	if (key_parse(buf, len, key) == -1)
		fail("not a key: 64 hex digits are, as `qvm-remote key show` "
		     "prints them");
	if (key_is_weak(key))
		fail("a weak key: make one with `qvm-remote key gen`");
	memcpy(text, buf, KEY_TEXT);
	text[KEY_TEXT] = '\n';
	explicit_bzero(buf, sizeof(buf));
}
