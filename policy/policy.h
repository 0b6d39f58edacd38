#ifndef POLICY_H
#define POLICY_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/limits.h"

/*
 * policy: what /etc/qubes/remote.d/VM.conf and /etc/qubes/remote.conf say, and
 * what becomes of a command under it.  Pure functions: bytes in, a struct or
 * one line of complaint out.  qvm-remote-policy(5) is the specification.
 */

#define POLICY_LINES_MAX   256	 /* allow, allow-input and deny */
#define POLICY_TEXT_MAX	   16384 /* of their words, unquoted */
#define POLICY_PATH_MAX	   256	 /* of a command's path, its NUL included */
#define POLICY_COMMAND_MAX 16384 /* of a body under mode allow */
#define POLICY_WORDS_MAX   512	 /* in such a body */
/* Holds every description: an empty word gains quotes and a space. */
#define POLICY_DESCRIBE_MAX (3 * POLICY_TEXT_MAX + 16 * POLICY_LINES_MAX + 1024)

enum policy_mode {
	POLICY_UNSET,
	POLICY_SHELL,
	POLICY_ALLOW,
	POLICY_ASK,
	POLICY_DENY
};

/* As a policy has it; "?" for no mode. */
const char *policy_mode_name(enum policy_mode);

enum policy_key {
	POLICY_KEY_MODE,
	POLICY_KEY_UUID,
	POLICY_KEY_ALLOW,
	POLICY_KEY_ALLOW_INPUT,
	POLICY_KEY_DENY,
	POLICY_KEY_EXAMPLE,
	POLICY_KEY_AUTH,
	POLICY_KEY_TIMEOUT,
	POLICY_KEY_OUTPUT_LIMIT,
	POLICY_KEY_INPUT_LIMIT,
	POLICY_KEY_RECORD_INPUT,
	POLICY_KEY_JOBS,
	POLICY_KEY_USER,
	POLICY_KEY_MEMORY,
	POLICY_KEY_TASKS,
	POLICY_KEY_FILES,
	POLICY_KEY_FILE_SIZE,
	POLICY_KEY_HIDE,
	POLICY_KEY_NICE,
	POLICY_KEY_RATE,
	POLICY_KEY_LOG_LIMIT,
	POLICY_KEY_LOG_TOTAL,
	POLICY_KEY_RECORD,
	POLICY_KEY_RECORD_KEEP,
	POLICY_KEY_RECORD_TOTAL,
	POLICY_KEYS
};
/* As it stands in a file. */
const char *policy_key_name(enum policy_key);

/* One allow, allow-input or deny line: its words lie in the policy's text. */
struct policy_line {
	uint32_t line; /* of the file */
	uint16_t at, words;
	bool allow, input;
};

struct policy {
	enum policy_mode mode;
	uint32_t key_line[POLICY_KEYS]; /* each one's first line; 0: none */
	char uuid[UUID_LEN + 1];	/* "" where the file has none */
	char user[VM_NAME_MAX + 1];	/* "" : root */
	bool auth_v1;			/* version 1 is accepted, too */
	bool record_digest;		/* of an input, no more than that */
	bool record_full;		/* outputs are kept whole */
	bool hide;
	/* What the file does not say is the default, or 0 where there is no
	 * limit of ours.  Sizes in bytes, time in seconds. */
	uint64_t timeout; /* for a request that names none, and the longest */
	uint64_t output_limit, input_limit, log_limit, log_total;
	uint64_t record_keep, record_total; /* of kept outputs; days, bytes */
	uint64_t jobs, nice;
	uint64_t memory, tasks, files, file_size;
	/* A bucket that holds `rate`, and gets as many every rate_seconds. */
	uint64_t rate, rate_seconds;
	bool looked_up; /* policy_load has found every command */
	unsigned int lines;
	struct policy_line line[POLICY_LINES_MAX];
	unsigned int used;
	char text[POLICY_TEXT_MAX];
};

/* What a pure function cannot know or do.  Each gets arg. */
struct policy_env {
	void *arg;
	/*
	 * Where a command is: `name` is a bare name, which is looked up in the
	 * one fixed PATH, or an absolute path without empty, `.` and `..`
	 * parts, whose last part need not exist.  path becomes absolute, and
	 * has no symbolic link in its folder: so a program has one name,
	 * whether a line or a VM says /bin/ls, /usr/bin/ls or ls.  0, or -1:
	 * there is none.
	 */
	int (*find)(void *arg, const char *name, char path[POLICY_PATH_MAX]);
	/* One line, "NAME:LINE: …", of what is allowed and hardly meant; may
	 * be NULL. */
	void (*warn)(void *arg, const char *text);
};

/*
 * Reads a whole VM.conf: `key = value` lines, # comments, blank lines.  0, or
 * -1 with "NAME:LINE: what is wrong and what is allowed" in err, printable
 * ASCII.  Unknown and doubled keys, bad values and a missing mode are errors.
 * name is what err shows for the file.  No command is looked up and no example
 * tried: policy_decide runs nothing by the lines of one that was read so.
 */
int policy_parse(const char *name, const char *, size_t len, struct policy *,
    char *err, size_t errsize);
/*
 * As much of it as is used, to keep: no more than the original's `used` bytes
 * of text may be looked at.  Allocated; NULL with errno.
 */
struct policy *policy_copy(const struct policy *);
/*
 * The same as policy_parse, then looks up what allow and deny lines name and tries every
 * example; a command that is not there and a wrong example are errors, too.
 */
int policy_load(const char *name, const char *, size_t len,
    const struct policy_env *, struct policy *, char *err, size_t errsize);

struct policy_decision {
	bool run;
	bool ask;      /* not without a person's word, and then in bash */
	uint32_t line; /* of the file: what decided */
	/* To be executed as it is, without a shell: NUL-terminated words, the
	 * first as the client wrote it.  argc 0: the body runs in bash. */
	int argc;
	char path[POLICY_PATH_MAX];
	/* Printable ASCII; where the policy says `hide`, for dom0 alone. */
	char reason[REASON_MAX + 1];
};
/*
 * What becomes of a body.  words, of size bytes, gets those of a body under
 * mode allow; len + 1 bytes are enough, and so are POLICY_COMMAND_MAX + 1 for
 * any body that runs; so it is under mode ask.  Under another mode neither body
 * nor words is looked at.  Returns d->run.
 */
bool policy_decide(const struct policy *, const struct policy_env *,
    const char *body, size_t len, bool has_input, char *words, size_t size,
    struct policy_decision *d);
/* run, ask or deny. */
const char *policy_verdict(const struct policy_decision *);
/*
 * The words of a body as mode allow wants it, unquoted, each with a NUL: their
 * number, or -1 with the reason in why.
 */
int policy_split(const char *body, size_t len, char *words, size_t size,
    char *why, size_t whysize);

/*
 * What a VM may run: one line in words, and with whole its limits and its
 * patterns, too, as a file may have them, each with an LF.  Nothing of all that
 * where the policy says `hide`.  Returns the length.
 */
size_t policy_describe(const struct policy *, bool whole,
    char out[POLICY_DESCRIBE_MAX]);

enum transport {
	TRANSPORT_QVM_RUN,
	TRANSPORT_QREXEC_CLIENT
};

/* What of remote.conf is one setting, by any of its names. */
enum conf_group {
	CONF_LIST,
	CONF_VM_USER,
	CONF_DOM0_USER,
	CONF_TRANSPORT,
	CONF_RETAIN,
	CONF_GROUPS
};

/* remote.conf, the seed's variables. */
struct remote_conf {
	bool vms_set; /* some list is set, even if empty */
	unsigned int vm_count;
	char vms[VMS_MAX][VM_NAME_MAX + 1];
	char vm_user[VM_NAME_MAX + 1];	 /* default "user" */
	char dom0_user[VM_NAME_MAX + 1]; /* "" : first of group qubes */
	enum transport transport;
	/* How much of the log is kept; 0: all that the other one allows. */
	uint32_t retain_days;
	uint64_t retain_bytes;
	/* What has set each; name NULL: nothing has. */
	struct conf_source {
		const char *name;
		unsigned int line; /* of the file; 0: not from there */
		unsigned int rank; /* conf.c's */
	} source[CONF_GROUPS];
};
/* All variables by name, those of a group in their order; NULL: no more. */
const char *conf_variable(unsigned int, enum conf_group *);
const char *conf_transport_name(enum transport);
/* What QVM_REMOTE_RETAIN reads so. */
#define CONF_RETAIN_MAX 40
const char *conf_retain_print(const struct remote_conf *,
    char out[CONF_RETAIN_MAX]);
void conf_default(struct remote_conf *);
/*
 * KEY=VALUE, # comments, optional quotes; no shell.  As policy_parse.  Comes
 * first: what conf_set sets afterwards stands above the file.
 */
int conf_parse(const char *name, const char *, size_t len, struct remote_conf *,
    char *err, size_t errsize);
/*
 * One variable of the environment: 0, or -1 with err.  In any order: of the
 * old and the new names, the one that comes first in the manual counts.
 */
int conf_set(struct remote_conf *, const char *key, const char *value,
    char *err, size_t errsize);
/* White space separated VM names into the list, replacing it. */
int conf_set_vms(struct remote_conf *, const char *value, char *err,
    size_t errsize);

#endif
