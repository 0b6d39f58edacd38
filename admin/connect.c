#include <stdio.h>

#include "admin/admin.h"

/* A VM's key and its place in remote.conf's list, by one command. */

int
command_connect(int argc, char **argv)
{
	const char *argument, *vm = vm_argument(argc, argv, 2, &argument);
	char fingerprint[FINGERPRINT_HEX + 1];

	/* Before a key is asked for, and again when nobody else changes it. */
	list_check(vm);
	vm_authorize(vm, argument, fingerprint);
	list_change(vm, true);
	daemon_reload();
	person_did(ACT_AUTHORIZE, vm, fingerprint);
	finish_output();
	return 0;
}

int
command_disconnect(int argc, char **argv)
{
	const char *vm = vm_argument(argc, argv, 1, NULL);
	bool had_key;

	had_key = vm_revoke(vm);
	/* At once, whatever becomes of the list. */
	if (had_key)
		daemon_reload();
	if (list_change(vm, false))
		daemon_reload();
	else if (!had_key)
		fail("%s is not connected: it has no key", vm);
	/* When this has returned, it is so. */
	if (had_key)
		queue_revoke(vm, false);
	person_did(ACT_REVOKE, vm, "");
	finish_output();
	return 0;
}
