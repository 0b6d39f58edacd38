#ifndef PRIVSEP_SANDBOX_H
#define PRIVSEP_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * What a role gives up, in this order, each step read back after it was
 * taken, each failure fatal: bounding set, chroot, groups, gid, uid,
 * capabilities, rlimits, no-new-privileges, Landlock, seccomp.
 */
struct sandbox {
	const char *name;   /* "poller": names the seccomp table */
	const char *user;   /* whose uid and gid it gets */
	const char *chroot; /* opened before, absolute */
	rlim_t nofile;
	rlim_t fsize; /* RLIM_INFINITY: as it is */
	rlim_t nproc; /* its user's, for one that forks */
	bool writes;  /* Landlock: its root folder may be written */
};

/*
 * chroot: with writes, a folder that belongs to user; without, an empty one
 * that belongs to root.  TZ is set, so that localtime and mktime need no file.
 * Returns SANDBOX_* bits that are in force (imsg/messages.h).
 */
uint32_t sandbox_enter(const struct sandbox *);

/*
 * A role that is still root keeps the capabilities that privdrop_exec() and
 * sandbox_enter() take, and no other.  Fatal on failure.
 */
void sandbox_setup_caps(void);

/*
 * Parent and executor: the short deny-list, without no-new-privileges.  Fatal
 * on failure.  Returns SANDBOX_SECCOMP.
 */
uint32_t sandbox_deny_list(void);

/*
 * Between fork and exec, for what is handed to somebody else (qvm-run): the
 * given ids, one supplementary group, no capability in any set, the bounding
 * set empty, no-new-privileges; read back.  _exits with 126 on failure.
 */
void privdrop_exec(uid_t, gid_t, gid_t group);

/* close_range(2) from low on.  Fatal on failure. */
void sandbox_close_from(int low);
/*
 * No core, not dumpable.  Fatal on failure.  sandbox_enter() does it, too;
 * after that the filter forbids it.
 */
void sandbox_no_dump(void);

#endif
