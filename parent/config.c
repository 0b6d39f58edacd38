#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "wire/id.h"

/*
 * Keys and policies for the verifier.  A key is opened here and never read.
 * Sent is state: when it changes on the way, all of it is sent again.
 */

enum step {
	STEP_IDLE,
	STEP_BEGIN,
	STEP_COMMANDS,
	STEP_LOAD, /* the next VM's files */
	STEP_NAME,
	STEP_KEY,
	STEP_KEY_NEXT,
	STEP_POLICY,
	STEP_END
};

static struct {
	enum step step;
	bool again; /* it changed while it was being sent */
	unsigned next, count;
	char names[VMS_MAX][VM_NAME_MAX + 1];
	/* What control clients are told; more than these only the log names. */
	struct msg_served unserved[VMS_MAX];
	unsigned unserved_count;
	/* The one that is being sent. */
	struct msg_vm vm;
	int key_fd, next_fd, policy_fd, commands_fd;
} config = {.key_fd = -1, .next_fd = -1, .policy_fd = -1, .commands_fd = -1};

#define KEY_SUFFIX    ".key"
#define NEXT_SUFFIX   ".key.next"
#define POLICY_SUFFIX ".conf"
#define ANY_VM	      "*" /* no VM's name */

/* The length of the VM's name in a file's name; 0: it is none of that kind. */
static size_t
name_len(const char *file, const char *suffix)
{
	size_t len = strlen(file), cut = strlen(suffix);

	if (len <= cut || strcmp(file + len - cut, suffix) != 0 ||
	    !vm_name_valid(file, len - cut))
		return 0;
	return len - cut;
}

static int
is_key(const struct dirent *e)
{
	return name_len(e->d_name, KEY_SUFFIX) > 0;
}

static int
is_policy(const struct dirent *e)
{
	return name_len(e->d_name, POLICY_SUFFIX) > 0;
}

/* Texts of a message are printable, and a path or a policy may be not. */
static void
set_reason(struct msg_served *s, const char *why)
{
	size_t i;

	for (i = 0; i < sizeof(s->reason) - 1 && why[i] != '\0'; i++)
		s->reason[i] = why[i] < 0x20 || why[i] > 0x7e ? '?' : why[i];
}

static void
note_unserved(const char *vm, const char *why)
{
	struct msg_served *s;

	log_warn("VM %s is not served: %s", vm, why);
	if (config.unserved_count == VMS_MAX)
		return;
	s = &config.unserved[config.unserved_count++];
	memset(s, 0, sizeof(*s));
	memcpy(s->vm, vm, strlen(vm));
	set_reason(s, why);
}

/* Who was to be. */
static void
not_served(const char *vm, const char *why)
{
	parent_missed();
	note_unserved(vm, why);
}

bool
config_unserved(unsigned n, struct msg_served *s)
{
	if (n >= config.unserved_count)
		return false;
	*s = config.unserved[n];
	return true;
}

static int
vm_path(char out[PATH_MAX], const char *vm, const char *suffix)
{
	char dir[PATH_MAX];

	settings_path(dir, PATH_KEYS);
	return snprintf(out, PATH_MAX, "%s/%s%s", dir, vm, suffix) < PATH_MAX
	    ? 0
	    : -1;
}

static void
add_name(const char *name, size_t len)
{
	char copy[VM_NAME_MAX + 1];

	memcpy(copy, name, len);
	copy[len] = '\0';
	if (config.count == VMS_MAX) {
		not_served(copy, "64 others are, and more cannot be");
		return;
	}
	memcpy(config.names[config.count++], copy, len + 1);
}

/* The folder is root's alone to write, or nobody is served. */
static bool
folder_ok(const char *path)
{
	char why[ERR_MAX];
	struct stat st;

	if (lstat(path, &st) == -1)
		(void)snprintf(why, sizeof(why), "%s: %s", path,
		    strerror(errno));
	else if (!S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & 022) != 0)
		(void)snprintf(why, sizeof(why),
		    "%s: must be a folder that only root may write", path);
	else
		return true;
	not_served(ANY_VM, why);
	return false;
}

/* Calls fn with each name that has a file of that kind, in order. */
static void
for_each_name(const char *path, int (*filter)(const struct dirent *),
    const char *suffix, void (*fn)(const char *, size_t))
{
	struct dirent **list;
	int i, n;

	n = scandir(path, &list, filter, alphasort);
	if (n == -1) {
		log_warn("%s: %s", path, strerror(errno));
		return;
	}
	for (i = 0; i < n; i++) {
		fn(list[i]->d_name, name_len(list[i]->d_name, suffix));
		free(list[i]);
	}
	free(list);
}

static bool
is_served(const char *name, size_t len)
{
	const struct vm *vm;
	char copy[VM_NAME_MAX + 1];

	memcpy(copy, name, len);
	copy[len] = '\0';
	vm = vm_find(copy);
	return vm != NULL && vm->served;
}

static void
add_served(const char *file, size_t len)
{
	if (is_served(file, len))
		add_name(file, len);
}

static void
add_other(const char *file, size_t len)
{
	if (!is_served(file, len))
		add_name(file, len);
}

/* A policy alone makes nobody served, and that is said, too. */
static void
note_policy(const char *file, size_t len)
{
	char vm[VM_NAME_MAX + 1], path[PATH_MAX];

	memcpy(vm, file, len);
	vm[len] = '\0';
	if (vm_path(path, vm, KEY_SUFFIX) == 0 && access(path, F_OK) == -1 &&
	    errno == ENOENT)
		note_unserved(vm, "it has no key");
}

static void
find_names(void)
{
	const struct remote_conf *conf = &settings.conf;
	char path[PATH_MAX];
	unsigned i;

	config.count = config.unserved_count = 0;
	settings_path(path, PATH_KEYS);
	if (!folder_ok(path))
		return;
	if (!conf->vms_set) {
		/* Who is served is not put out by others that come. */
		for_each_name(path, is_key, KEY_SUFFIX, add_served);
		for_each_name(path, is_key, KEY_SUFFIX, add_other);
		for_each_name(path, is_policy, POLICY_SUFFIX, note_policy);
		return;
	}
	for (i = 0; i < conf->vm_count; i++)
		add_name(conf->vms[i], strlen(conf->vms[i]));
}

static void
close_files(void)
{
	if (config.key_fd != -1)
		(void)close(config.key_fd);
	if (config.next_fd != -1)
		(void)close(config.next_fd);
	if (config.policy_fd != -1)
		(void)close(config.policy_fd);
	config.key_fd = config.next_fd = config.policy_fd = -1;
}

static int
open_for(const char *vm, const char *suffix, const char *what, mode_t forbid,
    int *fd, char *err, size_t errsize)
{
	char path[PATH_MAX];

	if (vm_path(path, vm, suffix) == -1) {
		(void)snprintf(err, errsize, "%s: name too long", vm);
		return -1;
	}
	*fd = file_open(path, forbid, err, errsize);
	if (*fd == -1 && errno == ENOENT)
		(void)snprintf(err, errsize, "it has no %s", what);
	return *fd == -1 ? -1 : 0;
}

static int
read_policy(const char *vm, struct policy *policy, char *err, size_t errsize)
{
	char path[PATH_MAX];

	if (vm_path(path, vm, POLICY_SUFFIX) == -1)
		return -1;
	return policies_read(path, config.policy_fd, policy, err, errsize);
}

/* Before any policy is sent: where the commands are that they all name. */
static void
look_up_commands(void)
{
	static struct policy policy;
	char err[ERR_MAX];
	unsigned i;

	policies_begin();
	for (i = 0; i < config.count; i++) {
		if (open_for(config.names[i], POLICY_SUFFIX, "policy", 022,
			&config.policy_fd, err, sizeof(err)) == 0)
			(void)read_policy(config.names[i], &policy, err,
			    sizeof(err));
		close_files();
	}
	if (config.commands_fd != -1)
		(void)close(config.commands_fd);
	config.commands_fd = policies_table();
}

/* Without it, or where it does not hold, a VM has the key that it has. */
static void
open_next(const char *vm)
{
	char err[ERR_MAX], path[PATH_MAX];

	if (vm_path(path, vm, NEXT_SUFFIX) == -1)
		return;
	config.next_fd = file_open(path, 077, err, sizeof(err));
	if (config.next_fd == -1 && errno != ENOENT)
		log_warn("VM %s: its next key is not taken: %s", vm, err);
}

/* Opens what a VM needs; only one that has all of it is sent. */
static bool
load(const char *name)
{
	static struct policy policy;
	char err[ERR_MAX] = "";
	struct vm *vm;

	if (open_for(name, KEY_SUFFIX, "key", 077, &config.key_fd, err,
		sizeof(err)) == -1 ||
	    open_for(name, POLICY_SUFFIX, "policy", 022, &config.policy_fd, err,
		sizeof(err)) == -1 ||
	    read_policy(name, &policy, err, sizeof(err)) == -1) {
		not_served(name, err);
		close_files();
		return false;
	}
	vm = vm_get(name);
	if (vm == NULL) {
		not_served(name,
		    "too many have come and gone: restart the "
		    "daemon");
		close_files();
		return false;
	}
	open_next(name);
	vm->named = true;
	memcpy(vm->uuid, policy.uuid, sizeof(vm->uuid));
	memset(&config.vm, 0, sizeof(config.vm));
	memcpy(config.vm.vm, name, strlen(name));
	return true;
}

void
config_start(void)
{
	config.again = config.step != STEP_IDLE;
	if (!config.again)
		config.step = STEP_BEGIN;
}

static enum step
after_end(void)
{
	vm_config_end();
	if (config.again) {
		config.again = false;
		return STEP_BEGIN;
	}
	parent_configured();
	return STEP_IDLE;
}

static int
send_vm(struct channel *ch, enum imsg_type type, int fd)
{
	return channel_send(ch, type, 0, &config.vm, sizeof(config.vm), fd);
}

static int
send_begin(struct channel *ch)
{
	struct msg_retain retain = {.days = settings.conf.retain_days,
	    .bytes = settings.conf.retain_bytes};

	return channel_send(ch, IMSG_CONFIG_BEGIN, 0, &retain, sizeof(retain),
	    -1);
}

/* One step: the next one, or the same again when the channel is full. */
static enum step
take_step(struct channel *ch)
{
	switch (config.step) {
	case STEP_IDLE:
		break;
	case STEP_BEGIN:
		if (send_begin(ch) == -1)
			break;
		vm_config_begin();
		find_names();
		look_up_commands();
		config.next = 0;
		return STEP_COMMANDS;
	case STEP_COMMANDS:
		if (channel_send(ch, IMSG_CONFIG_COMMANDS, 0, NULL, 0,
			config.commands_fd) == -1)
			break;
		(void)close(config.commands_fd);
		config.commands_fd = -1;
		return STEP_LOAD;
	case STEP_LOAD:
		if (config.next == config.count)
			return STEP_END;
		return load(config.names[config.next++]) ? STEP_NAME
							 : STEP_LOAD;
	case STEP_NAME:
		if (send_vm(ch, IMSG_CONFIG_VM, -1) == -1)
			break;
		return STEP_KEY;
	case STEP_KEY:
		if (send_vm(ch, IMSG_CONFIG_KEY, config.key_fd) == -1)
			break;
		return STEP_KEY_NEXT;
	case STEP_KEY_NEXT:
		if (config.next_fd != -1 &&
		    send_vm(ch, IMSG_CONFIG_KEY_NEXT, config.next_fd) == -1)
			break;
		return STEP_POLICY;
	case STEP_POLICY:
		if (send_vm(ch, IMSG_CONFIG_POLICY, config.policy_fd) == -1)
			break;
		close_files();
		return STEP_LOAD;
	case STEP_END:
		if (channel_send(ch, IMSG_CONFIG_END, 0, NULL, 0, -1) == -1)
			break;
		return after_end();
	}
	return config.step;
}

bool
config_pump(struct channel *verifier)
{
	while (config.step != STEP_IDLE && !verifier->full &&
	    channel_is_open(verifier))
		config.step = take_step(verifier);
	return config.step == STEP_IDLE;
}
