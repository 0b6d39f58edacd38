#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "wire/id.h"

/*
 * The same key of two VMs would let each speak for the other; of one VM's two,
 * one would be none.  own: the file that is to be written.
 */
static void
refuse_duplicate(int dir, const char *own, const uint8_t key[KEY_LEN])
{
	struct keyfile *list;
	size_t i, count;

	list = keyfiles_read(dir, &count);
	for (i = 0; i < count; i++) {
		if (strcmp(list[i].name, own) != 0 && list[i].problem == NULL &&
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
write_key(int dir, const char *vm, const char *name, const uint8_t key[KEY_LEN],
    const char text[2 * KEY_LEN + 1], char fingerprint[FINGERPRINT_HEX + 1])
{
	struct derived_keys derived;

	write_file(dir, name, text, 2 * KEY_LEN + 1, 0600, 0);
	derive_keys(key, &derived);
	memcpy(fingerprint, derived.fingerprint, FINGERPRINT_HEX + 1);
	printf("%s is authorised with the key %s\n", vm, fingerprint);
	explicit_bzero(&derived, sizeof(derived));
}

static const char *
vm_word(const char *command, int count, char **words, int most)
{
	const char *vm;

	if (count == 0)
		usage_error("%s: which VM?", command);
	if (count > most)
		usage_error("%s: too many words", command);
	vm = words[0];
	if (!vm_name_valid(vm, strlen(vm)))
		fail("`%s` is no VM's name", vm);
	return vm;
}

const char *
vm_argument(int argc, char **argv, int most, const char **second)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	const char *vm;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		option_error(argv);
	vm = vm_word(argv[0], argc - optind, argv + optind, most);
	if (second != NULL)
		*second = optind + 1 < argc ? argv[optind + 1] : NULL;
	return vm;
}

/* VM alone, and whether the option is there. */
static const char *
vm_option(int argc, char **argv, const char *option, bool *given)
{
	const struct option options[] = {{option, no_argument, NULL, 'o'},
	    {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'o')
			option_error(argv);
		*given = true;
	}
	return vm_word(argv[0], argc - optind, argv + optind, 1);
}

static void
key_names(const char *vm, char key[KEYFILE_NAME_MAX],
    char next[KEYFILE_NAME_MAX])
{
	snprintf(key, KEYFILE_NAME_MAX, "%s.key", vm);
	snprintf(next, KEYFILE_NAME_MAX, "%s.key.next", vm);
}

void
vm_authorize(const char *vm, const char *argument,
    char fingerprint[FINGERPRINT_HEX + 1])
{
	char name[KEYFILE_NAME_MAX], next[KEYFILE_NAME_MAX];
	char text[2 * KEY_LEN + 1];
	uint8_t key[KEY_LEN];
	int dir;

	key_names(vm, name, next);
	key_input(vm, argument, key, text);
	dir = keys_folder(true);
	refuse_duplicate(dir, name, key);
	/* The key comes last: with it, the VM is served. */
	check_policy(dir, vm);
	if (remove_file(dir, next))
		printf("Its next key, of a rotation, is removed.\n");
	write_key(dir, vm, name, key, text, fingerprint);
	printf("Compare: `qvm-remote key show --fingerprint` in %s says the "
	       "same.\n",
	    vm);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
}

int
command_authorize(int argc, char **argv)
{
	const char *argument, *vm = vm_argument(argc, argv, 2, &argument);
	char fingerprint[FINGERPRINT_HEX + 1];

	vm_authorize(vm, argument, fingerprint);
	daemon_reload();
	person_did(ACT_AUTHORIZE, vm, fingerprint);
	finish_output();
	return 0;
}

static void
begin_rotation(const char *vm, const char *name, const char *next,
    char fingerprint[FINGERPRINT_HEX + 1])
{
	char text[2 * KEY_LEN + 1];
	uint8_t key[KEY_LEN];
	int dir;

	key_input(vm, NULL, key, text);
	dir = keys_folder(true);
	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		fail("%s has no key: qvm-remote-dom0 authorize %s", vm, vm);
	refuse_duplicate(dir, next, key);
	write_key(dir, vm, next, key, text, fingerprint);
	printf("Its present key holds, too, until `qvm-remote-dom0 rotate %s "
	       "--finish`;\nbefore that, in %s: `qvm-remote key rotate "
	       "--finish`, which says the same\nfingerprint.\n",
	    vm, vm);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
}

/* What does not hold takes over nothing: the VM would have no key. */
static void
finish_rotation(const char *vm, const char *name, const char *next,
    char fingerprint[FINGERPRINT_HEX + 1])
{
	int dir = keys_folder(true);
	struct derived_keys derived;
	struct keyfile *list;
	size_t i, count;
	const char *why;

	list = keyfiles_read(dir, &count);
	for (i = 0; i < count && strcmp(list[i].name, next) != 0; i++)
		continue;
	if (i == count)
		fail("%s has no next key: qvm-remote-dom0 rotate %s", vm, vm);
	why = keyfile_fault(list, count, i);
	if (why != NULL)
		fail("%s: %s; its present key stays", next, why);
	derive_keys(list[i].key, &derived);
	keyfiles_free(list, count);
	if (renameat(dir, next, dir, name) == -1)
		fail_errno("%s", name);
	sync_folder(dir);
	memcpy(fingerprint, derived.fingerprint, FINGERPRINT_HEX + 1);
	printf("The key of %s is %s now; the one before is revoked.\n", vm,
	    fingerprint);
	explicit_bzero(&derived, sizeof(derived));
}

int
command_rotate(int argc, char **argv)
{
	char name[KEYFILE_NAME_MAX], next[KEYFILE_NAME_MAX];
	char fingerprint[FINGERPRINT_HEX + 1];
	bool finish = false;
	const char *vm = vm_option(argc, argv, "finish", &finish);

	key_names(vm, name, next);
	if (finish)
		finish_rotation(vm, name, next, fingerprint);
	else
		begin_rotation(vm, name, next, fingerprint);
	daemon_reload();
	person_did(finish ? ACT_ROTATE_FINISH : ACT_ROTATE, vm, fingerprint);
	finish_output();
	return 0;
}

bool
vm_revoke(const char *vm)
{
	char name[KEYFILE_NAME_MAX], next[KEYFILE_NAME_MAX];
	bool removed;
	int dir;

	key_names(vm, name, next);
	dir = keys_folder(true);
	/* The next one first: alone it is of no use. */
	removed = remove_file(dir, next);
	removed = remove_file(dir, name) || removed;
	if (!removed)
		return false;
	sync_folder(dir);
	printf("%s is revoked. %s.conf stays.\n", vm, vm);
	return true;
}

int
command_revoke(int argc, char **argv)
{
	bool drain = false;
	const char *vm = vm_option(argc, argv, "drain", &drain);

	/* Told before the files go: a reload would end what runs. */
	if (drain)
		queue_revoke(vm, true);
	if (!vm_revoke(vm)) {
		/* What was left to end may be ended all the same. */
		queue_revoke(vm, drain);
		fail("%s has no key", vm);
	}
	daemon_reload();
	/* When this has returned, it is so. */
	if (!drain)
		queue_revoke(vm, false);
	person_did(ACT_REVOKE, vm, "");
	finish_output();
	return 0;
}
