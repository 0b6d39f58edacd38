#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "crypto/seal.h"
#include "privsep/path.h"

#define SEED_NAME     "seed"
#define SEED_NEW_NAME ".seed"
#define LINE_LEN      (SEED_HEX + 1 + FINGERPRINT_HEX + 1)

/* All that is secret here. */
static struct {
	struct seed present[2], new;
	char slot[SEED_SLOT];
	char line[LINE_LEN + 1]; /* as a person keeps it */
} secret;

static const char *key_file; /* NULL: the terminal */
static bool key_given;	     /* to a person, before it is in use */
static bool in_doubt;	     /* from here on it may be in use */
static uid_t owner;
static gid_t group;
static int folder; /* the log's */

/* Ends.  Only a key that is certain to be none is taken away again. */
static void __attribute__((noreturn)) give_up(const char *what)
{
	int error = errno;

	explicit_bzero(&secret, sizeof(secret));
	if (unlinkat(folder, SEED_NEW_NAME, 0) == -1 && errno != ENOENT)
		warn("%s/%s is left: remove it", PATH_LOG, SEED_NEW_NAME);
	if (in_doubt)
		warn("the new key may be in use, or not: keep it and the one "
		     "before it, and call this again");
	else if (key_given && key_file == NULL)
		warn("the key that was shown is none");
	else if (key_given && unlink(key_file) == -1)
		warn("%s is still there, and is no key", key_file);
	errno = error;
	if (in_doubt)
		fail_errno("%s", what);
	fail_errno("%s: the log's seed is as it was", what);
}

/* A short write says nothing of why. */
static void
must_write(ssize_t written, size_t want, const char *what)
{
	if (written >= 0 && (size_t)written != want)
		errno = ENOSPC;
	if (written != (ssize_t)want)
		give_up(what);
}

static void
folder_open(void)
{
	char path[PATH_MAX];
	struct stat st;
	bool made;

	at_root(path, PATH_LOG);
	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		fail_errno("%s", path);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1 ||
	    (made &&
		(fchown(folder, owner, group) == -1 ||
		    fchmod(folder, 0700) == -1)) ||
	    fstat(folder, &st) == -1)
		fail_errno("%s", path);
	if (st.st_uid != owner || (st.st_mode & 07077) != 0)
		fail("%s: must be a folder of %s alone (0700)", path,
		    USER_VERIFIER);
}

/* Held until we end: no daemon starts meanwhile. */
static void
lock_take(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd;

	fd = openat(folder, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		fail_errno("the daemon's lock");
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return;
	if (errno != EAGAIN && errno != EACCES)
		fail_errno("the daemon's lock");
	if (fcntl(fd, F_GETLK, &lock) == -1)
		fail_errno("the daemon's lock");
	fail("the daemon (pid %d) runs and holds the seals: stop it first",
	    (int)lock.l_pid);
}

/* What the daemon takes for one. */
static bool
is_seed_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	    st->st_size == 2 * SEED_SLOT && st->st_uid == owner &&
	    (st->st_mode & 077) == 0;
}

/* The slot that the next start would take, or -1: there is no seed file. */
static int
seed_read(int *fd)
{
	struct stat st;
	bool whole[2];
	int i;

	*fd = openat(folder, SEED_NAME,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd == -1 && errno == ENOENT)
		return -1;
	if (*fd == -1 || fstat(*fd, &st) == -1)
		fail_errno("%s/%s", PATH_LOG, SEED_NAME);
	if (!is_seed_file(&st))
		fail("%s/%s is no seed file, or not of %s alone (0600): move "
		     "it away and call this again",
		    PATH_LOG, SEED_NAME, USER_VERIFIER);
	for (i = 0; i < 2; i++)
		whole[i] = pread(*fd, secret.slot, SEED_SLOT, i * SEED_SLOT) ==
			SEED_SLOT &&
		    seed_parse(secret.slot, &secret.present[i]) == 0;
	if (!whole[0] && !whole[1])
		fail("%s/%s is damaged: move it away and call this again",
		    PATH_LOG, SEED_NAME);
	if (!whole[0] || !whole[1])
		return whole[0] ? 0 : 1;
	return secret.present[1].run > secret.present[0].run ? 1 : 0;
}

static void
write_slot(int fd, int slot)
{
	must_write(pwrite(fd, secret.slot, SEED_SLOT, slot * SEED_SLOT),
	    SEED_SLOT, SEED_NAME);
	if (fdatasync(fd) == -1)
		give_up(SEED_NAME);
}

/* Whole and on disk before it has its name. */
static void
seed_create(void)
{
	int fd;

	if (unlinkat(folder, SEED_NEW_NAME, 0) == -1 && errno != ENOENT)
		give_up(SEED_NEW_NAME);
	fd = openat(folder, SEED_NEW_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		give_up(SEED_NEW_NAME);
	memset(secret.slot, 0, SEED_SLOT);
	write_slot(fd, 1);
	seed_print(secret.slot, &secret.new);
	write_slot(fd, 0);
	if (fchown(fd, owner, group) == -1 || fsync(fd) == -1)
		give_up(SEED_NEW_NAME);
	close(fd);
	/* Not by link(2): the daemon takes no seed file with two names. */
	if (renameat(folder, SEED_NEW_NAME, folder, SEED_NAME) == -1)
		give_up(SEED_NAME);
	in_doubt = true;
	if (fsync(folder) == -1)
		give_up(PATH_LOG);
}

/*
 * A line that was used goes on for one more run, which vouches for the new
 * one; one that was not is forgotten.  The old slot is overwritten in place.
 */
static void
seed_replace(int fd, int slot)
{
	struct seed *s = &secret.present[slot];

	if (s->run != 0) {
		s->has_then = true;
		memcpy(s->then, secret.new.seed, SEED_LEN);
		seed_print(secret.slot, s);
	} else
		seed_print(secret.slot, &secret.new);
	in_doubt = true;
	write_slot(fd, 1 - slot);
	memset(secret.slot, 0, SEED_SLOT);
	write_slot(fd, slot);
	close(fd);
}

static void
make_new(void)
{
	char hex[SEED_HEX + 1];

	secret.new.seen = true;
	random_bytes(secret.new.seed, SEED_LEN);
	seed_fingerprint(secret.new.seed, secret.new.first);
	hex_print(hex, secret.new.seed, SEED_LEN);
	snprintf(secret.line, sizeof(secret.line), "%s %s\n", hex,
	    secret.new.first);
	explicit_bzero(hex, sizeof(hex));
}

/* A name that is not on disk is none after a power loss. */
static void
sync_its_folder(const char *file)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s", file) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		give_up(file);
	}
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		give_up(file);
	close(fd);
}

/* Before it is in use: a seed that nobody has is worth nothing. */
static void
hand_out(void)
{
	int fd = STDOUT_FILENO;

	if (key_file != NULL) {
		fd = open(key_file,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1)
			give_up(key_file);
	}
	key_given = true;
	/* No stdio: its buffer would keep it. */
	must_write(write(fd, secret.line, LINE_LEN), LINE_LEN,
	    key_file != NULL ? key_file : "standard output");
	if (key_file == NULL)
		return;
	if (fsync(fd) == -1 || close(fd) == -1)
		give_up(key_file);
	sync_its_folder(key_file);
}

static void
explain(bool follows)
{
	fprintf(stderr,
	    "This is the key of the log's seals (its last 16 digits check the "
	    "others). It is\nshown this once. Keep it outside dom0: who has it "
	    "can forge the log, so whoever\ntypes it into dom0 gives the log "
	    "away. Check copies of the log in another VM:\n"
	    "qvm-remote-dom0 log verify --key FILE.\n");
	if (follows)
		fprintf(stderr,
		    "It holds from the start after the next one; the next one "
		    "announces it. Keep\nthe key before it, too.\n");
}

static void
parse_init(int argc, char **argv)
{
	static const struct option options[] = {
	    {"key-file", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'k')
			option_error(argv);
		key_file = optarg;
	}
	if (optind < argc)
		usage_error("log init: too many words");
	if (key_file == NULL && !isatty(STDOUT_FILENO))
		usage_error("log init: standard output is no terminal, and the "
			    "key is shown once: --key-file FILE");
}

int
command_log_init(int argc, char **argv)
{
	const struct passwd *pw;
	bool follows = false;
	int fd, slot;

	parse_init(argc, argv);
	pw = getpwnam(USER_VERIFIER);
	if (pw == NULL)
		fail("there is no user %s", USER_VERIFIER);
	owner = pw->pw_uid;
	group = pw->pw_gid;
	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the seed");
	folder_open();
	lock_take();
	slot = seed_read(&fd);
	make_new();
	hand_out();
	if (slot == -1)
		seed_create();
	else {
		follows = secret.present[slot].run != 0;
		seed_replace(fd, slot);
	}
	explicit_bzero(&secret, sizeof(secret));
	explain(follows);
	return 0;
}
