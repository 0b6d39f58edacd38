#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "imsg/messages.h"
#include "privsep/landlock.h"
#include "privsep/log.h"
#include "privsep/privdrop.h"
#include "privsep/sandbox.h"
#include "privsep/seccomp.h"

/* A name and its ids; the file that says so is out of reach afterwards. */
static void
find_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL && errno != 0)
		fatal("sandbox: user %s", name);
	if (pw == NULL)
		fatalx("sandbox: no user %s", name);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		fatalx("sandbox: user %s is root", name);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
}

/*
 * With TZ set, mktime and localtime stay within what is loaded now; without,
 * each looks at the file again.
 */
static void
load_time_zone(void)
{
	if (setenv("TZ", ":/etc/localtime", 0) == -1)
		fatal("sandbox: TZ");
	tzset();
}

static bool
is_empty(int dirfd)
{
	DIR *dir;
	struct dirent *de;
	int fd, n = 0;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		fatal("sandbox: read the folder");
	errno = 0;
	while ((de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			n++;
	}
	if (errno != 0)
		fatal("sandbox: read the folder");
	closedir(dir);
	return n == 0;
}

/* Its own folder, or root's empty one: nobody else's. */
static void
check_folder(int fd, const struct sandbox *s, uid_t uid, struct stat *st)
{
	if (fstat(fd, st) == -1)
		fatal("sandbox: %s", s->chroot);
	if (st->st_uid != (s->writes ? uid : 0) || (st->st_mode & 022) != 0)
		fatalx("sandbox: %s: wrong owner or mode", s->chroot);
	if (!s->writes && !is_empty(fd))
		fatalx("sandbox: %s: not empty", s->chroot);
}

static void
enter_folder(const struct sandbox *s, uid_t uid)
{
	struct stat want, have;
	int fd;

	fd = open(s->chroot, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		fatal("sandbox: %s", s->chroot);
	check_folder(fd, s, uid, &want);
	if (fchdir(fd) == -1 || chroot(".") == -1 || chdir("/") == -1)
		fatal("sandbox: chroot to %s", s->chroot);
	if (stat("/", &have) == -1 || have.st_dev != want.st_dev ||
	    have.st_ino != want.st_ino)
		fatalx("sandbox: the root folder is not %s", s->chroot);
	close(fd);
}

static void
limit(__rlimit_resource_t resource, const char *name, rlim_t value)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == -1)
		fatal("sandbox: read limit %s", name);
	if (rl.rlim_max < value) /* RLIM_INFINITY is the largest */
		fatalx("sandbox: limit %s is %ju, needed are %ju", name,
		    (uintmax_t)rl.rlim_max, (uintmax_t)value);
	rl.rlim_cur = rl.rlim_max = value;
	if (setrlimit(resource, &rl) == -1)
		fatal("sandbox: set limit %s", name);
	if (getrlimit(resource, &rl) == -1 || rl.rlim_cur != value ||
	    rl.rlim_max != value)
		fatalx("sandbox: limit %s is not what was set", name);
}

static void
set_limits(const struct sandbox *s)
{
	limit(RLIMIT_NOFILE, "NOFILE", s->nofile);
	if (s->fsize != RLIM_INFINITY)
		limit(RLIMIT_FSIZE, "FSIZE", s->fsize);
	limit(RLIMIT_NPROC, "NPROC", s->nproc);
}

static void
must(const char *failed)
{
	if (failed != NULL)
		fatal("sandbox: %s", failed);
}

uint32_t
sandbox_enter(const struct sandbox *s)
{
	uint32_t in_force = SANDBOX_SECCOMP;
	uid_t uid;
	gid_t gid;

	find_user(s->user, &uid, &gid);
	load_time_zone();
	must(drop_bounding_set());
	enter_folder(s, uid);
	must(drop_ids(uid, gid, 0, NULL));
	must(drop_capabilities());
	must(drop_is_final());
	sandbox_no_dump(); /* another uid made it dumpable again */
	set_limits(s);
	must(drop_new_privs());
	if (landlock_enter(s->writes))
		in_force |= SANDBOX_LANDLOCK;
	seccomp_enter(s->name);
	return in_force;
}

void
sandbox_close_from(int low)
{
	if (close_range((unsigned int)low, ~0u, 0) == -1)
		fatal("close_range");
}

void
sandbox_no_dump(void)
{
	limit(RLIMIT_CORE, "CORE", 0);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl DUMPABLE");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		fatalx("still dumpable");
}
