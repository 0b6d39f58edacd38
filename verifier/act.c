#include <sys/types.h>

#include "verifier/verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "imsg/act.h"
#include "privsep/log.h"
#include "verifier/journal.h"
#include "wire/id.h"

/* What a person has changed in dom0, as the command says that did it. */

static int folder = -1;
static bool taken; /* ACTS_TAKEN is recorded, and to go after the sync */

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

	return (act_event(a->act) != NULL &&
	    imsg_text_ok(a->vm, sizeof(a->vm)) && of_vm == (a->vm[0] != '\0') &&
	    (!of_vm || vm_name_valid(a->vm, strlen(a->vm))) &&
	    person_ok(a->who, a->tty) &&
	    imsg_text_ok(a->fingerprint, sizeof(a->fingerprint)));
}

/* done_us: when, where no daemon ran then; else 0. */
static bool
record_act(const struct msg_act *a, int64_t done_us)
{
	const char *vm = a->vm[0] != '\0' ? a->vm : NULL;
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin(act_event(a->act), vm, NULL);
	if (a->fingerprint[0] != '\0')
		record_str(rec, "fingerprint", a->fingerprint);
	record_str(rec, "who", a->who);
	record_str(rec, "tty", a->tty);
	if (done_us != 0)
		record_i64(rec, "done", done_us);
	if (vm != NULL)
		record_end_of(vm, hash);
	else
		journal_end(hash);
	copy_person(a->vm, "", act_event(a->act), a->who);
	return (true);
}

bool
act_take(struct imsg *m, struct msg_answered *out)
{
	struct msg_act a;

	if (imsg_payload(m, &a, sizeof(a)) == -1 || !is_whole(&a))
		return (false);
	memset(out, 0, sizeof(*out));
	out->outcome = record_act(&a, 0) ? OUTCOME_DONE : OUTCOME_NO_ROOM;
	return (true);
}

static int
open_acts(const char *name)
{
	return (openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

/*
 * Under its other name first: who adds a line sees by that name whether it
 * came too late.
 */
static int
open_taken(void)
{
	int fd = open_acts(ACTS_TAKEN);

	if (fd != -1 || errno != ENOENT)
		return (fd);
	if (linkat(folder, ACTS_FILE, folder, ACTS_TAKEN, 0) == -1 ||
	    unlinkat(folder, ACTS_FILE, 0) == -1)
		return (-1);
	return (open_acts(ACTS_TAKEN));
}

/* False: there was no room for all. */
static bool
record_lines(char *text)
{
	char *line, *rest = text;
	struct msg_act a;
	int64_t done_us;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		if (act_parse(line, &done_us, &a) == -1 || done_us == 0 ||
		    !is_whole(&a))
			log_warn("log: %s: a line is left out: it is none",
			    ACTS_FILE);
		else if (!record_act(&a, done_us))
			return (false);
	}
	return (true);
}

void
acts_take(int log_folder)
{
	static char text[ACTS_MAX + 1];
	ssize_t n = -1;
	int fd;

	folder = log_folder;
	fd = open_taken();
	if (fd == -1 && errno == ENOENT)
		return;
	if (fd != -1) {
		n = pread(fd, text, ACTS_MAX, 0);
		close(fd);
	}
	if (n == -1) {
		log_warn("log: %s: %s", ACTS_FILE, strerror(errno));
		return;
	}
	text[n] = '\0';
	taken = record_lines(text);
	if (!taken)
		log_warn("log: no room for what %s says: it stays for the "
			 "next start",
		    ACTS_TAKEN);
}

/* What was added meanwhile, and was not too late, is taken in, too. */
void
acts_committed(void)
{
	if (!taken)
		return;
	taken = false;
	if (unlinkat(folder, ACTS_TAKEN, 0) == -1)
		log_warn("log: %s: %s", ACTS_TAKEN, strerror(errno));
	else
		acts_take(folder);
}
