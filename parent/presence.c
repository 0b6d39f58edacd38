#include <stdio.h>
#include <sys/stat.h>

#include "parent/parent.h"

/* The socket that a name in the folder leads to: 0, or -1. */
static int
socket_of(const char *folder, const char *name, struct stat *st)
{
	char path[PATH_MAX];
	int n;

	n = snprintf(path, sizeof(path), "%s/qrexec.%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof(path) || stat(path, st) == -1)
		return -1;
	return S_ISSOCK(st->st_mode) ? 0 : -1;
}

enum presence
watch_presence(const char *folder, const char *vm, const char *uuid)
{
	struct stat by_name, by_uuid;
	char name[UUID_LEN + 8];

	if (socket_of(folder, vm, &by_name) == -1)
		return VM_ABSENT;
	if (uuid[0] == '\0')
		return VM_PRESENT;
	(void)snprintf(name, sizeof(name), "uuid:%s", uuid);
	if (socket_of(folder, name, &by_uuid) == -1 ||
	    by_uuid.st_dev != by_name.st_dev ||
	    by_uuid.st_ino != by_name.st_ino)
		return VM_OTHER;
	return VM_PRESENT;
}
