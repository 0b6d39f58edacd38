#ifndef ADMIN_H
#define ADMIN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypto/crypto.h"
#include "imsg/messages.h"
#include "policy/policy.h"
#include "wire/limits.h"

/* qvm-remote-dom0's own structures and the calls between its files. */

#define EXIT_USAGE 2

/* main.c */
int command_authorize(int argc, char **argv);
int command_revoke(int argc, char **argv);
int command_rotate(int argc, char **argv);
int command_keys(int argc, char **argv);
int command_log(int argc, char **argv);
int command_log_follow(int argc, char **argv);
int command_log_export(int argc, char **argv);
int command_log_stat(int argc, char **argv);
int command_log_output(int argc, char **argv);
int command_log_replay(int argc, char **argv);
int command_log_verify(int argc, char **argv);
int command_log_checkpoint(int argc, char **argv);
int command_log_compress(int argc, char **argv);
int command_log_erase(int argc, char **argv);
int command_log_init(int argc, char **argv);
int command_status(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_approve(int argc, char **argv);
int command_deny(int argc, char **argv);
int command_queue(int argc, char **argv);
int command_queue_clean(int argc, char **argv);
int command_queue_recover(int argc, char **argv);
int command_queue_debug(int argc, char **argv);
int command_clock(int argc, char **argv);
int command_connect(int argc, char **argv);
int command_disconnect(int argc, char **argv);
int command_config(int argc, char **argv);
int command_enable(int argc, char **argv);
int command_disable(int argc, char **argv);
int command_policy_check(int argc, char **argv);
int command_policy_explain(int argc, char **argv);
int command_policy_replay(int argc, char **argv);

/* say.c: what people read.  No byte but printable ASCII leaves. */
/* What stands before each line. */
extern const char *our_name;
/* `PROGRAM: error: …`, and exit status 1. */
void fail(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The same with ": " and strerror(errno). */
void fail_errno(const char *, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
/* `PROGRAM: …` and where help is, and exit status 2. */
void usage_error(const char *, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
/* What getopt_long, with opterr 0, has found wrong. */
void option_error(char *const *argv) __attribute__((noreturn));
void warn(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Bytes as they may be shown: \t, \n, \r, \\ or \xHH where needed.  Cuts. */
void escape(char *out, size_t size, const void *, size_t len);
/* A JSON string of printable ASCII, quotes included; the rest becomes ?. */
void print_json(const char *);
/* Standard output has taken all of it; fatal otherwise. */
void finish_output(void);

/* clock.c */
/* CLOCK_MONOTONIC, in ms. */
int64_t now_ms(void);

/* files.c */
/* --root DIR, or "". */
extern const char *root;
void at_root(char out[PATH_MAX], const char *path);
/*
 * The folder of keys, root's alone; flock(2)ed where it is to be changed, and
 * then made where it is not there.  -1: there is none.  Fatal on failure.
 */
int keys_folder(bool change);
/*
 * A regular file's bytes, at most size: their count; -1 with errno, or with
 * errno 0 and what is wrong in *why.  Its mode has none of forbid; it may be
 * anybody's where that is 0, and must be root's otherwise.
 */
ssize_t read_file(int dir, const char *name, void *, size_t size, mode_t forbid,
    const char **why);
/*
 * Standard input, at most size: the bytes' count, which is size where there may
 * be more.  Fatal on failure.
 */
size_t read_input(char *, size_t size);
/*
 * A draft of a policy, in anybody's file or, as `-`, on standard input: its
 * length.  shown is what it is called, printable.  Fatal on failure.
 */
#define POLICY_FILE_MAX 65536
size_t read_draft(const char *file, char *text, size_t size,
    char shown[PATH_MAX]);
/* Root's; atomically, on disk when it returns.  Fatal on failure. */
void write_file(int dir, const char *name, const void *, size_t len, mode_t,
    gid_t);
/* Removes it: whether it was there.  Fatal on failure. */
bool remove_file(int dir, const char *name);
void sync_folder(int dir);

/* keyfile.c */
#define KEYFILE_NAME_MAX (VM_NAME_MAX + (int)sizeof(".key.next"))
struct keyfile {
	char name[KEYFILE_NAME_MAX];
	char vm[VM_NAME_MAX + 1];
	bool next;	     /* VM.key.next */
	const char *problem; /* NULL: key is valid */
	uint8_t key[KEY_LEN];
};
/* Reads all, sorted by name; the caller wipes and frees them. */
struct keyfile *keyfiles_read(int dir, size_t *count);
void keyfiles_free(struct keyfile *, size_t count);
/* What keeps the key self of the list from being taken, or NULL. */
const char *keyfile_fault(const struct keyfile *, size_t count, size_t self);
/*
 * Whether a policy's text holds here: policy_load, and then what it says can be
 * enforced.  Where it does not, err says why, and begins with name.
 */
bool policy_hold(const char *name, const char *text, size_t len,
    const struct policy_env *, struct policy *, char *err, size_t errsize);
/*
 * The same of the one that is there: 1: read; 0: there is none; -1: err says why it does not
 * hold, and begins with VM.conf.
 */
int policy_read(int dir, const char *vm, const struct policy_env *,
    struct policy *, char *err, size_t errsize);

/* authorize.c */
/* VM and at most so many words in all; the second, or NULL, in *second. */
const char *vm_argument(int argc, char **argv, int most, const char **second);
/* Their effect comes with daemon_reload; the folder of keys stays locked. */
void vm_authorize(const char *vm, const char *key,
    char fingerprint[FINGERPRINT_HEX + 1]);
/* False: it had no key. */
bool vm_revoke(const char *vm);

/* config.c: the list of VMs in remote.conf.  Fatal on failure. */
/* Before a VM is authorised: whether it could be added. */
void list_check(const char *vm);
/* Says what it did; whether the file has changed.  Keys are locked. */
bool list_change(const char *vm, bool add);

/* keyinput.c: secrets, as a person or a pipe gives them.  Fatal on failure. */
/* One line from the terminal, without echo: its length. */
size_t secret_input(const char *prompt, char *, size_t size);
void key_input(const char *vm, const char *argument, uint8_t key[KEY_LEN],
    char text[2 * KEY_LEN + 1]);

/* person.c: who does what is done here */
/* The login name, or SUDO_USER, or root; the terminal, or -. */
void person(char who[VM_NAME_MAX + 1], char tty[VM_NAME_MAX + 1]);
/* The daemon records it, where one runs. */
void person_did(enum act, const char *vm, const char *fingerprint);

/* control.c: prints the running daemon's checkpoint; false: none runs. */
bool control_checkpoint(void);

/* queue.c: the running daemon serves it no more; what runs on is said. */
void queue_revoke(const char *vm, bool drain);

/* uuid.c */
/* The VM's UUID, of the running one or from qvm-prefs. */
bool vm_uuid(const char *vm, char uuid[UUID_LEN + 1]);
#define LABEL_MAX 31
/* The name of its label, where there is a qvm-prefs that says it. */
bool vm_label(const char *vm, char label[LABEL_MAX + 1]);

/* daemon.c */
/* The lock file, or -1 where there is none; fatal on failure. */
int lock_open(void);
/* Who holds it: 0 where nobody does. */
pid_t lock_holder(int lock);
/* Has a running daemon read everything again, and says what follows. */
void daemon_reload(void);
/* The daemon in the foreground; does not return. */
void daemon_start(char *const options[], size_t count)
    __attribute__((noreturn));

#endif
