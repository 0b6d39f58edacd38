/*
 * The test bed's qvm-run: the real one's command line, messages and exit
 * statuses.  As the real one does, it leaves all but the question whether the
 * VM runs to qrexec-client.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/relay.h"

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

static void
must_run(void)
{
	char path[PATH_MAX];
	int n;

	n = snprintf(path, sizeof(path), "qrexec.%s", vm);
	if (n < 0 || (size_t)n >= sizeof(path) || strchr(vm, '/') != NULL) {
		fprintf(stderr, "qvm-run: error: no such domain: '%s'\n", vm);
		exit(1);
	}
	if (access(path, F_OK) == 0)
		return;
	if (autostart)
		errx(1, "the test bed starts no VM: --no-autostart");
	if (verbose > 0)
		fprintf(stderr, "Qube '%s' not started\n", vm);
	exit(1);
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

/* The service is bash: the command is the first line that it reads. */
int
main(int argc, char **argv)
{
	char *line, *service;

	options_read(argc, argv);
	qx_enter("/usr/bin/qvm-run");
	must_run();
	if (verbose > 0)
		fprintf(stderr, "Running '%s' on %s\n", command, vm);
	if (!pass_io)
		streams_close();
	if (asprintf(&line, "%s; exit\n", command) == -1 ||
	    asprintf(&service, "%s:%s", user, QX_SHELL) == -1)
		err(1, NULL);
	execl("../../usr/bin/qrexec-client", "qrexec-client", "-d", vm, "-p",
	    line, service, (char *)NULL);
	err(1, "qrexec-client");
}
