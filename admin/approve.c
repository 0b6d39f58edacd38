#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "policy/text.h"

/* A person's word on what waits for it: deny. */

#define ASKED_MAX (2 * VMS_MAX * 64) /* as many as the daemon has */

/* What waits, of the id that is meant, or all of it. */
static struct msg_row *asked;
static size_t asked_count;
static struct msg_answered answered;

static void
note_asked(struct imsg *m)
{
	struct msg_row r;

	if (!queue_row(m, &r) || r.state != ROW_ASKED)
		return;
	if (asked_count == ASKED_MAX)
		fail("the daemon's answer is none");
	asked[asked_count++] = r;
}

static void
fetch_asked(void)
{
	const struct msg_vm all = {.vm = ""};

	if (asked == NULL)
		asked = calloc(ASKED_MAX, sizeof(*asked));
	if (asked == NULL)
		fail_errno("queue");
	asked_count = 0;
	control_ask(control_or_end(), IMSG_QUEUE, &all, sizeof(all),
	    note_asked);
}

/*
 * The one that is meant; NULL: none waits.  Where VMs have chosen the same id,
 * or one has with two keys, which is?
 */
static const struct msg_row *
find_asked(const char *command, const struct msg_which *w)
{
	const struct msg_row *r;
	size_t i, kept = 0;

	fetch_asked();
	for (r = asked; r < asked + asked_count; r++) {
		if (strcmp(r->id, w->id) == 0 &&
		    (w->vm[0] == '\0' || strcmp(r->vm, w->vm) == 0))
			asked[kept++] = *r;
	}
	if (kept < 2)
		return kept == 0 ? NULL : asked;
	fprintf(stderr,
	    "qvm-remote-dom0: error: more than one has this id and waits:\n");
	for (i = 0; i < kept; i++)
		fprintf(stderr, "    qvm-remote-dom0 %s %s:%s\n", command,
		    asked[i].vm, asked[i].id);
	exit(1);
}

/* Who is at this terminal, for the log: not a proof, root may say anything. */
static void
put_person(struct msg_answer *a)
{
	char login[LOGIN_NAME_MAX], tty[PATH_MAX];
	const char *who = getenv("SUDO_USER");

	if (getlogin_r(login, sizeof(login)) == 0)
		who = login;
	if (who == NULL || !user_name_valid(who))
		who = "root";
	snprintf(a->who, sizeof(a->who), "%.*s", VM_NAME_MAX, who);
	if (ttyname_r(STDIN_FILENO, tty, sizeof(tty)) != 0 ||
	    strlen(tty) >= sizeof(a->tty) || !imsg_text_ok(tty, sizeof(tty)))
		memcpy(tty, "-", 2);
	snprintf(a->tty, sizeof(a->tty), "%.*s", VM_NAME_MAX, tty);
}

static void
take_answered(struct imsg *m)
{
	if (m->hdr.type != IMSG_ANSWERED)
		return;
	control_payload(m, &answered, sizeof(answered));
	if (!imsg_text_ok(answered.text, sizeof(answered.text)))
		fail("the daemon's answer is none");
}

/* Why it was not done: the exit status. */
static int
say_not_done(const char *id)
{
	if (answered.outcome == OUTCOME_NO_ROOM)
		fail("%s waits on: the log has no room for the record of it",
		    id);
	if (answered.outcome == OUTCOME_CHANGED)
		fprintf(stderr,
		    "qvm-remote-dom0: %s has changed since it was shown: "
		    "nothing is approved, it waits on\n",
		    id);
	else if (answered.text[0] != '\0')
		fprintf(stderr,
		    "qvm-remote-dom0: %s does not wait for approval any "
		    "more: %s\n",
		    id, answered.text);
	else
		fprintf(stderr,
		    "qvm-remote-dom0: %s does not wait for approval\n", id);
	return EXIT_OVER;
}

int
command_deny(int argc, char **argv)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	struct msg_answer a = {.answer = ANSWER_DENY};
	const struct msg_row *row;
	struct msg_which which;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		option_error(argv);
	if (argc - optind != 1)
		usage_error("deny: one request, [VM:]ID");
	queue_which(argv[optind], &which);
	row = find_asked("deny", &which);
	memcpy(a.vm, which.vm, sizeof(a.vm));
	memcpy(a.id, which.id, sizeof(a.id));
	if (row != NULL)
		memcpy(a.request, row->request, sizeof(a.request));
	put_person(&a);
	control_ask(control_or_end(), IMSG_ANSWER, &a, sizeof(a),
	    take_answered);
	if (answered.outcome != OUTCOME_DONE)
		return say_not_done(which.id);
	printf("%s of %s is denied.\n", which.id, row->vm);
	finish_output();
	return 0;
}
