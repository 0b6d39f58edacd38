#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/body.h"
#include "policy/policy.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The new open has an offset of its own, and cannot write. */
int
body_open(int *fd)
{
	char path[64];
	int seals, own;

	if ((seals = fcntl(*fd, F_GET_SEALS)) == -1)
		return errno;
	if ((seals & SEALS) != SEALS)
		return EPERM;
	/* A command may run as another user, who must be able to read it. */
	if (fchmod(*fd, 0444) == -1)
		return errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	if ((own = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return errno;
	close(*fd);
	*fd = own;
	return 0;
}

int
body_split(int body, char *const **argv_out)
{
	static char text[POLICY_COMMAND_MAX + 1], words[POLICY_COMMAND_MAX + 1];
	static char *argv[POLICY_WORDS_MAX + 1];
	char why[64], *word = words;
	ssize_t n;
	int i, count;

	if ((n = pread(body, text, sizeof(text), 0)) == -1)
		return errno;
	count = policy_split(text, (size_t)n, words, sizeof(words), why,
	    sizeof(why));
	if (count < 1)
		return EINVAL;
	for (i = 0; i < count; i++) {
		argv[i] = word;
		word += strlen(word) + 1;
	}
	argv[count] = NULL;
	*argv_out = argv;
	return 0;
}
