#include "verifier/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/log.h"

/*
 * Where dom0's commands are, as the parent has found them when it read the
 * policies (parent/policies.c): this process cannot look.
 */

static struct {
	char *text; /* begins with an LF */
	size_t len;
} table;

void
commands_take(int fd)
{
	struct stat st;

	free(table.text);
	if (fstat(fd, &st) == -1 ||
	    (table.text = malloc((size_t)st.st_size)) == NULL)
		fatal("the table of commands");
	table.len = (size_t)st.st_size;
	if (pread(fd, table.text, table.len, 0) != st.st_size)
		fatal("the table of commands");
}

/* What stands behind the key: its length, or 0. */
static size_t
look_up(const char *key, size_t len, const char **value)
{
	char line[POLICY_PATH_MAX + 3];
	const char *p, *lf;
	int n;

	n = snprintf(line, sizeof(line), "\n%.*s\t", (int)len, key);
	if (n < 0 || (size_t)n >= sizeof(line))
		return (0);
	p = memmem(table.text, table.len, line, (size_t)n);
	if (p == NULL)
		return (0);
	*value = p + n;
	lf = memchr(*value, '\n', (size_t)(table.text + table.len - *value));
	return (lf == NULL ? 0 : (size_t)(lf - *value));
}

int
commands_find(void *arg, const char *name, char path[POLICY_PATH_MAX])
{
	const char *slash = strrchr(name, '/'), *rest = "", *value;
	size_t len = strlen(name), found;
	int n;

	(void)arg;
	if (slash != NULL) {
		rest = slash + 1;
		len = (size_t)(rest - name);
	}
	found = look_up(name, len, &value);
	if (found == 0)
		return (-1);
	n = snprintf(path, POLICY_PATH_MAX, "%.*s%s", (int)found, value, rest);
	return (n < 0 || n >= POLICY_PATH_MAX ? -1 : 0);
}
