#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"

/*
 * One poller per VM at a time, in a cgroup of its own: when it has ended, the
 * rest of that cgroup is killed, and the next one starts once it is empty.
 */

#define FORGET_AFTER  2	    /* configurations without it */
#define SETTLE_MS     1000  /* links that come one after another */
#define END_WAIT_MS   5000  /* of a poller whose session has ended */
#define CLEAN_WAIT_MS 10000 /* then a line says so */
#define LOG_WINDOW_MS 60000
#define LOG_LINES_MAX 20 /* of one poller, in that time */

static struct vm vms[VM_TABLE];
static bool started, stopped;

static void clean(struct vm *);

void
vm_init(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		vm->pid = vm->verifier_fd = -1;
}

struct vm *
vm_find(const char *name)
{
	size_t i;

	for (i = 0; i < VM_TABLE; i++)
		if (vms[i].name[0] != '\0' && strcmp(vms[i].name, name) == 0)
			return &vms[i];
	return NULL;
}

struct vm *
vm_get(const char *name)
{
	struct vm *vm = vm_find(name);
	size_t i;

	for (i = 0; i < VM_TABLE && vm == NULL; i++)
		if (vms[i].name[0] == '\0') {
			vm = &vms[i];
			memset(vm, 0, sizeof(*vm));
			memcpy(vm->name, name, strlen(name) + 1);
			vm->pid = vm->verifier_fd = -1;
		}
	return vm;
}

bool
vm_process(unsigned n, struct msg_process *p)
{
	const struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (vm->life == LIFE_RUNNING && vm->ready && n-- == 0) {
			(void)snprintf(p->name, sizeof(p->name), "poller [%s]",
			    vm->name);
			p->pid = vm->pid;
			p->sandbox = vm->sandbox;
			return true;
		}
	return false;
}

bool
vm_unserved(unsigned n, struct msg_served *s)
{
	const struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (vm->named && vm->complained && n-- == 0) {
			memset(s, 0, sizeof(*s));
			memcpy(s->vm, vm->name, sizeof(s->vm));
			(void)snprintf(s->reason, sizeof(s->reason),
			    "the VM of that name has another UUID");
			return true;
		}
	return false;
}

unsigned
vm_lives(void)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < VM_TABLE; i++)
		n +=
		    vms[i].life == LIFE_RUNNING || vms[i].life == LIFE_CLEANING;
	return n;
}

void
vm_count(unsigned *served, unsigned *sessions)
{
	const struct vm *vm;

	*served = *sessions = 0;
	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		*served += vm->named && vm->served;
		*sessions += vm->life == LIFE_RUNNING && vm->ready;
	}
}

/* It has a poller, or the verifier has still to hear what one said. */
static bool
busy(const struct vm *vm)
{
	return vm->life == LIFE_RUNNING || vm->life == LIFE_CLEANING ||
	    vm->verifier_fd != -1;
}

/* Names are kept for a while: the verifier may still speak of them. */
void
vm_config_begin(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (vm->named || busy(vm))
			vm->idle_reloads = 0;
		else if (vm->name[0] != '\0' &&
		    ++vm->idle_reloads > FORGET_AFTER) {
			timer_stop(&vm->timer);
			timer_stop(&vm->settle);
			vm->name[0] = '\0';
		}
		vm->named = false;
	}
}

/* A session that the verifier has begun is the verifier's to end. */
void
vm_config_end(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (!vm->named)
			vm->served = false;
		else
			vm->told = false;
}

/* In this life, one session for each VM that is there. */
static bool
to_be_asked(const struct vm *vm)
{
	if (busy(vm) || vm->settle.set)
		return true;
	return vm->named &&
	    (!vm->told ||
		(vm->served && !vm->asked && watch_vm(vm) == VM_PRESENT));
}

void
vm_check_once(void)
{
	const struct vm *vm;

	if (!settings.once || !started)
		return;
	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (vm->name[0] != '\0' && to_be_asked(vm))
			return;
	parent_done();
}

void
vm_say_skipped(void)
{
	const struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (vm->named && vm->served && !vm->asked)
			log_debug("VM %s does not run: not asked", vm->name);
}

/* More than one process may see it: it is said once. */
static void
not_served(struct vm *vm, const char *why)
{
	if (!settings.once || vm->missed)
		return;
	vm->missed = true;
	parent_not_served(vm->name, why);
}

/* The poller's life. */

static void
close_verifier_fd(struct vm *vm)
{
	if (vm->verifier_fd != -1)
		(void)close(vm->verifier_fd);
	vm->verifier_fd = -1;
}

/* Whatever it is doing, it ends now; SIGCHLD brings the rest. */
static void
poller_kill(struct vm *vm)
{
	channel_close(&vm->ch);
	timer_stop(&vm->timer);
	if (vm->life == LIFE_RUNNING && cgroup_kill(vm->cgroup) == -1 &&
	    errno != ENOENT)
		log_warn("poller [%s]: cannot kill %s: %s", vm->name,
		    vm->cgroup, strerror(errno));
}

static void
poller_closed(struct channel *ch, const char *why)
{
	struct vm *vm = ch->arg;

	if (why != NULL) {
		log_warn("%s: %s", ch->name, why);
		vm->held = true;
	}
	poller_kill(vm);
}

static void
log_summary(struct vm *vm)
{
	if (vm->log_dropped > 0)
		log_warn("poller [%s]: %u more lines", vm->name,
		    vm->log_dropped);
	vm->log_lines = vm->log_dropped = 0;
}

static void
poller_log(struct vm *vm, const struct msg_log *msg)
{
	int64_t now = now_monotonic_ms();

	if (now - vm->log_since_ms >= LOG_WINDOW_MS) {
		log_summary(vm);
		vm->log_since_ms = now;
	}
	if (++vm->log_lines > LOG_LINES_MAX)
		vm->log_dropped++;
	else
		log_relay(vm->ch.name, msg->level, msg->text);
}

static void
poller_dispatch(struct channel *ch, struct imsg *m)
{
	struct vm *vm = ch->arg;
	struct msg_log msg;
	struct msg_ready ready;

	if (m->hdr.type == IMSG_READY &&
	    imsg_payload(m, &ready, sizeof(ready)) == 0) {
		imsg_set_state(&ch->end, ST_SERVING);
		timer_stop(&vm->timer);
		vm->ready = true;
		vm->sandbox = ready.sandbox;
		log_debug("%s: ready", ch->name);
		parent_wake_verifier();
	} else if (m->hdr.type == IMSG_LOG &&
	    imsg_payload(m, &msg, sizeof(msg)) == 0 &&
	    msg.level <= LOG_LEVEL_DEBUG &&
	    imsg_text_ok(msg.text, sizeof(msg.text))) {
		poller_log(vm, &msg);
	} else {
		poller_closed(ch, "bad message");
	}
}

/* Not ready, or not at its end where its session is. */
static void
poller_overdue(struct vm *vm)
{
	log_warn("poller [%s]: not %s in time", vm->name,
	    vm->ready ? "ended" : "ready");
	vm->held = true;
	not_served(vm, vm->ready ? "its session has failed" : "no session");
	poller_kill(vm);
}

/* LIFE_WAITING is over, or the poller is overdue. */
static void
poller_timer(struct timer *t)
{
	struct vm *vm = t->arg;

	switch (vm->life) {
	case LIFE_WAITING:
		vm->life = LIFE_IDLE;
		vm_consider(vm);
		break;
	case LIFE_RUNNING:
		poller_overdue(vm);
		break;
	case LIFE_CLEANING:
		log_warn("poller [%s]: what it left in %s does not end",
		    vm->name, vm->cgroup);
		break;
	case LIFE_IDLE:
		break;
	}
}

static void
wait_for(struct vm *vm, int64_t ms)
{
	vm->life = LIFE_WAITING;
	timer_start(&vm->timer, CLOCK_MONOTONIC, ms, poller_timer, vm);
}

/* The session is over and nothing of it is left: when is the next? */
static void
wait_for_next(struct vm *vm)
{
	int64_t now = now_monotonic_ms(), wait;

	wait = backoff_after(&vm->backoff, now, now - vm->started_ms,
	    vm->delivered && !vm->held);
	if (vm->hold_until_ms - now > wait)
		wait = vm->hold_until_ms - now;
	log_debug("VM %s: next session in %lld ms", vm->name, (long long)wait);
	wait_for(vm, wait);
}

/*
 * Nothing has been started, or nothing is left.  What it told the verifier is
 * for the verifier to read, even now.
 */
static void
poller_gone(struct vm *vm)
{
	channel_close(&vm->ch);
	if (!vm->ready)
		close_verifier_fd(vm);
	log_summary(vm);
	if (vm->cgroup[0] != '\0' && cgroup_remove(vm->cgroup) == -1)
		log_warn("cannot remove %s: %s", vm->cgroup, strerror(errno));
	vm->cgroup[0] = '\0';
	if (stopped) {
		vm->life = LIFE_IDLE;
		parent_check_end();
	} else
		wait_for_next(vm);
	vm_check_once();
}

static int
poller_settings(struct vm *vm, int verifier_fd)
{
	struct msg_settings set = {.verbose = settings.verbose,
	    .once = settings.once};
	struct msg_session ses = {
	    .uid = settings.dom0_uid,
	    .gid = settings.dom0_gid,
	    .qubes_gid = settings.qubes_gid,
	    .transport = settings.conf.transport,
	};

	memcpy(set.root, settings.root, strlen(settings.root));
	memcpy(set.cgroup, cgroup_base(), strlen(cgroup_base()));
	memcpy(ses.vm, vm->name, strlen(vm->name));
	memcpy(ses.user, settings.conf.vm_user, strlen(settings.conf.vm_user));
	if (channel_send(&vm->ch, IMSG_SETTINGS, 0, &set, sizeof(set), -1) ==
		-1 ||
	    channel_send(&vm->ch, IMSG_SESSION, 0, &ses, sizeof(ses), -1) == -1)
		return -1;
	return channel_send(&vm->ch, IMSG_VERIFIER_CHANNEL, 0, NULL, 0,
	    verifier_fd);
}

/* Both channels and the process; -1 with errno, the caller cleans up. */
static int
poller_spawn(struct vm *vm, int cgroup_fd)
{
	char title[64];
	int own[2], ver[2], sent;

	(void)snprintf(title, sizeof(title), "qvm-remote: poller [%s]",
	    vm->name);
	if (imsg_pair(own) == -1)
		return -1;
	vm->pid = spawn("poller", title, own[1], cgroup_fd);
	(void)close(own[1]);
	if (vm->pid == -1 || imsg_pair(ver) == -1) {
		(void)close(own[0]);
		return -1;
	}
	vm->ch.dispatch = poller_dispatch;
	vm->ch.closed = poller_closed;
	vm->ch.arg = vm;
	channel_open(&vm->ch, own[0], ROLE_PARENT, ROLE_POLLER, ST_SETUP,
	    title + strlen("qvm-remote: "));
	vm->verifier_fd = ver[0];
	/* An empty channel has room for three messages. */
	sent = poller_settings(vm, ver[1]);
	(void)close(ver[1]);
	return sent;
}

static int
open_events(struct vm *vm, int cgroup_fd)
{
	int fd;

	fd = openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	/* Added to the loop once there is something to wait for. */
	vm->events.fd = fd;
	return 0;
}

static void
poller_start(struct vm *vm)
{
	int cgroup_fd, failed;

	vm->delivered = vm->held = vm->ready = false;
	vm->pid = -1;
	vm->asked = true;
	vm->started_ms = now_monotonic_ms();
	vm->events.fd = -1;
	cgroup_fd = cgroup_poller(vm->cgroup, sizeof(vm->cgroup));
	failed = cgroup_fd == -1 || open_events(vm, cgroup_fd) == -1 ||
	    poller_spawn(vm, cgroup_fd) == -1;
	if (failed)
		log_warn("poller [%s]: cannot start: %s", vm->name,
		    strerror(errno));
	if (failed)
		not_served(vm, "no session");
	if (cgroup_fd != -1)
		(void)close(cgroup_fd);
	if (vm->pid == -1) {
		if (vm->events.fd != -1)
			(void)close(vm->events.fd);
		poller_gone(vm);
		return;
	}
	vm->life = LIFE_RUNNING;
	timer_start(&vm->timer, CLOCK_MONOTONIC, ROLE_WAIT_MS, poller_timer,
	    vm);
	if (failed)
		poller_kill(vm);
}

static void
cgroup_event(struct event *ev, uint32_t revents)
{
	struct vm *vm = ev->arg;

	(void)revents;
	clean(vm);
}

/* Kills what is left; goes on when the cgroup says that it is empty. */
static void
clean(struct vm *vm)
{
	int fd = vm->events.fd;

	if (!cgroup_empty(fd))
		return;
	event_remove(&vm->events);
	(void)close(fd);
	timer_stop(&vm->timer);
	poller_gone(vm);
}

void
vm_look_again(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++)
		if (vm->life == LIFE_CLEANING)
			clean(vm);
}

bool
vm_reaped(pid_t pid, int status)
{
	struct vm *vm = vms;

	while (
	    vm < vms + VM_TABLE && (vm->life != LIFE_RUNNING || vm->pid != pid))
		vm++;
	if (vm == vms + VM_TABLE)
		return false;
	/* At the end the executor kills what has not ended by itself. */
	if (WIFSIGNALED(status) && !(stopped && WTERMSIG(status) == SIGKILL))
		log_warn("poller [%s]: killed by signal %d", vm->name,
		    WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warn("poller [%s]: ended with status %d", vm->name,
		    WEXITSTATUS(status));
	channel_drain(&vm->ch);
	poller_kill(vm);
	vm->life = LIFE_CLEANING;
	timer_start(&vm->timer, CLOCK_MONOTONIC, CLEAN_WAIT_MS, poller_timer,
	    vm);
	event_add(&vm->events, vm->events.fd, EPOLLPRI, cgroup_event, vm);
	clean(vm);
	return true;
}

/* Who is due. */

/* The links of a VM that boots or halts come and go one by one. */
static void
settled(struct timer *t)
{
	struct vm *vm = t->arg;

	if (watch_vm(vm) != VM_OTHER || vm->complained) {
		vm_check_once();
		return;
	}
	vm->complained = true;
	log_warn("VM %s is not served: the VM of that name has another UUID "
		 "than its policy says (%s)",
	    vm->name, vm->uuid);
	if (vm->life == LIFE_RUNNING)
		poller_kill(vm);
	not_served(vm, "another UUID");
	vm_check_once();
}

void
vm_consider(struct vm *vm)
{
	enum presence presence;

	if (!started || !vm->served || !vm->named)
		return;
	presence = watch_vm(vm);
	if (presence != VM_OTHER)
		vm->complained = false;
	else if (!vm->complained && !vm->settle.set)
		timer_start(&vm->settle, CLOCK_MONOTONIC, SETTLE_MS, settled,
		    vm);
	if (presence == VM_PRESENT && vm->life == LIFE_IDLE &&
	    vm->verifier_fd == -1 && !(settings.once && vm->asked))
		poller_start(vm);
}

void
vm_consider_all(void)
{
	size_t i;

	for (i = 0; i < VM_TABLE; i++)
		if (vms[i].name[0] != '\0')
			vm_consider(&vms[i]);
}

/* A boot makes its failures before forgotten; a hold stays one. */
void
vm_appeared(const char *name)
{
	struct vm *vm = vm_find(name);
	int64_t left;

	if (vm == NULL)
		return;
	backoff_reset(&vm->backoff);
	if (vm->life != LIFE_WAITING)
		return;
	left = vm->hold_until_ms - now_monotonic_ms();
	wait_for(vm, left > 0 ? left : 0);
}

void
vm_start(void)
{
	started = true;
	vm_consider_all();
}

void
vm_no_more(void)
{
	started = false;
}

void
vm_stop(void)
{
	struct vm *vm;

	vm_no_more();
	stopped = true;
	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		channel_close(&vm->ch);
		close_verifier_fd(vm);
		if (vm->life == LIFE_WAITING) {
			timer_stop(&vm->timer);
			vm->life = LIFE_IDLE;
		}
	}
}

/* What the verifier is told and says. */

bool
vm_pump(struct channel *verifier)
{
	struct msg_poller msg;
	struct vm *vm;

	for (vm = vms; vm < vms + VM_TABLE; vm++) {
		if (vm->verifier_fd == -1 || !vm->ready)
			continue;
		if (!vm->served) {
			close_verifier_fd(vm);
			if (vm->life == LIFE_RUNNING)
				poller_kill(vm);
			vm_check_once();
			continue;
		}
		memset(&msg, 0, sizeof(msg));
		memcpy(msg.vm, vm->name, sizeof(msg.vm));
		msg.sandbox = vm->sandbox;
		if (channel_send(verifier, IMSG_POLLER_CHANNEL,
			(uint32_t)vm->pid, &msg, sizeof(msg),
			vm->verifier_fd) == -1)
			return false;
		close_verifier_fd(vm);
		vm_consider(vm);
		vm_check_once();
	}
	return true;
}

/* NULL: forgotten meanwhile, which the verifier may not have heard yet. */
static struct vm *
spoken_of(const char *name)
{
	if (imsg_text_ok(name, VM_NAME_MAX + 1) && name[0] != '\0')
		return vm_find(name);
	parent_fail("the verifier names a VM as none is named");
	return NULL;
}

void
vm_served(const struct msg_served *msg)
{
	struct vm *vm = spoken_of(msg->vm);

	if (vm == NULL || !vm->named)
		return;
	vm->told = true;
	vm->served = msg->served != 0;
	if (vm->served)
		log_debug("VM %s is served", vm->name);
	else {
		log_warn("VM %s is not served: %s", vm->name, msg->reason);
		parent_missed();
	}
	vm_consider(vm);
	vm_check_once();
}

void
vm_delivered(const char *name)
{
	struct vm *vm = spoken_of(name);

	if (vm != NULL)
		vm->delivered = true;
}

/* It may come after the poller's end: then the wait is under way. */
void
vm_hold(const char *name, uint32_t seconds, uint32_t ended)
{
	struct vm *vm = spoken_of(name);
	int64_t until = now_monotonic_ms() + (int64_t)seconds * 1000;

	if (vm == NULL)
		return;
	if (vm->life == LIFE_RUNNING && ended == (uint32_t)vm->pid)
		timer_start(&vm->timer, CLOCK_MONOTONIC, END_WAIT_MS,
		    poller_timer, vm);
	if (seconds == 0)
		return;
	vm->held = true;
	not_served(vm, "its session has failed");
	if (until > vm->hold_until_ms)
		vm->hold_until_ms = until;
	/* It makes a wait longer, never shorter. */
	if (vm->life == LIFE_WAITING &&
	    vm->timer.at_ns < vm->hold_until_ms * 1000000)
		wait_for(vm, vm->hold_until_ms - now_monotonic_ms());
}
