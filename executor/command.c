#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/body.h"
#include "executor/cgroup.h"
#include "executor/command.h"
#include "executor/folder.h"
#include "executor/spawn.h"
#include "executor/tell.h"
#include "executor/tree.h"
#include "privsep/channel.h"
#include "privsep/log.h"
#include "wire/id.h"

#define GRACE_MS    5000 /* between SIGTERM and SIGKILL */
#define REKILL_MS   1000 /* a process was moved in after the kill */
#define REKILLS	    60	 /* then the kernel does not let it die */
#define CLEAN_S	    60	 /* for emptying a work folder */
#define GROWN_MS    10
#define GROWN_BYTES 65536

struct command commands[COMMANDS_MAX];
static struct channel *verifier;

static void check_over(struct command *);

void
command_init(struct channel *ch)
{
	verifier = ch;
}

static struct command *
find(uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].state != CMD_FREE && commands[i].run.seq == seq)
			return &commands[i];
	return NULL;
}

static struct command *
find_free(void)
{
	unsigned int i;

	for (i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].state == CMD_FREE)
			return &commands[i];
	return NULL;
}

unsigned int
command_count(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < COMMANDS_MAX; i++)
		n += commands[i].state != CMD_FREE;
	return n;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_event(struct event *ev)
{
	int fd = ev->fd;

	if (fd == -1)
		return;
	event_remove(ev);
	close(fd);
}

static void
tell_ended(struct command *c)
{
	c->state = CMD_ENDED;
	tell_disk(verifier);
}

/* The child has come to exec, or to what stopped it before. */
static void
learn_start(struct command *c)
{
	const char *what;

	if (c->started.fd == -1)
		return;
	c->error = spawn_outcome(c->started.fd, &what);
	close_event(&c->started);
	if (c->error == 0) {
		c->tell_started = true;
		channel_wake(verifier);
		return;
	}
	log_warn("command %" PRIu64 " did not start: %s: %s", c->run.seq, what,
	    strerror(c->error));
	c->how = END_FAILED;
	c->stopped = true;
}

bool
command_is_there(uint64_t seq)
{
	return find(seq) != NULL;
}

/* What is kept is told at once if it is much or the last time is past. */
static void
grown_due(struct timer *t)
{
	struct command *c = t->arg;

	c->tell_grown = true;
	channel_wake(verifier);
}

static void
grown(void *arg)
{
	struct command *c = arg;
	int64_t wait = c->grown_ms + GROWN_MS - now_monotonic_ms();

	/* Who writes has started, whichever event was seen first. */
	learn_start(c);
	if (c->run.keep != 0)
		keep_note(&c->keep, c->out.kept, c->err.kept);
	if (c->tell_grown)
		return;
	if (wait <= 0 ||
	    c->out.kept - c->told_out + c->err.kept - c->told_err >=
		GROWN_BYTES) {
		timer_stop(&c->grown_timer);
		grown_due(&c->grown_timer);
	} else if (!c->grown_timer.set)
		timer_start(&c->grown_timer, CLOCK_MONOTONIC, wait, grown_due,
		    c);
}

/* The first output of either stream makes both: the verifier asks for both. */
static bool
need_spool(void *arg)
{
	struct command *c = arg;

	c->out.spool = spool_create(c->run.seq, 1);
	if (c->out.spool != -1)
		c->err.spool = spool_create(c->run.seq, 2);
	if (c->out.spool != -1 && c->err.spool != -1)
		return true;
	log_warn("command %" PRIu64 ": spool: %s: output is dropped",
	    c->run.seq, strerror(errno));
	c->out.full = c->err.full = true;
	return false;
}

/*
 * The work folder.  It may hold anything, so a child empties it: that takes
 * this command's time and nobody else's.
 */
static void __attribute__((noreturn)) cleaner(int work)
{
	if (dup2(work, 3) == -1 || syscall(SYS_close_range, 4, ~0U, 0) == -1)
		_exit(1);
	alarm(CLEAN_S);
	_exit(tree_empty(3) == 0 ? 0 : 1);
}

static void
work_left(const struct command *c, const char *why)
{
	log_warn("command %" PRIu64 ": its work folder is not gone: %s",
	    c->run.seq, why);
}

/* Then ENDED, now or when the folder is empty. */
static void
clean(struct command *c)
{
	if (c->work == -1 || work_remove(c->run.seq)) {
		close_fd(&c->work);
		tell_ended(c);
		return;
	}
	if ((c->cleaner = fork()) == 0)
		cleaner(c->work);
	close_fd(&c->work);
	if (c->cleaner == -1) {
		work_left(c, strerror(errno));
		c->cleaner = 0;
		tell_ended(c);
		return;
	}
	c->state = CMD_CLEANING;
}

static void
cleaned(struct command *c)
{
	c->cleaner = 0;
	if (!work_remove(c->run.seq))
		work_left(c, strerror(errno));
	tell_ended(c);
}

static void
remove_cgroup(struct command *c)
{
	if (c->cgroup == -1)
		return;
	close_fd(&c->cgroup);
	if (cgroup_remove(c->run.seq) == -1)
		log_warn("command %" PRIu64 ": its cgroup is not gone: %s",
		    c->run.seq, strerror(errno));
}

/* It has not started, or it is over: all but the answer goes. */
static void
release(struct command *c)
{
	timer_stop(&c->timer);
	timer_stop(&c->grown_timer);
	close_event(&c->empty);
	close_event(&c->started);
	close_fd(&c->go);
	stream_close(&c->out);
	stream_close(&c->err);
	close_fd(&c->body);
	close_fd(&c->input);
	if (c->ended_us == 0)
		c->ended_us = now_realtime_us();
	keep_close(&c->keep, &c->run,
	    c->started_us != 0 && c->how != END_FAILED);
	remove_cgroup(c);
	clean(c);
}

static void
fail(struct command *c)
{
	log_warn("command %" PRIu64 " did not start: %s: %s", c->run.seq,
	    c->what, strerror(c->error));
	c->how = c->unkept ? END_UNKEPT : END_FAILED;
	c->stopped = true;
	release(c);
}

static void
start_known(struct event *ev, uint32_t revents)
{
	(void)revents;
	learn_start(ev->arg);
}

/* Then it is over, now or when its output is on disk: no more is written. */
static void
seal(struct command *c)
{
	timer_stop(&c->timer);
	close_event(&c->empty);
	c->ended_us = now_realtime_us();
	if (!keep_seal(&c->keep, &c->run, c->ended_us)) {
		release(c);
		return;
	}
	stream_close(&c->out);
	stream_close(&c->err);
	c->state = CMD_SEALING;
}

/* Bash is reaped and nobody is in the cgroup, or what is left cannot die. */
static void
finish(struct command *c)
{
	learn_start(c);
	if (!c->stopped)
		c->how = WIFEXITED(c->status) ? END_EXITED : END_SIGNALED;
	c->pid = 0;
	c->limits = cgroup_limits(c->cgroup);
	if (c->run.file_size > 0 && WIFSIGNALED(c->status) &&
	    WTERMSIG(c->status) == SIGXFSZ)
		c->limits |= LIMIT_FILE_SIZE;
	stream_drain(&c->out);
	stream_drain(&c->err);
	if (c->run.keep != 0 && c->started_us != 0 && c->how != END_FAILED)
		seal(c);
	else
		release(c);
}

static void
kill_again(struct timer *t)
{
	struct command *c = t->arg;

	if (c->kills++ == REKILLS) {
		log_warn("command %" PRIu64 ": its processes do not die",
		    c->run.seq);
		finish(c);
		return;
	}
	cgroup_kill(c->cgroup);
	if (c->pid != 0 && kill(c->pid, SIGKILL) == -1)
		log_warn("command %" PRIu64 ": kill: %s", c->run.seq,
		    strerror(errno));
	c->state = CMD_KILLING;
	timer_start(&c->timer, CLOCK_BOOTTIME, REKILL_MS, kill_again, c);
}

/*
 * The first reason to end it is the one that counts.  Bash itself may have
 * left the cgroup: it is our child, not reaped, so its number is its own.
 */
static void
stop(struct command *c, enum end_how how)
{
	if (!c->stopped) {
		c->stopped = true;
		c->how = how;
	}
	c->state = CMD_ENDING;
	timer_start(&c->timer, CLOCK_BOOTTIME, GRACE_MS, kill_again, c);
	cgroup_term(c->cgroup, c->run.seq);
	if (c->pid != 0 && !cgroup_has(c->pid, c->run.seq) &&
	    kill(c->pid, SIGTERM) == -1)
		log_warn("command %" PRIu64 ": kill: %s", c->run.seq,
		    strerror(errno));
}

static void
timed_out(struct timer *t)
{
	stop(t->arg, END_TIMEOUT);
}

static void
check_over(struct command *c)
{
	/* Reading it, too, is what makes the next change an event. */
	int populated = cgroup_populated(c->empty.fd);

	/* Nothing is said of it before it was told to go. */
	if (c->pid != 0 || c->state == CMD_READY)
		return;
	if (!populated)
		finish(c);
	else if (c->state == CMD_RUNNING)
		kill_again(&c->timer);
}

static void
cgroup_changed(struct event *ev, uint32_t revents)
{
	(void)revents;
	check_over(ev->arg);
}

bool
command_reaped(pid_t pid, int status)
{
	struct command *c;

	for (c = commands; c < commands + COMMANDS_MAX; c++) {
		if (c->state == CMD_FREE)
			continue;
		if (c->pid == pid) {
			c->pid = 0;
			c->status = status;
			check_over(c);
			return true;
		}
		if (c->keep.sealer == pid) {
			keep_reaped(&c->keep, status);
			release(c);
			return true;
		}
		if (c->cleaner == pid) {
			cleaned(c);
			return true;
		}
	}
	return false;
}

static void
stop_child(const struct command *c, pid_t pid)
{
	if (kill(pid, SIGKILL) == -1 || waitpid(pid, NULL, 0) == -1)
		log_warn("command %" PRIu64 ": its end: %s", c->run.seq,
		    strerror(errno));
}

void
command_stop_children(void)
{
	struct command *c;

	for (c = commands; c < commands + COMMANDS_MAX; c++) {
		if (c->state == CMD_CLEANING)
			stop_child(c, c->cleaner);
		else if (c->state == CMD_SEALING)
			stop_child(c, c->keep.sealer);
	}
}

static int
open_input(struct command *c)
{
	if (c->run.has_input)
		return body_open(&c->input);
	c->input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return c->input == -1 ? errno : 0;
}

static int
open_cgroup(struct command *c)
{
	int fd;

	if ((c->cgroup =
		    cgroup_make(c->run.seq, c->run.tasks, c->run.memory)) == -1)
		return errno;
	if ((fd = cgroup_events(c->cgroup)) == -1)
		return errno;
	(void)cgroup_populated(fd);
	event_add(&c->empty, fd, EPOLLPRI, cgroup_changed, c);
	return 0;
}

/* Its streams go where they stay, and there is room: 0, or the errno. */
static int
open_kept(struct command *c)
{
	int error = keep_open(&c->keep, &c->run);

	c->unkept = error != 0;
	if (error == 0) {
		c->out.spool = c->keep.fd[OUTPUT_OUT];
		c->err.spool = c->keep.fd[OUTPUT_ERR];
	}
	return error;
}

static int
open_pipes(struct command *c, struct spawn *s)
{
	if ((s->out = stream_pipe(&c->out)) == -1)
		return errno;
	s->err = stream_pipe(&c->err);
	return s->err == -1 ? errno : 0;
}

/* Who runs it, as it is now: 0, or the errno. */
static int
find_user(struct command *c, struct spawn *s)
{
	errno = 0;
	s->user = c->run.user[0] == '\0' ? getpwuid(0) : getpwnam(c->run.user);
	if (s->user == NULL)
		return errno != 0 ? errno : ENOENT;
	return fchown(c->work, s->user->pw_uid, s->user->pw_gid) == -1 ? errno
								       : 0;
}

static int
spawn_command(struct command *c, struct spawn *s)
{
	s->cgroup = c->cgroup;
	s->work = c->work;
	s->in = c->input;
	s->body = c->body;
	s->run = &c->run;
	if ((c->pid = spawn(s, &c->go)) == -1) {
		c->pid = 0;
		return errno;
	}
	return 0;
}

/* 0, or the errno of *what. */
static int
prepare(struct command *c, struct spawn *s, const char **what)
{
	int error;

	*what = "body";
	if ((error = body_open(&c->body)) != 0)
		return error;
	*what = "input";
	if ((error = open_input(c)) != 0)
		return error;
	*what = "kept output";
	if (c->run.keep != 0 && (error = open_kept(c)) != 0)
		return error;
	*what = "pipe";
	if ((error = open_pipes(c, s)) != 0)
		return error;
	*what = "work folder";
	if ((c->work = work_make(c->run.seq)) == -1)
		return errno;
	*what = "user";
	if ((error = find_user(c, s)) != 0)
		return error;
	*what = "words";
	if (c->run.direct && (error = body_split(c->body, &s->argv)) != 0)
		return error;
	*what = "cgroup";
	if ((error = open_cgroup(c)) != 0)
		return error;
	*what = "clone3";
	return spawn_command(c, s);
}

static void
make_ready(struct command *c)
{
	struct spawn s = {.out = -1, .err = -1};

	c->error = prepare(c, &s, &c->what);
	close_fd(&s.out);
	close_fd(&s.err);
	/* Bash has its own. */
	close_fd(&c->body);
	close_fd(&c->input);
	c->state = CMD_READY;
}

/* Its intent is on disk. */
static void
start(struct command *c)
{
	c->started_us = now_realtime_us();
	if (c->error != 0) {
		fail(c);
		return;
	}
	c->state = CMD_RUNNING;
	keep_start(&c->keep);
	spawn_go(c->go);
	event_add(&c->started, c->go, EPOLLIN, start_known, c);
	c->go = -1;
	timer_start(&c->timer, CLOCK_BOOTTIME, (int64_t)c->run.timeout * 1000,
	    timed_out, c);
	if (c->pid == 0)
		check_over(c);
}

static void
command_clear(struct command *c, const struct msg_run *m, int fd)
{
	memset(c, 0, sizeof(*c));
	c->run = *m;
	c->body = fd;
	c->input = c->cgroup = c->work = c->go = -1;
	c->empty.fd = c->started.fd = -1;
	stream_init(&c->out);
	stream_init(&c->err);
	keep_init(&c->keep);
	stream_open(&c->out, m->output_limit, need_spool, grown, c);
	stream_open(&c->err, m->output_limit, need_spool, grown, c);
	c->grown_timer.arg = c;
	c->timer.arg = c;
}

static const char *
run_mistake(const struct msg_run *m)
{
	if (!imsg_text_ok(m->vm, sizeof(m->vm)) || m->vm[0] == '\0' ||
	    !imsg_text_ok(m->id, ID_MAX + 1) || m->id[0] == '\0')
		return "RUN with a text that is none";
	if (!imsg_text_ok(m->user, sizeof(m->user)) ||
	    !imsg_text_ok(m->path, sizeof(m->path)) ||
	    m->direct != (m->path[0] == '/'))
		return "RUN with a user or a path that is none";
	if (m->keep != 0 && !vm_name_valid(m->vm, strlen(m->vm)))
		return "RUN that keeps output of no VM";
	if (m->seq == 0 || m->timeout == 0 || m->has_input > 1)
		return "RUN with a number out of range";
	if (find(m->seq) != NULL)
		return "RUN of a command that is there";
	return NULL;
}

const char *
command_run(const struct msg_run *m, int fd)
{
	struct command *c = find_free();
	const char *mistake = run_mistake(m);

	if (c == NULL)
		mistake = "RUN with no room in the table";
	if (mistake != NULL) {
		close(fd);
		return mistake;
	}
	command_clear(c, m, fd);
	c->state = CMD_INPUT;
	if (!m->has_input)
		make_ready(c);
	tell_disk(verifier);
	return NULL;
}

const char *
command_input(uint64_t seq, int fd)
{
	struct command *c = find(seq);

	if (c == NULL || c->state != CMD_INPUT) {
		close(fd);
		return "RUN_INPUT for a command that has no use for it";
	}
	c->input = fd;
	if (c->kill_asked) {
		c->stopped = true;
		c->how = END_KILLED;
		release(c);
	} else
		make_ready(c);
	return NULL;
}

/* One that was killed meanwhile is no mistake. */
const char *
command_go(uint64_t seq)
{
	struct command *c = find(seq);

	if (c == NULL || c->state > CMD_READY)
		return NULL;
	if (c->state != CMD_READY)
		return "GO for a command that waits for its input";
	start(c);
	return NULL;
}

/* One that has ended meanwhile is no mistake: the messages may cross. */
void
command_kill(uint64_t seq)
{
	struct command *c = find(seq);

	if (c == NULL)
		return;
	if (c->state == CMD_INPUT)
		c->kill_asked = true;
	else if (c->state == CMD_READY && c->pid == 0) {
		c->stopped = true;
		c->how = END_KILLED;
		release(c);
	} else if (c->state == CMD_READY || c->state == CMD_RUNNING)
		stop(c, END_KILLED);
}

void
command_forget(struct command *c)
{
	c->state = CMD_FREE;
}
