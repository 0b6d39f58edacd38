#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * The daemon's folders, made where they are missing.  What is there must be a
 * folder of the right owner with no more permissions than these.
 */
static const struct {
	const char *path;
	const char *user;  /* NULL: root */
	const char *group; /* NULL: the user's */
	mode_t mode;
	bool empty;
} folders[] = {
    {PATH_RUN, NULL, NULL, 0755, false},
    /* Each command's folder is its user's: it is passed through. */
    {PATH_WORK, NULL, NULL, 0711, false},
    {PATH_EMPTY, NULL, NULL, 0555, true}, /* the poller's root */
    {"/var/lib/qvm-remote", NULL, NULL, 0755, false},
    {PATH_SPOOL, NULL, NULL, 0700, false},
    {PATH_LOG, USER_VERIFIER, NULL, 0700, false},
    /* What is made there is of the group, which reads it and cannot get here. */
    {PATH_OUTPUT, NULL, USER_LOG, 02750, false},
};

static uid_t
user_id(const char *name, gid_t *gid)
{
	const struct passwd *pw;

	*gid = 0;
	if (name == NULL)
		return 0;
	pw = getpwnam(name);
	if (pw == NULL)
		fatalx("there is no user %s", name);
	*gid = pw->pw_gid;
	return pw->pw_uid;
}

static void
must_be_empty(const char *path, int fd)
{
	const struct dirent *e;
	DIR *d;

	d = fdopendir(fd);
	if (d == NULL)
		fatal("%s", path);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fatalx("%s: must be empty, holds %s", path, e->d_name);
	if (closedir(d) == -1)
		fatal("%s", path);
}

static void
folder_make(const char *path, uid_t uid, gid_t gid, mode_t mode, bool empty)
{
	struct stat st;
	bool made;
	int fd;

	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		fatal("cannot make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fatal("%s", path);
	if (made && (fchown(fd, uid, gid) == -1 || fchmod(fd, mode) == -1))
		fatal("%s", path);
	if (fstat(fd, &st) == -1)
		fatal("%s", path);
	if (st.st_uid != uid)
		fatalx("%s: its owner must be uid %u, is %u", path,
		    (unsigned)uid, (unsigned)st.st_uid);
	if ((st.st_mode & 07777 & ~mode) != 0)
		fatalx("%s: its mode must be %04o, is %04o", path,
		    (unsigned)mode, (unsigned)(st.st_mode & 07777));
	if (empty)
		must_be_empty(path, fd);
	else
		(void)close(fd);
}

void
folders_make(void)
{
	char path[PATH_MAX];
	size_t i;
	uid_t uid;
	gid_t gid;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		settings_path(path, folders[i].path);
		uid = user_id(folders[i].user, &gid);
		if (folders[i].group != NULL)
			(void)user_id(folders[i].group, &gid);
		folder_make(path, uid, gid, folders[i].mode, folders[i].empty);
	}
	(void)user_id(USER_POLLER, &gid);
}

/* The lock is the process's: the descriptor stays open until it ends. */
void
folders_lock(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX];
	struct stat st;
	int fd;

	settings_path(path, PATH_LOG "/lock");
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("%s", path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		fatalx("%s: not a regular file with one link", path);
	if (fcntl(fd, F_SETLK, &lock) == -1) {
		if (errno != EAGAIN && errno != EACCES)
			fatal("%s", path);
		if (fcntl(fd, F_GETLK, &lock) == -1)
			fatal("%s", path);
		fatalx("already running: pid %ld", (long)lock.l_pid);
	}
	if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		fatal("%s", path);
}
