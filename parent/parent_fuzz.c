/*
 * Packets into the parent, from a verifier, an executor and pollers, in any
 * order.  No process is started and no cgroup made: what spawn.c and cgroup.c
 * do, and how processes end, is the input's.  Configuration, keys and policies
 * are read for real, from a folder that no path leads to.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "privsep/path.h"
#include "regress/fuzz.h"

#define main parent_main
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "parent/parent.c"
#undef main

#define PID_FIRST 0x70000000 /* above all that can be: kill(2) finds nobody */
#define VMS	  2
#define PIPE	  "cgroup.events"

static const char *const names[] = {"work", "vault", "other"};
static struct fuzz *input;
static bool cgroups_empty, spawn_fails;
static int disk = -1, sockets = -1;

static struct fuzz_peer the_verifier, the_executor, the_poller[VMS];
static pid_t poller_pid[VMS];
static unsigned pollers; /* that were started */

/* The process that holds the other end is the input. */
pid_t
spawn(const char *name, const char *title, int channel, int cgroup_fd)
{
	static pid_t pid = PID_FIRST;
	struct fuzz_peer *p = &the_verifier;

	(void)title;
	if (spawn_fails) {
		errno = EAGAIN;
		return -1;
	}
	if (strcmp(name, "executor") == 0)
		p = &the_executor;
	else if (cgroup_fd != -1) {
		poller_pid[pollers % VMS] = pid + 1;
		p = &the_poller[pollers++ % VMS];
		fuzz_peer_close(p);
	}
	imsg_open(&p->end, fcntl(channel, F_DUPFD_CLOEXEC, 0), p->me, p->role,
	    ST_ANY);
	return ++pid;
}

void
cgroup_setup(void)
{
}

const char *
cgroup_base(void)
{
	return "/none";
}

int
cgroup_poller(char *out, size_t size)
{
	(void)snprintf(out, size, "/none/poller.1");
	return fcntl(disk, F_DUPFD_CLOEXEC, 0);
}

int
cgroup_kill(const char *path)
{
	(void)path;
	errno = ENOENT;
	return -1;
}

bool
cgroup_empty(int events_fd)
{
	(void)events_fd;
	return cgroups_empty;
}

int
cgroup_remove(const char *path)
{
	(void)path;
	return 0;
}

void
cgroup_kill_all(void)
{
}

bool
cgroup_controls(const char *controller)
{
	(void)controller;
	return true;
}

void
cgroup_leave(void)
{
}

static void
fill(struct fuzz_peer *p, enum imsg_type type, uint8_t arg,
    struct imsg_hdr *hdr, void *payload, int *fd)
{
	const char *vm = names[arg % 3];
	struct msg_served *served = payload;
	struct msg_hold *hold = payload;
	struct msg_log *line = payload;

	(void)p;
	(void)hdr;
	(void)fd;
	switch (type) {
	case IMSG_READY:
		((struct msg_ready *)payload)->sandbox = arg;
		break;
	case IMSG_LOG:
		line->level = arg % 4;
		memcpy(line->text, "some words", 10);
		break;
	case IMSG_SERVED:
		memcpy(served->vm, vm, strlen(vm));
		served->served = arg < 128;
		break;
	case IMSG_DELIVERED:
		memcpy(payload, vm, strlen(vm));
		break;
	case IMSG_HOLD:
		memcpy(hold->vm, vm, strlen(vm));
		hold->seconds = arg;
		break;
	default:
		break;
	}
}

static void
seen(struct fuzz_peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
}

/* A VM boots or halts: its socket has a name. */
static void
vm_boots(uint8_t which, bool on)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "qrexec.%s", names[which % 3]);
	if (on)
		(void)linkat(sockets, "socket", sockets, name, 0);
	else
		(void)unlinkat(sockets, name, 0);
}

static void
process_ends(uint8_t which, uint8_t how)
{
	int status = how < 128 ? how << 8 : how - 128;

	if (which % 4 == 0 && verifier.pid > 0)
		helper_ended(&verifier, status);
	else if (which % 4 == 1 && executor.pid > 0)
		helper_ended(&executor, status);
	else if (which % 4 > 1)
		(void)vm_reaped(poller_pid[which % VMS], status);
}

/* As the kernel would tell whoever waits for it. */
static void
cgroups_change(uint8_t how)
{
	struct vm *vm;
	unsigned i;

	cgroups_empty = how % 2 == 0;
	for (i = 0; i < VMS; i++) {
		vm = vm_find(names[i]);
		if (vm != NULL && vm->life == LIFE_CLEANING &&
		    vm->events.fn != NULL)
			vm->events.fn(&vm->events, 0);
	}
}

static void
rare(uint8_t what, uint8_t arg)
{
	struct fuzz_peer *const peers[] = {&the_verifier, &the_executor,
	    &the_poller[0], &the_poller[1]};

	switch (what % 8) {
	case 0:
		fuzz_peer_close(peers[arg % 4]);
		break;
	case 1:
		on_stop(SIGTERM);
		break;
	case 2:
		on_reload(SIGHUP);
		break;
	case 3:
		vm_boots(arg, arg < 128);
		break;
	case 4:
		cgroups_change(arg);
		break;
	case 5:
		spawn_fails = arg % 2 == 1;
		break;
	default:
		process_ends(what, arg);
	}
}

static void
drain_all(void)
{
	unsigned i;

	fuzz_peer_drain(&the_verifier);
	fuzz_peer_drain(&the_executor);
	for (i = 0; i < VMS; i++)
		fuzz_peer_drain(&the_poller[i]);
}

/* 0, 1: the verifier; 2: the executor; 3, 4: pollers; the end of one; clock. */
static bool
step(void)
{
	uint8_t what, arg;

	drain_all();
	if (input->left == 0)
		return false;
	what = fuzz_byte(input) & 7;
	if (what < 2)
		fuzz_peer_send(&the_verifier, input);
	else if (what == 2)
		fuzz_peer_send(&the_executor, input);
	else if (what < 5)
		fuzz_peer_send(&the_poller[what - 3], input);
	else if (what == 5)
		fuzz_clock_add(INT64_C(1) << fuzz_byte(input) % 20);
	else {
		arg = fuzz_byte(input);
		if (what == 6)
			process_ends(arg, fuzz_byte(input));
		else
			rare(arg, fuzz_byte(input));
	}
	return true;
}

static void
run(struct fuzz *in)
{
	input = in;
	event_init();
	settings.once = (fuzz_byte(in) & 1) != 0;
	cgroups_empty = true;
	vm_init();
	watch_init();
	start_helpers();
	fuzz_loop(step, after_turn);
	control_end();
}

static struct fuzz_peer
peer(enum role role)
{
	return (struct fuzz_peer){.me = role,
	    .role = ROLE_PARENT,
	    .end = {.fd = -1},
	    .fill = fill,
	    .seen = seen};
}

static void
put_file(const char *name, const char *text)
{
	int fd = openat(disk, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fatal("%s", name);
	(void)close(fd);
}

static void
put_files(void)
{
	static const char *const folders[] = {"etc", "etc/qubes",
	    "etc/qubes/remote.d", "run", "run/qubes", "run/qvm-remote", "var",
	    "var/log", "var/log/qubes"};
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdirat(disk, folders[i], 0755) == -1)
			fatal("%s", folders[i]);
	put_file("etc/qubes/remote.d/work.key", "");
	put_file("etc/qubes/remote.d/work.conf", "mode = shell\n");
	put_file("etc/qubes/remote.d/vault.key", "");
	put_file("etc/qubes/remote.d/vault.conf", "mode = deny\nrate = 1/m\n");
	put_file("etc/qubes/remote.d/other.key", "");
	put_file("etc/qubes/remote.d/other.conf", "mode = nonsense\n");
	/* Has a writer, so that nobody waits for one. */
	if (mkfifoat(disk, PIPE, 0600) == -1 ||
	    openat(disk, PIPE, O_RDWR | O_CLOEXEC) == -1)
		fatal(PIPE);
	sockets = openat(disk, "run/qubes", O_RDONLY | O_CLOEXEC);
	if (sockets == -1 || mknodat(sockets, "socket", S_IFSOCK, 0) == -1)
		fatal("run/qubes");
}

static void
set_up(void)
{
	disk = fuzz_disk();
	(void)snprintf(settings.root, sizeof(settings.root), "/proc/self/fd/%d",
	    disk);
	put_files();
	memcpy(settings.conf.vm_user, "user", 4);
	the_verifier = peer(ROLE_VERIFIER);
	the_executor = peer(ROLE_EXECUTOR);
	the_poller[0] = the_poller[1] = peer(ROLE_POLLER);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t i;

	if (disk == -1)
		set_up();
	/* What the input before has left: one VM runs. */
	for (i = 0; i < 3; i++)
		vm_boots(i, i == 0);
	fuzz_child(run, data, size);
	return 0;
}
