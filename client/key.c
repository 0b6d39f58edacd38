#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/file.h"
#include "client/key.h"
#include "client/say.h"

#define KEY_FILE "auth.key"
#define KEY_PATH "~/.qvm-remote/" KEY_FILE
#define KEY_TEXT (SHA256_HEX + 1)

static int
check_mode(const struct home *h)
{
	struct stat st;

	if (fstatat(h->dir, KEY_FILE, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			say_error("there is no key: run `qvm-remote key gen`");
		else
			say_errno(KEY_PATH);
		return (-1);
	}
	if ((st.st_mode & 077) != 0) {
		say_error(KEY_PATH " can be read by others: "
				   "chmod 600 " KEY_PATH);
		return (-1);
	}
	return (0);
}

/* The file's text, with its case, as text[SHA256_HEX] and a NUL. */
static int
key_read(const struct home *h, char text[KEY_TEXT], uint8_t k[KEY_LEN])
{
	char buf[KEY_TEXT + 1];
	ssize_t n;
	int result = -1;

	if (check_mode(h) == -1)
		return (-1);
	n = file_read(h->dir, KEY_FILE, "", buf, sizeof(buf));
	if (n == -1 && errno != EFBIG) {
		say_errno(KEY_PATH);
	} else if (n == -1 || key_parse(buf, (size_t)n, k) == -1) {
		say_error(KEY_PATH " is not a key: 64 hex digits");
	} else {
		memcpy(text, buf, SHA256_HEX);
		text[SHA256_HEX] = '\0';
		result = 0;
	}
	explicit_bzero(buf, sizeof(buf));
	return (result);
}

int
key_load(const struct home *h, struct derived_keys *keys)
{
	uint8_t k[KEY_LEN];
	char text[KEY_TEXT];
	int result;

	if ((result = key_read(h, text, k)) == 0)
		derive_keys(k, keys);
	explicit_bzero(k, sizeof(k));
	explicit_bzero(text, sizeof(text));
	return (result);
}

int
key_find(const struct home *h, const char *fingerprint,
    struct derived_keys *keys)
{
	if (key_load(h, keys) == -1)
		return (-1);
	if (strcmp(keys->fingerprint, fingerprint) == 0)
		return (0);
	explicit_bzero(keys, sizeof(*keys));
	say_error("the request was signed with the key %s, which is not here",
	    fingerprint);
	return (-1);
}

/*
 * link(2) does not replace what is there, as rename(2) would: of two `key gen`
 * at once one wins, and the key that it showed is the one in the file.
 */
static int
key_store(const struct home *h, const char *line, size_t len)
{
	char temp[NAME_SIZE], pid[16];
	int fd, saved, result = -1;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	file_name(temp, "." KEY_FILE ".", pid, "");
	fd = openat(h->dir, temp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return (-1);
	if (write_all(fd, line, len) == 0 && fsync(fd) == 0)
		result = linkat(h->dir, temp, h->dir, KEY_FILE, 0);
	saved = errno;
	close(fd);
	unlinkat(h->dir, temp, 0);
	errno = saved;
	return (result == 0 ? fsync(h->dir) : -1);
}

static void
advise(const struct derived_keys *keys)
{
	say_note("the key is in " KEY_PATH "; its fingerprint is %s",
	    keys->fingerprint);
	say_note("to let this VM run commands, in dom0: "
		 "qvm-remote-dom0 authorize VM");
}

int
key_gen(const struct home *h)
{
	struct derived_keys keys;
	uint8_t k[KEY_LEN];
	char line[KEY_TEXT + 1];
	int result = -1;

	random_bytes(k, sizeof(k));
	hex_print(line, k, sizeof(k));
	line[SHA256_HEX] = '\n';
	if (key_store(h, line, KEY_TEXT) == 0) {
		derive_keys(k, &keys);
		result = write_all(1, line, KEY_TEXT);
		if (result == -1)
			say_errno("standard output");
		advise(&keys);
		explicit_bzero(&keys, sizeof(keys));
	} else if (errno == EEXIST) {
		say_error("there is a key already: " KEY_PATH);
	} else {
		say_errno(KEY_PATH);
	}
	explicit_bzero(k, sizeof(k));
	explicit_bzero(line, sizeof(line));
	return (result);
}

int
key_show(const struct home *h)
{
	uint8_t k[KEY_LEN];
	char text[KEY_TEXT];
	int result;

	if ((result = key_read(h, text, k)) == 0) {
		text[SHA256_HEX] = '\n';
		if ((result = write_all(1, text, KEY_TEXT)) == -1)
			say_errno("standard output");
	}
	explicit_bzero(k, sizeof(k));
	explicit_bzero(text, sizeof(text));
	return (result);
}

int
key_show_fingerprint(const struct home *h)
{
	struct derived_keys keys;
	char line[FINGERPRINT_HEX + 1];
	int result;

	if (key_load(h, &keys) == -1)
		return (-1);
	memcpy(line, keys.fingerprint, FINGERPRINT_HEX);
	line[FINGERPRINT_HEX] = '\n';
	explicit_bzero(&keys, sizeof(keys));
	if ((result = write_all(1, line, sizeof(line))) == -1)
		say_errno("standard output");
	return (result);
}
