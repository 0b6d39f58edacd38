#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "wire/id.h"

/* The same key of two VMs would let each speak for the other. */
static void
refuse_duplicate(int dir, const char *vm, const uint8_t key[KEY_LEN])
{
	struct keyfile *list;
	size_t i, count;

	list = keyfiles_read(dir, &count);
	for (i = 0; i < count; i++) {
		if (strcmp(list[i].vm, vm) == 0 && !list[i].next)
			continue;
		if (list[i].problem == NULL &&
		    ct_equal(list[i].key, key, KEY_LEN))
			fail("%s is this key already: each VM has its own",
			    list[i].name);
	}
	keyfiles_free(list, count);
}

static void
say_binding(const char *vm, const char *uuid)
{
	if (uuid[0] != '\0')
		printf("Bound to the UUID %s: another VM of this name is not "
		       "served.\n",
		    uuid);
	else
		printf("Bound to the name %s alone: its UUID is not known "
		       "here, so any VM\nthat gets this name and key is "
		       "served.\n",
		    vm);
}

static void
write_policy(int dir, const char *vm)
{
	char name[VM_NAME_MAX + sizeof(".conf")], text[256];
	char uuid[UUID_LEN + 1] = "";
	int n;

	n = snprintf(text, sizeof(text),
	    "# What %s may do in dom0: qvm-remote-policy(5).\nmode = shell\n",
	    vm);
	if (vm_uuid(vm, uuid))
		n += snprintf(text + n, sizeof(text) - (size_t)n, "uuid = %s\n",
		    uuid);
	snprintf(name, sizeof(name), "%s.conf", vm);
	write_file(dir, name, text, (size_t)n, 0600, 0);
	printf("Wrote %s with `mode = shell`: whoever has the key runs any "
	       "command in\ndom0, as root.  A VM that has the Python client "
	       "alone needs `auth = v1` there,\ntoo: its tokens do not cover "
	       "the command, and no answer is signed.\n",
	    name);
	say_binding(vm, uuid);
}

/* A policy that is there is the administrator's: it stays as it is. */
static void
check_policy(int dir, const char *vm)
{
	char err[512], uuid[UUID_LEN + 1];
	struct policy p;

	switch (policy_read(dir, vm, NULL, &p, err, sizeof(err))) {
	case 0:
		write_policy(dir, vm);
		break;
	case 1:
		printf("%s.conf is there, and stays as it is.\n", vm);
		say_binding(vm, p.uuid);
		if (p.uuid[0] != '\0' && vm_uuid(vm, uuid) &&
		    strcmp(uuid, p.uuid) != 0)
			warn("%s has the UUID %s now: it is not served until "
			     "%s.conf says so",
			    vm, uuid, vm);
		break;
	default:
		warn("%s is not served until this is right: %s", vm, err);
		break;
	}
}

static void
write_key(int dir, const char *vm, const uint8_t key[KEY_LEN],
    const char text[2 * KEY_LEN + 1])
{
	char name[KEYFILE_NAME_MAX];
	struct derived_keys derived;

	snprintf(name, sizeof(name), "%s.key", vm);
	write_file(dir, name, text, 2 * KEY_LEN + 1, 0600, 0);
	derive_keys(key, &derived);
	printf("%s is authorised with the key %s\n"
	       "Compare: `qvm-remote key show --fingerprint` in %s says the "
	       "same.\n",
	    vm, derived.fingerprint, vm);
	explicit_bzero(&derived, sizeof(derived));
}

const char *
vm_argument(int argc, char **argv, int most, const char **second)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	const char *vm;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		exit(EXIT_USAGE);
	if (optind == argc)
		usage_error("%s: which VM?", argv[0]);
	if (argc - optind > most)
		usage_error("%s: too many words", argv[0]);
	vm = argv[optind];
	if (!vm_name_valid(vm, strlen(vm)))
		fail("`%s` is no VM's name", vm);
	if (second != NULL)
		*second = optind + 1 < argc ? argv[optind + 1] : NULL;
	return vm;
}

void
vm_authorize(const char *vm, const char *argument)
{
	char text[2 * KEY_LEN + 1];
	uint8_t key[KEY_LEN];
	int dir;

	key_input(vm, argument, key, text);
	dir = keys_folder(true);
	refuse_duplicate(dir, vm, key);
	/* The key comes last: with it, the VM is served. */
	check_policy(dir, vm);
	write_key(dir, vm, key, text);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
}

int
command_authorize(int argc, char **argv)
{
	const char *argument, *vm = vm_argument(argc, argv, 2, &argument);

	vm_authorize(vm, argument);
	daemon_reload();
	finish_output();
	return 0;
}

bool
vm_revoke(const char *vm)
{
	static const char *const suffixes[] = {".key", ".key.next"};
	char name[KEYFILE_NAME_MAX];
	unsigned int i, removed = 0;
	int dir;

	dir = keys_folder(true);
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s", vm, suffixes[i]);
		if (unlinkat(dir, name, 0) == 0)
			removed++;
		else if (errno != ENOENT)
			fail_errno("%s", name);
	}
	if (removed == 0)
		return false;
	sync_folder(dir);
	printf("%s is revoked. %s.conf stays.\n", vm, vm);
	return true;
}

int
command_revoke(int argc, char **argv)
{
	const char *vm = vm_argument(argc, argv, 1, NULL);

	if (!vm_revoke(vm))
		fail("%s has no key", vm);
	daemon_reload();
	finish_output();
	return 0;
}
