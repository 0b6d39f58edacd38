#ifndef POLICY_FIND_H
#define POLICY_FIND_H

#include "policy/policy.h"

/*
 * The `find` of policy_env, in the file system that is there; arg is not used.
 * -1 with errno: EACCES where a folder is closed to who asks, so that there
 * may be such a command for root.
 */
extern const char *const policy_folders[]; /* of bare names; to NULL */
int policy_find(void *arg, const char *name, char path[POLICY_PATH_MAX]);

#endif
