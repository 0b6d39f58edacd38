#include "verifier/verifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "verifier/journal.h"

/*
 * `log erase`: what the log has of a VM that is not here any more.  Another
 * segment begins, so that the VM is named in closed ones alone, and then what
 * is erased there is recorded.
 */

void
erase_begin(const char *vm, struct msg_erased *erased)
{
	erased->outcome = ERASE_REFUSED;
	if (vm[0] == '\0' || vm_find(vm) != NULL)
		return;
	share_drop(vm);
	erased->outcome = journal_rotate() ? ERASE_DONE : ERASE_NO_ROOM;
}

/* Kept outputs may outlive the records of them. */
static bool
is_whole(const struct msg_erase *e)
{
	if (e->count == 0)
		return (e->first == 0 && e->last == 0 && e->outputs > 0);
	return (e->first > 0 && e->last >= e->first &&
	    e->count <= e->last - e->first + 1 && e->last < journal_segment());
}

bool
erase_record(const struct msg_erase *e, struct msg_erased *erased)
{
	struct record *rec;

	if (!is_whole(e))
		return (false);
	erased->outcome = ERASE_REFUSED;
	if (vm_find(e->vm) != NULL)
		return (true);
	erased->outcome = ERASE_NO_ROOM;
	if (!journal_room(JOURNAL_RESULT))
		return (true);
	/* Not as the VM's: the next snapshot would name it. */
	rec = journal_begin("erase", NULL, NULL);
	record_str(rec, "erased", e->vm);
	record_u64(rec, "count", e->count);
	record_u64(rec, "first", e->first);
	record_u64(rec, "last", e->last);
	record_hex(rec, "sha256", e->sha256, sizeof(e->sha256));
	if (e->outputs > 0)
		record_u64(rec, "outputs", e->outputs);
	record_str(rec, "who", e->who);
	record_str(rec, "tty", e->tty);
	erased->seq = journal_end_quietly();
	erased->outcome = ERASE_DONE;
	copy_person("", "", "erase", e->who);
	return (true);
}
