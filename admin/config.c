#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "privsep/path.h"

/* remote.conf: what holds of it, and its list of VMs changed. */

#define CONF_NAME "remote.conf" /* in PATH_ETC */
#define CONF_SIZE 65536
#define PROC_SIZE (4 * 1024 * 1024)

static struct {
	int dir;
	char path[PATH_MAX]; /* as it is shown */
	char text[CONF_SIZE];
	size_t len;
	struct remote_conf conf; /* of the file alone */
} file;

/* There need not be one. */
static void
file_read(void)
{
	char path[PATH_MAX], err[512];
	const char *why = NULL;
	ssize_t n;

	at_root(path, PATH_CONF);
	escape(file.path, sizeof(file.path), path, strlen(path));
	conf_default(&file.conf);
	file.len = 0;
	at_root(path, PATH_ETC);
	file.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file.dir == -1 && errno == ENOENT)
		return;
	if (file.dir == -1)
		fail_errno("%s", path);
	n = read_file(file.dir, CONF_NAME, file.text, sizeof(file.text), 022,
	    &why);
	if (n == -1 && errno == ENOENT)
		return;
	if (n == -1 && errno == 0)
		fail("%s: %s", file.path, why);
	if (n == -1)
		fail_errno("%s", file.path);
	if (n == (ssize_t)sizeof(file.text))
		fail("%s: too long", file.path);
	file.len = (size_t)n;
	if (conf_parse(file.path, file.text, file.len, &file.conf, err,
		sizeof(err)) == -1)
		fail("%s", err);
}

/* config */

/*
 * A process's environment or arguments: strings, an empty one behind them.
 * Valid until the next call.
 */
static char *
proc_strings(pid_t pid, const char *what)
{
	static char buf[PROC_SIZE];
	char name[64];
	size_t used = 0;
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, what);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && used < sizeof(buf) - 2 &&
	    (n = read(fd, buf + used, sizeof(buf) - 2 - used)) > 0)
		used += (size_t)n;
	if (n == -1) {
		warn("the daemon's %s is not known: %s", what, strerror(errno));
		used = 0;
	}
	if (fd != -1)
		close(fd);
	buf[used] = buf[used + 1] = '\0';
	return buf;
}

static char *
next_string(char *s)
{
	return s + strlen(s) + 1;
}

/* NULL: it is not set there. */
static const char *
value_of(char *strings, const char *name)
{
	size_t len = strlen(name);

	for (; *strings != '\0'; strings = next_string(strings)) {
		if (strncmp(strings, name, len) == 0 && strings[len] == '=')
			return strings + len + 1;
	}
	return NULL;
}

/* Of each group's names the first that is set counts: as the daemon has it. */
static void
add_environment(struct remote_conf *conf, char *strings)
{
	bool seen[CONF_GROUPS] = {false};
	const char *name, *value;
	enum conf_group group;
	char err[512];
	unsigned int i;

	for (i = 0; (name = conf_variable(i, &group)) != NULL; i++) {
		value =
		    strings != NULL ? value_of(strings, name) : getenv(name);
		if (value == NULL || seen[group])
			continue;
		seen[group] = true;
		if (conf_set(conf, name, value, err, sizeof(err)) == -1)
			fail("%s", err);
	}
}

/* The --vm that a daemon was started with. */
static void
add_options(struct remote_conf *conf, char *strings)
{
	char list[VMS_MAX * (VM_NAME_MAX + 1) + 1] = "", err[512];

	for (; *strings != '\0'; strings = next_string(strings)) {
		if (strcmp(strings, "--vm") != 0)
			continue;
		strings = next_string(strings);
		strncat(list, strings, sizeof(list) - strlen(list) - 1);
		strncat(list, " ", sizeof(list) - strlen(list) - 1);
	}
	if (list[0] != '\0' && conf_set_vms(conf, list, err, sizeof(err)) == -1)
		fail("%s", err);
}

/*
 * What holds of the daemon that runs or, where none does, of one that would
 * be started from here: its pid, or 0.
 */
static pid_t
effective(struct remote_conf *conf)
{
	int lock = lock_open();
	pid_t pid = lock_holder(lock);

	if (lock != -1)
		close(lock);
	/* Of a process that cannot be seen from here nothing is known. */
	if (pid < 0)
		pid = 0;
	*conf = file.conf;
	add_environment(conf, pid == 0 ? NULL : proc_strings(pid, "environ"));
	if (pid != 0)
		add_options(conf, proc_strings(pid, "cmdline"));
	return pid;
}

static void
source_text(const struct remote_conf *conf, enum conf_group group, pid_t pid,
    char *out, size_t size)
{
	const struct conf_source *s = &conf->source[group];

	if (s->name == NULL)
		snprintf(out, size, "%s",
		    group == CONF_DOM0_USER ? "the first of group qubes"
					    : "default");
	else if (s->line != 0)
		snprintf(out, size, "%s:%u", file.path, s->line);
	else if (s->name[0] == '-')
		snprintf(out, size, "--vm of the daemon (pid %d)", (int)pid);
	else if (pid != 0)
		snprintf(out, size, "environment of the daemon (pid %d)",
		    (int)pid);
	else
		snprintf(out, size, "environment");
}

/* NULL: it has no value. */
static const char *
value_text(const struct remote_conf *conf, enum conf_group group)
{
	static char list[VMS_MAX * (VM_NAME_MAX + 1) + 1];
	static char retain[CONF_RETAIN_MAX];
	const struct group *gr;
	unsigned int i;

	switch (group) {
	case CONF_VM_USER:
		return conf->vm_user;
	case CONF_TRANSPORT:
		return conf_transport_name(conf->transport);
	case CONF_RETAIN:
		return conf_retain_print(conf, retain);
	case CONF_DOM0_USER:
		if (conf->dom0_user[0] != '\0')
			return conf->dom0_user;
		gr = getgrnam("qubes");
		return gr == NULL ? NULL : gr->gr_mem[0];
	default:
		break;
	}
	list[0] = '\0';
	for (i = 0; i < conf->vm_count; i++)
		strncat(strncat(list, i > 0 ? " " : "", 2), conf->vms[i],
		    VM_NAME_MAX);
	return conf->vms_set ? list : NULL;
}

static void
print_setting(const char *name, const char *value, const char *from,
    const char *variable)
{
	printf("%-20s  ", name);
	if (value == NULL)
		printf("%-16s",
		    strcmp(name, "QVM_REMOTE_VMS") == 0
			? "all that have a key and a policy"
			: "nobody");
	else
		printf("%-16s", *value == '\0' ? "none" : value);
	printf("  %s", from);
	if (variable != NULL && variable[0] != '-' &&
	    strcmp(variable, name) != 0)
		printf(" (%s)", variable);
	putchar('\n');
}

static void
print_setting_json(const char *name, const char *value, const char *from,
    const char *variable)
{
	printf("{\"name\":");
	print_json(name);
	printf(",\"value\":");
	if (value != NULL)
		print_json(value);
	else
		printf("null");
	printf(",\"from\":");
	print_json(from);
	printf(",\"variable\":");
	if (variable != NULL)
		print_json(variable);
	else
		printf("null");
	printf("}\n");
}

int
command_config(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	static struct remote_conf conf;
	enum conf_group group, last = CONF_GROUPS;
	char from[PATH_MAX + 32];
	void (*print)(const char *, const char *, const char *, const char *) =
	    print_setting;
	const char *name;
	unsigned int i;
	pid_t pid;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			option_error(argv);
		print = print_setting_json;
	}
	if (optind < argc)
		usage_error("config: too many words");
	file_read();
	pid = effective(&conf);
	for (i = 0; (name = conf_variable(i, &group)) != NULL; i++) {
		if (group == last)
			continue;
		last = group;
		source_text(&conf, group, pid, from, sizeof(from));
		print(name, value_text(&conf, group), from,
		    conf.source[group].name);
	}
	finish_output();
	return 0;
}

/* connect, disconnect */

static bool
in_list(const struct remote_conf *conf, const char *vm)
{
	unsigned int i;

	for (i = 0; i < conf->vm_count; i++) {
		if (strcmp(conf->vms[i], vm) == 0)
			return true;
	}
	return false;
}

/* Where the line begins; it is there, since it was read. */
static const char *
line_start(unsigned int line)
{
	const char *p = file.text;

	while (line-- > 1)
		p = (const char *)memchr(p, '\n',
			file.len - (size_t)(p - file.text)) +
		    1;
	return p;
}

/* The list with the VM or without it, in quotes. */
static size_t
print_list(char *out, const char *vm, bool add)
{
	const struct remote_conf *conf = &file.conf;
	const char *blank = "";
	char *end = stpcpy(out, "\"");
	unsigned int i;

	for (i = 0; i < conf->vm_count; i++) {
		if (strcmp(conf->vms[i], vm) == 0)
			continue;
		end = stpcpy(stpcpy(end, blank), conf->vms[i]);
		blank = " ";
	}
	if (add)
		end = stpcpy(stpcpy(end, blank), vm);
	return (size_t)(stpcpy(end, "\"") - out);
}

/* The file again, but for what stands behind one line's equals sign. */
static void
write_list(const char *vm, bool add)
{
	static char out[CONF_SIZE + VMS_MAX * (VM_NAME_MAX + 1) + 3];
	const char *line = line_start(file.conf.source[CONF_LIST].line);
	const char *end = file.text + file.len, *rest, *equals;
	struct stat st;
	size_t len;

	rest = memchr(line, '\n', (size_t)(end - line));
	if (rest == NULL)
		rest = end;
	equals = memchr(line, '=', (size_t)(rest - line));
	if (equals == NULL ||
	    fstatat(file.dir, CONF_NAME, &st, AT_SYMLINK_NOFOLLOW) == -1)
		fail("%s: it has changed while it was read", file.path);
	len = (size_t)(equals + 1 - file.text);
	memcpy(out, file.text, len);
	len += print_list(out + len, vm, add);
	memcpy(out + len, rest, (size_t)(end - rest));
	write_file(file.dir, CONF_NAME, out, len + (size_t)(end - rest),
	    st.st_mode & 0777, st.st_gid);
}

void
list_check(const char *vm)
{
	file_read();
	if (file.conf.vm_count == VMS_MAX && !in_list(&file.conf, vm))
		fail("%s:%u: %d VMs are in the list, and no more can be",
		    file.path, file.conf.source[CONF_LIST].line, VMS_MAX);
}

/* What the file says and the daemon does not hear. */
static void
warn_of_other_list(const char *vm)
{
	static struct remote_conf conf;
	char from[PATH_MAX + 32];
	pid_t pid = effective(&conf);

	if (!conf.vms_set || in_list(&conf, vm) ||
	    conf.source[CONF_LIST].line != 0)
		return;
	source_text(&conf, CONF_LIST, pid, from, sizeof(from));
	warn("%s is not served: the list that counts is another one, "
	     "by %s",
	    vm, from);
}

bool
list_change(const char *vm, bool add)
{
	const struct conf_source *source = &file.conf.source[CONF_LIST];
	bool change;

	if (add)
		list_check(vm);
	else
		file_read();
	change = file.conf.vms_set && in_list(&file.conf, vm) != add;
	if (change) {
		write_list(vm, add);
		printf("%s is %s %s: %s:%u.\n", vm,
		    add ? "added to" : "taken off", source->name, file.path,
		    source->line);
	} else if (add && file.conf.vms_set)
		printf("%s is in %s already: %s:%u.\n", vm, source->name,
		    file.path, source->line);
	else if (add)
		printf("%s has no list of VMs: all that have a key and a "
		       "policy are served.\n",
		    file.path);
	if (change && !add && file.conf.vm_count == 1)
		printf("The list is empty now: no VM is served.\n");
	if (add)
		warn_of_other_list(vm);
	return change;
}
