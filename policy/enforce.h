#ifndef POLICY_ENFORCE_H
#define POLICY_ENFORCE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/*
 * Whether this dom0 can hold what the policy says: its user is there and is
 * none of the daemon's, and each limit has its cgroup controller.  0; or -1,
 * and err says what cannot be held, and begins with `NAME:LINE: `.
 */
int policy_enforceable(const char *name, const struct policy *,
    bool (*controls)(const char *controller), char *err, size_t errsize);

/* By its own group or by another. */
struct passwd;
struct group;
bool policy_user_in(const struct passwd *, const struct group *);

#endif
