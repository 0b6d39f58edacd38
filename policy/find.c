#include "policy/find.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The only file here that asks the system: whoever needs it brings it in. */

/* /usr/local is left out: a policy names what is there by its path. */
const char *const policy_folders[] = {"/usr/sbin/", "/usr/bin/", "/sbin/",
    "/bin/", NULL};

/* The folder ends with a slash, so that no file stands for one. */
static int
join(const char *folder, const char *file, char path[POLICY_PATH_MAX])
{
	char real[PATH_MAX];
	int n;

	if (realpath(folder, real) == NULL)
		return -1;
	n = snprintf(path, POLICY_PATH_MAX, "%s/%s",
	    strcmp(real, "/") == 0 ? "" : real, file);
	if (n >= 0 && n < POLICY_PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int
find_bare(const char *name, char path[POLICY_PATH_MAX])
{
	struct stat st;
	size_t i;

	for (i = 0; policy_folders[i] != NULL; i++) {
		if (join(policy_folders[i], name, path) == 0 &&
		    stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_mode & 0111) != 0)
			return 0;
	}
	errno = ENOENT;
	return -1;
}

int
policy_find(void *arg, const char *name, char path[POLICY_PATH_MAX])
{
	const char *last = strrchr(name, '/');
	char folder[POLICY_PATH_MAX];
	int n;

	(void)arg;
	if (last == NULL)
		return find_bare(name, path);
	n = snprintf(folder, sizeof(folder), "%.*s", (int)(last + 1 - name),
	    name);
	if (n < 0 || (size_t)n >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return join(folder, last + 1, path);
}
