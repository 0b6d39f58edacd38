#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "executor/rig.h"
#include "privsep/path.h"
#include "wire/limits.h"

#define DEADLINE_MS 30000

static struct rig *to_clean;

static int64_t
now_ms(void)
{
	struct timespec ts;

	ATF_REQUIRE(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A cgroup that cannot be removed is a process that was left over. */
static void
remove_cgroups(const struct rig *r)
{
	char path[IMSG_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/daemon", r->cgroup);
	if ((rmdir(path) == -1 && errno != ENOENT) ||
	    (rmdir(r->cgroup) == -1 && errno != ENOENT))
		fprintf(stderr, "%s: %s\n", r->cgroup, strerror(errno));
}

/* However the test ends, nothing of it stays. */
static void
clean(void)
{
	struct pollfd p = {.events = POLLIN};

	if (to_clean == NULL)
		return;
	rig_close(&to_clean->parent);
	rig_close(&to_clean->verifier);
	if (to_clean->pid != 0) {
		p.fd = to_clean->pidfd;
		if (poll(&p, 1, DEADLINE_MS) != 1)
			kill(to_clean->pid, SIGKILL);
		waitpid(to_clean->pid, NULL, 0);
	}
	remove_cgroups(to_clean);
}

void
rig_close(struct imsg_end *end)
{
	if (end->fd != -1)
		close(end->fd);
	end->fd = -1;
}

static void
make_folder(const struct rig *r, const char *name)
{
	ATF_REQUIRE_MSG(mkdir(rig_path(r, name), 0755) == 0, "%s: %s", name,
	    strerror(errno));
}

const char *
rig_path(const struct rig *r, const char *name)
{
	static char path[IMSG_PATH_MAX * 2];

	snprintf(path, sizeof(path), "%s%s", r->root, name);
	return path;
}

/* Where cgroup2 is mounted: alone, or beside version 1. */
static void
find_cgroup2(char *out, size_t size)
{
	struct mntent *m;
	FILE *f;

	ATF_REQUIRE((f = setmntent("/proc/self/mounts", "r")) != NULL);
	while ((m = getmntent(f)) != NULL)
		if (strcmp(m->mnt_type, "cgroup2") == 0)
			break;
	ATF_REQUIRE_MSG(m != NULL, "no cgroup2 is mounted");
	snprintf(out, size, "%s", m->mnt_dir);
	endmntent(f);
}

static void
make_cgroups(struct rig *r)
{
	char mount[IMSG_PATH_MAX - 64], path[IMSG_PATH_MAX + 16];

	find_cgroup2(mount, sizeof(mount));
	snprintf(r->cgroup, sizeof(r->cgroup), "%s/qvm-remote-test.%d", mount,
	    (int)getpid());
	ATF_REQUIRE_MSG(mkdir(r->cgroup, 0755) == 0, "%s: %s", r->cgroup,
	    strerror(errno));
	snprintf(path, sizeof(path), "%s/daemon", r->cgroup);
	ATF_REQUIRE(mkdir(path, 0755) == 0);
}

void
rig_prepare(struct rig *r)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	r->parent.fd = r->verifier.fd = r->pidfd = -1;
	for (i = 0; i < RIG_SEQS; i++)
		r->commands[i].spool[0] = r->commands[i].spool[1] = -1;
	ATF_REQUIRE(getcwd(r->root, sizeof(r->root) - 16) != NULL);
	strncat(r->root, "/root", 6);
	make_folder(r, "");
	make_folder(r, "/run");
	make_folder(r, "/var");
	make_folder(r, "/var/lib");
	make_folder(r, "/var/log");
	make_cgroups(r);
	memcpy(r->told_cgroup, r->cgroup, sizeof(r->told_cgroup));
	to_clean = r;
	atexit(clean);
}

static void __attribute__((noreturn))
become_executor(const struct rig *r, const char *path, int channel)
{
	char procs[IMSG_PATH_MAX + 32];
	int fd, null;

	snprintf(procs, sizeof(procs), "%s/daemon/cgroup.procs", r->cgroup);
	if ((fd = open(procs, O_WRONLY)) == -1 || write(fd, "0", 1) != 1)
		_exit(101);
	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1)
		_exit(102);
	/* Its standard error is the test's: a sanitizer speaks there. */
	if (dup2(channel, 3) == -1 ||
	    (channel == 3 && fcntl(3, F_SETFD, 0) == -1))
		_exit(103);
	execl(path, "qvm-remote: executor", (char *)NULL);
	_exit(104);
}

static void
start_process(struct rig *r, const atf_tc_t *tc, int channel)
{
	const char *path;
	char built[IMSG_PATH_MAX * 4];

	path = atf_tc_get_config_var_wd(tc, "srcdir", ".");
	snprintf(built, sizeof(built), "%s/executor", path);
	ATF_REQUIRE((r->pid = fork()) != -1);
	if (r->pid == 0)
		become_executor(r, built, channel);
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	ATF_REQUIRE(r->pidfd != -1);
}

static void
send_or_fail(struct imsg_end *end, enum imsg_type type, const void *payload,
    size_t len, int fd)
{
	ATF_REQUIRE_MSG(imsg_send(end, type, 0, payload, len, fd) == 0,
	    "%s: %s", imsg_name(type), strerror(errno));
}

static void
note_log(struct rig *r, struct imsg *m)
{
	struct msg_log log;
	size_t used = strlen(r->log);

	ATF_REQUIRE(imsg_payload(m, &log, sizeof(log)) == 0);
	printf("executor: %s\n", log.text);
	snprintf(r->log + used, sizeof(r->log) - used, "%s\n", log.text);
}

static void
from_executor(struct rig *r, struct imsg *m)
{
	if (m->hdr.type == IMSG_LOG)
		note_log(r, m);
	else if (m->hdr.type == IMSG_READY)
		r->ready = true;
	else
		atf_tc_fail("%s to the parent", imsg_name(m->hdr.type));
}

static struct rig_command *
command_of(struct rig *r, uint64_t seq)
{
	ATF_REQUIRE(seq > 0 && seq < RIG_SEQS);
	return &r->commands[seq];
}

static void
note_ended(struct rig *r, struct imsg *m)
{
	struct msg_ended end;
	struct rig_command *c;

	ATF_REQUIRE(imsg_payload(m, &end, sizeof(end)) == 0);
	c = command_of(r, end.seq);
	ATF_REQUIRE_MSG(!c->ended, "two ends");
	c->ended = true;
	c->end = end;
}

static void
note_started(struct rig *r, struct imsg *m)
{
	struct msg_started started;
	struct rig_command *c;

	ATF_REQUIRE(imsg_payload(m, &started, sizeof(started)) == 0);
	c = command_of(r, started.seq);
	ATF_REQUIRE_MSG(!c->started && !c->ended, "a start too much");
	c->started = true;
}

static void
note_grown(struct rig *r, struct imsg *m)
{
	struct msg_sizes sizes;
	struct rig_command *c;

	ATF_REQUIRE(imsg_payload(m, &sizes, sizeof(sizes)) == 0);
	c = command_of(r, sizes.seq);
	ATF_REQUIRE_MSG(c->started, "growth before the start");
	ATF_REQUIRE_MSG(!c->ended, "growth after the end");
	c->growns++;
	c->grown_out = sizes.out;
}

static void
note_spool(struct rig *r, struct imsg *m)
{
	struct msg_stream stream;
	struct rig_command *c;

	ATF_REQUIRE(imsg_payload(m, &stream, sizeof(stream)) == 0);
	c = command_of(r, stream.seq);
	ATF_REQUIRE(stream.stream == 1 || stream.stream == 2);
	ATF_REQUIRE_EQ(-1, c->spool[stream.stream - 1]);
	c->spool[stream.stream - 1] = imsg_take_fd(m);
}

static void
note_disk(struct rig *r, struct imsg *m)
{
	struct msg_disk disk;

	ATF_REQUIRE(imsg_payload(m, &disk, sizeof(disk)) == 0);
	ATF_REQUIRE_MSG(r->disk_low != (disk.low != 0), "no change");
	r->disk_low = disk.low != 0;
	r->disks++;
}

static void
note_kept(struct rig *r, struct imsg *m)
{
	ATF_REQUIRE(imsg_payload(m, &r->kept, sizeof(r->kept)) == 0);
	r->kepts++;
}

static void
to_verifier(struct rig *r, struct imsg *m)
{
	static const struct {
		enum imsg_type type;
		void (*fn)(struct rig *, struct imsg *);
	} handlers[] = {
	    {IMSG_STARTED, note_started},
	    {IMSG_GROWN, note_grown},
	    {IMSG_SPOOL, note_spool},
	    {IMSG_ENDED, note_ended},
	    {IMSG_SPOOL_DISK, note_disk},
	    {IMSG_OUTPUTS, note_kept},
	};
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == m->hdr.type) {
			handlers[i].fn(r, m);
			return;
		}
	atf_tc_fail("%s to the verifier", imsg_name(m->hdr.type));
}

/* Takes all that is there. */
static void
receive(struct rig *r, struct imsg_end *end,
    void (*fn)(struct rig *, struct imsg *))
{
	enum imsg_status status;
	const char *why;
	struct imsg m;

	while (end->fd != -1) {
		status = imsg_recv(end, &m, &why);
		if (status == IMSG_AGAIN)
			return;
		if (status == IMSG_REFUSED)
			atf_tc_fail("%s", why);
		if (status == IMSG_EOF) {
			rig_close(end);
			return;
		}
		fn(r, &m);
		imsg_free(&m);
	}
}

/* Waits for the next thing to happen, and takes it. */
static void
step(struct rig *r, int64_t deadline)
{
	struct pollfd p[] = {
	    {.fd = r->parent.fd, .events = POLLIN},
	    {.fd = r->verifier.fd, .events = POLLIN},
	    {.fd = r->pid == 0 ? -1 : r->pidfd, .events = POLLIN},
	};
	int64_t left = deadline - now_ms();

	ATF_REQUIRE_MSG(left > 0 && poll(p, 3, (int)left) > 0,
	    "nothing came in time");
	receive(r, &r->parent, from_executor);
	receive(r, &r->verifier, to_verifier);
}

void
rig_step(struct rig *r)
{
	step(r, now_ms() + DEADLINE_MS);
}

static bool
has_exited(const struct rig *r)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) ==
	    0 &&
	    si.si_pid == r->pid;
}

int
rig_wait_exit(struct rig *r)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	int status;

	while (!has_exited(r))
		step(r, deadline);
	receive(r, &r->parent, from_executor);
	receive(r, &r->verifier, to_verifier);
	ATF_REQUIRE_EQ(r->pid, waitpid(r->pid, &status, 0));
	r->pid = 0;
	ATF_REQUIRE_MSG(WIFEXITED(status), "it was killed: %d", status);
	return WEXITSTATUS(status);
}

void
rig_start(struct rig *r, const atf_tc_t *tc)
{
	struct msg_settings settings = {.verbose = 1};
	int64_t deadline = now_ms() + DEADLINE_MS;
	int p[2], v[2];

	ATF_REQUIRE(imsg_pair(p) == 0 && imsg_pair(v) == 0);
	start_process(r, tc, p[1]);
	imsg_open(&r->parent, p[0], ROLE_PARENT, ROLE_EXECUTOR, ST_SETUP);
	imsg_open(&r->verifier, v[0], ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	snprintf(settings.root, sizeof(settings.root), "%s", r->root);
	memcpy(settings.cgroup, r->told_cgroup, sizeof(settings.cgroup));
	send_or_fail(&r->parent, IMSG_SETTINGS, &settings, sizeof(settings),
	    -1);
	send_or_fail(&r->parent, IMSG_VERIFIER_CHANNEL, NULL, 0, v[1]);
	close(p[1]);
	close(v[1]);
	while (!r->ready && !has_exited(r))
		step(r, deadline);
	imsg_set_state(&r->parent, ST_SERVING);
	if (r->ready && !r->unswept)
		send_or_fail(&r->verifier, IMSG_SPOOL_SWEEP, NULL, 0, -1);
}

void
rig_setup(struct rig *r, const atf_tc_t *tc)
{
	rig_prepare(r);
	rig_start(r, tc);
	ATF_REQUIRE(r->ready);
}

int
rig_memfd(const void *text, size_t len)
{
	int fd;

	ATF_REQUIRE((fd = memfd_create("test", MFD_ALLOW_SEALING)) != -1);
	ATF_REQUIRE(write(fd, text, len) == (ssize_t)len);
	ATF_REQUIRE(
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return fd;
}

struct msg_run
rig_msg(uint64_t seq)
{
	struct msg_run run = {
	    .seq = seq,
	    .vm = "work",
	    .output_limit = OUTPUT_DEFAULT,
	    .timeout = TIMEOUT_DEFAULT,
	};

	snprintf(run.id, sizeof(run.id), "20260218-143022-1-%08" PRIx64, seq);
	return run;
}

void
rig_send_run(struct rig *r, const struct msg_run *run, int body, int input)
{
	struct msg_run m = *run;
	struct msg_seq seq = {.seq = run->seq};

	m.has_input = input != -1;
	if (m.keep != 0)
		memcpy(command_of(r, m.seq)->keeper, m.vm, sizeof(m.vm));
	send_or_fail(&r->verifier, IMSG_RUN, &m, sizeof(m), body);
	close(body);
	if (input != -1) {
		send_or_fail(&r->verifier, IMSG_RUN_INPUT, &seq, sizeof(seq),
		    input);
		close(input);
	}
	send_or_fail(&r->verifier, IMSG_GO, &seq, sizeof(seq), -1);
}

void
rig_run(struct rig *r, uint64_t seq, const char *fmt, ...)
{
	struct msg_run run = rig_msg(seq);
	char *text;
	va_list ap;

	va_start(ap, fmt);
	ATF_REQUIRE(vasprintf(&text, fmt, ap) != -1);
	va_end(ap);
	rig_send_run(r, &run, rig_memfd(text, strlen(text)), -1);
	free(text);
}

void
rig_send_seq(struct rig *r, enum imsg_type type, uint64_t seq)
{
	struct msg_seq m = {.seq = seq};

	send_or_fail(&r->verifier, type, &m, sizeof(m), -1);
}

const struct msg_ended *
rig_wait_ended(struct rig *r, uint64_t seq)
{
	int64_t deadline = now_ms() + DEADLINE_MS;

	while (!command_of(r, seq)->ended)
		step(r, deadline);
	return &command_of(r, seq)->end;
}

void
rig_wait_started(struct rig *r, uint64_t seq)
{
	int64_t deadline = now_ms() + DEADLINE_MS;

	while (!command_of(r, seq)->started)
		step(r, deadline);
}

void
rig_wait_output(struct rig *r, uint64_t seq, uint64_t bytes)
{
	int64_t deadline = now_ms() + DEADLINE_MS;

	while (command_of(r, seq)->grown_out < bytes)
		step(r, deadline);
}

void
rig_wait_disk(struct rig *r, bool low, int64_t ms)
{
	int64_t deadline = now_ms() + ms;

	while (r->disk_low != low)
		step(r, deadline);
}

void
rig_open_spool(struct rig *r, uint64_t seq)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct rig_command *c = command_of(r, seq);
	struct msg_output output = {0};
	int i;

	for (i = 0; i < 2; i++) {
		if (c->spool[i] != -1)
			close(c->spool[i]);
		c->spool[i] = -1;
	}
	output.seq = seq;
	memcpy(output.vm, c->keeper, sizeof(output.vm));
	send_or_fail(&r->verifier, IMSG_SPOOL_OPEN, &output, sizeof(output),
	    -1);
	while (c->spool[0] == -1 || c->spool[1] == -1)
		step(r, deadline);
}

const char *
rig_spool_text(struct rig *r, uint64_t seq, unsigned int stream)
{
	static char text[2][65536];
	char *out = text[stream - 1];
	ssize_t n;

	rig_open_spool(r, seq);
	n = pread(command_of(r, seq)->spool[stream - 1], out,
	    sizeof(text[0]) - 1, 0);
	ATF_REQUIRE(n >= 0);
	out[n] = '\0';
	return out;
}

const char *
rig_output(struct rig *r, uint64_t seq, const char *body)
{
	rig_run(r, seq, "%s", body);
	rig_wait_ended(r, seq);
	return rig_spool_text(r, seq, 1);
}

void
rig_wait_gone(pid_t pid)
{
	struct pollfd p = {.events = POLLIN};

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd == -1) {
		ATF_REQUIRE_EQ(ESRCH, errno);
		return;
	}
	ATF_REQUIRE_MSG(poll(&p, 1, DEADLINE_MS) == 1, "%d lives", (int)pid);
	close(p.fd);
}

void
rig_check_clean(struct rig *r, uint64_t seq)
{
	char path[IMSG_PATH_MAX * 2];

	snprintf(path, sizeof(path), "%s/command.%" PRIu64, r->cgroup, seq);
	ATF_CHECK_EQ_MSG(-1, access(path, F_OK), "%s is left", path);
	snprintf(path, sizeof(path), "%s%s/%" PRIu64, r->root, PATH_WORK, seq);
	ATF_CHECK_EQ_MSG(-1, access(path, F_OK), "%s is left", path);
}
