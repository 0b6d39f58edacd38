#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/page.h"
#include "policy/value.h"
#include "wire/id.h"

/*
 * A person's word on what waits for it.  What is shown is fetched first, and
 * the daemon is free while a person reads; the answer names what was shown.
 */

#define ASKED_MAX (2 * VMS_MAX * 64) /* as many as the daemon has */

/* What waits, of the id that is meant, or all of it. */
static struct msg_row *asked;
static size_t asked_count;
static struct msg_answered answered;
static unsigned revoked;

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
	if (answered.outcome == OUTCOME_NO_PLACE)
		fail("%s waits on: as many commands as may be are approved for "
		     "longer: `approve --revoke VM` takes them back",
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

/* What was fetched of one: its bytes, and their digests, as they are here. */
static struct {
	bool there;
	struct msg_shown s;
	char *body, *input;
	uint8_t body_sha256[SHA256_LEN], input_sha256[SHA256_LEN];
} shown;

/* A memfd that nobody can change any more, of this length. */
static char *
read_bytes(struct imsg *m, uint64_t len, uint8_t digest[SHA256_LEN])
{
	int fd = imsg_take_fd(m);
	char *bytes = malloc(len + 1);
	uint64_t off;
	ssize_t n;

	if (bytes == NULL || len > INPUT_POLICY_MAX)
		fail("what is to be shown is too long");
	for (off = 0; off < len; off += (uint64_t)n) {
		n = pread(fd, bytes + off, len - off, (off_t)off);
		if (n <= 0)
			fail("what is to be shown cannot be read");
	}
	close(fd);
	sha256(bytes, len, digest);
	return bytes;
}

static void
take_shown(struct imsg *m)
{
	struct msg_shown *s = &shown.s;

	take_answered(m);
	if (m->hdr.type == IMSG_SHOWN_INPUT && shown.there)
		shown.input = read_bytes(m, s->input_len, shown.input_sha256);
	if (m->hdr.type != IMSG_SHOWN)
		return;
	control_payload(m, s, sizeof(*s));
	if (!imsg_text_ok(s->vm, sizeof(s->vm)) ||
	    !imsg_text_ok(s->id, sizeof(s->id)) ||
	    !imsg_text_ok(s->key, sizeof(s->key)) ||
	    !imsg_text_ok(s->user, sizeof(s->user)) ||
	    !imsg_text_ok(s->note, sizeof(s->note)))
		fail("the daemon's answer is none");
	shown.there = true;
	shown.body = read_bytes(m, s->body_len, shown.body_sha256);
}

static void
forget_shown(void)
{
	free(shown.body);
	free(shown.input);
	memset(&shown, 0, sizeof(shown));
}

/* False: it does not wait any more, and answered says so. */
static bool
fetch_shown(const struct msg_show *which)
{
	forget_shown();
	control_ask(control_or_end(), IMSG_SHOW, which, sizeof(*which),
	    take_shown);
	if (!shown.there)
		return false;
	if (memcmp(shown.body_sha256, shown.s.body_sha256, SHA256_LEN) != 0 ||
	    (shown.input != NULL) != (shown.s.has_input != 0) ||
	    (shown.input != NULL &&
		memcmp(shown.input_sha256, shown.s.input_sha256, SHA256_LEN) !=
		    0))
		fail("%s: its bytes are not those of its digest: nothing is "
		     "approved",
		    shown.s.id);
	return true;
}

static void __attribute__((format(printf, 2, 3)))
show_fact(const char *mark, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	page_bytes(mark, text, strlen(text), false);
}

static void
show_vm(void)
{
	static const struct {
		const char *label;
		int colour;
	} colours[] = {{"red", 31}, {"orange", 33}, {"yellow", 93},
	    {"green", 32}, {"gray", 90}, {"blue", 34}, {"purple", 35},
	    {"black", 0}};
	char label[LABEL_MAX + 1] = "", text[128];
	const char *no = getenv("NO_COLOR");
	int colour = 0;
	size_t i;

	if (!vm_label(shown.s.vm, label)) {
		snprintf(text, sizeof(text), "VM %s asks:", shown.s.vm);
		page_row(text, 0);
		return;
	}
	for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(label, colours[i].label) == 0)
			colour = colours[i].colour;
	}
	snprintf(text, sizeof(text), "VM %s (%s) asks:", shown.s.vm, label);
	page_row(text, no != NULL && no[0] != '\0' ? 0 : colour);
}

/* " memory 512M", where there is such a limit. */
static void
add_limit(char *text, size_t size, const char *name, uint64_t n, bool bytes)
{
	char number[VALUE_SIZE_MAX];
	size_t used = strlen(text);

	if (n == 0)
		return;
	if (bytes)
		value_size_print(n, number);
	else
		snprintf(number, sizeof(number), "%" PRIu64, n);
	snprintf(text + used, size - used, "%s%s %s", used > 0 ? ", " : "",
	    name, number);
}

static void
show_limits(void)
{
	const struct msg_shown *s = &shown.s;
	char text[256] = "";

	add_limit(text, sizeof(text), "timeout", s->timeout, false);
	add_limit(text, sizeof(text), "output", s->output_limit, true);
	add_limit(text, sizeof(text), "memory", s->memory, true);
	add_limit(text, sizeof(text), "tasks", s->tasks, false);
	add_limit(text, sizeof(text), "files", s->files, false);
	add_limit(text, sizeof(text), "file-size", s->file_size, true);
	add_limit(text, sizeof(text), "nice", s->nice, false);
	show_fact("limits  ", "%s", text);
}

static void
show_digest(const char *mark, uint64_t len, const uint8_t digest[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, digest, SHA256_LEN);
	hex[SHA256_HEX] = '\0';
	show_fact(mark, "%" PRIu64 " bytes", len);
	show_fact("SHA-256  ", "%s", hex);
}

static void
show_all(void)
{
	const struct msg_shown *s = &shown.s;

	show_vm();
	show_fact("id  ", "%s", s->id);
	show_fact("key  ", "%s", s->key);
	if (s->note[0] != '\0')
		show_fact("note  ", "\"%s\", claimed by the VM", s->note);
	show_fact("runs as  ", "%s, in bash", s->user);
	show_limits();
	show_fact("left  ", "%" PRIu64 " s, then it expires", s->seconds);
	show_digest("body  ", s->body_len, shown.body_sha256);
	if (shown.input != NULL)
		show_digest("input  ", s->input_len, shown.input_sha256);
	page_row("Below, \\\\ is one backslash; \\t, \\r, \\xHH and "
		 "\\u{HEX} are not",
	    0);
	page_row("printable ASCII; a row with + goes on with the one above.",
	    0);
	page_row("Command:", 0);
	page_bytes("", shown.body, s->body_len, true);
	if (shown.input == NULL)
		return;
	page_row("Input of the command:", 0);
	page_bytes("", shown.input, s->input_len, true);
}

/* What the daemon is told: that it was this which was shown. */
static int
send_word(enum answer word, uint64_t minutes)
{
	struct msg_answer a = {.answer = word,
	    .timeout = shown.s.timeout,
	    .minutes = minutes};

	memcpy(a.vm, shown.s.vm, sizeof(a.vm));
	memcpy(a.id, shown.s.id, sizeof(a.id));
	memcpy(a.request, shown.s.request, sizeof(a.request));
	memcpy(a.body_sha256, shown.body_sha256, sizeof(a.body_sha256));
	memcpy(a.user, shown.s.user, sizeof(a.user));
	person(a.who, a.tty);
	memset(&answered, 0, sizeof(answered));
	control_ask(control_or_end(), IMSG_ANSWER, &a, sizeof(a),
	    take_answered);
	if (answered.outcome != OUTCOME_DONE)
		return say_not_done(shown.s.id);
	printf("%s of %s is %s", shown.s.id, shown.s.vm,
	    word == ANSWER_DENY ? "denied" : "approved");
	if (word == ANSWER_ALWAYS)
		printf(", and so is this command for %" PRIu64 " minutes",
		    minutes);
	printf(".\n");
	return 0;
}

#define LEFT (-1) /* whoever reads wants no more */

/* `always MINUTES`, of what has no input: the minutes, or 0. */
static uint64_t
minutes_of(const char *word)
{
	static const char always[] = "always ";
	const char *end;
	uint64_t n;

	if (shown.input != NULL || strncmp(word, always, strlen(always)) != 0 ||
	    value_number(word + strlen(always), MINUTES_MAX, &n, &end) == -1 ||
	    *end != '\0')
		return 0;
	return n;
}

/* One that was fetched: the exit status, or LEFT. */
static int
ask_person(void)
{
	char word[64];

	page_open();
	show_all();
	if (!page_question(shown.input != NULL
		    ? "Run it? yes, deny, or [no]: "
		    : "Run it? yes, always MINUTES, deny, or [no]: ",
		word, sizeof(word))) {
		printf("\nNot approved: it waits on.\n");
		return LEFT;
	}
	if (strcmp(word, "yes") == 0)
		return send_word(ANSWER_APPROVE, 0);
	if (minutes_of(word) != 0)
		return send_word(ANSWER_ALWAYS, minutes_of(word));
	if (strcmp(word, "deny") == 0)
		return send_word(ANSWER_DENY, 0);
	printf("Not approved: it waits on.\n");
	return 1;
}

static int
approve_one(const char *words)
{
	const struct msg_row *row;
	struct msg_which which;
	struct msg_show show = {.vm = ""};
	int status;

	queue_which(words, &which);
	row = find_asked("approve", &which);
	memcpy(show.vm, which.vm, sizeof(show.vm));
	memcpy(show.id, which.id, sizeof(show.id));
	if (row != NULL)
		memcpy(show.request, row->digest, sizeof(show.request));
	if (!fetch_shown(&show))
		return say_not_done(which.id);
	status = ask_person();
	return status == LEFT ? 1 : status;
}

/* What has been shown in this run, and of which VM. */
static struct {
	char vm[VM_NAME_MAX + 1];
	uint8_t request[SHA256_LEN];
} seen[ASKED_MAX];
static size_t seen_count;

/* How many of a VM were; -1: this one was. */
static int
times_seen(const struct msg_row *r)
{
	int times = 0;
	size_t i;

	for (i = 0; i < seen_count; i++) {
		if (memcmp(seen[i].request, r->digest, SHA256_LEN) == 0)
			return -1;
		times += strcmp(seen[i].vm, r->vm) == 0;
	}
	return times;
}

/*
 * VMs take turns, so that one that asks much does not hide what others ask:
 * of those of which the fewest were shown, the oldest.
 */
static const struct msg_row *
next_asked(void)
{
	const struct msg_row *r, *next = NULL;
	int times, fewest = 0;

	fetch_asked();
	if (seen_count == ASKED_MAX)
		return NULL;
	for (r = asked; r < asked + asked_count; r++) {
		times = times_seen(r);
		if (times == -1)
			continue;
		if (next == NULL || times < fewest ||
		    (times == fewest && r->number < next->number)) {
			next = r;
			fewest = times;
		}
	}
	return next;
}

static int
approve_each(void)
{
	const struct msg_row *row;
	struct msg_show show;

	while ((row = next_asked()) != NULL) {
		memcpy(seen[seen_count].vm, row->vm, sizeof(row->vm));
		memcpy(seen[seen_count++].request, row->digest, SHA256_LEN);
		memcpy(show.vm, row->vm, sizeof(show.vm));
		memcpy(show.id, row->id, sizeof(show.id));
		memcpy(show.request, row->digest, sizeof(show.request));
		/* What went meanwhile is no matter of who has not seen it. */
		if (fetch_shown(&show) && ask_person() == LEFT)
			return 0;
	}
	printf("Nothing %swaits for approval.\n",
	    seen_count > 0 ? "more " : "");
	return 0;
}

static void
take_count(struct imsg *m)
{
	struct msg_count c;

	if (m->hdr.type != IMSG_COUNTED)
		return;
	control_payload(m, &c, sizeof(c));
	revoked = c.n;
}

static int
revoke_approvals(const char *vm)
{
	struct msg_person p = {.vm = ""};

	if (!vm_name_valid(vm, strlen(vm)))
		fail("`%s` is no VM's name", vm);
	memcpy(p.vm, vm, strlen(vm));
	person(p.who, p.tty);
	control_ask(control_or_end(), IMSG_APPROVAL_REVOKE, &p, sizeof(p),
	    take_count);
	if (revoked == 0)
		fail("no command of %s is approved for longer", vm);
	printf("%s: %u commands are asked about again.\n", vm, revoked);
	return 0;
}

static int
approve(const char *words)
{
	int status;

	if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
		fail("approve: a person answers, at a terminal: input and "
		     "output must be one");
	status = words != NULL ? approve_one(words) : approve_each();
	forget_shown();
	return status;
}

int
command_approve(int argc, char **argv)
{
	static const struct option options[] = {
	    {"revoke", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	const char *vm = NULL;
	int c, status;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'r')
			option_error(argv);
		vm = optarg;
	}
	if (argc - optind > (vm == NULL))
		usage_error("approve: at most one request, [VM:]ID, or "
			    "--revoke VM alone");
	status = vm != NULL ? revoke_approvals(vm) : approve(argv[optind]);
	finish_output();
	return status;
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
		memcpy(a.request, row->digest, sizeof(a.request));
	person(a.who, a.tty);
	control_ask(control_or_end(), IMSG_ANSWER, &a, sizeof(a),
	    take_answered);
	if (answered.outcome != OUTCOME_DONE)
		return say_not_done(which.id);
	printf("%s of %s is denied.\n", which.id, row->vm);
	finish_output();
	return 0;
}
