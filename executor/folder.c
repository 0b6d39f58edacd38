#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/folder.h"
#include "executor/tree.h"
#include "privsep/disk.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "wire/limits.h"

#define NAME_SIZE 32
/* As many as can be owed: REQUESTS_MAX of each VM that the verifier knows. */
#define KEPT_MAX (2 * VMS_MAX * 64)

static int spool_dir = -1, work_dir = -1;
static uint64_t kept[KEPT_MAX];
static unsigned int kept_count;

static void
make(const char *path)
{
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		fatal("cannot make the folder %s", path);
}

int
folder_open(const char *root, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	char *slash;
	int fd;

	if (path_join(full, sizeof(full), root, path) == -1)
		fatal("path %s", path);
	slash = strrchr(full, '/');
	*slash = '\0';
	make(full);
	*slash = '/';
	make(full);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("cannot open the folder %s", full);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		fatalx("%s: others than root may write there", full);
	return fd;
}

void
folder_init(const char *root)
{
	spool_dir = folder_open(root, PATH_SPOOL);
	work_dir = folder_open(root, PATH_WORK);
	work_sweep();
}

void
work_sweep(void)
{
	if (tree_empty(work_dir) == -1)
		log_warn("%s: cannot remove all: %s", PATH_WORK,
		    strerror(errno));
}

static const char *
spool_name(char name[NAME_SIZE], uint64_t seq, unsigned int stream)
{
	snprintf(name, NAME_SIZE, "%" PRIu64 ".%s", seq,
	    stream == 1 ? "out" : "err");
	return name;
}

bool
spool_keep(uint64_t seq)
{
	if (kept_count == KEPT_MAX)
		return false;
	kept[kept_count++] = seq;
	return true;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* kept is sorted. */
static bool
is_kept(const char *file)
{
	uint64_t seq = strtoull(file, NULL, 10);
	char name[NAME_SIZE];

	if (bsearch(&seq, kept, kept_count, sizeof(seq), by_number) == NULL)
		return false;
	return strcmp(file, spool_name(name, seq, 1)) == 0 ||
	    strcmp(file, spool_name(name, seq, 2)) == 0;
}

/* Whatever it is: 0, or -1. */
static int
remove_entry(int dir, const char *name)
{
	int fd, result;

	if (unlinkat(dir, name, 0) == 0)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = tree_empty(fd);
	close(fd);
	return result == 0 ? unlinkat(dir, name, AT_REMOVEDIR) : -1;
}

void
spool_sweep(void)
{
	struct dirent *e;
	DIR *d;
	int fd;

	qsort(kept, kept_count, sizeof(kept[0]), by_number);
	fd = openat(spool_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		fatal("%s", PATH_SPOOL);
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || is_kept(e->d_name))
			continue;
		if (remove_entry(spool_dir, e->d_name) == -1)
			log_warn("%s/%s: %s", PATH_SPOOL, e->d_name,
			    strerror(errno));
	}
	if (errno != 0)
		fatal("%s", PATH_SPOOL);
	closedir(d);
}

int
spool_disk_is_low(void)
{
	return disk_is_low(spool_dir);
}

int
spool_create(uint64_t seq, unsigned int stream)
{
	char name[NAME_SIZE];

	return openat(spool_dir, spool_name(name, seq, stream),
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int
spool_open(uint64_t seq, unsigned int stream)
{
	char name[NAME_SIZE];

	return openat(spool_dir, spool_name(name, seq, stream),
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

void
spool_remove(uint64_t seq)
{
	char name[NAME_SIZE];
	unsigned int stream;

	for (stream = 1; stream <= 2; stream++) {
		spool_name(name, seq, stream);
		if (unlinkat(spool_dir, name, 0) == -1 && errno != ENOENT)
			log_warn("spool file %s: %s", name, strerror(errno));
	}
}

static const char *
work_name(char name[NAME_SIZE], uint64_t seq)
{
	snprintf(name, NAME_SIZE, "%" PRIu64, seq);
	return name;
}

int
work_make(uint64_t seq)
{
	char name[NAME_SIZE];

	if (mkdirat(work_dir, work_name(name, seq), 0700) == -1)
		return -1;
	return openat(work_dir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool
work_remove(uint64_t seq)
{
	char name[NAME_SIZE];

	return unlinkat(work_dir, work_name(name, seq), AT_REMOVEDIR) == 0 ||
	    errno == ENOENT;
}
