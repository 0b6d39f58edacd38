#include <errno.h>
#include <stdio.h>

#include "privsep/path.h"

int
path_join(char *out, size_t size, const char *root, const char *path)
{
	int n;

	n = snprintf(out, size, "%s%s", root, path);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}
