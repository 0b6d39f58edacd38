#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "policy/enforce.h"
#include "policy/find.h"
#include "privsep/path.h"
#include "wire/id.h"

/* policy check and policy explain: the policies that are there. */

#define POLICIES_MAX 4096
#define EXIT_DENIED  126 /* as qvm-remote ends in the VM */

static char folder[PATH_MAX]; /* of the policies, as it is shown */

/* As policy_read, of one that must be there; with all that it names. */
static void
policy_of(int dir, const char *vm, struct policy *p)
{
	static const struct policy_env env = {.find = policy_find};
	char err[512];

	switch (policy_read(dir, vm, &env, p, err, sizeof(err))) {
	case 0:
		fail("%s has no policy: it is not served", vm);
	case -1:
		fail("%s/%s", folder, err);
	}
}

static int
policies_folder(void)
{
	char path[PATH_MAX];
	int dir = keys_folder(false);

	at_root(path, PATH_KEYS);
	escape(folder, sizeof(folder), path, strlen(path));
	return dir;
}

/* check */

struct checked {
	char vm[VM_NAME_MAX + 1];
	char user[VM_NAME_MAX + 1]; /* "" : root, or not known */
};

static struct {
	bool json, bad;
	unsigned int findings;
	const char *vm, *draft;
	char shown[PATH_MAX + VM_NAME_MAX + sizeof(".conf")]; /* what is read */
} check;

/* text: "VM.conf:LINE: …", or without a line. */
static void
finding(const char *severity, const char *text)
{
	const char *name_end = text + strlen(check.vm) + strlen(".conf");
	const char *place = name_end;
	char *what;
	unsigned long line = 0;

	if (*place == ':' && place[1] >= '0' && place[1] <= '9') {
		line = strtoul(place + 1, &what, 10);
		place = what;
	}
	if (!check.json) {
		printf("%s%.*s: %s%s\n", check.shown, (int)(place - name_end),
		    name_end, severity, place);
	} else {
		printf("%s{\"line\":", check.findings > 0 ? "," : "");
		if (line > 0)
			printf("%lu", line);
		else
			printf("null");
		printf(",\"severity\":\"%s\",\"text\":", severity);
		print_json(strncmp(place, ": ", 2) == 0 ? place + 2 : place);
		putchar('}');
	}
	check.findings++;
	if (strcmp(severity, "error") == 0)
		check.bad = true;
}

static void
take_warning(void *arg, const char *text)
{
	(void)arg;
	finding("warning", text);
}

static void __attribute__((format(printf, 2, 3)))
user_finding(const struct policy *p, const char *fmt, ...)
{
	char what[256], text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s.conf:%u: user `%s` %s", check.vm,
	    p->key_line[POLICY_KEY_USER], p->user, what);
	finding("warning", text);
}

/* What the text of a policy does not show: who its user is. */
static void
check_user(const struct policy *p, const struct checked *all, size_t count)
{
	const struct group *qubes = getgrnam("qubes");
	const struct passwd *pw;
	size_t i;

	if (p->user[0] == '\0' || strcmp(p->user, "root") == 0)
		return;
	pw = getpwnam(p->user);
	if (pw == NULL) /* policy_read has found it */
		return;
	if (pw->pw_uid == 0)
		user_finding(p, "is root by another name");
	else if (qubes != NULL && policy_user_in(pw, qubes))
		user_finding(p, "is in group qubes: as good as root");
	for (i = 0; i < count; i++) {
		if (strcmp(all[i].vm, check.vm) != 0 &&
		    strcmp(all[i].user, p->user) == 0)
			user_finding(p,
			    "is also that of %s: each VM's commands can "
			    "change what the other's do",
			    all[i].vm);
	}
}

/* What its one line says, to whoever may read all of it. */
static void
print_described(const struct policy *p)
{
	static char text[POLICY_DESCRIBE_MAX];
	static struct policy shown;
	size_t len;

	shown = *p;
	shown.hide = false;
	len = policy_describe(&shown, false, text);
	text[len - 1] = '\0';
	if (check.json) {
		print_json(text);
		return;
	}
	printf("%s: %s%s\n", check.vm, text,
	    p->key_line[POLICY_KEY_EXAMPLE] != 0 ? "; its examples hold" : "");
}

/* dir: the policies'; not looked at where there is a draft. */
static bool
check_text(int dir, struct policy *p, char *err, size_t errsize)
{
	static const struct policy_env env = {.find = policy_find,
	    .warn = take_warning};
	static char text[POLICY_FILE_MAX];
	char name[VM_NAME_MAX + sizeof(".conf")];
	size_t len;
	int got;

	snprintf(name, sizeof(name), "%s.conf", check.vm);
	if (check.draft != NULL) {
		len = read_draft(check.draft, text, sizeof(text), check.shown);
		return policy_hold(name, text, len, &env, p, err, errsize);
	}
	snprintf(check.shown, sizeof(check.shown), "%s/%s", folder, name);
	got = policy_read(dir, check.vm, &env, p, err, errsize);
	if (got == 0)
		snprintf(err, errsize, "%s: it is gone", name);
	return got == 1;
}

static bool
check_one(int dir, const char *vm, const struct checked *all, size_t count)
{
	static struct policy p;
	char err[512];

	check.vm = vm;
	check.findings = 0;
	check.bad = false;
	if (check.json) {
		printf("{\"vm\":");
		print_json(vm);
		printf(",\"findings\":[");
	}
	if (check_text(dir, &p, err, sizeof(err)))
		check_user(&p, all, count);
	else
		finding("error", err);
	if (check.json)
		printf("],\"policy\":");
	if (!check.bad)
		print_described(&p);
	else if (check.json)
		printf("null");
	if (check.json)
		printf("}\n");
	return !check.bad;
}

static int
is_policy(const struct dirent *e)
{
	size_t len = strlen(e->d_name), cut = strlen(".conf");

	return len > cut && strcmp(e->d_name + len - cut, ".conf") == 0 &&
	    vm_name_valid(e->d_name, len - cut);
}

/* All that are there, sorted, each with its user. */
static struct checked *
policies_list(int dir, size_t *count)
{
	static struct policy p;
	struct checked *list;
	struct dirent **names;
	char err[512];
	int i, n;

	n = scandirat(dir, ".", &names, is_policy, alphasort);
	if (n == -1)
		fail_errno("%s", folder);
	if (n > POLICIES_MAX)
		fail("more than %d policies", POLICIES_MAX);
	list = calloc((size_t)n + 1, sizeof(*list));
	if (list == NULL)
		fail_errno("%s", folder);
	for (i = 0; i < n; i++) {
		memcpy(list[i].vm, names[i]->d_name,
		    strlen(names[i]->d_name) - strlen(".conf"));
		if (policy_read(dir, list[i].vm, NULL, &p, err, sizeof(err)) ==
		    1)
			memcpy(list[i].user, p.user, sizeof(p.user));
		free(names[i]);
	}
	free(names);
	*count = (size_t)n;
	return list;
}

static const char *
parse_check(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'},
	    {"with", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			check.json = true;
			break;
		case 'w':
			check.draft = optarg;
			break;
		default:
			option_error(argv);
		}
	}
	if (argc - optind > 1)
		usage_error("policy check: too many words");
	if (check.draft != NULL && optind == argc)
		usage_error("policy check: --with FILE, and whose it is to be");
	if (optind < argc && !vm_name_valid(argv[optind], strlen(argv[optind])))
		fail("`%s` is no VM's name", argv[optind]);
	return optind < argc ? argv[optind] : NULL;
}

int
command_policy_check(int argc, char **argv)
{
	const char *vm = parse_check(argc, argv);
	struct checked *list = NULL;
	size_t i, found = 0, count = 0;
	bool ok = true;
	int dir;

	dir = policies_folder();
	if (dir != -1)
		list = policies_list(dir, &count);
	if (check.draft != NULL)
		ok = check_one(dir, vm, list, count);
	for (i = 0; check.draft == NULL && i < count; i++) {
		if (vm != NULL && strcmp(vm, list[i].vm) != 0)
			continue;
		found++;
		if (!check_one(dir, list[i].vm, list, count))
			ok = false;
	}
	if (check.draft == NULL && vm != NULL && found == 0)
		fail("%s has no policy: it is not served", vm);
	free(list);
	finish_output();
	return ok ? 0 : 1;
}

/* explain */

/* As the client makes one body of its words. */
static char *
join(int count, char **words)
{
	size_t size = 1;
	char *body, *end;
	int i;

	for (i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	body = end = malloc(size);
	if (body == NULL)
		fail_errno("command");
	*body = '\0';
	for (i = 0; i < count; i++) {
		end = stpcpy(end, i > 0 ? " " : "");
		end = stpcpy(end, words[i]);
	}
	return body;
}

static void
print_verdict(const char *vm, const char *when, const struct policy_decision *d)
{
	printf("%s%s: %s/%s.conf:%u: %s\n", when, policy_verdict(d), folder, vm,
	    d->line, d->reason);
}

/* The words that a line allows, in quotes. */
static void
print_words(const struct policy_decision *d, const char *word)
{
	int i;

	printf("executes: %s", d->path);
	for (i = 1; i < d->argc; i++) {
		word += strlen(word) + 1;
		printf(" '%s'", word);
	}
	putchar('\n');
}

/* The policy's limits, each with the line that has set it. */
static void
print_limits(const char *vm, const struct policy *p, bool json)
{
	const char *comma = "";
	static char text[POLICY_DESCRIBE_MAX];
	static struct policy shown;
	enum policy_key key;
	char *line, *rest = text;
	size_t len;

	shown = *p;
	shown.lines = 0;
	policy_describe(&shown, true, text);
	/* The first line says what print_verdict does. */
	strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		len = strcspn(line, " ");
		for (key = 0; key < POLICY_KEYS; key++) {
			if (strncmp(policy_key_name(key), line, len) == 0 &&
			    policy_key_name(key)[len] == '\0')
				break;
		}
		if (key == POLICY_KEY_HIDE)
			continue;
		if (json) {
			printf("%s{\"limit\":", comma);
			print_json(line);
			printf(",\"line\":%u}",
			    key < POLICY_KEYS ? p->key_line[key] : 0);
			comma = ",";
			continue;
		}
		printf("%-24s  ", line);
		if (key < POLICY_KEYS && p->key_line[key] != 0)
			printf("%s/%s.conf:%u\n", folder, vm, p->key_line[key]);
		else
			printf("default\n");
	}
}

/* The VM is not told which of the two it is; here one may know. */
static void
note_absent(const char *body, size_t len)
{
	char words[POLICY_COMMAND_MAX + 1], path[POLICY_PATH_MAX], why[64];

	if (len <= POLICY_COMMAND_MAX &&
	    policy_split(body, len, words, sizeof(words), why, sizeof(why)) >
		0 &&
	    policy_find(NULL, words, path) == -1)
		printf("note: dom0 has no command `%s`\n", words);
}

struct explained {
	struct policy_decision with, without; /* input */
	char words[POLICY_COMMAND_MAX + 1];   /* those of without */
};

static void
explain_words(const char *vm, const struct policy *p, const char *body,
    const struct explained *e)
{
	print_verdict(vm, "", &e->without);
	if (e->with.run != e->without.run)
		print_verdict(vm, "with input: ", &e->with);
	if (!e->without.run && p->mode != POLICY_SHELL &&
	    p->mode != POLICY_DENY)
		note_absent(body, strlen(body));
	if (!e->without.run && !e->without.ask)
		return;
	if (e->without.argc > 0)
		print_words(&e->without, e->words);
	else
		printf("executes: bash\n");
	printf("as: %s\n", p->user[0] == '\0' ? "root" : p->user);
	print_limits(vm, p, false);
}

static void
explain_json(const char *vm, const struct policy *p, const struct explained *e)
{
	const struct policy_decision *d = &e->without;
	const char *word = e->words;
	int i;

	printf("{\"vm\":\"%s\",\"run\":%s,\"run_with_input\":%s,\"ask\":%s,"
	       "\"line\":%u,\"reason\":",
	    vm, d->run ? "true" : "false", e->with.run ? "true" : "false",
	    d->ask ? "true" : "false", d->line);
	print_json(d->reason);
	printf(",\"executes\":[");
	if (d->run || d->ask)
		print_json(d->argc > 0 ? d->path : "bash");
	for (i = 1; d->run && i < d->argc; i++) {
		word += strlen(word) + 1;
		putchar(',');
		print_json(word);
	}
	printf("],\"user\":\"%s\",\"limits\":[",
	    p->user[0] == '\0' ? "root" : p->user);
	print_limits(vm, p, true);
	printf("]}\n");
}

static bool
explain(const char *vm, struct policy *p, const char *body, bool json)
{
	static const struct policy_env env = {.find = policy_find};
	static char again[POLICY_COMMAND_MAX + 1];
	static struct explained e;
	size_t len = strlen(body);

	/* What is kept from the VM is not from who wrote it. */
	p->hide = false;
	policy_decide(p, &env, body, len, true, again, sizeof(again), &e.with);
	policy_decide(p, &env, body, len, false, e.words, sizeof(e.words),
	    &e.without);
	if (json)
		explain_json(vm, p, &e);
	else
		explain_words(vm, p, body, &e);
	return e.without.run || e.without.ask;
}

int
command_policy_explain(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	static struct policy p;
	char name[KEYFILE_NAME_MAX], *body;
	bool run, json = false;
	const char *vm;
	int c, dir;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c != 'j')
			option_error(argv);
		json = true;
	}
	if (argc - optind < 2)
		usage_error("policy explain: which VM, and which command?");
	vm = argv[optind];
	if (!vm_name_valid(vm, strlen(vm)))
		fail("`%s` is no VM's name", vm);
	dir = policies_folder();
	if (dir == -1)
		fail("%s has no policy: it is not served", vm);
	policy_of(dir, vm, &p);
	snprintf(name, sizeof(name), "%s.key", vm);
	if (faccessat(dir, name, F_OK, 0) == -1)
		warn("%s has no key: it is not served", vm);
	body = join(argc - optind - 1, argv + optind + 1);
	run = explain(vm, &p, body, json);
	free(body);
	finish_output();
	return run ? 0 : EXIT_DENIED;
}
