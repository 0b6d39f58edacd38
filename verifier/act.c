#include <sys/stat.h>
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

/* "", or what fingerprints look like: a line may have been cut within one. */
static bool
fingerprint_ok(const char text[24], bool needed)
{
	size_t len = strspn(text, "0123456789abcdef");

	return (text[len] == '\0' &&
	    (len == FINGERPRINT_HEX || (len == 0 && !needed)));
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
	    imsg_text_ok(a->fingerprint, sizeof(a->fingerprint)) &&
	    fingerprint_ok(a->fingerprint, of_vm && a->act != ACT_REVOKE));
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
	int fd, error;

	fd = openat(folder, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	error = errno;
	if (fd == -1 && error != ENOENT)
		log_warn("log: %s: %s", name, strerror(error));
	errno = error;
	return (fd);
}

/*
 * Under its other name first: who adds a line sees by that name whether it
 * came too late.  A start that was killed may have left it both.
 */
static int
open_taken(void)
{
	struct stat st;
	int fd;

	fd = open_acts(ACTS_TAKEN);
	if (fd != -1 && fstat(fd, &st) == 0 && st.st_nlink > 1)
		(void)unlinkat(folder, ACTS_FILE, 0);
	if (fd != -1 || errno != ENOENT)
		return (fd);
	fd = open_acts(ACTS_FILE);
	if (fd == -1)
		return (-1);
	if (linkat(folder, ACTS_FILE, folder, ACTS_TAKEN, 0) == 0 &&
	    unlinkat(folder, ACTS_FILE, 0) == 0)
		return (fd);
	log_warn("log: %s: %s", ACTS_FILE, strerror(errno));
	close(fd);
	return (-1);
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
	static char text[ACTS_MAX + 64 * ACT_MAX + 1]; /* for many at a time */
	ssize_t i, n;
	int fd;

	folder = log_folder;
	fd = open_taken();
	if (fd == -1)
		return;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n == -1)
		log_warn("log: %s: %s", ACTS_TAKEN, strerror(errno));
	close(fd);
	if (n == -1)
		return;
	if ((size_t)n == sizeof(text) - 1)
		log_warn("log: %s: too long: its end is left out", ACTS_TAKEN);
	/* As a power loss leaves it: no line has one. */
	for (i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '?';
	text[n] = '\0';
	taken = record_lines(text);
	if (taken)
		journal_await();
	else
		log_warn("log: no room for what %s says: it stays", ACTS_TAKEN);
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

void
acts_again(void)
{
	if (folder != -1 && !taken)
		acts_take(folder);
}
