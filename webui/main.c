/*
 * qvm-remote-webui: the log in a browser.
 * Fed by:  the administrator; the log
 * Feeds:   a browser on this machine, or a file
 * May:     read      May not: run, approve or change anything
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/options.h"
#include "webui/webui.h"

#define PORT	    8890
#define EXPORT_MANY 1000

static void __attribute__((noreturn)) help(void)
{
	printf("usage: qvm-remote-webui [--port N | --socket PATH]\n"
	       "       qvm-remote-webui --export FILE [-n N] [--since TIME] "
	       "[--until TIME] [--vm VM] [--status STATUS] [--grep REGEX]\n\n"
	       "Shows the log in a browser on this machine; prints the address "
	       "to open.\n\n"
	       "  --port N       at this port of 127.0.0.1, not %d\n"
	       "  --socket PATH  at this Unix socket\n"
	       "  --export FILE  the last requests as one page, and ends\n"
	       "  -n N           so many, not %d\n"
	       "  --since TIME   from then on\n"
	       "  --until TIME   up to then\n"
	       "  --vm VM        of this VM\n"
	       "  --status STATUS  that ended so\n"
	       "  --grep REGEX   whose command this matches\n"
	       "  --root DIR     everything lies below DIR\n"
	       "  -h, --help     this\n"
	       "  --version      the version\n",
	    PORT, EXPORT_MANY);
	finish_output();
	exit(0);
}

static uint64_t
parse_port(const char *s)
{
	unsigned long n;
	char *end;

	n = strtoul(s, &end, 10);
	if (s[0] < '1' || s[0] > '9' || *end != '\0' || n > 65535)
		usage_error("--port: a number from 1 to 65535");
	return n;
}

enum {
	OPT_PORT = OPT_OWN,
	OPT_SOCKET,
	OPT_EXPORT,
	OPT_ROOT,
	OPT_VERSION
};

static void
take(int c, char **argv, struct options *o, bool *filtered)
{
	switch (c) {
	case 'h':
		help();
	case OPT_VERSION:
		printf("qvm-remote-webui %s\n", VERSION);
		finish_output();
		exit(0);
	case OPT_PORT:
		o->port = parse_port(optarg);
		break;
	case OPT_SOCKET:
		o->socket = optarg;
		break;
	case OPT_EXPORT:
		o->export = optarg;
		break;
	case OPT_ROOT:
		if (optarg[0] != '/' || strlen(optarg) >= IMSG_PATH_MAX)
			usage_error("--root: an absolute path");
		root = optarg;
		break;
	case '?':
		option_error(argv);
	default:
		*filtered = true;
		filter_option(c, &o->filter);
	}
}

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
	    {"port", required_argument, NULL, OPT_PORT},
	    {"socket", required_argument, NULL, OPT_SOCKET},
	    {"export", required_argument, NULL, OPT_EXPORT},
	    {"since", required_argument, NULL, OPT_SINCE},
	    {"until", required_argument, NULL, OPT_UNTIL},
	    {"vm", required_argument, NULL, OPT_VM},
	    {"status", required_argument, NULL, OPT_STATUS},
	    {"grep", required_argument, NULL, OPT_GREP},
	    {"root", required_argument, NULL, OPT_ROOT},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0}};
	bool filtered = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "hn:", options, NULL)) != -1)
		take(c, argv, o, &filtered);
	if (optind < argc)
		usage_error("too many words");
	if (filtered && o->export == NULL)
		usage_error("what chooses requests goes with --export: the "
			    "page has filters of its own");
	if ((o->socket != NULL) + (o->port != 0) + (o->export != NULL) > 1)
		usage_error("--port, --socket and --export: only one");
	if (o->port == 0)
		o->port = PORT;
	if (o->filter.count == 0)
		o->filter.count = EXPORT_MANY;
}

int
main(int argc, char **argv)
{
	struct options o = {.filter.window = WINDOW_ALL};

	our_name = "qvm-remote-webui";
	parse(argc, argv, &o);
	if (geteuid() != 0)
		fail("must be run as root");
	if (o.export == NULL)
		reader_run(&o);
	export_write(o.export, &o.filter);
	return 0;
}
