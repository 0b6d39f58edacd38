/*
 * The test bed's qvm-run: the real one's command line, messages and exit
 * statuses.  It is installed as $BED/usr/bin/qvm-run and finds the bed by that;
 * it needs group qubes to connect to a VM's socket, and checks nothing else.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/relay.h"

#define COMMAND_MAX 65535 /* what one qrexec command may have */
#define EXIT_QREXEC 125	  /* no such socket, or the agent refuses */

static const struct option options[] = {
    {"user", required_argument, NULL, 'u'},
    {"autostart", no_argument, NULL, 'a'},
    {"auto", no_argument, NULL, 'a'},
    {"no-autostart", no_argument, NULL, 'n'},
    {"no-auto", no_argument, NULL, 'n'},
    {"pass-io", no_argument, NULL, 'p'},
    {"gui", no_argument, NULL, 'g'},
    {"no-gui", no_argument, NULL, 'G'},
    {"nogui", no_argument, NULL, 'G'},
    {"no-filter-escape-chars", no_argument, NULL, 'G'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: qvm-run [--verbose] [--quiet] [--help] [--user USER]\n"
    "               [--no-autostart] [--pass-io] [--no-gui] VMNAME COMMAND\n";

static const char *user = "user";
static const char *vm, *command;
static int verbose;
static int pass_io;
static int autostart = 1;

static void
options_read(int argc, char **argv)
{
	int c, level = 1;

	while ((c = getopt_long(argc, argv, "u:anpvqh", options, NULL)) != -1)
		switch (c) {
		case 'u':
			user = optarg;
			break;
		case 'n':
			autostart = 0;
			break;
		case 'p':
			pass_io = 1;
			break;
		case 'v':
			level++;
			break;
		case 'q':
			level--;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'a':
		case 'g':
		case 'G':
			break;
		default:
			fputs(usage, stderr);
			exit(2);
		}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		exit(2);
	}
	vm = argv[optind];
	command = argv[optind + 1];
	verbose = level - pass_io;
}

/* The bed's run/qubes becomes the working folder. */
static void
enter_run_qubes(void)
{
	static const char below[] = "/usr/bin/qvm-run";
	char path[PATH_MAX];
	ssize_t n;
	size_t root;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n == -1)
		err(1, "/proc/self/exe");
	path[n] = '\0';
	root = (size_t)n - (sizeof(below) - 1);
	if ((size_t)n <= sizeof(below) - 1 || strcmp(path + root, below) != 0)
		errx(1, "%s: not in a test bed", path);
	memcpy(path + root, "/run/qubes", sizeof("/run/qubes"));
	if (chdir(path) == -1)
		err(1, "%s", path);
}

static int
vm_connect(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, n;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "qrexec.%s", vm);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path) ||
	    strchr(vm, '/') != NULL) {
		fprintf(stderr, "qvm-run: error: no such domain: '%s'\n", vm);
		exit(1);
	}
	if (access(sun.sun_path, F_OK) == -1) {
		if (autostart)
			errx(1, "the test bed starts no VM: --no-autostart");
		if (verbose > 0)
			fprintf(stderr, "Qube '%s' not started\n", vm);
		exit(1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		warn("qrexec.%s", vm);
		exit(EXIT_QREXEC);
	}
	return fd;
}

/* The first line of bash's standard input: COMMAND; exit */
static void
send_command(int sock)
{
	static char line[COMMAND_MAX + 1];
	size_t off, part, len;
	int n;

	n = snprintf(line, sizeof(line), "%s; exit\n", command);
	if (n < 0 || (size_t)n >= sizeof(line)) {
		warnx("command too long");
		exit(EXIT_QREXEC);
	}
	len = (size_t)n;
	if (qx_send(sock, QX_EXEC, user, strlen(user)) == -1)
		err(EXIT_QREXEC, "%s", vm);
	for (off = 0; off < len; off += part) {
		part = len - off < QX_CHUNK ? len - off : QX_CHUNK;
		if (qx_send(sock, QX_STDIN, line + off, part) == -1)
			err(EXIT_QREXEC, "%s", vm);
	}
}

/* Without --pass-io the streams are nobody's. */
static void
streams_close(void)
{
	int fd, i;

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd == -1)
		err(1, "/dev/null");
	for (i = 0; i < 3; i++)
		if (dup2(fd, i) == -1)
			err(1, "dup2");
}

int
main(int argc, char **argv)
{
	static struct relay r;
	int sock, status;

	options_read(argc, argv);
	enter_run_qubes();
	sock = vm_connect();
	if (verbose > 0)
		fprintf(stderr, "Running '%s' on %s\n", command, vm);
	if (!pass_io)
		streams_close();
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		err(1, "signal");
	send_command(sock);
	if (fcntl(sock, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
	relay_init(&r, sock);
	r.from[0] = (struct relay_end){0, QX_STDIN};
	r.to[0] = (struct relay_end){1, QX_STDOUT};
	r.to[1] = (struct relay_end){2, QX_STDERR};
	status = relay_run(&r);
	return status == -1 ? 255 : status;
}
