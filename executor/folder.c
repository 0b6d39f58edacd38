#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/folder.h"
#include "executor/tree.h"
#include "privsep/log.h"
#include "privsep/path.h"

#define NAME_SIZE 32

static int spool_dir = -1, work_dir = -1;

static void
make(const char *path)
{
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		fatal("cannot make the folder %s", path);
}

/* Makes path and the folder above it, both 0700, and opens it. */
static int
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
	folder_sweep();
}

void
folder_sweep(void)
{
	if (tree_empty(spool_dir) == -1)
		log_warn("%s: cannot remove all: %s", PATH_SPOOL,
		    strerror(errno));
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
