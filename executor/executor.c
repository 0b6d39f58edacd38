/*
 * executor: runs the commands, each in a cgroup of its own.
 * Fed by:  the verifier (what to run, sealed; whom to kill; which spool to open)
 * Feeds:   the verifier (spool descriptors, sizes, how each command ended)
 * May:     all that root may: fork and exec bash, kill what it started
 * May not: hold a key, speak with a VM
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "executor/cgroup.h"
#include "executor/command.h"
#include "executor/folder.h"
#include "executor/output.h"
#include "executor/spawn.h"
#include "executor/tell.h"
#include "privsep/channel.h"
#include "privsep/log.h"
#include "privsep/role.h"
#include "privsep/sandbox.h"
#include "wire/id.h"

#define END_MS 10000 /* for the cgroups to become empty */

static struct channel parent, verifier;
/* SPOOL_KEEP for each that is owed, then SPOOL_SWEEP, before the first RUN. */
static bool swept;

/*
 * We are the last to go: first all that could still run.  Status 0 when there
 * was nothing, as after an orderly stop.
 */
static void __attribute__((noreturn)) end(int status)
{
	if (command_count() > 0)
		status = 1;
	cgroup_end_all("command.", END_MS);
	cgroup_end_all("poller.", END_MS);
	command_stop_children();
	work_sweep();
	exit(status);
}

static void __attribute__((noreturn)) mistrust(const char *why)
{
	log_warn("the verifier: %s", why);
	end(1);
}

static void
channel_over(struct channel *ch, const char *why)
{
	if (ch == &verifier && why != NULL)
		mistrust(why);
	end(why == NULL ? 0 : 1);
}

static void
read_payload(struct imsg *m, void *payload, size_t size)
{
	if (imsg_payload(m, payload, size) == -1)
		mistrust("a message of the wrong size");
}

static void
got_run(struct imsg *m)
{
	struct msg_run run;
	const char *mistake;

	read_payload(m, &run, sizeof(run));
	if (!swept)
		mistrust("RUN before SPOOL_SWEEP");
	if ((mistake = command_run(&run, imsg_take_fd(m))) != NULL)
		mistrust(mistake);
}

static void
got_input(struct imsg *m)
{
	struct msg_seq seq;
	const char *mistake;

	read_payload(m, &seq, sizeof(seq));
	if ((mistake = command_input(seq.seq, imsg_take_fd(m))) != NULL)
		mistrust(mistake);
}

static void
got_go(struct imsg *m)
{
	struct msg_seq seq;
	const char *mistake;

	read_payload(m, &seq, sizeof(seq));
	if ((mistake = command_go(seq.seq)) != NULL)
		mistrust(mistake);
}

static void
got_kill(struct imsg *m)
{
	struct msg_seq seq;

	read_payload(m, &seq, sizeof(seq));
	command_kill(seq.seq);
}

static void
got_spool_open(struct imsg *m)
{
	struct msg_output output;

	read_payload(m, &output, sizeof(output));
	if (!imsg_text_ok(output.vm, sizeof(output.vm)))
		mistrust("SPOOL_OPEN with a text that is none");
	if (tell_spool(&output) == -1)
		mistrust("SPOOL_OPEN for more than may be open");
	channel_wake(&verifier);
}

static void
got_spool_remove(struct imsg *m)
{
	struct msg_seq seq;

	read_payload(m, &seq, sizeof(seq));
	tell_no_spool(seq.seq);
	spool_remove(seq.seq);
	tell_disk(&verifier);
}

static void
got_spool_keep(struct imsg *m)
{
	struct msg_seq seq;

	read_payload(m, &seq, sizeof(seq));
	if (swept || !spool_keep(seq.seq))
		mistrust("SPOOL_KEEP too late, or for more than can be owed");
}

static void
got_spool_sweep(struct imsg *m)
{
	(void)m;
	if (swept)
		mistrust("a second SPOOL_SWEEP");
	swept = true;
	spool_sweep();
	tell_disk(&verifier);
}

static void
got_output_sweep(struct imsg *m)
{
	struct msg_seq seq;

	read_payload(m, &seq, sizeof(seq));
	output_sweep(seq.seq);
}

static void
got_output_look(struct imsg *m)
{
	struct msg_look look;

	read_payload(m, &look, sizeof(look));
	if (!vm_name_valid(look.vm, strnlen(look.vm, sizeof(look.vm))) ||
	    tell_output(&look) == -1)
		mistrust("OUTPUT_LOOK for no VM, or for too many");
	channel_wake(&verifier);
}

static const struct {
	enum imsg_type type;
	void (*fn)(struct imsg *);
} from_verifier[] = {
    {IMSG_RUN, got_run},
    {IMSG_RUN_INPUT, got_input},
    {IMSG_GO, got_go},
    {IMSG_KILL, got_kill},
    {IMSG_SPOOL_OPEN, got_spool_open},
    {IMSG_SPOOL_REMOVE, got_spool_remove},
    {IMSG_SPOOL_KEEP, got_spool_keep},
    {IMSG_SPOOL_SWEEP, got_spool_sweep},
    {IMSG_OUTPUT_SWEEP, got_output_sweep},
    {IMSG_OUTPUT_LOOK, got_output_look},
};

static void
dispatch_verifier(struct channel *ch, struct imsg *m)
{
	size_t i;

	(void)ch;
	for (i = 0; i < sizeof(from_verifier) / sizeof(from_verifier[0]); i++)
		if (m->hdr.type == from_verifier[i].type) {
			from_verifier[i].fn(m);
			return;
		}
	mistrust("a message without a handler");
}

/* The table has nothing that the parent may say once we are READY. */
static void
dispatch_parent(struct channel *ch, struct imsg *m)
{
	(void)ch;
	log_warn("parent: unexpected %s", imsg_name(m->hdr.type));
	end(1);
}

/*
 * The kernel gives us the orphans of our commands, too: whom we do not know
 * is reaped, and that is all.
 */
static void
reap(int signo)
{
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!command_reaped(pid, status))
			log_debug("reaped %d", (int)pid);
}

static void
open_verifier(void)
{
	channel_open(&verifier, role_await_fd(&parent, IMSG_VERIFIER_CHANNEL),
	    ROLE_EXECUTOR, ROLE_VERIFIER, ST_SERVING, "verifier");
	verifier.dispatch = dispatch_verifier;
	verifier.pump = tell_pump;
	verifier.closed = channel_over;
}

int
main(void)
{
	struct msg_settings settings;

	role_begin(&parent, ROLE_EXECUTOR, &settings);
	parent.dispatch = dispatch_parent;
	parent.closed = channel_over;
	open_verifier();

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fatal("PR_SET_CHILD_SUBREAPER");
	spawn_init();
	cgroup_init(settings.cgroup);
	folder_init(settings.root);
	output_init(settings.root);
	command_init(&verifier);
	event_signal(SIGCHLD, reap);
	role_ready(&parent, sandbox_deny_list());
	event_loop(NULL);
	end(1);
}
