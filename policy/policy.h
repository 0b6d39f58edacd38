#ifndef POLICY_H
#define POLICY_H

#include <stddef.h>
#include <stdbool.h>

#include "wire/limits.h"

/*
 * policy: what /etc/qubes/remote.d/VM.conf and /etc/qubes/remote.conf say.
 * Pure functions: bytes in, a struct or one line of complaint out.
 */

enum policy_mode {
	POLICY_UNSET,
	POLICY_SHELL
};

struct policy {
	enum policy_mode mode;
	char uuid[UUID_LEN + 1]; /* "" where the file has none */
};

/*
 * Reads a whole VM.conf: `key = value` lines, # comments, blank lines.  0, or
 * -1 with "NAME:LINE: what is wrong and what is allowed" in err, printable
 * ASCII.  Unknown and doubled keys, bad values and a missing mode are errors.
 * name is what err shows for the file.
 */
int policy_parse(const char *name, const char *, size_t len, struct policy *,
    char *err, size_t errsize);

enum transport {
	TRANSPORT_QVM_RUN,
	TRANSPORT_QREXEC_CLIENT
};

/* remote.conf, the seed's variables. */
struct remote_conf {
	bool vms_set; /* some list is set, even if empty */
	unsigned int vm_count;
	char vms[VMS_MAX][VM_NAME_MAX + 1];
	char vm_user[VM_NAME_MAX + 1];	 /* default "user" */
	char dom0_user[VM_NAME_MAX + 1]; /* "" : first of group qubes */
	enum transport transport;
	unsigned int rank[4]; /* conf.c's: what has set each */
};
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
