#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parent/parent.h"
#include "policy/enforce.h"
#include "privsep/log.h"
#include "privsep/path.h"

/*
 * Who is served and who asks: --vm before the environment before remote.conf,
 * and in each the first name that is set.
 */

struct settings settings;

/* remote.conf, as it was read last; what counts of it is the verifier's next. */
static struct {
	char text[CONF_MAX];
	ssize_t len; /* -1: there is none */
	int fd;	     /* to be sent, or -1 */
	bool there;
} file = {.len = -1, .fd = -1};

#define ALIASES 4
static const struct {
	const char *key;
	const char *names[ALIASES];
} variables[] = {
    {"QVM_REMOTE_VMS",
	{"QVM_REMOTE_VMS", "QUBES_REMOTE_VMS", "QVM_REMOTE_VM",
	    "QUBES_REMOTE_VM"}},
    {"QVM_REMOTE_VM_USER", {"QVM_REMOTE_VM_USER", "QUBES_REMOTE_VM_USER"}},
    {"QVM_REMOTE_DOM0_USER", {"QVM_REMOTE_DOM0_USER"}},
    {"QVM_REMOTE_TRANSPORT", {"QVM_REMOTE_TRANSPORT"}},
    {"QVM_REMOTE_RETAIN", {"QVM_REMOTE_RETAIN"}},
};

void
settings_path(char out[PATH_MAX], const char *path)
{
	if (path_join(out, PATH_MAX, settings.root, path) == -1)
		fatal("%s below %s", path, settings.root);
}

int
settings_add_vm(const char *name)
{
	size_t used = strlen(settings.vm_args);
	int n;

	n = snprintf(settings.vm_args + used, sizeof(settings.vm_args) - used,
	    "%s ", name);
	return n < 0 || (size_t)n >= sizeof(settings.vm_args) - used ? -1 : 0;
}

static int
conf_file(struct remote_conf *conf, char *err, size_t errsize)
{
	char path[PATH_MAX];
	int fd;

	file.len = -1;
	settings_path(path, PATH_CONF);
	fd = file_open(path, 022, err, errsize);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	file.len = file_read(fd, file.text, sizeof(file.text));
	if (file.len == -1)
		(void)snprintf(err, errsize, "%s: %s", path, strerror(errno));
	(void)close(fd);
	if (file.len == -1)
		return -1;
	return conf_parse(path, file.text, (size_t)file.len, conf, err,
	    errsize);
}

/* Bytes, not the file: that may be another one a moment later. */
static void
file_counts(void)
{
	if (file.fd != -1)
		(void)close(file.fd);
	file.there = file.len != -1;
	file.fd = file_sealed("remote.conf", file.text,
	    file.there ? (size_t)file.len : 0);
	if (file.fd == -1)
		fatal("remote.conf for the verifier");
}

static int
conf_environment(struct remote_conf *conf, char *err, size_t errsize)
{
	const char *value;
	size_t i, j;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		value = NULL;
		for (j = 0; j < ALIASES && value == NULL; j++)
			if (variables[i].names[j] != NULL)
				value = getenv(variables[i].names[j]);
		if (value != NULL &&
		    conf_set(conf, variables[i].key, value, err, errsize) == -1)
			return -1;
	}
	return 0;
}

/* Who runs qvm-run: never root, always with group qubes. */
static int
dom0_user(const struct remote_conf *conf, struct settings *out, char *err,
    size_t errsize)
{
	const struct group *gr;
	const struct passwd *pw;
	const char *name = conf->dom0_user;

	gr = getgrnam("qubes");
	if (gr == NULL) {
		(void)snprintf(err, errsize, "there is no group qubes");
		return -1;
	}
	if (name[0] == '\0')
		name = gr->gr_mem[0];
	if (name == NULL) {
		(void)snprintf(err, errsize,
		    "group qubes has no member: set "
		    "QVM_REMOTE_DOM0_USER");
		return -1;
	}
	pw = getpwnam(name);
	if (pw == NULL || pw->pw_uid == 0) {
		(void)snprintf(err, errsize,
		    "QVM_REMOTE_DOM0_USER: %s cannot reach VMs: %s", name,
		    pw == NULL ? "no such user" : "it is root");
		return -1;
	}
	if (!policy_user_in(pw, gr)) {
		(void)snprintf(err, errsize,
		    "QVM_REMOTE_DOM0_USER: %s is not in group qubes: it "
		    "would become as good as root; name one that is",
		    name);
		return -1;
	}
	out->dom0_uid = pw->pw_uid;
	out->dom0_gid = pw->pw_gid;
	out->qubes_gid = gr->gr_gid;
	return 0;
}

/* What is missing is not replaced by the other. */
static int
transport_there(const struct remote_conf *conf, char *err, size_t errsize)
{
	char path[PATH_MAX];

	settings_path(path,
	    conf->transport == TRANSPORT_QVM_RUN ? PATH_QVM_RUN : PATH_QREXEC);
	if (access(path, X_OK) == 0)
		return 0;
	(void)snprintf(err, errsize,
	    "%s: %s: install it, or name another QVM_REMOTE_TRANSPORT", path,
	    strerror(errno));
	return -1;
}

int
settings_load(char *err, size_t errsize)
{
	static struct settings next;

	next = settings;
	conf_default(&next.conf);
	if (conf_file(&next.conf, err, errsize) == -1 ||
	    conf_environment(&next.conf, err, errsize) == -1)
		return -1;
	if (next.vm_args[0] != '\0' &&
	    conf_set_vms(&next.conf, next.vm_args, err, errsize) == -1)
		return -1;
	if (dom0_user(&next.conf, &next, err, errsize) == -1)
		return -1;
	if (transport_there(&next.conf, err, errsize) == -1)
		return -1;
	settings = next;
	file_counts();
	return 0;
}

bool
settings_pump(struct channel *verifier)
{
	struct msg_conf msg = {.there = file.there};

	if (file.fd == -1)
		return true;
	if (channel_send(verifier, IMSG_CONF, 0, &msg, sizeof(msg), file.fd) ==
	    -1)
		return false;
	(void)close(file.fd);
	file.fd = -1;
	return true;
}
