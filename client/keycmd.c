#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/file.h"
#include "client/interrupt.h"
#include "client/key.h"
#include "client/keycmd.h"
#include "client/ping.h"
#include "client/say.h"
#include "client/wait.h"

#define AUTHORIZE                                \
	"to let this VM run commands, in dom0: " \
	"qvm-remote-dom0 authorize VM"
#define ROTATE                                                           \
	"in dom0: qvm-remote-dom0 rotate VM; then here: qvm-remote key " \
	"rotate "                                                        \
	"--finish; the present key is used until then"

static int
print(const struct key *key)
{
	if (write_all(1, key->line, KEY_LINE) == 0)
		return (0);
	say_errno("standard output");
	return (-1);
}

static void
advise(const char *file, const struct key *key, const char *advice)
{
	struct derived_keys keys;

	derive_keys(key->k, &keys);
	say_note("the key is in " KEY_DIR "%s; its fingerprint is %s", file,
	    keys.fingerprint);
	say_note("%s", advice);
	explicit_bzero(&keys, sizeof(keys));
}

static int
make(const struct home *h, const char *file, struct key *key)
{
	char digits[SHA256_HEX + 1];

	random_bytes(key->k, sizeof(key->k));
	hex_print(digits, key->k, sizeof(key->k));
	memcpy(key->line, digits, SHA256_HEX);
	key->line[SHA256_HEX] = '\n';
	explicit_bzero(digits, sizeof(digits));
	return (key_store(h, file, key));
}

int
cmd_key_gen(const struct home *h, const struct args *a)
{
	struct key key;
	int result;

	(void)a;
	if ((result = make(h, KEY_FILE, &key)) == 0) {
		result = print(&key);
		advise(KEY_FILE, &key, AUTHORIZE);
	}
	explicit_bzero(&key, sizeof(key));
	return (result == 0 ? 0 : EXIT_OTHER);
}

int
cmd_key_show(const struct home *h, const struct args *a)
{
	struct derived_keys keys;
	struct key key;
	int result;

	if ((result = key_read(h, KEY_FILE, &key)) == 0) {
		derive_keys(key.k, &keys);
		if (a->flag) {
			memcpy(key.line, keys.fingerprint, FINGERPRINT_HEX);
			key.line[FINGERPRINT_HEX] = '\n';
			result = write_all(1, key.line, FINGERPRINT_HEX + 1);
			if (result == -1)
				say_errno("standard output");
		} else {
			result = print(&key);
		}
		explicit_bzero(&keys, sizeof(keys));
	}
	explicit_bzero(&key, sizeof(key));
	return (result == 0 ? 0 : EXIT_OTHER);
}

/* A line, or what is longer than a key; a signal ends it. */
static size_t
read_line(char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size && !interrupted()) {
		n = read(0, buf + have, size - have);
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		if (n > 0)
			have += (size_t)n;
		if (have > 0 && buf[have - 1] == '\n')
			break;
	}
	return (have);
}

/* From a terminal it is not echoed, whatever ends the line. */
static size_t
ask(char *buf, size_t size)
{
	struct termios saved, hidden;
	size_t len;

	if (!isatty(0))
		return (read_line(buf, size));
	if (interrupt_catch() == -1 || tcgetattr(0, &saved) == -1)
		return (0);
	hidden = saved;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(0, TCSAFLUSH, &hidden) == -1)
		return (0);
	write_all(2, "Key, 64 hex digits, not shown: ", 31);
	len = read_line(buf, size);
	write_all(2, "\n", 1);
	if (tcsetattr(0, TCSAFLUSH, &saved) == -1)
		say_errno("the terminal may not echo: `stty echo`");
	return (len);
}

/* The digits as they are, or -1 after saying what is wrong. */
static int
parse(const char *buf, size_t len, struct key *key)
{
	if (key_parse(buf, len, key->k) == -1) {
		say_error("not a key: 64 hex digits are, as `qvm-remote key "
			  "show` prints them");
		return (-1);
	}
	if (key_is_weak(key->k)) {
		say_error("a weak key: make one with `qvm-remote key gen`");
		return (-1);
	}
	memcpy(key->line, buf, SHA256_HEX);
	key->line[SHA256_HEX] = '\n';
	return (0);
}

int
cmd_key_import(const struct home *h, const struct args *a)
{
	char buf[KEY_LINE + 1]; /* one more shows that it is too long */
	struct key key;
	size_t len;
	int result;

	if (a->argc > 0) {
		say_note("the key is now in the shell's history and was in the "
			 "process list: leave it out, and it is asked for");
		len = strnlen(a->argv[0], sizeof(buf));
		memcpy(buf, a->argv[0], len);
	} else {
		len = ask(buf, sizeof(buf));
	}
	if (interrupted())
		result = -1;
	else if ((result = parse(buf, len, &key)) == 0 &&
	    (result = key_store(h, KEY_FILE, &key)) == 0)
		advise(KEY_FILE, &key, AUTHORIZE);
	explicit_bzero(buf, sizeof(buf));
	explicit_bzero(&key, sizeof(key));
	if (interrupted())
		return (EXIT_INTERRUPTED);
	return (result == 0 ? 0 : EXIT_OTHER);
}

/* dom0's own word, signed with the next key, says that it has it. */
static int
finish(const struct home *h)
{
	struct derived_keys next;
	bool known;

	if (key_load(h, KEY_FILE_NEXT, &next) == -1)
		return (-1);
	known = ping_proves(h, &next);
	if (known && key_take_over(h) == 0) {
		say_note("the next key, %s, is now the key; in dom0: "
			 "qvm-remote-dom0 rotate VM --finish",
		    next.fingerprint);
		explicit_bzero(&next, sizeof(next));
		return (0);
	}
	if (!known)
		say_error("dom0 has not shown that it knows the next key, %s: "
			  "the present one stays; in dom0: qvm-remote-dom0 "
			  "rotate VM",
		    next.fingerprint);
	explicit_bzero(&next, sizeof(next));
	return (-1);
}

int
cmd_key_rotate(const struct home *h, const struct args *a)
{
	struct key key;
	int result;

	if (a->flag)
		return (finish(h) == 0 ? 0 : EXIT_OTHER);
	if ((result = key_read(h, KEY_FILE, &key)) == 0) {
		if (key_exists(h, KEY_FILE_NEXT))
			result = key_read(h, KEY_FILE_NEXT, &key);
		else
			result = make(h, KEY_FILE_NEXT, &key);
	}
	if (result == 0) {
		result = print(&key);
		advise(KEY_FILE_NEXT, &key, ROTATE);
	}
	explicit_bzero(&key, sizeof(key));
	return (result == 0 ? 0 : EXIT_OTHER);
}
