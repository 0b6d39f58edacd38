#include "verifier/verifier.h"

#include <sys/mman.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * Who is served: what the parent brings between CONFIG_BEGIN and CONFIG_END
 * replaces what was there, at once and as a whole.  Keys live in locked
 * memory that no core or swap holds, and only as what is derived from them.
 */

#define POLICY_MAX 65536
#define RETIRE_MS  (60 * 1000)
#define NO_PLACE                                                            \
	"no place is free: too many VMs that are served no more are still " \
	"owed answers; reload (SIGHUP) when they have them"

static bool known; /* CONFIG_END has come */
static char no_place[VMS_MAX][VM_NAME_MAX + 1];
static unsigned no_places, no_places_told;
static struct derived_keys *locked; /* two for each VM: now and next */
#define LOCKED_SIZE (2 * VM_TABLE * sizeof(struct derived_keys))

void
config_forget(struct vm *vm)
{
	struct derived_keys *key = vm->key, *next_key = vm->next_key;

	free(vm->policy);
	free(vm->next_policy);
	memset(vm, 0, sizeof(*vm));
	vm->key = key;
	vm->next_key = next_key;
	vm->memory = -1;
	TAILQ_INIT(&vm->requests);
	vm->session.body_fd = vm->session.input_fd = -1;
}

void
config_init(void)
{
	size_t i;

	locked = mmap(NULL, LOCKED_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (locked == MAP_FAILED || mlock(locked, LOCKED_SIZE) == -1 ||
	    madvise(locked, LOCKED_SIZE, MADV_DONTDUMP) == -1)
		fatal("memory for the keys");
	for (i = 0; i < VM_TABLE; i++) {
		vms[i].key = &locked[2 * i];
		vms[i].next_key = &locked[2 * i + 1];
		config_forget(&vms[i]);
	}
}

static void
forget_next(struct vm *vm)
{
	explicit_bzero(vm->next_key, sizeof(*vm->next_key));
	free(vm->next_policy);
	vm->next_policy = NULL;
	vm->next_named = vm->next_key_ok = false;
	vm->why[0] = '\0';
}

struct vm *
config_place(const char *name)
{
	struct vm *vm, *place = NULL;

	vm = vm_find(name);
	if (vm != NULL)
		return (vm);
	for (vm = vms; vm < vms + VM_TABLE && place == NULL; vm++) {
		if (vm->name[0] == '\0')
			place = vm;
	}
	if (place != NULL)
		memcpy(place->name, name, strlen(name) + 1);
	return (place);
}

static bool
is_held(const struct vm *vm, int64_t now, bool by_time)
{
	int64_t now_ms = now_boottime_ms();
	const struct cancel *c;

	if (vm->served || vm->next_named || !TAILQ_EMPTY(&vm->requests) ||
	    channel_is_open(&vm->session.ch))
		return (true);
	for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
		if (c->expires != 0 &&
		    (c->expires + 2 * CLOCK_SLACK >= now ||
			(!by_time && c->until_ms > now_ms)))
			return (true);
	}
	return (false);
}

void
config_tidy(int64_t now, bool by_time)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (vm->name[0] != '\0' && !is_held(vm, now, by_time))
			config_forget(vm);
	}
}

static void
read_key(struct vm *vm, int fd)
{
	uint8_t key[KEY_LEN];
	char text[80];
	ssize_t n;

	n = pread(fd, text, sizeof(text), 0);
	if (n == -1)
		snprintf(vm->why, sizeof(vm->why), "its key: %s",
		    strerror(errno));
	else if (key_parse(text, (size_t)n, key) == -1)
		snprintf(vm->why, sizeof(vm->why),
		    "its key is not 64 hex digits");
	else if (key_is_weak(key))
		snprintf(vm->why, sizeof(vm->why), "its key is weak");
	else {
		derive_keys(key, vm->next_key);
		v1_key_set(vm->next_key, text);
		vm->next_key_ok = true;
	}
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key, sizeof(key));
}

static void
read_policy(struct vm *vm, int fd)
{
	static char text[POLICY_MAX + 1];
	static struct policy policy;
	const struct policy_env env = {.find = commands_find};
	char name[VM_NAME_MAX + 6];
	ssize_t n;

	n = pread(fd, text, sizeof(text), 0);
	snprintf(name, sizeof(name), "%s.conf", vm->name);
	if (n == -1)
		snprintf(vm->why, sizeof(vm->why), "%s: %s", name,
		    strerror(errno));
	else if (n > POLICY_MAX)
		snprintf(vm->why, sizeof(vm->why), "%s: more than 64 KiB",
		    name);
	else if (policy_load(name, text, (size_t)n, &env, &policy, vm->why,
		     sizeof(vm->why)) == 0) {
		free(vm->next_policy);
		vm->next_policy = policy_copy(&policy);
		if (vm->next_policy == NULL)
			fatal("policy");
	}
}

/* Two VMs with one key: neither is served, for either could be meant. */
static void
refuse_duplicates(void)
{
	struct vm *a, *b;

	for (a = vms; a < vms + VM_TABLE; a++) {
		for (b = a + 1; b < vms + VM_TABLE; b++) {
			if (!a->next_named || !b->next_named ||
			    memcmp(a->next_key->request, b->next_key->request,
				SHA256_LEN) != 0 ||
			    a->next_key->fingerprint[0] == '\0')
				continue;
			a->next_key_ok = b->next_key_ok = false;
			snprintf(a->why, sizeof(a->why),
			    "VM %s has the same key", b->name);
			snprintf(b->why, sizeof(b->why),
			    "VM %s has the same key", a->name);
		}
	}
}

/* What has not started is refused at once, and what runs is killed. */
static void
revoke_requests(struct vm *vm)
{
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state == REQUEST_WAITING)
			request_refuse(r, RECEIPT_REJECTED,
			    "its key was revoked");
		else
			request_cancel(r, "its key was revoked");
	}
}

/*
 * A key that the log does not know is known from this second on: what it
 * signed before is refused.  Where records are missing, it may have signed for
 * a time that lies ahead, and that may have run.
 */
static int
key_index(const char *fingerprint, struct vm *vm)
{
	int64_t since = config_known_since();
	uint8_t hash[SHA256_LEN];
	struct record *rec;
	int key;

	key = memory_key_find(fingerprint);
	if (key != -1)
		return (key);
	if (!journal_room(JOURNAL_RESULT))
		return (-1);
	key = memory_key_add(fingerprint, since);
	if (key == -1)
		return (-1);
	rec = journal_begin("key", vm->name, NULL);
	record_str(rec, "fingerprint", fingerprint);
	record_i64(rec, "known_since", since);
	record_end_of(vm->name, hash);
	return (key);
}

int64_t
config_known_since(void)
{
	return (journal_now() + (journal_lost_runs() ? 2 * CLOCK_SLACK : 0));
}

bool
config_known(void)
{
	return (known);
}

/* With the key that it has now. */
static bool
goes_on(const struct vm *vm)
{
	return (vm->next_named && vm->next_key_ok && vm->next_policy != NULL &&
	    strcmp(vm->key->fingerprint, vm->next_key->fingerprint) == 0);
}

/* No key, no policy: no run.  What is asked of it ends here. */
static void
stop_serving(struct vm *vm)
{
	vm->served = false;
	memory_key_serve(vm->memory, false);
	vm->memory = -1;
	explicit_bzero(vm->key, sizeof(*vm->key));
	vm->retire_ms = now_boottime_ms() + RETIRE_MS;
	revoke_requests(vm);
}

static void
start_serving(struct vm *vm)
{
	int key;

	free(vm->policy);
	vm->policy = vm->next_policy;
	vm->next_policy = NULL;
	if (vm->served) {
		v1_key_keep(vm);
		return;
	}
	key = key_index(vm->next_key->fingerprint, vm);
	if (key == -1) {
		snprintf(vm->why, sizeof(vm->why),
		    "its key cannot be recorded: the log or the table of keys "
		    "is full");
		return;
	}
	*vm->key = *vm->next_key;
	v1_key_keep(vm);
	vm->memory = key;
	memory_key_serve(key, true);
	vm->served = true;
	vm->session.bye = false;
}

static void
config_end(void)
{
	struct vm *vm;

	refuse_duplicates();
	/* First all that go, so that keys may move from VM to VM. */
	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (vm->served && !goes_on(vm))
			stop_serving(vm);
	}
	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (!vm->next_named)
			continue;
		if (vm->next_key_ok && vm->next_policy != NULL)
			start_serving(vm);
		vm->tell_served = true;
		explicit_bzero(vm->next_key, sizeof(*vm->next_key));
	}
	memory_trim();
	no_places_told = 0;
	known = true;
}

/* The places are held by VMs that are served no more and are owed something. */
static void
turn_away(const char *name)
{
	log_warn("VM %s: %s", name, NO_PLACE);
	if (no_places < VMS_MAX)
		memcpy(no_place[no_places++], name, strlen(name) + 1);
}

bool
config_turned_away(unsigned n, struct msg_status_vm *s)
{
	if (n >= no_places)
		return (false);
	memset(s, 0, sizeof(*s));
	memcpy(s->vm, no_place[n], sizeof(no_place[n]));
	snprintf(s->why, sizeof(s->why), "%s", NO_PLACE);
	return (true);
}

static void
config_vm(struct imsg *m)
{
	struct msg_vm named;
	struct vm *vm;
	int fd;

	if (imsg_payload(m, &named, sizeof(named)) == -1 ||
	    !imsg_text_ok(named.vm, sizeof(named.vm)) || named.vm[0] == '\0')
		fatalx("parent: a bad VM");
	vm = config_place(named.vm);
	if (vm == NULL) {
		if (m->hdr.type == IMSG_CONFIG_VM)
			turn_away(named.vm);
		return;
	}
	if (m->hdr.type == IMSG_CONFIG_VM) {
		vm->next_named = true;
		return;
	}
	fd = imsg_take_fd(m);
	if (m->hdr.type == IMSG_CONFIG_KEY)
		read_key(vm, fd);
	else
		read_policy(vm, fd);
	close(fd);
}

static void
open_session(struct imsg *m)
{
	struct msg_vm named;
	struct vm *vm;

	if (imsg_payload(m, &named, sizeof(named)) == -1 ||
	    !imsg_text_ok(named.vm, sizeof(named.vm)) ||
	    (vm = vm_find(named.vm)) == NULL)
		fatalx("parent: a session of a VM that is not known");
	session_open(vm, imsg_take_fd(m));
}

static void
take_copy(struct imsg *m)
{
	struct msg_copy copy;

	if (imsg_payload(m, &copy, sizeof(copy)) == -1 ||
	    copy.to > COPY_JOURNAL)
		fatalx("parent: a bad copy");
	copy_take(copy.to, imsg_take_fd(m));
}

void
config_dispatch(struct imsg *m)
{
	static uint32_t before;
	struct vm *vm;
	int fd;

	switch (m->hdr.type) {
	case IMSG_COPY:
		take_copy(m);
		break;
	case IMSG_BEGIN:
		verifier_begin();
		break;
	case IMSG_CONFIG_BEGIN:
		before = parent.end.state;
		imsg_set_state(&parent.end, ST_RELOAD);
		for (vm = vms; vm < vms + VM_TABLE; vm++)
			forget_next(vm);
		no_places = 0;
		no_places_told = VMS_MAX;
		break;
	case IMSG_CONFIG_COMMANDS:
		commands_take(fd = imsg_take_fd(m));
		close(fd);
		break;
	case IMSG_CONFIG_VM:
	case IMSG_CONFIG_KEY:
	case IMSG_CONFIG_POLICY:
		config_vm(m);
		break;
	case IMSG_CONFIG_END:
		imsg_set_state(&parent.end, before);
		config_end();
		break;
	case IMSG_POLLER_CHANNEL:
		open_session(m);
		break;
	case IMSG_CONTROL:
		control_open(imsg_take_fd(m));
		break;
	case IMSG_PING:
		verifier_pinged();
		break;
	case IMSG_STOP:
		stopping = true;
		imsg_set_state(&parent.end, ST_STOPPING);
		break;
	default:
		fatalx("parent: unexpected message %u", m->hdr.type);
	}
}

const char *
config_why(const struct vm *vm)
{
	return (
	    vm->why[0] != '\0' ? vm->why : "its key or its policy is missing");
}

static int
send_served(const char *name, bool served, const char *why)
{
	struct msg_served s = {.served = served};

	memcpy(s.vm, name, strlen(name));
	if (!served)
		snprintf(s.reason, sizeof(s.reason), "%s", why);
	return (channel_send(&parent, IMSG_SERVED, 0, &s, sizeof(s), -1));
}

static int
send_vm(struct vm *vm)
{
	struct msg_vm named = {0};
	struct msg_hold hold = {.seconds = vm->tell_hold};

	if (vm->tell_served) {
		if (send_served(vm->name, vm->served, config_why(vm)) == -1)
			return (-1);
		vm->tell_served = false;
	}
	memcpy(named.vm, vm->name, sizeof(vm->name));
	if (vm->tell_delivered) {
		if (channel_send(&parent, IMSG_DELIVERED, 0, &named,
			sizeof(named), -1) == -1)
			return (-1);
		vm->tell_delivered = false;
	}
	memcpy(hold.vm, vm->name, sizeof(vm->name));
	if (vm->tell_hold > 0) {
		if (channel_send(&parent, IMSG_HOLD, 0, &hold, sizeof(hold),
			-1) == -1)
			return (-1);
		vm->tell_hold = 0;
	}
	return (0);
}

void
config_pump(void)
{
	struct vm *vm;

	for (; no_places_told < no_places; no_places_told++) {
		if (send_served(no_place[no_places_told], false, NO_PLACE) ==
		    -1)
			return;
	}
	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (vm->name[0] != '\0' && send_vm(vm) == -1)
			return;
	}
}
