#ifndef PRIVSEP_SANDBOX_RIG_H
#define PRIVSEP_SANDBOX_RIG_H

/* What the tests of the sandbox share: a role's child in its real sandbox. */

#include <limits.h>
#include <sys/types.h>

#include "privsep/log.h"
#include "privsep/sandbox.h"

enum {
	POLLER,
	VERIFIER
};
extern const char *const rig_names[2];
extern char rig_folder[2][PATH_MAX];
extern struct sandbox rig_box[2];
/* What the child does before it enters, where not NULL. */
extern void (*rig_before)(void);

/* In the sandbox there is no ATF: the line is told by the log. */
#define CHECK(cond)                                            \
	do {                                                   \
		if (!(cond))                                   \
			fatal("line %d: %s", __LINE__, #cond); \
	} while (0)

/* The folders as the parent makes them, below the test's own. */
void rig_setup(void);
/* A child that enters s, calls fn (where not NULL) and exits with 0. */
pid_t rig_spawn(const struct sandbox *s, void (*fn)(void *), void *arg);
int rig_wait(pid_t);
/* Both: the wait status. */
int rig_run(const struct sandbox *s, void (*fn)(void *), void *arg);

/* What must become of such a child of this role. */
void rig_works(int role, void (*fn)(void *), void *arg);
void rig_refused(const struct sandbox *s, const char *what);

#endif
