#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "wire/id.h"

/* Requests of the running daemon, by hand: kill, queue, and what revoke does. */

static void
take_vm(char out[VM_NAME_MAX + 1], const char *vm, size_t len)
{
	if (!vm_name_valid(vm, len))
		fail("`%.*s` is no VM's name", (int)len, vm);
	memcpy(out, vm, len);
}

/* Each VM that has such, with a count. */
static struct msg_count counts[2 * VMS_MAX];
static size_t count;

static void
note_count(struct imsg *m)
{
	struct msg_count *c = &counts[count];

	if (m->hdr.type != IMSG_COUNTED)
		return;
	if (count == sizeof(counts) / sizeof(counts[0]))
		fail("the daemon's answer is none");
	control_payload(m, c, sizeof(*c));
	if (!vm_name_valid(c->vm, strnlen(c->vm, sizeof(c->vm))))
		fail("the daemon's answer is none");
	count++;
}

/* Where several VMs have chosen the same id, which is meant? */
static int
say_killed(const char *id)
{
	size_t i;

	if (count == 0)
		fail("no request %s runs or waits", id);
	if (count == 1 && counts[0].done != 0) {
		printf("%s of %s is killed.\n", id, counts[0].vm);
		finish_output();
		return 0;
	}
	fprintf(stderr,
	    "qvm-remote-dom0: error: nothing is killed: more than one VM has a "
	    "request of this id:\n");
	for (i = 0; i < count; i++)
		fprintf(stderr, "    qvm-remote-dom0 kill %s:%s\n",
		    counts[i].vm, id);
	return 1;
}

void
queue_which(const char *words, struct msg_which *which)
{
	const char *id = words, *colon = strchr(words, ':');

	memset(which, 0, sizeof(*which));
	if (colon != NULL) {
		take_vm(which->vm, words, (size_t)(colon - words));
		id = colon + 1;
	}
	if (!id_valid(id, strlen(id)) && !id_valid_v1_ping(id, strlen(id)))
		fail("`%s` is no request's id", id);
	memcpy(which->id, id, strlen(id));
}

int
command_kill(int argc, char **argv)
{
	static const struct option none[] = {{NULL, 0, NULL, 0}};
	struct msg_kill kill = {.who = ""};
	int fd;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		option_error(argv);
	if (argc - optind != 1)
		usage_error("kill: one request, [VM:]ID");
	queue_which(argv[optind], &kill.which);
	person(kill.who, kill.tty);
	fd = control_connect();
	if (fd == -1)
		return control_absent();
	control_ask(fd, IMSG_REQUEST_KILL, &kill, sizeof(kill), note_count);
	return say_killed(kill.which.id);
}

void
queue_revoke(const char *vm, bool drain)
{
	struct msg_revoke v = {.drain = drain};
	int fd = control_connect();

	if (fd == -1)
		return;
	memcpy(v.vm, vm, strlen(vm));
	control_ask(fd, IMSG_REVOKE, &v, sizeof(v), note_count);
	if (drain && count == 1 && counts[0].n > 0)
		printf("What runs may end, and is answered: %u.\n",
		    counts[0].n);
}

/* queue */

static bool json;
static size_t rows;

static const struct {
	const char *name, *before, *after;
} states[] = {
    [ROW_WAITS] = {"waiting", "waits, for at most ", " more"},
    [ROW_ASKED] = {"asked", "waits for approval, for at most ", " more"},
    [ROW_RUNS] = {"running", "runs since ", ""},
    [ROW_ENDS] = {"ending", "is being killed; runs since ", ""},
    [ROW_APPROVAL] = {"approval", "runs without being asked about, for ",
	" more"},
    [ROW_OWED] = {"owed", "has an answer that the VM is owed, for ", " more"},
};

static void
print_row(const struct msg_row *r)
{
	char hex[SHA256_HEX + 1] = "";

	if (r->state == ROW_APPROVAL)
		hex_print(hex, r->digest, SHA256_LEN);
	hex[SHA256_HEX] = '\0';
	if (!json) {
		printf("%-16s  %s%s  %s%" PRIu64 " s%s\n", r->vm, r->id, hex,
		    states[r->state].before, r->seconds,
		    states[r->state].after);
		return;
	}
	printf("{\"vm\":");
	print_json(r->vm);
	printf(",\"id\":");
	print_json(r->id);
	printf(",\"key\":");
	print_json(r->key);
	printf(",\"state\":\"%s\",\"seconds\":%" PRIu64, states[r->state].name,
	    r->seconds);
	if (hex[0] != '\0')
		printf(",\"body_sha256\":\"%s\"", hex);
	printf("}\n");
}

bool
queue_row(struct imsg *m, struct msg_row *r)
{
	if (m->hdr.type != IMSG_ROW)
		return false;
	control_payload(m, r, sizeof(*r));
	if (!imsg_text_ok(r->vm, sizeof(r->vm)) ||
	    !imsg_text_ok(r->id, sizeof(r->id)) ||
	    !imsg_text_ok(r->key, sizeof(r->key)) ||
	    r->state >= sizeof(states) / sizeof(states[0]))
		fail("the daemon's answer is none");
	return true;
}

static void
show_row(struct imsg *m)
{
	struct msg_row r;

	if (!queue_row(m, &r))
		return;
	print_row(&r);
	rows++;
}

/* One that was revoked keeps its policy. */
static bool
is_known(const char *vm)
{
	static const char *const suffixes[] = {".key", ".conf"};
	char name[KEYFILE_NAME_MAX];
	bool known = false;
	int dir = keys_folder(false);
	size_t i;

	for (i = 0; i < 2 && dir != -1; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", vm, suffixes[i]);
		known |= faccessat(dir, name, F_OK, 0) == 0;
	}
	if (dir != -1)
		close(dir);
	return known;
}

/* The VM that is meant, or "" for all. */
static struct msg_vm
queue_words(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct msg_vm vm = {.vm = ""};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			option_error(argv);
		json = true;
	}
	if (argc - optind > 1)
		usage_error("queue: too many words");
	if (optind < argc) {
		take_vm(vm.vm, argv[optind], strlen(argv[optind]));
		if (!is_known(vm.vm))
			fail("no VM %s has a key or a policy", vm.vm);
	}
	return vm;
}

static void
show_queue(const struct msg_vm *vm)
{
	control_ask(control_or_end(), IMSG_QUEUE, vm, sizeof(*vm), show_row);
	if (rows == 0 && !json)
		printf("Nothing waits, runs or is owed.\n");
}

int
command_queue(int argc, char **argv)
{
	struct msg_vm vm = queue_words(argc, argv);

	show_queue(&vm);
	finish_output();
	return 0;
}

int
command_queue_clean(int argc, char **argv)
{
	struct msg_vm vm = queue_words(argc, argv);
	struct msg_person p = {.vm = ""};
	size_t i;

	memcpy(p.vm, vm.vm, sizeof(p.vm));
	person(p.who, p.tty);
	control_ask(control_or_end(), IMSG_QUEUE_CLEAN, &p, sizeof(p),
	    note_count);
	for (i = 0; i < count && json; i++)
		printf("{\"vm\":\"%s\",\"refused\":%u}\n", counts[i].vm,
		    counts[i].n);
	for (i = 0; i < count && !json; i++)
		printf("%s: %u refused that waited.\n", counts[i].vm,
		    counts[i].n);
	if (count == 0 && !json)
		printf("Nothing waited.\n");
	finish_output();
	return 0;
}

/* The daemon has done at its start what this did in earlier versions. */
int
command_queue_recover(int argc, char **argv)
{
	struct msg_vm vm = queue_words(argc, argv);

	if (!json)
		printf("There is nothing to do by hand: what a crash has "
		       "interrupted is answered\n`interrupted` when the daemon "
		       "starts, what had not started is taken again, and\n"
		       "nothing runs twice.\n");
	show_queue(&vm);
	finish_output();
	return 0;
}

int
command_queue_debug(int argc, char **argv)
{
	struct msg_vm vm = queue_words(argc, argv);

	show_queue(&vm);
	status_show(json);
	finish_output();
	return 0;
}
