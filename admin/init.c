#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
static bool key_file_made;
static uid_t owner;
static gid_t group;

/* Nothing has changed: not the log's seed, and no key that is none is left. */
static void __attribute__((noreturn)) give_up(const char *what)
{
	int error = errno;

	explicit_bzero(&secret, sizeof(secret));
	if (key_file_made && unlink(key_file) == -1)
		warn("%s is still there, and is no key", key_file);
	errno = error;
	fail_errno("%s: the log's seed is as it was", what);
}

static int
folder_open(void)
{
	char path[PATH_MAX];
	struct stat st;
	bool made;
	int fd;

	at_root(path, PATH_LOG);
	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		fail_errno("%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (made && fchown(fd, owner, group) == -1) ||
	    fstat(fd, &st) == -1)
		fail_errno("%s", path);
	if (st.st_uid != owner || (st.st_mode & 077) != 0)
		fail("%s: must be a folder of %s alone (0700)", path,
		    USER_VERIFIER);
	return fd;
}

/* Held until we end: no daemon starts meanwhile. */
static void
lock_take(int folder)
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

/* The slot that the next start would take, or -1: there is no seed file. */
static int
seed_read(int folder, int *fd)
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
	for (i = 0; i < 2; i++)
		whole[i] = S_ISREG(st.st_mode) &&
		    pread(*fd, secret.slot, SEED_SLOT, i * SEED_SLOT) ==
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
	if (pwrite(fd, secret.slot, SEED_SLOT, slot * SEED_SLOT) != SEED_SLOT)
		give_up(SEED_NAME);
	if (fdatasync(fd) == -1)
		give_up(SEED_NAME);
}

static void
seed_create(int folder)
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
	if (fchown(fd, owner, group) == -1 || fsync(fd) == -1 ||
	    linkat(folder, SEED_NEW_NAME, folder, SEED_NAME, 0) == -1)
		give_up(SEED_NAME);
	close(fd);
	if (unlinkat(folder, SEED_NEW_NAME, 0) == -1)
		warn("%s/%s is left: remove it", PATH_LOG, SEED_NEW_NAME);
	sync_folder(folder);
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

/* Before it is in use: a seed that nobody has is worth nothing. */
static void
hand_out(void)
{
	int fd;

	if (key_file == NULL) {
		fputs(secret.line, stdout);
		finish_output();
		return;
	}
	fd = open(key_file,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		give_up(key_file);
	key_file_made = true;
	if (write(fd, secret.line, LINE_LEN) != LINE_LEN || fsync(fd) == -1 ||
	    close(fd) == -1)
		give_up(key_file);
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
			exit(EXIT_USAGE);
		key_file = optarg;
	}
	if (optind < argc)
		usage_error("log init: too many words");
	if (key_file == NULL && !isatty(STDOUT_FILENO))
		usage_error("log init: standard output is no terminal, and the "
			    "key is shown once: --key-file FILE");
}

int
log_init(int argc, char **argv)
{
	const struct passwd *pw;
	bool follows = false;
	int folder, fd, slot;

	parse_init(argc, argv);
	pw = getpwnam(USER_VERIFIER);
	if (pw == NULL)
		fail("there is no user %s", USER_VERIFIER);
	owner = pw->pw_uid;
	group = pw->pw_gid;
	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the seed");
	folder = folder_open();
	lock_take(folder);
	slot = seed_read(folder, &fd);
	make_new();
	hand_out();
	if (slot == -1)
		seed_create(folder);
	else {
		follows = secret.present[slot].run != 0;
		seed_replace(fd, slot);
	}
	explicit_bzero(&secret, sizeof(secret));
	explain(follows);
	return 0;
}
