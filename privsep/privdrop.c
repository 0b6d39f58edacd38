#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "privsep/privdrop.h"
#include "privsep/sandbox.h"

#define GROUPS_MAX 1

/* A step that reported success and did nothing. */
static const char *
not_so(const char *what)
{
	errno = EPERM;
	return what;
}

/*
 * libcap-ng says that this worked when the uid had changed before, and
 * nothing was cleared: PR_CAPBSET_READ tells the truth.
 */
const char *
drop_bounding_set(void)
{
	unsigned long cap;
	int held;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return "clear the bounding set";
	for (cap = 0; (held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) != -1;
	     cap++) {
		if (held != 0)
			return not_so("bounding set still holds something");
	}
	return cap == 0 ? "read the bounding set" : NULL;
}

static const char *
drop_groups(size_t ngroups, const gid_t *groups)
{
	gid_t now[GROUPS_MAX];
	int n;

	if (ngroups > GROUPS_MAX)
		return not_so("more groups than may be");
	if (setgroups(ngroups, groups) == -1)
		return "setgroups";
	n = getgroups(GROUPS_MAX, now);
	if (n == -1)
		return "getgroups";
	if ((size_t)n != ngroups ||
	    (n > 0 && memcmp(now, groups, (size_t)n * sizeof(*now)) != 0))
		return not_so("other supplementary groups than set");
	return NULL;
}

const char *
drop_ids(uid_t uid, gid_t gid, size_t ngroups, const gid_t *groups)
{
	const char *step;
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (uid == 0 || gid == 0)
		return not_so("would stay root");
	step = drop_groups(ngroups, groups);
	if (step != NULL)
		return step;
	if (setresgid(gid, gid, gid) == -1)
		return "setresgid";
	if (getresgid(&rgid, &egid, &sgid) == -1)
		return "getresgid";
	if (rgid != gid || egid != gid || sgid != gid)
		return not_so("another gid than set");
	if (setresuid(uid, uid, uid) == -1)
		return "setresuid";
	if (getresuid(&ruid, &euid, &suid) == -1)
		return "getresuid";
	if (ruid != uid || euid != uid || suid != uid)
		return not_so("another uid than set");
	return NULL;
}

static const char *
ambient_is_empty(void)
{
	unsigned long cap;
	int held;

	for (cap = 0; (held = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap,
			   0, 0)) != -1;
	     cap++) {
		if (held != 0)
			return not_so("ambient set still holds something");
	}
	return cap == 0 ? "read the ambient set" : NULL;
}

/* The kernel's word, without the library's and without /proc. */
static const char *
sets_are_empty(void)
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	size_t i;

	memset(&header, 0, sizeof(header));
	header.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, &header, data) == -1)
		return "capget";
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		if (data[i].effective != 0 || data[i].permitted != 0 ||
		    data[i].inheritable != 0)
			return not_so("capabilities are still there");
	}
	return NULL;
}

const char *
drop_capabilities(void)
{
	const char *step;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return "clear the ambient set";
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return "drop capabilities";
	if (capng_get_caps_process() != 0)
		return "read capabilities";
	if (capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return not_so("libcap-ng still finds capabilities");
	step = sets_are_empty();
	return step != NULL ? step : ambient_is_empty();
}

const char *
drop_is_final(void)
{
	if (setuid(0) == 0 || setresuid(-1u, 0, -1u) == 0)
		return not_so("could become root again");
	if (setgid(0) == 0 || setresgid(-1u, 0, -1u) == 0)
		return not_so("could take group root again");
	if (setgroups(0, NULL) == 0)
		return not_so("could set groups again");
	return NULL;
}

const char *
drop_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return "no-new-privileges";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return not_so("no-new-privileges is not set");
	return NULL;
}

/* Nobody but who reads standard error is left to tell. */
static void __attribute__((noreturn)) give_up(const char *step)
{
	static const char head[] = "qvm-remote: cannot drop privileges: ";

	if (write(STDERR_FILENO, head, sizeof(head) - 1) == -1 ||
	    write(STDERR_FILENO, step, strlen(step)) == -1 ||
	    write(STDERR_FILENO, "\n", 1) == -1)
		_exit(126);
	_exit(126);
}

void
privdrop_exec(uid_t uid, gid_t gid, gid_t group)
{
	const char *step;

	step = drop_bounding_set();
	if (step == NULL)
		step = drop_ids(uid, gid, 1, &group);
	if (step == NULL)
		step = drop_capabilities();
	if (step == NULL)
		step = drop_is_final();
	if (step == NULL)
		step = drop_new_privs();
	if (step != NULL)
		give_up(step);
}

void
sandbox_setup_caps(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
		CAP_SETPCAP, CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, -1) != 0 ||
	    capng_apply(CAPNG_SELECT_CAPS) != 0)
		fatal("sandbox: drop what setup does not need");
	if (capng_get_caps_process() != 0 ||
	    capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN) != 0 ||
	    capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE) != 0)
		fatalx("sandbox: capabilities that were dropped are there");
}
