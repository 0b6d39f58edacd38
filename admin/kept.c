#include "admin/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/log.h"
#include "privsep/path.h"
#include "wire/id.h"

#define CHUNK 65536

static const struct {
	const char *suffix, *len, *sha256;
	uint64_t max;
} files[] = {
    [KEPT_OUT] = {"out", "out_kept", "out_sha256", OUTPUT_LIMIT_MAX},
    [KEPT_ERR] = {"err", "err_kept", "err_sha256", OUTPUT_LIMIT_MAX},
    [KEPT_TIME] = {"time", "timing_length", "timing_sha256", TIMING_MAX},
};

static int folder = -1;

bool
kept_record(const char *line, size_t len, struct kept_record *r)
{
	struct line_fields fields = {.line = line, .len = len};
	char hex[SHA256_HEX + 1];
	enum kept_file i;

	for (i = KEPT_OUT; i < KEPT_FILES; i++) {
		if (field_u64(&fields, files[i].len, &r->len[i]) == -1 ||
		    field_str(&fields, files[i].sha256, hex, sizeof(hex)) !=
			SHA256_HEX ||
		    hex_parse(r->sha256[i], hex, SHA256_LEN) == -1)
			return false;
	}
	return true;
}

void
kept_open(void)
{
	char path[PATH_MAX];

	at_root(path, PATH_OUTPUT);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1 && errno != ENOENT)
		fail_errno("%s", path);
}

const char *
kept_name(const char *vm, uint64_t intent, enum kept_file file)
{
	static char name[VM_NAME_MAX + 32];

	snprintf(name, sizeof(name), "%s/%" PRIu64 ".%s", vm, intent,
	    files[file].suffix);
	return name;
}

/* Only what a log's record can name: a VM, and no path. */
static int
open_file(const char *vm, uint64_t intent, enum kept_file file)
{
	const char *name = kept_name(vm, intent, file);
	int dir, fd;

	errno = ENOENT;
	if (folder == -1 || !vm_name_valid(vm, strlen(vm)))
		return -1;
	dir =
	    openat(folder, vm, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1)
		return -1;
	fd = openat(dir, strchr(name, '/') + 1,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	close(dir);
	return fd;
}

bool
kept_is_there(const char *vm, uint64_t intent, enum kept_file file)
{
	int fd = open_file(vm, intent, file);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

/* Of at most one byte more than there should be. */
static bool
is_as_recorded(int fd, uint64_t len, const uint8_t sha256[SHA256_LEN])
{
	static uint8_t buf[CHUNK];
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;
	uint64_t done = 0;
	size_t n;

	sha256_init(&sha);
	while (done <= len &&
	    (n = segment_read(fd, buf, sizeof(buf), (off_t)done)) > 0) {
		sha256_update(&sha, buf, n);
		done += n;
	}
	sha256_final(&sha, digest);
	return done == len && memcmp(digest, sha256, sizeof(digest)) == 0;
}

const char *
kept_check(const char *vm, uint64_t intent, enum kept_file file,
    const struct kept_record *want, int *out, uint64_t *len)
{
	int fd = open_file(vm, intent, file);
	const char *why = NULL;
	struct stat st;

	if (fd == -1)
		return strerror(errno);
	if (fstat(fd, &st) == -1)
		fail_errno("a kept output");
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)files[file].max ||
	    (want != NULL &&
		!is_as_recorded(fd, want->len[file], want->sha256[file])))
		why = "it is not what was recorded";
	if (why == NULL && out != NULL) {
		*out = fd;
		*len = want != NULL ? want->len[file] : (uint64_t)st.st_size;
	} else
		close(fd);
	return why;
}

/* NULL: there is none. */
static DIR *
open_folder(const char *vm)
{
	DIR *dir = NULL;
	int fd = -1;

	if (folder == -1)
		kept_open();
	if (folder != -1)
		fd = openat(folder, vm,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1 || (fd == -1 && errno == ENOENT))
		return NULL;
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		fail_errno("kept outputs of %s", vm);
	return dir;
}

/* NULL: there are no more. */
static const char *
next_file(DIR *dir, const char *vm)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
		if (e == NULL && errno != 0)
			fail_errno("kept outputs of %s", vm);
	} while (e != NULL &&
	    (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	return e != NULL ? e->d_name : NULL;
}

uint64_t
kept_count(const char *vm)
{
	DIR *dir = open_folder(vm);
	uint64_t n = 0;

	if (dir == NULL)
		return 0;
	while (next_file(dir, vm) != NULL)
		n++;
	closedir(dir);
	return n;
}

void
kept_erase(const char *vm)
{
	DIR *dir = open_folder(vm);
	const char *name;

	if (dir == NULL)
		return;
	while ((name = next_file(dir, vm)) != NULL)
		if (unlinkat(dirfd(dir), name, 0) == -1)
			fail_errno("kept outputs of %s", vm);
	closedir(dir);
	if (unlinkat(folder, vm, AT_REMOVEDIR) == -1)
		fail_errno("kept outputs of %s", vm);
	sync_folder(folder);
}
