/*
 * The test bed's qrexec-client: the real one's command line and exit statuses,
 * as far as a command in a VM goes.  It needs group qubes to connect to a VM's
 * socket, and asks nobody else.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/relay.h"

#define COMMAND_MAX 65535 /* with its NUL */
#define EXIT_QREXEC 125	  /* no such socket, or the agent refuses */

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"prefix-data", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

static const char *vm, *command;
static const char *prefix = "";

static void __attribute__((noreturn)) usage(int status)
{
	fputs("usage: qrexec-client [-p PREFIX-DATA] -d domain_name "
	      "user:remote_cmdline\n",
	    status == 0 ? stdout : stderr);
	exit(status);
}

/* An option that is not known is not an error to the real one. */
static void
options_read(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "hd:p:", options, NULL)) != -1)
		switch (c) {
		case 'd':
			vm = optarg;
			break;
		case 'p':
			prefix = optarg;
			break;
		default:
			usage(0);
		}
	if (optind >= argc || vm == NULL)
		usage(1);
	command = argv[optind];
}

static int
vm_connect(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, n;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "qrexec.%s", vm);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		errx(EXIT_QREXEC, "qrexec.%s is too long", vm);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(EXIT_QREXEC, "connect %s", sun.sun_path);
	return fd;
}

/* Where it takes no more of the prefix, what it has said is still read. */
static void
send_command(int sock)
{
	size_t off, part, len = strlen(command);

	if (len == 0 || len >= COMMAND_MAX)
		errx(EXIT_QREXEC, "command line too long or empty");
	if (qx_send(sock, QX_EXEC, command, len) == -1)
		err(EXIT_QREXEC, "%s", vm);
	len = strlen(prefix);
	for (off = 0; off < len; off += part) {
		part = len - off < QX_CHUNK ? len - off : QX_CHUNK;
		if (qx_send(sock, QX_STDIN, prefix + off, part) == -1)
			return;
	}
}

int
main(int argc, char **argv)
{
	static struct relay r;
	int sock, status;

	options_read(argc, argv);
	qx_enter("/usr/bin/qrexec-client");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		err(EXIT_QREXEC, "signal");
	sock = vm_connect();
	send_command(sock);
	if (fcntl(sock, F_SETFL, O_NONBLOCK) == -1)
		err(EXIT_QREXEC, "fcntl");
	relay_init(&r, sock);
	r.from[0] = (struct relay_end){0, QX_STDIN};
	r.to[0] = (struct relay_end){1, QX_STDOUT};
	r.to[1] = (struct relay_end){2, QX_STDERR};
	status = relay_run(&r);
	return status == -1 ? 255 : status;
}
