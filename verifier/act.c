#include "verifier/verifier.h"

#include <string.h>

#include "verifier/journal.h"
#include "wire/id.h"

/* What a person has changed in dom0, as the command says that did it. */

static const char *const events[] = {
    [ACT_AUTHORIZE] = "authorize",
    [ACT_REVOKE] = "revoke",
    [ACT_ROTATE] = "rotate",
    [ACT_ROTATE_FINISH] = "rotate-finish",
    [ACT_ENABLE] = "enable",
    [ACT_DISABLE] = "disable",
};
#define ACTS (sizeof(events) / sizeof(events[0]))

bool
person_ok(const char who[VM_NAME_MAX + 1], const char tty[VM_NAME_MAX + 1])
{
	return (imsg_text_ok(who, VM_NAME_MAX + 1) && who[0] != '\0' &&
	    imsg_text_ok(tty, VM_NAME_MAX + 1) && tty[0] != '\0');
}

/* enable and disable are about no VM, the others about one. */
static bool
is_whole(const struct msg_act *a)
{
	bool of_vm = a->act != ACT_ENABLE && a->act != ACT_DISABLE;

	return (a->act < ACTS && imsg_text_ok(a->vm, sizeof(a->vm)) &&
	    of_vm == (a->vm[0] != '\0') &&
	    (!of_vm || vm_name_valid(a->vm, strlen(a->vm))) &&
	    person_ok(a->who, a->tty) &&
	    imsg_text_ok(a->fingerprint, sizeof(a->fingerprint)));
}

static bool
record_act(const struct msg_act *a)
{
	const char *vm = a->vm[0] != '\0' ? a->vm : NULL;
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin(events[a->act], vm, NULL);
	if (a->fingerprint[0] != '\0')
		record_str(rec, "fingerprint", a->fingerprint);
	record_str(rec, "who", a->who);
	record_str(rec, "tty", a->tty);
	if (vm != NULL)
		record_end_of(vm, hash);
	else
		journal_end(hash);
	copy_person(a->vm, "", events[a->act], a->who);
	return (true);
}

bool
act_take(struct imsg *m, struct msg_answered *out)
{
	struct msg_act a;

	if (imsg_payload(m, &a, sizeof(a)) == -1 || !is_whole(&a))
		return (false);
	memset(out, 0, sizeof(*out));
	out->outcome = record_act(&a) ? OUTCOME_DONE : OUTCOME_NO_ROOM;
	return (true);
}
