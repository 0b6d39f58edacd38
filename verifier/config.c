#include "verifier/verifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * Who is served: what the parent brings between CONFIG_BEGIN and CONFIG_END
 * replaces what was there, at once and as a whole.
 */

#define POLICY_MAX 65536
#define DRAIN_MS   10000 /* from `revoke --drain` to its reload */
#define NO_RECORD  "dom0's log has no room to say that it is served"
#define NO_PLACE                                                            \
	"no place is free: too many VMs that are served no more are still " \
	"owed answers; reload (SIGHUP) when they have them"

static bool known; /* CONFIG_END has come */
static char no_place[VMS_MAX][VM_NAME_MAX + 1];
static unsigned no_places, no_places_told;

void
config_forget(struct vm *vm)
{
	struct derived_keys *coming = vm->coming;
	struct vm_key *keys = vm->keys;

	free(vm->policy);
	free(vm->next_policy);
	memset(vm, 0, sizeof(*vm));
	vm->keys = keys;
	vm->coming = coming;
	keys_forget(vm);
	TAILQ_INIT(&vm->requests);
	vm->session.body_fd = vm->session.input_fd = -1;
	while (vms_end > vms && vms_end[-1].name[0] == '\0')
		vms_end--;
}

void
config_init(void)
{
	size_t i;

	keys_init();
	for (i = 0; i < VM_TABLE; i++)
		config_forget(&vms[i]);
}

static void
forget_next(struct vm *vm)
{
	keys_forget_coming(vm);
	free(vm->next_policy);
	vm->next_policy = NULL;
	vm->next_named = false;
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
	if (place == NULL)
		return (NULL);
	memcpy(place->name, name, strlen(name) + 1);
	if (place >= vms_end)
		vms_end = place + 1;
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

	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] != '\0' && !is_held(vm, now, by_time))
			config_forget(vm);
	}
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
		sha256(text, (size_t)n, vm->next_digest);
	}
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

static bool
goes_on(const struct vm *vm)
{
	return (vm->next_named && vm->next_policy != NULL && keys_go_on(vm));
}

/* No key, no policy: no run.  What is asked of it ends here. */
static void
stop_serving(struct vm *vm, const char *why)
{
	int64_t now_ms = now_boottime_ms();

	record_unserved(vm, why);
	vm->served = false;
	(void)approval_revoke(vm->name, NULL);
	vm->retire_ms = now_ms + RETIRE_MS;
	keys_go(vm, now_ms < vm->drain_ms, why);
}

/* A reload that is on its way may still have the files, or have them no more. */
unsigned
config_revoke(struct vm *vm, bool drain)
{
	vm->drain_ms = drain ? now_boottime_ms() + DRAIN_MS : 0;
	if (vm->served) {
		stop_serving(vm, KEY_REVOKED);
		snprintf(vm->why, sizeof(vm->why), KEY_REVOKED);
		vm->tell_served = true;
		memory_trim();
	} else if (!drain)
		keys_go(vm, false, KEY_REVOKED);
	return (vm->running);
}

/* The log says with which key, and by which policy. */
static bool
serves_on_record(struct vm *vm)
{
	const struct vm_key *next = keys_of(vm, KEY_NEXT);
	struct served now = {0};

	memcpy(now.key, keys_of(vm, KEY_CURRENT)->derived.fingerprint,
	    sizeof(now.key));
	if (next != NULL)
		memcpy(now.next_key, next->derived.fingerprint,
		    sizeof(now.next_key));
	memcpy(now.policy, vm->next_digest, sizeof(now.policy));
	return (record_served(vm, &now));
}

static void
start_serving(struct vm *vm)
{
	if (vm->policy != NULL &&
	    (vm->policy->rate != vm->next_policy->rate ||
		vm->policy->rate_seconds != vm->next_policy->rate_seconds))
		vm->bucket_known = false;
	free(vm->policy);
	vm->policy = vm->next_policy;
	vm->next_policy = NULL;
	ask_again(vm);
	if (keys_take(vm) == -1)
		return;
	if (!serves_on_record(vm)) {
		stop_serving(vm, NO_RECORD);
		snprintf(vm->why, sizeof(vm->why), NO_RECORD);
		return;
	}
	if (vm->served)
		return;
	vm->served = true;
	vm->session.bye = false;
}

static void
config_end(void)
{
	struct vm *vm;

	keys_refuse_duplicates();
	/* First all that go, so that keys may move from VM to VM. */
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->served && goes_on(vm))
			keys_drop(vm);
		else if (vm->served)
			stop_serving(vm,
			    "it is served no more: its key or its policy is "
			    "gone, or does not hold");
	}
	for (vm = vms; vm < vms_end; vm++) {
		if (!vm->next_named) {
			vm->drain_ms = 0;
			continue;
		}
		if (vm->coming_ok[0] && vm->next_policy != NULL)
			start_serving(vm);
		vm->tell_served = true;
		keys_forget_coming(vm);
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
		keys_read(vm, 0, fd);
	else if (m->hdr.type == IMSG_CONFIG_KEY_NEXT)
		keys_read(vm, 1, fd);
	else
		read_policy(vm, fd);
	close(fd);
}

static void
open_session(struct imsg *m)
{
	struct msg_poller p;
	struct vm *vm;

	if (imsg_payload(m, &p, sizeof(p)) == -1 ||
	    !imsg_text_ok(p.vm, sizeof(p.vm)) || (vm = vm_find(p.vm)) == NULL)
		fatalx("parent: a session of a VM that is not known");
	session_open(vm, imsg_take_fd(m), m->hdr.id, p.sandbox);
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

static void
take_conf(struct imsg *m)
{
	struct msg_conf conf;
	int fd;

	if (imsg_payload(m, &conf, sizeof(conf)) == -1)
		fatalx("parent: a bad configuration");
	fd = imsg_take_fd(m);
	daemon_conf(conf.there != 0, fd);
	(void)close(fd);
}

static void
begin(struct imsg *m)
{
	struct msg_begin msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1)
		fatalx("parent: a bad beginning");
	daemon_sandboxes(&msg);
	verifier_begin();
}

static void
take_retain(struct imsg *m)
{
	struct msg_retain retain;

	if (imsg_payload(m, &retain, sizeof(retain)) == -1 ||
	    retain.days > NUMBER_MAX / 86400 || retain.bytes > NUMBER_MAX)
		fatalx("parent: bad settings");
	prune_settings(&retain);
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
	case IMSG_CONF:
		take_conf(m);
		break;
	case IMSG_BEGIN:
		begin(m);
		break;
	case IMSG_CONFIG_BEGIN:
		take_retain(m);
		before = parent.end.state;
		imsg_set_state(&parent.end, ST_RELOAD);
		for (vm = vms; vm < vms_end; vm++)
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
	case IMSG_CONFIG_KEY_NEXT:
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
	if (vm->tell_hold > 0 || vm->tell_over != 0) {
		if (channel_send(&parent, IMSG_HOLD, vm->tell_over, &hold,
			sizeof(hold), -1) == -1)
			return (-1);
		vm->tell_hold = vm->tell_over = 0;
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
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] != '\0' && send_vm(vm) == -1)
			return;
	}
}
