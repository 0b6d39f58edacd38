/*
 * verifier: keys, checks, replay memory and the audit log.
 * Fed by:  the parent (keys, policies), pollers (requests, what a VM kept), the
 *          executor (ends, spool descriptors)
 * Feeds:   pollers (verdicts, output, receipts), the executor (what is to run),
 *          the log
 * May:     append to the log in its own folder, compute MACs
 * May not: exec, sockets, read outside its folder
 */

#include "verifier/verifier.h"

#include <sys/epoll.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"
#include "verifier/journal.h"
#include "verifier/seal.h"

/* Two descriptors for each request, and what the process itself has. */
#define NOFILE_MAX    (2 * VM_TABLE * REQUESTS_MAX + 256)
#define ROOM_RETRY_MS 60000 /* a full disk tells nobody when it is not */
#define STOP_GRACE_MS 2000  /* for what is owed, once nothing runs */
#define STOPS	      "the daemon stops"
#define BOOT_ID	      "/proc/sys/kernel/random/boot_id"

struct vm vms[VM_TABLE];
struct vm *vms_end = vms;
struct channel parent, executor;
bool stopping, once, dry_run;

static struct timer deadline;
static bool begun, begun_sent, pong_due, stop_recorded, stopped_sent, closed;
static int folder_fd = -1;
static int64_t stop_until_ms;

struct vm *
vm_find(const char *name)
{
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (strcmp(vm->name, name) == 0)
			return (vm);
	}
	return (NULL);
}

static void
parent_dispatch(struct channel *ch, struct imsg *m)
{
	(void)ch;
	config_dispatch(m);
}

/*
 * An orderly end has been through STOPPED; anything else is not one.  Then the
 * executor may go before the parent does.
 */
static void
peer_closed(struct channel *ch, const char *why)
{
	struct vm *vm;

	if (!stopped_sent)
		fatalx("%s: %s", ch->name, why != NULL ? why : "is gone");
	if (ch != &parent)
		return;
	for (vm = vms; vm < vms_end; vm++) {
		channel_drain(&vm->session.ch);
		session_cut(vm, STOPS);
	}
	journal_close();
	copy_event("", "", "stop", "");
	copy_flush();
	closed = true;
	event_stop();
}

/*
 * A VM that is served no more keeps its session until it has what it is owed,
 * for a minute at most; its place is free when it is owed nothing.
 */
static int64_t
retire(struct vm *vm, int64_t now_ms)
{
	const struct cancel *c;

	if (vm->served || vm->name[0] == '\0' || !config_known())
		return (-1);
	/* Its minute begins when nothing of it runs. */
	if (vm->running > 0)
		vm->retire_ms = now_ms + RETIRE_MS;
	if (channel_is_open(&vm->session.ch)) {
		if (vm_owes(vm) && now_ms < vm->retire_ms)
			return (vm->retire_ms);
		session_end(vm, 0, "it is served no more");
		return (-1);
	}
	/* Who would be told what is still to be signed? */
	if (vm->running == 0)
		keys_go(vm, false, KEY_REVOKED);
	/* What it is owed waits as ever, should it come back. */
	if (vm->next_named || !TAILQ_EMPTY(&vm->requests) || vm->tell_over != 0)
		return (-1);
	/* What it has cancelled stays so, should it come back. */
	for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
		if (c->expires != 0 && c->until_ms > now_ms)
			return (c->until_ms);
	}
	config_forget(vm);
	return (-1);
}

static void look_again(struct timer *);

static void
set_deadline(int64_t at_ms, int64_t now_ms)
{
	timer_stop(&deadline);
	if (at_ms != -1)
		timer_start(&deadline, CLOCK_BOOTTIME,
		    at_ms > now_ms ? at_ms - now_ms : 0, look_again, NULL);
}

/* The loop's after() does the looking. */
static void
look_again(struct timer *t)
{
	(void)t;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == -1 || (b != -1 && b < a))
		return (b);
	return (a);
}

/*
 * STOP: what runs is killed, what is owed has a moment, then all say bye.  What
 * waits has not run, and is taken anew after the next start.
 */
static int64_t
stop(int64_t now_ms)
{
	bool running = false, owes = false;
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (!request_waits(r))
				request_cancel(r, "the daemon was stopped");
		}
		running |= vm->running > 0;
		owes |= vm->session.opened && vm_owes(vm);
	}
	if (running)
		return (-1);
	if (stop_until_ms == 0)
		stop_until_ms = now_ms + STOP_GRACE_MS;
	if (owes && now_ms < stop_until_ms)
		return (stop_until_ms);
	for (vm = vms; vm < vms_end; vm++) {
		/* One may have broken a rule: --once is to know by then. */
		channel_drain(&vm->session.ch);
		session_end(vm, 0, STOPS);
	}
	stop_recorded = true;
	return (-1);
}

/* When what holds a VM up may be over. */
static int64_t
held_ms(struct vm *vm)
{
	int64_t ms = 0;

	if (vm->session.last.word == WORD_RATE)
		ms = decide_rate(vm, now_boottime_ms(), false);
	return (ms > 0 ? ms : ROOM_RETRY_MS);
}

/*
 * After each turn of the loop: what is due, whose turn it is, one sync for
 * all that was appended, and only then every message about it.
 */
static void
after_turn(void)
{
	int64_t now_ms, next;
	bool committed;
	struct vm *vm;

	if (!begun || closed)
		return;
	do {
		now_ms = now_boottime_ms();
		next = earlier(request_deadlines(now_ms), pulse(now_ms));
		next = earlier(next, prune_pulse(now_ms));
		for (vm = vms; vm < vms_end; vm++) {
			next = earlier(next, retire(vm, now_ms));
			keys_tidy(vm);
			output_turn(vm);
			next = earlier(next, session_rests(vm, now_ms));
			if (session_is_held(vm))
				next = earlier(next, now_ms + held_ms(vm));
		}
		if (stopping && !stop_recorded)
			next = earlier(next, stop(now_ms));
		schedule();
		committed = journal_dirty();
		if (committed) {
			run_prepare(&executor);
			journal_commit();
			request_committed();
			acts_committed();
		}
		channel_wake(&executor); /* GO first */
		for (vm = vms; vm < vms_end; vm++)
			channel_wake(&vm->session.ch);
		channel_wake(&executor); /* what sessions ask for */
		control_wake();
		if (committed)
			copy_flush();
	} while (committed || journal_dirty());
	channel_wake(&parent);
	set_deadline(next, now_ms);
}

static void
parent_pump(struct channel *ch)
{
	if (begun && !begun_sent) {
		if (channel_send(ch, IMSG_BEGUN, 0, NULL, 0, -1) == -1)
			return;
		begun_sent = true;
	}
	if (pong_due && channel_send(ch, IMSG_PONG, 0, NULL, 0, -1) == 0)
		pong_due = false;
	config_pump();
	control_pump_parent();
	if (stop_recorded && !stopped_sent &&
	    channel_send(ch, IMSG_STOPPED, 0, NULL, 0, -1) == 0)
		stopped_sent = true;
}

static void
open_channels(int executor_fd)
{
	parent.dispatch = parent_dispatch;
	parent.pump = parent_pump;
	parent.closed = executor.closed = peer_closed;
	executor.dispatch = run_dispatch;
	executor.pump = run_pump;
	channel_open(&executor, executor_fd, ROLE_VERIFIER, ROLE_EXECUTOR,
	    ST_SERVING, "executor");
}

/*
 * A start's snapshot and each later one's.  What is not known any more of runs
 * that are missing is in the first: the next start must not know more.
 */
static void
begin_snapshot(void)
{
	if (!begun && journal_lost_runs()) {
		log_warn("log: runs before this one are missing: requests are "
			 "refused for %d minutes, for they may have run",
		    2 * CLOCK_SLACK / 60);
		memory_know_since(config_known_since());
		memory_raise_v1_floor(v1_expires_last());
	}
	snapshot_write();
}

void
verifier_begin(void)
{
	if (begun)
		fatalx("parent: begins twice");
	journal_start(begin_snapshot, daemon_start_fields);
	copy_event("", "", "start", VERSION);
	restore_finish();
	acts_take(folder_fd);
	begun = true;
}

/* Answered by the pump, after a whole turn with its sync. */
void
verifier_pinged(void)
{
	pong_due = true;
}

static void
read_boot_id(char boot[BOOT_ID_LEN + 1])
{
	ssize_t n = -1;
	int fd;

	fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		n = read(fd, boot, BOOT_ID_LEN);
	if (n != BOOT_ID_LEN)
		fatal("%s", BOOT_ID);
	boot[BOOT_ID_LEN] = '\0';
	close(fd);
}

int
main(void)
{
	struct msg_settings settings;
	char folder[IMSG_PATH_MAX * 2];
	struct sandbox box = {.name = "verifier",
	    .user = USER_VERIFIER,
	    .nofile = NOFILE_MAX,
	    .fsize = RLIM_INFINITY,
	    .writes = true};
	char boot[BOOT_ID_LEN + 1];
	int executor_fd;
	uint32_t sandbox;

	role_begin(&parent, ROLE_VERIFIER, &settings);
	once = settings.once != 0;
	dry_run = settings.dry_run != 0;
	executor_fd = role_await_fd(&parent, IMSG_EXECUTOR_CHANNEL);
	if (path_join(folder, sizeof(folder), settings.root, PATH_LOG) == -1)
		fatal("%s", settings.root);
	box.chroot = folder;
	read_boot_id(boot);
	config_init();
	seal_init();
	if (memory_init() == -1)
		fatal("replay memory");
	sandbox = sandbox_enter(&box);
	folder_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd == -1)
		fatal("log: its folder");
	pulse_init(folder_fd);
	prune_init(folder_fd);
	restore_init(boot);
	journal_read(folder_fd, boot, restore_seen, restore_forget);
	open_channels(executor_fd);
	role_ready(&parent, sandbox);
	event_loop(after_turn);
	return (0);
}
