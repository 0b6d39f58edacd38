#ifndef EXECUTOR_RIG_H
#define EXECUTOR_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <atf-c.h>

#include "imsg/imsg.h"

/*
 * The real executor between a parent and a verifier that a test plays: in a
 * root folder and a cgroup of its own, both gone when the test is over.
 * Whatever does not come within a deadline fails the test.
 */

/* A test that needs root. */
#define ROOT_TC(name, descr)                                   \
	ATF_TC(name);                                          \
	ATF_TC_HEAD(name, tc)                                  \
	{                                                      \
		atf_tc_set_md_var(tc, "descr", descr);         \
		atf_tc_set_md_var(tc, "require.user", "root"); \
	}

#define RIG_SEQS 8 /* commands 1 to 7 are followed */

/* What the verifier has been told of one command. */
struct rig_command {
	bool started, ended;
	uint32_t growns;
	uint64_t grown_out;
	int spool[2];		      /* -1, or ours */
	char keeper[VM_NAME_MAX + 1]; /* whose kept output it is; or "" */
	struct msg_ended end;
};

struct rig {
	char root[IMSG_PATH_MAX];
	char cgroup[IMSG_PATH_MAX];
	char told_cgroup[IMSG_PATH_MAX]; /* what SETTINGS says */
	pid_t pid;			 /* 0 when it has ended */
	int pidfd;
	bool ready;
	bool unswept; /* before the start: SPOOL_SWEEP is the test's to send */
	unsigned int disks; /* how often SPOOL_DISK came, and its last word */
	bool disk_low;
	unsigned int kepts; /* how often OUTPUTS came, and the last one */
	struct msg_kept kept;
	char log[4096];			  /* all its lines */
	struct imsg_end parent, verifier; /* fd -1 where closed */
	struct rig_command commands[RIG_SEQS];
};

/* The folders alone: what is to be there before it starts is made then. */
void rig_prepare(struct rig *);
/* Starts it and waits until it is ready, or has ended (then pid is 0). */
void rig_start(struct rig *, const atf_tc_t *);
/* Both, and it is ready. */
void rig_setup(struct rig *, const atf_tc_t *);
/* Closes a channel. */
void rig_close(struct imsg_end *);
/* Waits until it has ended, for whatever reason: the exit status. */
int rig_wait_exit(struct rig *);

/* Sealed as the verifier's are. */
int rig_memfd(const void *, size_t);
struct msg_run rig_msg(uint64_t seq);
/* Sends RUN, RUN_INPUT where input is not -1, and GO; closes both. */
void rig_send_run(struct rig *, const struct msg_run *, int body, int input);
/* RUN of a text with the default limits. */
void rig_run(struct rig *, uint64_t seq, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* GO, KILL, SPOOL_REMOVE */
void rig_send_seq(struct rig *, enum imsg_type, uint64_t seq);

/* Waits for the next thing to happen, and takes it. */
void rig_step(struct rig *);
const struct msg_ended *rig_wait_ended(struct rig *, uint64_t seq);
void rig_wait_started(struct rig *, uint64_t seq);
/* Until so many bytes are known to be in the spool. */
void rig_wait_output(struct rig *, uint64_t seq, uint64_t bytes);
/* Until SPOOL_DISK has said so; at most so long. */
void rig_wait_disk(struct rig *, bool low, int64_t ms);
/* SPOOL_OPEN, and both descriptors. */
void rig_open_spool(struct rig *, uint64_t seq);
/* All of a spool file, as text: static. */
const char *rig_spool_text(struct rig *, uint64_t seq, unsigned int stream);
/* RUN, its end, and what it wrote to stream 1: static. */
const char *rig_output(struct rig *, uint64_t seq, const char *body);

/* A path below the root folder: static. */
const char *rig_path(const struct rig *, const char *);
/* Waits until a process that is not our child has ended. */
void rig_wait_gone(pid_t);
/* Nothing is left of a command but its spool. */
void rig_check_clean(struct rig *, uint64_t seq);

#endif
