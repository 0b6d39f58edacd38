#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/command.h"
#include "executor/folder.h"
#include "executor/output.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "wire/id.h"
#include "wire/limits.h"

#define NAME_SIZE 32
#define SLACK	  (64 * 1024) /* a file may have so much more than its size */

static int output_dir = -1;

void
output_init(const char *root)
{
	output_dir = folder_open(root, PATH_OUTPUT);
}

static const char *
name_of(char name[NAME_SIZE], uint64_t seq, enum output_file file)
{
	static const char *const suffix[] = {"out", "err", "time"};

	snprintf(name, NAME_SIZE, "%" PRIu64 ".%s", seq, suffix[file]);
	return name;
}

/* Whether it is one of ours, and whose. */
static bool
parse_name(const char *file, uint64_t *seq)
{
	char name[NAME_SIZE];
	enum output_file i;

	*seq = strtoull(file, NULL, 10);
	for (i = OUTPUT_OUT; i < OUTPUT_FILES; i++)
		if (strcmp(file, name_of(name, *seq, i)) == 0)
			return true;
	return false;
}

/* A VM's folder; -1: there is none. */
static int
vm_open(const char *vm)
{
	if (!vm_name_valid(vm, strlen(vm))) {
		errno = EINVAL;
		return -1;
	}
	return openat(output_dir, vm,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Those in the folder's group may read: who shows a log is one of them. */
static int
vm_make(const char *vm)
{
	int dir = vm_open(vm);

	if (dir != -1 || errno != ENOENT)
		return dir;
	if (mkdirat(output_dir, vm, 0700) == -1 || (dir = vm_open(vm)) == -1)
		return -1;
	if (fchmod(dir, 02750) == -1) {
		close(dir);
		return -1;
	}
	return dir;
}

static void
remove_file(int dir, uint64_t seq, enum output_file file)
{
	char name[NAME_SIZE];

	if (unlinkat(dir, name_of(name, seq, file), 0) == -1 && errno != ENOENT)
		log_warn("kept output %s: %s", name, strerror(errno));
}

static void
remove_files(int dir, uint64_t seq)
{
	enum output_file i;

	for (i = OUTPUT_OUT; i < OUTPUT_FILES; i++)
		remove_file(dir, seq, i);
}

static int
make_file(int dir, uint64_t seq, enum output_file file, uint64_t limit)
{
	char name[NAME_SIZE];
	int fd, error;

	fd = openat(dir, name_of(name, seq, file),
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (fchmod(fd, 0640) == 0 &&
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)limit) == 0)
		return fd;
	error = errno;
	close(fd);
	remove_file(dir, seq, file);
	errno = error;
	return -1;
}

int
output_make(const char *vm, uint64_t seq, uint64_t limit, int fd[OUTPUT_FILES])
{
	int dir = vm_make(vm), error;
	enum output_file i;

	if (dir == -1)
		return -1;
	for (i = OUTPUT_OUT; i < OUTPUT_FILES; i++) {
		fd[i] = make_file(dir, seq, i,
		    i == OUTPUT_TIME ? TIMING_MAX : limit);
		if (fd[i] == -1)
			break;
	}
	if (i == OUTPUT_FILES) {
		close(dir);
		return 0;
	}
	error = errno;
	while (i-- > OUTPUT_OUT) {
		close(fd[i]);
		remove_file(dir, seq, i);
	}
	close(dir);
	errno = error;
	return -1;
}

int
output_open(const char *vm, uint64_t seq, unsigned int stream)
{
	char name[NAME_SIZE];
	int dir = vm_open(vm), fd;

	if (dir == -1)
		return -1;
	name_of(name, seq, stream == 1 ? OUTPUT_OUT : OUTPUT_ERR);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(dir);
	return fd;
}

void
output_remove(const char *vm, uint64_t seq)
{
	int dir = vm_open(vm);

	if (dir == -1)
		return;
	remove_files(dir, seq);
	close(dir);
}

int
output_sync(const char *vm, const int fd[OUTPUT_FILES], int64_t ended_us)
{
	const struct timespec end = {.tv_sec = ended_us / 1000000,
	    .tv_nsec = ended_us % 1000000 * 1000};
	const struct timespec times[] = {end, end};
	int i, dir = vm_open(vm);
	struct stat st;

	if (dir == -1)
		return -1;
	for (i = 0; i < OUTPUT_FILES; i++)
		if (fstat(fd[i], &st) == -1 ||
		    ftruncate(fd[i], st.st_size) == -1 ||
		    futimens(fd[i], times) == -1 || fsync(fd[i]) == -1)
			return -1;
	return fsync(dir) == -1 || fsync(output_dir) == -1 ? -1 : 0;
}

/* A folder's entries, one by one; the caller closes it. */
static DIR *
list(int dir)
{
	DIR *d = dir == -1 ? NULL : fdopendir(dir);

	if (d == NULL)
		fatal("%s", PATH_OUTPUT);
	return d;
}

static void
give_back(int dir, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_blocks * 512 <= st.st_size + SLACK)
		return;
	fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || ftruncate(fd, st.st_size) == -1)
		log_warn("kept output %s: %s", name, strerror(errno));
	if (fd != -1)
		close(fd);
}

static void
sweep_vm(int dir, uint64_t from)
{
	DIR *d = list(dir);
	struct dirent *e;
	uint64_t seq;

	while ((errno = 0, e = readdir(d)) != NULL) {
		if (!parse_name(e->d_name, &seq))
			continue;
		if (seq >= from)
			remove_files(dir, seq);
		else
			give_back(dir, e->d_name);
	}
	if (errno != 0)
		fatal("%s", PATH_OUTPUT);
	closedir(d);
}

void
output_sweep(uint64_t from)
{
	DIR *d =
	    list(openat(output_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;
	int dir;

	while ((errno = 0, e = readdir(d)) != NULL) {
		dir = vm_open(e->d_name);
		if (dir != -1)
			sweep_vm(dir, from);
	}
	if (errno != 0)
		fatal("%s", PATH_OUTPUT);
	closedir(d);
}

void
output_look(const char *vm, int64_t before, uint64_t *bytes, int64_t *oldest)
{
	int dir = vm_open(vm);
	struct dirent *e;
	struct stat st;
	uint64_t seq;
	DIR *d;

	*bytes = 0;
	*oldest = 0;
	if (dir == -1 && errno == ENOENT)
		return;
	d = list(dir);
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (!parse_name(e->d_name, &seq) || command_is_there(seq) ||
		    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (st.st_mtime < before) {
			if (unlinkat(dir, e->d_name, 0) == -1)
				log_warn("kept output %s: %s", e->d_name,
				    strerror(errno));
			continue;
		}
		*bytes += (uint64_t)st.st_blocks * 512;
		if (*oldest == 0 || st.st_mtime < *oldest)
			*oldest = st.st_mtime;
	}
	if (errno != 0)
		fatal("%s", PATH_OUTPUT);
	closedir(d);
}
