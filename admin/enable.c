#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"

#define PATH_SYSTEMCTL "/usr/bin/systemctl"
#define UNIT	       "qvm-remote-dom0.service"

/* Its words are the person's to read: both outputs stay as they are. */
static void
systemctl(const char *verb)
{
	char path[PATH_MAX], program[] = "systemctl", now[] = "--now";
	char unit[] = UNIT, word[16];
	char *const args[] = {program, word, now, unit, NULL};
	int status;
	pid_t pid;

	at_root(path, PATH_SYSTEMCTL);
	snprintf(word, sizeof(word), "%s", verb);
	if (access(path, X_OK) == -1)
		fail_errno("%s", path);
	pid = fork();
	if (pid == -1)
		fail_errno("%s", path);
	if (pid == 0) {
		execv(path, args);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			fail_errno("%s", path);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("`systemctl %s --now %s` has failed", verb, UNIT);
}

/* Nothing but the word, typed here, is consent. */
static void
ask(void)
{
	char line[16];

	if (!isatty(STDIN_FILENO))
		fail("not enabled: this asks for a `yes` at a terminal, and "
		     "standard input is none (--yes-i-know does without)");
	fprintf(stderr,
	    "This lets VMs run commands in dom0, from now on and after every "
	    "boot.\n\n"
	    "Qubes keeps what happens in a VM away from dom0.  For the VMs "
	    "that are\n"
	    "authorised this ends here: under `mode = shell` such a VM is root "
	    "in dom0, and\n"
	    "so is every program in it that can read its key, and whoever "
	    "takes the VM\n"
	    "over.  dom0 holds all other VMs, their disks and their keys.\n"
	    "A policy (qvm-remote-policy(5)) can allow less; "
	    "`qvm-remote-dom0 keys` lists\n"
	    "who is authorised.\n\n"
	    "Type yes to enable it: ");
	if (fgets(line, sizeof(line), stdin) == NULL ||
	    strcmp(line, "yes\n") != 0)
		fail("not enabled");
}

int
command_enable(int argc, char **argv)
{
	static const struct option options[] = {
	    {"yes-i-know", no_argument, NULL, 'y'}, {NULL, 0, NULL, 0}};
	bool known = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'y')
			option_error(argv);
		known = true;
	}
	if (optind < argc)
		usage_error("enable: too many words");
	if (!known)
		ask();
	systemctl("enable");
	person_did(ACT_ENABLE, "", "");
	printf("Enabled: the daemon runs, and starts at every boot. "
	       "`qvm-remote-dom0 disable` ends that.\n");
	finish_output();
	return 0;
}

int
command_disable(int argc, char **argv)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	int lock;
	pid_t pid;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		option_error(argv);
	if (optind < argc)
		usage_error("disable: too many words");
	/* While there is a daemon to record it. */
	person_did(ACT_DISABLE, "", "");
	systemctl("disable");
	printf("Disabled: the daemon of the unit is stopped, and starts at no "
	       "boot.\n");
	lock = lock_open();
	pid = lock_holder(lock);
	if (pid > 0)
		warn("another daemon runs that systemd did not start: pid %d",
		    (int)pid);
	finish_output();
	return 0;
}
