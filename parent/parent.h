#ifndef PARENT_H
#define PARENT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "parent/backoff.h"
#include "policy/policy.h"
#include "privsep/channel.h"
#include "wire/limits.h"

/* The parent's own structures and the calls between its files. */

#define VM_TABLE     (2 * VMS_MAX) /* served, and on their way out */
#define CONF_MAX     65536	   /* bytes of a file that the parent reads */
#define ERR_MAX	     (PATH_MAX + 512) /* one line of complaint */
#define ROLE_WAIT_MS 30000	      /* until READY */

/* settings.c: options, environment and remote.conf */
struct settings {
	char root[IMSG_PATH_MAX]; /* "" outside a bed */
	bool verbose, once, dry_run;
	char vm_args[VMS_MAX * (VM_NAME_MAX + 1) + 1]; /* --vm, joined */
	struct remote_conf conf;
	uid_t dom0_uid; /* who runs qvm-run */
	gid_t dom0_gid, qubes_gid;
};
extern struct settings settings;

/* root || path; fatal when it does not fit. */
void settings_path(char out[PATH_MAX], const char *path);
/* One more --vm: 0, or -1 when the list is full. */
int settings_add_vm(const char *name);
/* Reads all again; on -1 err says what is wrong and nothing has changed. */
int settings_load(char *err, size_t errsize);
/* Hands remote.conf's bytes to the verifier: false when the channel is full. */
bool settings_pump(struct channel *verifier);

/* file.c: root's files */
/*
 * Opens a regular file that root owns and that has none of the mode bits
 * forbid.  -1 with errno (ENOENT: it is not there) and a line in err.
 */
int file_open(const char *path, mode_t forbid, char *err, size_t errsize);
/* All of it, from the start, the offset untouched; -1 where it is over size. */
ssize_t file_read(int fd, char *buf, size_t size);
/* A sealed memfd that holds this, the caller's; or -1. */
int file_sealed(const char *name, const void *, size_t len);
/* Writes a short text to an existing file (cgroupfs): 0, or -1. */
int file_put(const char *path, const char *text);

/* folders.c */
void folders_make(void);
void folders_lock(void);

/* cgroup.c: the daemon's part of the cgroup2 tree */
/*
 * The mount point and root of the first cgroup2 mount in a mountinfo text
 * under which own lies, and own's path below the mount: 0, or -1.
 */
int cgroup_find(const char *mountinfo, const char *own, char *out, size_t size);
/* The `0::` line's path in a /proc/self/cgroup text: 0, or -1. */
int cgroup_own(const char *text, char *out, size_t size);
/* Whether a folder of this name may be ours. */
bool cgroup_ours(const char *name, bool with_daemon);
/* Ends what an earlier life left, moves into `daemon`.  Fatal on failure. */
void cgroup_setup(void);
const char *cgroup_base(void);
/* What a poller's may have of memory, where that is limited: 0, or -1. */
int cgroup_limit(const char *path);
/* Makes poller.<n>: its descriptor, or -1; out gets its path. */
int cgroup_poller(char *out, size_t size);
/* SIGKILL for all that it holds: 0, or -1. */
int cgroup_kill(const char *path);
/* An open cgroup.events says that it is empty. */
bool cgroup_empty(int events_fd);
int cgroup_remove(const char *path);
/* Every command's and every poller's. */
void cgroup_kill_all(void);
/* Whether commands' cgroups have that controller. */
bool cgroup_controls(const char *controller);
/* At the very end: out of `daemon`, which goes. */
void cgroup_leave(void);

/* policies.c */
/*
 * From policies_begin to policies_table the policies that are read make the
 * table of commands that the verifier gets: a sealed memfd.
 */
void policies_begin(void);
int policies_table(void);
/*
 * A policy that can be enforced here: 0, or -1 with err.  path is for err.
 * Warnings are logged, but not while the table is made.
 */
int policies_read(const char *path, int fd, struct policy *, char *err,
    size_t errsize);

/* spawn.c */
/*
 * Runs libexec/NAME as title with channel as descriptor 3 and /dev/null as 0,
 * 1 and 2, in the cgroup cgroup_fd (-1: in ours).  Its pid, or -1.
 */
pid_t spawn(const char *name, const char *title, int channel, int cgroup_fd);

/* vm.c: the table of VMs and their pollers' lives */
enum life {
	LIFE_IDLE,    /* no poller; one may start */
	LIFE_WAITING, /* until the timer */
	LIFE_RUNNING, /* has a poller */
	LIFE_CLEANING /* its cgroup is being emptied */
};

struct vm {
	char name[VM_NAME_MAX + 1]; /* "" : free */
	char uuid[UUID_LEN + 1];    /* "" : bound to the name alone */
	bool named;		    /* in the configuration */
	bool served;		    /* as the verifier says */
	bool told;		    /* it has said so of this configuration */
	bool asked;		    /* has had a session (--once) */
	bool missed;		    /* was not served to its end (--once) */
	unsigned idle_reloads;	    /* since it was either */
	enum life life;
	struct timer timer;  /* WAITING, or until READY */
	struct timer settle; /* a UUID that does not match */
	bool complained;     /* of the UUID */
	/* The session: DELIVERED and HOLD are of the last one. */
	struct backoff backoff;
	bool delivered, held;
	int64_t hold_until_ms; /* monotonic */
	int64_t started_ms;
	/* The poller. */
	pid_t pid;
	struct channel ch;
	int verifier_fd; /* to be handed to the verifier */
	bool ready;
	uint32_t sandbox; /* as it said at READY */
	char cgroup[PATH_MAX];
	struct event events; /* its cgroup.events */
	int64_t log_since_ms;
	unsigned log_lines, log_dropped;
};

void vm_init(void);
struct vm *vm_find(const char *name);
/* Finds or makes it; NULL when the table is full. */
struct vm *vm_get(const char *name);
/* Around a configuration: what it does not name is served no more. */
void vm_config_begin(void);
void vm_config_end(void);
/* Sessions may begin; no more do; all channels close. */
void vm_start(void);
void vm_no_more(void);
void vm_stop(void);
/* Starts a poller where one is due. */
void vm_consider(struct vm *);
void vm_consider_all(void);
/* The VM's socket has come (again). */
void vm_appeared(const char *name);
/* Hands the verifier its ends: false when the channel is full. */
bool vm_pump(struct channel *verifier);
/* A child has ended: whether it was a poller. */
bool vm_reaped(pid_t, int status);
/*
 * The executor has ended, and may have removed a poller's cgroup: one that goes
 * before its event is read tells nobody that it was empty.
 */
void vm_look_again(void);
unsigned vm_lives(void);
/* How many are served, and have a session. */
void vm_count(unsigned *served, unsigned *sessions);
/* --once: ends the daemon when nobody is left to be asked. */
void vm_check_once(void);
/* --once: who has not been asked, for -v. */
void vm_say_skipped(void);
void vm_served(const struct msg_served *);
void vm_delivered(const char *name);
/* ended: the pid of the poller whose session has; seconds 0: no hold. */
void vm_hold(const char *name, uint32_t seconds, uint32_t ended);

/* config.c: keys and policies for the verifier */
/* Begins anew, also while one is being sent. */
void config_start(void);
/* Sends what is left: false when the channel is full. */
bool config_pump(struct channel *verifier);
/*
 * Whom the verifier was not told of, and why, for n from 0 on; false: there is
 * none.
 */
bool config_unserved(unsigned n, struct msg_served *);

/* watch.c: the folder of qrexec's sockets */
void watch_init(void);
enum presence {
	VM_ABSENT, /* no socket: the VM does not run */
	VM_OTHER,  /* it runs, and has not this UUID */
	VM_PRESENT
};
enum presence watch_presence(const char *dir, const char *vm, const char *uuid);
enum presence watch_vm(const struct vm *);

/* copy.c: where readers expect the log */
void copy_open(void);
/* Hands them to the verifier: false when the channel is full. */
bool copy_pump(struct channel *verifier);

/* control.c: the control socket */
void control_init(void);
/* Hands a client on: false when the channel is full. */
bool control_pump(struct channel *verifier);
/* The verifier is done with it. */
void control_done(void);
void control_end(void);
/* The next of our processes, for n from 0 on; false: there is none. */
bool parent_process(unsigned n, struct msg_process *);
/* The same of pollers. */
bool vm_process(unsigned n, struct msg_process *);
/* The VMs that would be served, but have another UUID; as config_unserved(). */
bool vm_unserved(unsigned n, struct msg_served *);

/* notify.c: systemd */
void notify_init(void);
void notify_send(const char *text);
/* Tells how many are served and have a session, where that has changed. */
void notify_counts(void);
/*
 * The watchdog, where systemd wants one: the verifier is asked whether it
 * lives at half of the time that it has, and systemd hears that it does.
 */
void notify_watch(void);
/* Asks, where it is time: false when the channel is full. */
bool notify_pump(struct channel *verifier);
/* It has answered: false where it was not asked. */
bool notify_alive(void);

/* parent.c */
/* --once: every VM that is there has been asked. */
void parent_done(void);
/* --once: this VM was not served to its end. */
void parent_not_served(const char *vm, const char *why);
/* --once: some VM was not; it has been said which. */
void parent_missed(void);
void parent_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A child or a cgroup has gone: perhaps the last. */
void parent_check_end(void);
void parent_wake_verifier(void);
void parent_configured(void);

#endif
