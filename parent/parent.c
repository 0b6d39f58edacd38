/*
 * parent: starts and supervises the others.
 * Fed by:  the command line, /etc/qubes, qrexec's folder, signals, the roles
 *          (READY, SERVED, log lines)
 * Feeds:   the roles (settings, channels, descriptors of keys and policies),
 *          systemd
 * May:     all that root may
 * May not: read a key, parse anything that a VM wrote
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "parent/parent.h"
#include "privsep/log.h"
#include "privsep/sandbox.h"

#define STOPPED_WAIT_MS 15000 /* commands have 5 s after TERM */
#define END_WAIT_MS	10000

/* The two that live as long as the daemon. */
struct helper {
	const char *name;
	enum role role;
	pid_t pid;
	struct channel ch;
	bool ready;
	uint32_t sandbox; /* as it said at READY */
};
static struct helper verifier = {.name = "verifier", .role = ROLE_VERIFIER};
static struct helper executor = {.name = "executor", .role = ROLE_EXECUTOR};

/*
 * All roles are READY, then BEGIN is sent and BEGUN comes: the log's run has
 * begun, and who is served is told.  The end, in order: STOP is sent, STOPPED comes, the channels close, the
 * children end, their cgroups go.
 */
static enum {
	PHASE_START,
	PHASE_BEGIN, /* BEGIN is to be sent, or BEGUN to come */
	PHASE_SERVING,
	PHASE_STOP,   /* STOP is to be sent, or STOPPED to come */
	PHASE_CLOSED, /* the children are ending */
	PHASE_KILLED  /* they had their time */
} phase;
static int exit_status;
static uint32_t own_sandbox;
static bool begin_sent, begun, stop_sent, reloading;
static struct timer deadline;

void
parent_wake_verifier(void)
{
	channel_wake(&verifier.ch);
}

static void
end_overdue(struct timer *t)
{
	struct helper *const helpers[] = {&verifier, &executor};
	size_t i;

	(void)t;
	log_warn("not ended in time: killing what is left");
	exit_status = 1;
	phase = PHASE_KILLED;
	cgroup_kill_all();
	for (i = 0; i < 2; i++)
		if (helpers[i]->pid > 0 && kill(helpers[i]->pid, SIGKILL) == -1)
			log_warn("%s: %s", helpers[i]->name, strerror(errno));
}

/* The verifier first: the executor ends with it, the last of all. */
static void
close_all(void)
{
	if (phase >= PHASE_CLOSED)
		return;
	phase = PHASE_CLOSED;
	timer_start(&deadline, CLOCK_MONOTONIC, END_WAIT_MS, end_overdue, NULL);
	vm_stop();
	channel_close(&verifier.ch);
	if (verifier.pid <= 0)
		channel_close(&executor.ch);
	parent_check_end();
}

static void
stop_overdue(struct timer *t)
{
	(void)t;
	log_warn("verifier: does not stop");
	exit_status = 1;
	close_all();
}

static void
stop(void)
{
	if (phase >= PHASE_STOP)
		return;
	notify_send("STOPPING=1\nSTATUS=stopping");
	vm_no_more();
	if (!begin_sent || !channel_is_open(&verifier.ch)) {
		close_all();
		return;
	}
	phase = PHASE_STOP;
	timer_start(&deadline, CLOCK_MONOTONIC, STOPPED_WAIT_MS, stop_overdue,
	    NULL);
	parent_wake_verifier();
}

void
parent_done(void)
{
	if (phase != PHASE_SERVING)
		return;
	vm_say_skipped();
	log_info("every VM has been asked");
	stop();
}

void
parent_not_served(const char *vm, const char *why)
{
	log_warn("VM %s was not served to the end: %s", vm, why);
	parent_missed();
}

void
parent_missed(void)
{
	if (settings.once)
		exit_status = 1;
}

/* There is no half-working state: nothing of a VM's runs on. */
void
parent_fail(const char *fmt, ...)
{
	char text[ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (phase >= PHASE_CLOSED)
		return;
	log_warn("%s%s", text, exit_status == 0 ? ": the daemon ends" : "");
	exit_status = 1;
	cgroup_kill_all();
	stop();
}

void
parent_check_end(void)
{
	if (phase < PHASE_CLOSED || verifier.pid > 0 || executor.pid > 0 ||
	    vm_lives() > 0)
		return;
	timer_stop(&deadline);
	event_stop();
}

/* Children. */

static void
helper_ended(struct helper *h, int status)
{
	h->pid = 0;
	/* Why it has ended: what follows may close the channel. */
	channel_drain(&h->ch);
	/* Said in the midst of the end, too: it may be what ends it. */
	if (WIFSIGNALED(status) && phase >= PHASE_CLOSED)
		log_warn("%s: killed by signal %d", h->name, WTERMSIG(status));
	else if (WIFSIGNALED(status))
		parent_fail("%s: killed by signal %d", h->name,
		    WTERMSIG(status));
	else
		parent_fail("%s: ended with status %d", h->name,
		    WEXITSTATUS(status));
	if (status != 0)
		exit_status = 1;
	channel_close(&h->ch);
	if (h == &verifier) {
		close_all();
		channel_close(&executor.ch);
	} else
		vm_look_again();
	parent_check_end();
}

static void
on_child(int signo)
{
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == verifier.pid)
			helper_ended(&verifier, status);
		else if (pid == executor.pid)
			helper_ended(&executor, status);
		else if (!vm_reaped(pid, status))
			log_debug("reaped %ld", (long)pid);
	}
}

static void
helper_closed(struct channel *ch, const char *why)
{
	struct helper *h = ch->arg;

	/* SIGCHLD says more, where it is on its way. */
	if (why != NULL)
		log_warn("%s: %s", h->name, why);
	if (h->pid == 0)
		return; /* helper_ended goes on */
	on_child(SIGCHLD);
	if (h->pid > 0)
		parent_fail("%s: is gone", h->name);
	if (h == &verifier)
		close_all();
}

bool
parent_process(unsigned n, struct msg_process *p)
{
	const struct helper *const helpers[] = {&verifier, &executor};

	memset(p, 0, sizeof(*p));
	if (n == 0) {
		(void)snprintf(p->name, sizeof(p->name), "parent");
		p->pid = getpid();
		p->sandbox = own_sandbox;
		return true;
	}
	if (n > 2)
		return vm_process(n - 3, p);
	(void)snprintf(p->name, sizeof(p->name), "%s", helpers[n - 1]->name);
	p->pid = helpers[n - 1]->pid;
	p->sandbox = helpers[n - 1]->sandbox;
	return true;
}

/* Messages. */

static void
got_begun(struct helper *h, struct imsg *m)
{
	(void)m;
	if (!begin_sent || begun || h != &verifier) {
		parent_fail("%s: unexpected BEGUN", h->name);
		return;
	}
	begun = true;
	if (phase != PHASE_BEGIN)
		return;
	phase = PHASE_SERVING;
	timer_stop(&deadline);
	config_start();
	control_init();
	log_info("ready");
	notify_send("READY=1");
	notify_watch();
	vm_start();
	parent_wake_verifier();
}

static void
got_ready(struct helper *h, struct imsg *m)
{
	struct msg_ready ready;

	if (imsg_payload(m, &ready, sizeof(ready)) == -1) {
		parent_fail("%s: bad message", h->name);
		return;
	}
	imsg_set_state(&h->ch.end, ST_SERVING);
	h->ready = true;
	h->sandbox = ready.sandbox;
	if (phase != PHASE_START || !verifier.ready || !executor.ready)
		return;
	phase = PHASE_BEGIN;
	copy_open();
	parent_wake_verifier();
}

static void
got_log(struct helper *h, struct imsg *m)
{
	struct msg_log msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 ||
	    msg.level > LOG_LEVEL_DEBUG ||
	    !imsg_text_ok(msg.text, sizeof(msg.text)))
		parent_fail("%s: bad message", h->name);
	else
		log_relay(h->name, msg.level, msg.text);
}

static void
got_served(struct helper *h, struct imsg *m)
{
	struct msg_served msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1 ||
	    !imsg_text_ok(msg.reason, sizeof(msg.reason)))
		parent_fail("%s: bad message", h->name);
	else
		vm_served(&msg);
}

static void
got_delivered(struct helper *h, struct imsg *m)
{
	struct msg_vm msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1)
		parent_fail("%s: bad message", h->name);
	else
		vm_delivered(msg.vm);
}

static void
got_hold(struct helper *h, struct imsg *m)
{
	struct msg_hold msg;

	if (imsg_payload(m, &msg, sizeof(msg)) == -1)
		parent_fail("%s: bad message", h->name);
	else
		vm_hold(msg.vm, msg.seconds, m->hdr.id);
}

static void
got_control_done(struct helper *h, struct imsg *m)
{
	(void)h;
	(void)m;
	control_done();
}

static void
got_pong(struct helper *h, struct imsg *m)
{
	(void)m;
	if (!notify_alive())
		parent_fail("%s: unexpected PONG", h->name);
}

static void
got_stopped(struct helper *h, struct imsg *m)
{
	(void)h;
	(void)m;
	close_all();
}

static const struct {
	enum imsg_type type;
	void (*fn)(struct helper *, struct imsg *);
} handlers[] = {
    {IMSG_READY, got_ready},
    {IMSG_BEGUN, got_begun},
    {IMSG_LOG, got_log},
    {IMSG_SERVED, got_served},
    {IMSG_DELIVERED, got_delivered},
    {IMSG_HOLD, got_hold},
    {IMSG_CONTROL_DONE, got_control_done},
    {IMSG_PONG, got_pong},
    {IMSG_STOPPED, got_stopped},
};

static void
helper_dispatch(struct channel *ch, struct imsg *m)
{
	struct helper *h = ch->arg;
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == m->hdr.type) {
			handlers[i].fn(h, m);
			return;
		}
	parent_fail("%s: unexpected %s", h->name, imsg_name(m->hdr.type));
}

static bool
send_begin(struct channel *ch)
{
	struct msg_begin msg = {.parent = own_sandbox,
	    .verifier = verifier.sandbox,
	    .executor = executor.sandbox};

	return channel_send(ch, IMSG_BEGIN, 0, &msg, sizeof(msg), -1) == 0;
}

/* BEGIN, configuration, then sessions, and at the end STOP. */
static void
verifier_pump(struct channel *ch)
{
	if (phase == PHASE_BEGIN && !begin_sent && copy_pump(ch) &&
	    settings_pump(ch))
		begin_sent = send_begin(ch);
	if (phase <= PHASE_BEGIN || !config_pump(ch))
		return;
	/* Never within a configuration, nor after STOP. */
	if (!stop_sent && (!copy_pump(ch) || !settings_pump(ch)))
		return;
	if (phase == PHASE_STOP && !stop_sent) {
		if (channel_send(ch, IMSG_STOP, 0, NULL, 0, -1) == -1)
			return;
		stop_sent = true;
		imsg_set_state(&ch->end, ST_STOPPING);
	}
	if (phase == PHASE_SERVING && notify_pump(ch) && vm_pump(ch))
		(void)control_pump(ch);
}

/* Start. */

static void
start_helper(struct helper *h)
{
	struct msg_settings msg = {.verbose = settings.verbose,
	    .once = settings.once,
	    .dry_run = settings.dry_run};
	char title[64];
	int pair[2];

	(void)snprintf(title, sizeof(title), "qvm-remote: %s", h->name);
	if (imsg_pair(pair) == -1)
		fatal("socketpair");
	h->pid = spawn(h->name, title, pair[1], -1);
	if (h->pid == -1)
		fatal("cannot start the %s", h->name);
	(void)close(pair[1]);
	h->ch.dispatch = helper_dispatch;
	h->ch.closed = helper_closed;
	h->ch.arg = h;
	channel_open(&h->ch, pair[0], ROLE_PARENT, h->role, ST_SETUP, h->name);
	memcpy(msg.root, settings.root, strlen(settings.root));
	memcpy(msg.cgroup, cgroup_base(), strlen(cgroup_base()));
	if (channel_send(&h->ch, IMSG_SETTINGS, 0, &msg, sizeof(msg), -1) == -1)
		fatalx("%s: takes no settings", h->name);
}

static void
start_overdue(struct timer *t)
{
	(void)t;
	parent_fail("%s: not ready in time",
	    verifier.ready ? executor.name : verifier.name);
}

static void
start_helpers(void)
{
	int pair[2];

	if (imsg_pair(pair) == -1)
		fatal("socketpair");
	start_helper(&verifier);
	start_helper(&executor);
	if (channel_send(&verifier.ch, IMSG_EXECUTOR_CHANNEL, 0, NULL, 0,
		pair[0]) == -1 ||
	    channel_send(&executor.ch, IMSG_VERIFIER_CHANNEL, 0, NULL, 0,
		pair[1]) == -1)
		fatalx("verifier and executor take no channel");
	(void)close(pair[0]);
	(void)close(pair[1]);
	verifier.ch.pump = verifier_pump;
	timer_start(&deadline, CLOCK_MONOTONIC, ROLE_WAIT_MS, start_overdue,
	    NULL);
}

/* Signals. */

static void
on_stop(int signo)
{
	log_info("stopping: signal %d", signo);
	stop();
}

static void
notify_reloading(void)
{
	char text[64];
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		fatal("clock_gettime");
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(text);
}

static void
on_reload(int signo)
{
	char err[ERR_MAX];

	(void)signo;
	if (phase >= PHASE_STOP)
		return;
	if (settings_load(err, sizeof(err)) == -1)
		log_warn("the old settings stay: %s", err);
	/* Before, nothing has been read yet that would be read again. */
	if (phase < PHASE_SERVING)
		return;
	notify_reloading();
	reloading = true;
	/* Rotated, perhaps. */
	copy_open();
	config_start();
	parent_wake_verifier();
}

/* All of the configuration has been sent. */
void
parent_configured(void)
{
	if (reloading) {
		reloading = false;
		log_info("configuration read again");
		if (phase == PHASE_SERVING)
			notify_send("READY=1");
	}
	vm_consider_all();
	vm_check_once();
}

static void
after_turn(void)
{
	if (phase == PHASE_SERVING)
		notify_counts();
}

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: parent [-v] [--vm NAME]... [--once] [--dry-run] "
	    "[--root DIR]\n");
	exit(2);
}

static void
set_root(const char *arg)
{
	char path[PATH_MAX];

	if (realpath(arg, path) == NULL)
		fatal("--root %s", arg);
	if (strlen(path) >= sizeof(settings.root))
		fatalx("--root %s: too long", arg);
	if (strcmp(path, "/") != 0)
		memcpy(settings.root, path, strlen(path) + 1);
}

static void
read_options(int argc, char *argv[])
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			settings.verbose = true;
		else if (strcmp(argv[i], "--once") == 0)
			settings.once = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			settings.dry_run = true;
		else if (strcmp(argv[i], "--vm") == 0 && i + 1 < argc) {
			if (settings_add_vm(argv[++i]) == -1)
				usage();
		} else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc)
			set_root(argv[++i]);
		else
			usage();
	}
}

/* 0, 1 and 2 are open, and nothing else is. */
static void
own_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			fatal("/dev/null");
	} while (fd < 3);
	sandbox_close_from(3);
}

int
main(int argc, char *argv[])
{
	char err[ERR_MAX];

	log_init("parent", false, NULL);
	own_descriptors();
	(void)umask(077);
	read_options(argc, argv);
	log_init("parent", settings.verbose, NULL);
	if (geteuid() != 0)
		fatalx("only root may start the daemon");
	notify_init();
	if (settings_load(err, sizeof(err)) == -1)
		fatalx("%s", err);
	folders_make();
	folders_lock();
	cgroup_setup();

	event_init();
	event_signal(SIGCHLD, on_child);
	event_signal(SIGTERM, on_stop);
	event_signal(SIGINT, on_stop);
	event_signal(SIGHUP, on_reload);
	own_sandbox = sandbox_deny_list();
	vm_init();
	watch_init();
	start_helpers();

	event_loop(after_turn);
	control_end();
	cgroup_leave();
	log_info("stopped");
	return exit_status;
}
