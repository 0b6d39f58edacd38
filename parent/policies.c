#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parent/parent.h"
#include "policy/enforce.h"
#include "policy/find.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * Policies, and where the commands are that they name.  The verifier cannot
 * look: it gets a table of it, made when policies are read.  A line is
 * `NAME<TAB>PATH`, of a command in PATH, or `FOLDER/<TAB>FOLDER WITHOUT LINKS/`.
 */

#define TABLE_MAX (4 * 1024 * 1024)

static struct {
	FILE *f; /* NULL: nothing is recorded */
	char *text;
	size_t len;
	bool used; /* a policy looks commands up */
} table;

/* Whom commands run as, by the policies read so far. */
static struct {
	uid_t uids[VMS_MAX];
	unsigned count;
} users;

static void
add(const char *key, size_t len, const char *value, size_t value_len)
{
	if (table.f == NULL || ftell(table.f) > TABLE_MAX)
		return;
	(void)fprintf(table.f, "%.*s\t%.*s\n", (int)len, key, (int)value_len,
	    value);
}

static int
find(void *arg, const char *name, char path[POLICY_PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t len;

	if (policy_find(arg, name, path) == -1)
		return -1;
	len = (size_t)(strrchr(path, '/') + 1 - path);
	if (slash != NULL) {
		add(name, (size_t)(slash + 1 - name), path, len);
		/* By its path without links it is the same folder. */
		add(path, len, path, len);
	}
	return 0;
}

static void
warn(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

static bool
is_plain(const char *name)
{
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

static void
add_folder(const char *folder)
{
	char name[PATH_MAX], path[POLICY_PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *dir;

	(void)snprintf(name, sizeof(name), "%sx", folder);
	if (find(NULL, name, path) == -1)
		return;
	path[strlen(path) - 1] = '\0';
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (!is_plain(e->d_name) ||
		    fstatat(dirfd(dir), e->d_name, &st, 0) == -1 ||
		    !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s%s", path, e->d_name);
		add(e->d_name, strlen(e->d_name), name, strlen(name));
	}
	(void)closedir(dir);
}

void
policies_begin(void)
{
	if (table.f != NULL)
		(void)fclose(table.f);
	free(table.text);
	memset(&table, 0, sizeof(table));
	users.count = 0;
	table.f = open_memstream(&table.text, &table.len);
	if (table.f == NULL)
		fatal("policies");
	(void)fputc('\n', table.f);
}

int
policies_table(void)
{
	size_t i;
	int fd;

	for (i = 0; table.used && policy_folders[i] != NULL; i++)
		add_folder(policy_folders[i]);
	if (fclose(table.f) == EOF)
		fatal("policies");
	table.f = NULL;
	fd = file_sealed("commands", table.text, table.len);
	if (fd == -1)
		fatal("policies");
	return fd;
}

/* Two names may be one user. */
static void
warn_user(const char *path, uint32_t line, const char *name)
{
	const struct group *qubes = getgrnam("qubes");
	const struct passwd *pw = getpwnam(name);
	unsigned i;

	if (name[0] == '\0' || pw == NULL || pw->pw_uid == 0)
		return;
	if (qubes != NULL && policy_user_in(pw, qubes))
		log_warn("%s:%u: user `%s` is in group qubes, which in dom0 is "
			 "as good as root",
		    path, line, name);
	for (i = 0; i < users.count; i++)
		if (users.uids[i] == pw->pw_uid)
			break;
	if (i < users.count)
		log_warn("%s:%u: user `%s` runs another VM's commands, too: "
			 "each VM can reach what is the other's",
		    path, line, name);
	else if (users.count < VMS_MAX)
		users.uids[users.count++] = pw->pw_uid;
}

int
policies_read(const char *path, int fd, struct policy *p, char *err,
    size_t errsize)
{
	static char text[CONF_MAX];
	struct policy_env env = {.find = find, .warn = warn};
	ssize_t n;

	n = file_read(fd, text, sizeof(text));
	if (n == -1) {
		(void)snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return -1;
	}
	/* While the table is made nothing is said: it is read again. */
	if (table.f != NULL)
		env.warn = NULL;
	if (policy_load(path, text, (size_t)n, &env, p, err, errsize) == -1)
		return -1;
	table.used |= p->mode == POLICY_ALLOW || p->mode == POLICY_ASK;
	if (table.f != NULL)
		return 0;
	if (policy_enforceable(path, p, cgroup_controls, err, errsize) == -1)
		return -1;
	warn_user(path, p->key_line[POLICY_KEY_USER], p->user);
	return 0;
}
