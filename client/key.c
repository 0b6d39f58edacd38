#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/file.h"
#include "client/key.h"
#include "client/say.h"

#define RETIRED_MAX 1024	 /* keys that are looked at */
#define TEMP	    ".auth.key." /* and the pid of who writes it */
#define PID_SIZE    16

bool
key_exists(const struct home *h, const char *file)
{
	return (faccessat(h->dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static int
check_mode(const struct home *h, const char *file)
{
	struct stat st;

	if (fstatat(h->dir, file, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			say_errno(KEY_DIR "%s", file);
		else if (strcmp(file, KEY_FILE) == 0)
			say_error("there is no key: run `qvm-remote key gen`");
		else
			say_error("there is no next key: run `qvm-remote key "
				  "rotate`");
		return (-1);
	}
	if ((st.st_mode & 077) != 0) {
		say_error(KEY_DIR "%s can be read by others: "
				  "chmod 600 " KEY_DIR "%s",
		    file, file);
		return (-1);
	}
	return (0);
}

int
key_read(const struct home *h, const char *file, struct key *key)
{
	char buf[KEY_LINE + 1];
	ssize_t n;
	int result = -1;

	if (check_mode(h, file) == -1)
		return (-1);
	n = file_read(h->dir, file, "", buf, sizeof(buf));
	if (n == -1 && errno != EFBIG) {
		say_errno(KEY_DIR "%s", file);
	} else if (n == -1 || key_parse(buf, (size_t)n, key->k) == -1) {
		say_error(KEY_DIR "%s is not a key: 64 hex digits", file);
	} else {
		memcpy(key->line, buf, SHA256_HEX);
		key->line[SHA256_HEX] = '\n';
		result = 0;
	}
	explicit_bzero(buf, sizeof(buf));
	return (result);
}

int
key_load(const struct home *h, const char *file, struct derived_keys *keys)
{
	struct key key;
	int result;

	if ((result = key_read(h, file, &key)) == 0)
		derive_keys(key.k, keys);
	explicit_bzero(&key, sizeof(key));
	return (result);
}

/*
 * link(2) does not replace what is there, as rename(2) would: of two `key gen`
 * at once one wins, and the key that it showed is the one in the file.
 */
int
key_store(const struct home *h, const char *file, const struct key *key)
{
	char temp[NAME_SIZE], pid[PID_SIZE];
	int fd, saved, result = -1;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	file_name(temp, TEMP, pid, "");
	fd = openat(h->dir, temp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1) {
		if (flock(fd, LOCK_EX) == 0 &&
		    write_all(fd, key->line, KEY_LINE) == 0 && fsync(fd) == 0)
			result = linkat(h->dir, temp, h->dir, file, 0);
		close_quietly(fd);
		saved = errno;
		unlinkat(h->dir, temp, 0);
		errno = saved;
	}
	if (result == 0 && fsync(h->dir) == 0)
		return (0);
	if (errno == EEXIST)
		say_error("there is a key already: " KEY_DIR "%s%s", file,
		    strcmp(file, KEY_FILE) == 0
			? "; `qvm-remote key rotate` makes the next one"
			: "");
	else
		say_errno(KEY_DIR "%s", file);
	return (-1);
}

/* Whoever writes one has its lock before there is anything in it. */
static void
sweep_one(const struct home *h, const char *name)
{
	uint64_t len;
	int fd = file_open(h->dir, name, "", &len);

	if (fd == -1)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && lseek(fd, 0, SEEK_END) > 0)
		file_remove(h->dir, name, "");
	close(fd);
}

void
key_sweep(const struct home *h)
{
	static const size_t prefix = sizeof(TEMP) - 1;
	struct dirent *entry;
	const char *name;
	size_t digits;
	DIR *d;
	int fd = openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		name = entry->d_name;
		if (strncmp(name, TEMP, prefix) != 0)
			continue;
		digits = strspn(name + prefix, "0123456789");
		if (digits < PID_SIZE && name[prefix + digits] == '\0')
			sweep_one(h, name);
	}
	closedir(d);
}

/* Once more than needed does no harm: a crash may come after any step. */
int
key_take_over(const struct home *h)
{
	struct key current;
	int fd, result = -1;

	if (key_read(h, KEY_FILE, &current) == -1)
		return (-1);
	fd = openat(h->dir, KEY_FILE_RETIRED,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	if (fd != -1 && write_all(fd, current.line, KEY_LINE) == 0 &&
	    fsync(fd) == 0 &&
	    renameat(h->dir, KEY_FILE_NEXT, h->dir, KEY_FILE) == 0)
		result = fsync(h->dir);
	if (result == -1)
		say_errno("cannot take over the next key");
	if (fd != -1)
		close(fd);
	explicit_bzero(&current, sizeof(current));
	return (result);
}

static bool
is_of(const char *digits, const char *fingerprint, struct derived_keys *keys)
{
	uint8_t k[KEY_LEN];
	bool found = false;

	if (key_parse(digits, SHA256_HEX, k) == 0) {
		derive_keys(k, keys);
		found = strcmp(keys->fingerprint, fingerprint) == 0;
	}
	explicit_bzero(k, sizeof(k));
	return (found);
}

int
key_find(const struct home *h, const char *fingerprint,
    struct derived_keys *keys)
{
	static const char *const files[] = {KEY_FILE, KEY_FILE_NEXT,
	    KEY_FILE_RETIRED};
	static char text[RETIRED_MAX * KEY_LINE];
	bool found = false;
	ssize_t n, at;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]) && !found; i++) {
		n = file_read(h->dir, files[i], "", text, sizeof(text));
		for (at = 0; at + SHA256_HEX <= n && !found; at += KEY_LINE)
			found = is_of(text + at, fingerprint, keys);
	}
	explicit_bzero(text, sizeof(text));
	if (!found)
		explicit_bzero(keys, sizeof(*keys));
	return (found ? 0 : -1);
}
