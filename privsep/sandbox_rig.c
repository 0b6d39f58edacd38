#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "privsep/path.h"
#include "privsep/sandbox_rig.h"

const char *const rig_names[2] = {"poller", "verifier"};

void (*rig_before)(void);
char rig_folder[2][PATH_MAX];
struct sandbox rig_box[2];

void
rig_setup(void)
{
	struct passwd *pw;
	char cwd[PATH_MAX / 2];
	int i;

#ifdef __SANITIZE_ADDRESS__
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	atf_tc_skip("the sanitizer needs more than a sandboxed role may do");
#endif
#endif
	log_init("test", false, NULL);
	ATF_REQUIRE_EQ(0, unsetenv("TZ"));
	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	for (i = POLLER; i <= VERIFIER; i++) {
		snprintf(rig_folder[i], sizeof(rig_folder[i]), "%s/%s", cwd,
		    rig_names[i]);
		ATF_REQUIRE_EQ(0, mkdir(rig_folder[i], 0700));
		rig_box[i].name = rig_names[i];
		rig_box[i].chroot = rig_folder[i];
		rig_box[i].fsize = RLIM_INFINITY;
	}
	rig_box[POLLER].user = USER_POLLER;
	rig_box[POLLER].nofile = 80;
	rig_box[POLLER].fsize = 16 * 1024 * 1024 + 65536;
	rig_box[VERIFIER].user = USER_VERIFIER;
	rig_box[VERIFIER].nofile = 8500;
	rig_box[VERIFIER].writes = true;
	pw = getpwnam(USER_VERIFIER);
	ATF_REQUIRE_MSG(pw != NULL, "script/users has not been run");
	ATF_REQUIRE_EQ(0, chown(rig_folder[VERIFIER], pw->pw_uid, pw->pw_gid));
}

int
rig_wait(pid_t pid)
{
	int status;

	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

pid_t
rig_spawn(const struct sandbox *s, void (*fn)(void *), void *arg)
{
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		alarm(60);
		if (rig_before != NULL)
			rig_before();
		sandbox_enter(s);
		if (fn != NULL)
			fn(arg);
		_exit(0);
	}
	return pid;
}

int
rig_run(const struct sandbox *s, void (*fn)(void *), void *arg)
{
	return rig_wait(rig_spawn(s, fn, arg));
}

void
rig_works(int i, void (*fn)(void *), void *arg)
{
	int status = rig_run(&rig_box[i], fn, arg);

	if (WIFSIGNALED(status))
		atf_tc_fail("%s: signal %d", rig_names[i], WTERMSIG(status));
	ATF_REQUIRE_EQ_MSG(0, status, "%s", rig_names[i]);
}

void
rig_refused(const struct sandbox *s, const char *what)
{
	ATF_REQUIRE_MSG(W_EXITCODE(1, 0) == rig_run(s, NULL, NULL), "%s", what);
}
