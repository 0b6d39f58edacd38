#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "policy/enforce.h"
#include "wire/id.h"

#define KEYFILES_MAX 4096

/* VM.key or VM.key.next, with a VM's name. */
static bool
keyfile_name(const char *name, struct keyfile *k)
{
	static const char *const suffixes[] = {".key", ".key.next"};
	size_t i, len, suffix, all = strlen(name);

	for (i = 0; i < 2; i++) {
		suffix = strlen(suffixes[i]);
		if (all <= suffix ||
		    strcmp(name + all - suffix, suffixes[i]) != 0)
			continue;
		len = all - suffix;
		if (!vm_name_valid(name, len))
			return false;
		memset(k, 0, sizeof(*k));
		memcpy(k->name, name, all);
		memcpy(k->vm, name, len);
		k->next = i == 1;
		return true;
	}
	return false;
}

static void
keyfile_read(int dir, struct keyfile *k)
{
	char text[2 * KEY_LEN + 2];
	ssize_t n;

	n = read_file(dir, k->name, text, sizeof(text), 077, &k->problem);
	if (n == -1 && errno != 0)
		k->problem =
		    errno == ELOOP ? "a symbolic link" : strerrordesc_np(errno);
	else if (n != -1 && key_parse(text, (size_t)n, k->key) == -1)
		k->problem = "not 64 hex digits";
	explicit_bzero(text, sizeof(text));
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct keyfile *)a)->name,
	    ((const struct keyfile *)b)->name);
}

struct keyfile *
keyfiles_read(int dir, size_t *count)
{
	struct keyfile one, *list;
	struct dirent *e;
	DIR *d;
	int fd;

	*count = 0;
	list = calloc(KEYFILES_MAX, sizeof(*list));
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list == NULL || fd == -1 || (d = fdopendir(fd)) == NULL)
		fail_errno("the folder of keys");
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (!keyfile_name(e->d_name, &one))
			continue;
		if (*count == KEYFILES_MAX)
			fail("more than %d keys", KEYFILES_MAX);
		keyfile_read(dir, &one);
		list[(*count)++] = one;
	}
	if (errno != 0)
		fail_errno("the folder of keys");
	closedir(d);
	explicit_bzero(&one, sizeof(one));
	qsort(list, *count, sizeof(*list), compare);
	return list;
}

static bool
has_key(const struct keyfile *list, size_t count, const char *vm)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!list[i].next && strcmp(list[i].vm, vm) == 0)
			return true;
	}
	return false;
}

/* As the daemon does: of one VM's two equal keys it takes the first. */
const char *
keyfile_fault(const struct keyfile *list, size_t count, size_t self)
{
	const struct keyfile *k = &list[self], *other;

	if (k->problem != NULL)
		return k->problem;
	if (key_is_weak(k->key))
		return "weak";
	for (other = list; other < list + count; other++) {
		if (other == k || other->problem != NULL ||
		    !ct_equal(other->key, k->key, KEY_LEN))
			continue;
		if (strcmp(other->vm, k->vm) != 0)
			return "another VM has the same";
		if (k->next)
			return "the same as the present one";
	}
	if (k->next && !has_key(list, count, k->vm))
		return "of a VM that has no key";
	return NULL;
}

void
keyfiles_free(struct keyfile *list, size_t count)
{
	explicit_bzero(list, count * sizeof(*list));
	free(list);
}

/* Whether cgroup2 has the controller here: the daemon's part has it then. */
static bool
dom0_controls(const char *controller)
{
	char path[PATH_MAX] = "", word[64];
	struct mntent *m;
	bool found = false;
	FILE *f;

	f = setmntent("/proc/self/mounts", "re");
	if (f == NULL)
		fail_errno("/proc/self/mounts");
	while (path[0] == '\0' && (m = getmntent(f)) != NULL) {
		if (strcmp(m->mnt_type, "cgroup2") == 0)
			(void)snprintf(path, sizeof(path),
			    "%s/cgroup.controllers", m->mnt_dir);
	}
	(void)endmntent(f);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fscanf(f, "%63s", word) == 1)
		found = strcmp(word, controller) == 0;
	(void)fclose(f);
	return found;
}

bool
policy_hold(const char *name, const char *text, size_t len,
    const struct policy_env *env, struct policy *p, char *err, size_t errsize)
{
	return policy_load(name, text, len, env, p, err, errsize) == 0 &&
	    policy_enforceable(name, p, dom0_controls, err, errsize) == 0;
}

int
policy_read(int dir, const char *vm, const struct policy_env *env,
    struct policy *p, char *err, size_t errsize)
{
	static char text[POLICY_FILE_MAX];
	char name[VM_NAME_MAX + sizeof(".conf")];
	const char *why = NULL;
	ssize_t n;

	snprintf(name, sizeof(name), "%s.conf", vm);
	n = read_file(dir, name, text, sizeof(text), 022, &why);
	if (n == -1 && errno == ENOENT)
		return 0;
	if (n == -1) {
		snprintf(err, errsize, "%s: %s", name,
		    errno != 0 ? strerror(errno) : why);
		return -1;
	}
	if (n == (ssize_t)sizeof(text)) {
		snprintf(err, errsize, "%s: more than 64 KiB", name);
		return -1;
	}
	return policy_hold(name, text, (size_t)n, env, p, err, errsize) ? 1
									: -1;
}
