/*
 * Packets from the verifier and the parent into the executor, in any order,
 * with whatever descriptors.  No process is started: what the kernel does for
 * spawn.h and cgroup.h, and what a command would write, is the input's.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/spawn.h"
#include "regress/fuzz.h"

#define spawn(s, status) spawn_for_real(s, status)
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "executor/spawn.c"
#undef spawn
#define main executor_main
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "executor/executor.c"
#undef main

#define SEQS	  4
#define TEXTS	  4
#define PID_FIRST 0x70000000 /* above all that can be: kill(2) finds nobody */

static const char *const texts[TEXTS] = {"echo hello\n", "qvm-ls -v",
    "'a word' b", ""};
static struct fuzz *input;
static bool populated;

/* What was started, as if. */
static struct started {
	pid_t pid;
	int out, err, status; /* the command's ends */
} children[COMMANDS_MAX];
static unsigned child_count;

pid_t
spawn(const struct spawn *s, int *status)
{
	struct started *c;
	int p[2];

	/* The real one would; the last of the table is taken over and over. */
	c = &children[child_count < COMMANDS_MAX ? child_count++
						 : COMMANDS_MAX - 1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		p) == -1)
		abort();
	c->status = p[1];
	c->out = fcntl(s->out, F_DUPFD_CLOEXEC, 0);
	c->err = fcntl(s->err, F_DUPFD_CLOEXEC, 0);
	/* Who would read it is this process. */
	if (fcntl(c->out, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(c->err, F_SETFL, O_NONBLOCK) == -1)
		abort();
	c->pid = PID_FIRST + (pid_t)child_count;
	*status = p[0];
	return c->pid;
}

void
cgroup_init(const char *base)
{
	(void)base;
}

int
cgroup_make(uint64_t seq, uint32_t tasks, uint64_t memory)
{
	(void)seq;
	if (tasks == 13 || memory == 13) {
		errno = ENOENT;
		return -1;
	}
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

uint32_t
cgroup_limits(int dir)
{
	(void)dir;
	return 0;
}

bool
cgroup_has(pid_t pid, uint64_t seq)
{
	(void)seq;
	return pid % 2 == 0;
}

void
cgroup_term(int dir, uint64_t seq)
{
	(void)dir;
	(void)seq;
}

void
cgroup_kill(int dir)
{
	(void)dir;
}

int
cgroup_events(int dir)
{
	(void)dir;
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int
cgroup_populated(int events)
{
	(void)events;
	return populated;
}

int
cgroup_remove(uint64_t seq)
{
	(void)seq;
	return populated ? -1 : 0;
}

void
cgroup_end_all(const char *prefix, int ms)
{
	(void)prefix;
	(void)ms;
}

static void
fill_run(uint8_t arg, struct msg_run *r, int *fd)
{
	const char *text = texts[arg / SEQS % TEXTS];

	r->seq = arg % SEQS + 1;
	memcpy(r->vm, "work", 4);
	memcpy(r->id, "20260218-143022-1-a1b2c3d4", 26);
	r->output_limit = arg < 128 ? 1 << 20 : 100;
	r->timeout = 1 + arg % 16;
	r->keep = (arg & 0x10) != 0;
	r->has_input = (arg & 0x40) != 0;
	r->direct = (arg & 0x20) != 0;
	if (r->direct)
		memcpy(r->path, "/usr/bin/qvm-ls", 15);
	*fd = fuzz_memfd(text, strlen(text), true);
}

static void
fill(struct fuzz_peer *p, enum imsg_type type, uint8_t arg,
    struct imsg_hdr *hdr, void *payload, int *fd)
{
	(void)p;
	(void)hdr;
	switch (type) {
	case IMSG_RUN:
		fill_run(arg, payload, fd);
		break;
	case IMSG_RUN_INPUT:
	case IMSG_GO:
	case IMSG_KILL:
	case IMSG_SPOOL_REMOVE:
	case IMSG_SPOOL_KEEP:
	case IMSG_OUTPUT_SWEEP:
		((struct msg_seq *)payload)->seq = arg % SEQS + 1;
		break;
	case IMSG_SPOOL_OPEN:
		((struct msg_output *)payload)->seq = arg % SEQS + 1;
		if (arg >= 128)
			memcpy(((struct msg_output *)payload)->vm, "work", 4);
		break;
	case IMSG_OUTPUT_LOOK:
		((struct msg_look *)payload)->before = arg;
		memcpy(((struct msg_look *)payload)->vm, "work", 4);
		break;
	default:
		break;
	}
}

/* What was kept is of what was written. */
static void
seen(struct fuzz_peer *p, struct imsg *m)
{
	struct msg_ended e;

	(void)p;
	if (m->hdr.type != IMSG_ENDED)
		return;
	if (imsg_payload(m, &e, sizeof(e)) == -1 ||
	    e.out.kept > e.out.written || e.err.kept > e.err.written ||
	    e.out_head_len > e.out.kept || e.err_head_len > e.err.kept)
		abort();
}

static struct fuzz_peer the_verifier = {.me = ROLE_VERIFIER,
    .role = ROLE_EXECUTOR,
    .end = {.fd = -1},
    .fill = fill,
    .seen = seen};
static struct fuzz_peer the_parent = {.me = ROLE_PARENT,
    .role = ROLE_EXECUTOR,
    .end = {.fd = -1},
    .fill = fill,
    .seen = seen};

static void
child_writes(struct started *c, uint8_t how)
{
	size_t len = fuzz_byte(input) * 64u;
	static char bytes[256 * 64];
	int fd = how % 2 == 0 ? c->out : c->err;

	if (fd != -1 && write(fd, bytes, len) == -1 && errno != EAGAIN &&
	    errno != EPIPE)
		abort();
}

/* Exec has happened, or what stopped it before. */
static void
child_starts(struct started *c, uint8_t how)
{
	struct failure f = {.step = how % 16, .error = how / 16};

	if (c->status == -1)
		return;
	/* It may wait no more for one that was killed before its GO. */
	if (how != 0 && write(c->status, &f, how == 1 ? 1 : sizeof(f)) == -1 &&
	    errno != EPIPE && errno != ECONNRESET)
		abort();
	(void)close(c->status);
	c->status = -1;
}

static void
child_ends(struct started *c, uint8_t how)
{
	if (c->pid == 0)
		return;
	if (how % 2 == 0) {
		(void)close(c->out);
		(void)close(c->err);
		c->out = c->err = -1;
	}
	(void)command_reaped(c->pid, how < 128 ? how << 8 : how - 128);
	c->pid = 0;
}

static void
child_does(uint8_t what)
{
	uint8_t which = fuzz_byte(input), how = fuzz_byte(input);
	struct started *c;

	if (child_count == 0)
		return;
	c = &children[which % child_count];
	if (what == 3)
		child_writes(c, how);
	else if (what == 4)
		child_starts(c, how);
	else
		child_ends(c, how);
}

/* As the kernel would tell each that waits for it. */
static void
cgroups_change(bool now)
{
	struct command *c;

	populated = now;
	for (c = commands; c < commands + COMMANDS_MAX; c++)
		if (c->state != CMD_FREE && c->empty.fn != NULL)
			c->empty.fn(&c->empty, EPOLLPRI);
}

/* 0 to 2: the verifier; 3 to 5: a command; then clock, and rarer things. */
static bool
step(void)
{
	uint8_t what, arg;

	fuzz_peer_drain(&the_verifier);
	fuzz_peer_drain(&the_parent);
	if (input->left == 0)
		return false;
	what = fuzz_byte(input) & 7;
	if (what < 3)
		fuzz_peer_send(&the_verifier, input);
	else if (what < 6)
		child_does(what);
	else if (what == 6)
		fuzz_clock_add(INT64_C(1) << fuzz_byte(input) % 17);
	else if ((arg = fuzz_byte(input)) < 64)
		cgroups_change(arg % 2 == 1);
	else if (arg < 192)
		fuzz_peer_send(&the_parent, input);
	else
		fuzz_peer_close(arg % 2 == 0 ? &the_parent : &the_verifier);
	return true;
}

static void
run(struct fuzz *in)
{
	input = in;
	event_init();
	channel_open(&parent, fuzz_peer_open(&the_parent), ROLE_EXECUTOR,
	    ROLE_PARENT, ST_SERVING, "parent");
	parent.dispatch = dispatch_parent;
	parent.closed = channel_over;
	log_init("executor", false, &parent);
	channel_open(&verifier, fuzz_peer_open(&the_verifier), ROLE_EXECUTOR,
	    ROLE_VERIFIER, ST_SERVING, "verifier");
	verifier.dispatch = dispatch_verifier;
	verifier.pump = tell_pump;
	verifier.closed = channel_over;
	command_init(&verifier);
	if ((fuzz_byte(in) & 1) == 0)
		fuzz_peer_say(&the_verifier, IMSG_SPOOL_SWEEP, 0);
	fuzz_loop(step, NULL);
}

/* Spool and work folder, where no path of this machine leads. */
static void
set_up(void)
{
	static const char *const folders[] = {"var", "var/lib", "var/log",
	    "run"};
	char root[32];
	int disk = fuzz_disk();
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdirat(disk, folders[i], 0755) == -1)
			fatal("%s", folders[i]);
	(void)snprintf(root, sizeof(root), "/proc/self/fd/%d", disk);
	folder_init(root);
	output_init(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_set_up;

	if (!is_set_up)
		set_up();
	is_set_up = true;
	/* What the input before has left. */
	spool_sweep();
	work_sweep();
	output_sweep(0);
	fuzz_child(run, data, size);
	return 0;
}
