#include "policy/enforce.h"

#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "privsep/path.h"

/* Asks the system: whoever needs it brings it in. */

static int __attribute__((format(printf, 5, 6))) wrong(const char *name,
    uint32_t line, char *err, size_t errsize, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)snprintf(err, errsize, "%s:%u: %s", name, line, what);
	return -1;
}

/* Whom its commands run as: somebody who is there, and none of ours. */
static int
check_user(const char *name, const struct policy *p, char *err, size_t errsize)
{
	static const char *const ours[] = {USER_POLLER, USER_VERIFIER,
	    USER_LOG};
	uint32_t line = p->key_line[POLICY_KEY_USER];
	const struct passwd *pw;
	uid_t uid;
	size_t i;

	if (p->user[0] == '\0')
		return 0;
	pw = getpwnam(p->user);
	if (pw == NULL)
		return wrong(name, line, err, errsize,
		    "user `%s`: there is none: make one, or name another",
		    p->user);
	uid = pw->pw_uid;
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		pw = getpwnam(ours[i]);
		if (pw != NULL && pw->pw_uid == uid)
			return wrong(name, line, err, errsize,
			    "user `%s` is this daemon's own: name another",
			    p->user);
	}
	return 0;
}

/* A limit that cannot be held is an error, not a wish. */
static int
check_limits(const char *name, const struct policy *p,
    bool (*controls)(const char *controller), char *err, size_t errsize)
{
	static const struct {
		enum policy_key key;
		const char *controller;
	} limits[] = {
	    {POLICY_KEY_MEMORY, "memory"},
	    {POLICY_KEY_TASKS, "pids"},
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (p->key_line[limits[i].key] != 0 &&
		    !controls(limits[i].controller))
			return wrong(name, p->key_line[limits[i].key], err,
			    errsize,
			    "%s: cannot be limited here: cgroup2 has no "
			    "controller `%s`; take the line out, or boot with "
			    "systemd.unified_cgroup_hierarchy=1",
			    policy_key_name(limits[i].key),
			    limits[i].controller);
	return 0;
}

bool
policy_user_in(const struct passwd *pw, const struct group *gr)
{
	gid_t groups[256];
	int i, count = (int)(sizeof(groups) / sizeof(groups[0]));

	if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) == -1)
		return pw->pw_gid == gr->gr_gid;
	for (i = 0; i < count; i++)
		if (groups[i] == gr->gr_gid)
			return true;
	return false;
}

int
policy_enforceable(const char *name, const struct policy *p,
    bool (*controls)(const char *controller), char *err, size_t errsize)
{
	if (check_user(name, p, err, errsize) == -1)
		return -1;
	return check_limits(name, p, controls, err, errsize);
}
