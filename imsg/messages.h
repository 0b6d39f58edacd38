#ifndef IMSG_MESSAGES_H
#define IMSG_MESSAGES_H

/*
 * Every message that passes between our processes.  This table is the whole
 * of what they can say to each other: imsg_recv() refuses what it does not
 * list for the channel, the direction, the receiver's state, the exact size
 * and the descriptor.
 *
 * A payload is one struct of fixed size without padding (imsg.c asserts it);
 * texts are NUL-terminated and filled with NULs.  Whatever a message says
 * again replaces what it said before: messages carry state, not events.
 */

#include <stdint.h>

#include "wire/limits.h"

#define IMSG_TEXT_MAX 512
#define IMSG_PATH_MAX 256
#define RUN_PATH_MAX  256

enum role {
	ROLE_PARENT,
	ROLE_POLLER,
	ROLE_VERIFIER,
	ROLE_EXECUTOR,
	ROLE_CONTROL, /* qvm-remote-dom0, on the control socket */
	ROLE_WEB,     /* of qvm-remote-webui, whose reader is its parent */
	ROLE_COUNT
};

/* Sets of roles, for the table. */
#define PAR (1u << ROLE_PARENT)
#define POL (1u << ROLE_POLLER)
#define VER (1u << ROLE_VERIFIER)
#define EXE (1u << ROLE_EXECUTOR)
#define CTL (1u << ROLE_CONTROL)
#define WEB (1u << ROLE_WEB)
/* Those that begin with role_begin(). */
#define ROLES (POL | VER | EXE | WEB)

/*
 * The receiver's state on that channel; the receiver sets it
 * (imsg_set_state), the table says in which a message may come.
 *
 * SETUP    before READY, on a channel with the parent
 * SERVING  afterwards, and from the start between the roles
 * ASKED    verifier: this poller has a `next` that it has not answered
 * RELOAD   verifier: between CONFIG_BEGIN and CONFIG_END
 * STOPPING after STOP
 */
#define ST_SETUP    0x01u
#define ST_SERVING  0x02u
#define ST_ASKED    0x04u
#define ST_RELOAD   0x08u
#define ST_STOPPING 0x10u
#define ST_ANY	    0xffu

#define NOFD 0
#define FD   1

/*	 name,	       from, to, the receiver's state, payload, descriptor */
#define IMSG_TABLE(X)                                                     \
	/* a role's start */                                              \
	X(SETTINGS, PAR, ROLES, ST_SETUP, msg_settings, NOFD)             \
	X(SESSION, PAR, POL, ST_SETUP, msg_session, NOFD)                 \
	X(VERIFIER_CHANNEL, PAR, POL | EXE, ST_SETUP, msg_none, FD)       \
	X(EXECUTOR_CHANNEL, PAR, VER, ST_SETUP, msg_none, FD)             \
	X(READY, ROLES, PAR, ST_SETUP, msg_ready, NOFD)                   \
	X(LOG, ROLES, PAR, ST_ANY, msg_log, NOFD)                         \
	/* every role is ready: the log begins a run */                   \
	X(COPY, PAR, VER, ST_SERVING, msg_copy, FD)                       \
	X(BEGIN, PAR, VER, ST_SERVING, msg_begin, NOFD)                   \
	X(BEGUN, VER, PAR, ST_ANY, msg_none, NOFD)                        \
	/* who is served */                                               \
	X(CONFIG_BEGIN, PAR, VER, ST_SERVING, msg_retain, NOFD)           \
	X(CONFIG_COMMANDS, PAR, VER, ST_RELOAD, msg_none, FD)             \
	X(CONFIG_VM, PAR, VER, ST_RELOAD, msg_vm, NOFD)                   \
	X(CONFIG_KEY, PAR, VER, ST_RELOAD, msg_vm, FD)                    \
	X(CONFIG_KEY_NEXT, PAR, VER, ST_RELOAD, msg_vm, FD)               \
	X(CONFIG_POLICY, PAR, VER, ST_RELOAD, msg_vm, FD)                 \
	X(CONFIG_END, PAR, VER, ST_RELOAD, msg_none, NOFD)                \
	X(SERVED, VER, PAR, ST_ANY, msg_served, NOFD)                     \
	/* sessions */                                                    \
	X(POLLER_CHANNEL, PAR, VER, ST_SERVING, msg_poller, FD)           \
	X(DELIVERED, VER, PAR, ST_ANY, msg_vm, NOFD)                      \
	X(HOLD, VER, PAR, ST_ANY, msg_hold, NOFD)                         \
	/* is it alive: answered at the end of a turn */                  \
	X(PING, PAR, VER, ST_SERVING, msg_none, NOFD)                     \
	X(PONG, VER, PAR, ST_ANY, msg_none, NOFD)                         \
	/* the end */                                                     \
	X(STOP, PAR, VER, ST_SERVING, msg_none, NOFD)                     \
	X(STOPPED, VER, PAR, ST_STOPPING, msg_none, NOFD)                 \
	/* what the VM said */                                            \
	X(OPEN, POL, VER, ST_SERVING, msg_open, NOFD)                     \
	X(BODY, POL, VER, ST_ASKED, msg_memfd, FD)                        \
	X(INPUT, POL, VER, ST_ASKED, msg_memfd, FD)                       \
	X(REQUEST, POL, VER, ST_ASKED, msg_request, NOFD)                 \
	X(CANCEL, POL, VER, ST_ASKED, msg_cancel, NOFD)                   \
	X(NONE, POL, VER, ST_ASKED, msg_none, NOFD)                       \
	X(KEPT, POL, VER, ST_SERVING | ST_ASKED, msg_none, NOFD)          \
	X(PROBLEM, POL, VER, ST_SERVING | ST_ASKED, msg_problem, NOFD)    \
	/* what the VM is told */                                         \
	X(NEXT, VER, POL, ST_SERVING, msg_next, NOFD)                     \
	X(TAKE, VER, POL, ST_SERVING, msg_id, NOFD)                       \
	X(STATE, VER, POL, ST_SERVING, msg_state, NOFD)                   \
	X(OUTPUT, VER, POL, ST_SERVING, msg_stream, FD)                   \
	X(SIZES, VER, POL, ST_SERVING, msg_sizes, NOFD)                   \
	X(DONE, VER, POL, ST_SERVING, msg_done, NOFD)                     \
	X(BYE, VER, POL, ST_SERVING, msg_none, NOFD)                      \
	/* commands */                                                    \
	X(RUN, VER, EXE, ST_SERVING, msg_run, FD)                         \
	X(RUN_INPUT, VER, EXE, ST_SERVING, msg_seq, FD)                   \
	X(KILL, VER, EXE, ST_SERVING, msg_seq, NOFD)                      \
	X(SPOOL_OPEN, VER, EXE, ST_SERVING, msg_output, NOFD)             \
	X(SPOOL_REMOVE, VER, EXE, ST_SERVING, msg_seq, NOFD)              \
	X(SPOOL_KEEP, VER, EXE, ST_SERVING, msg_seq, NOFD)                \
	X(SPOOL_SWEEP, VER, EXE, ST_SERVING, msg_none, NOFD)              \
	X(GO, VER, EXE, ST_SERVING, msg_seq, NOFD)                        \
	X(OUTPUT_SWEEP, VER, EXE, ST_SERVING, msg_seq, NOFD)              \
	X(OUTPUT_LOOK, VER, EXE, ST_SERVING, msg_look, NOFD)              \
	X(OUTPUTS, EXE, VER, ST_SERVING | ST_STOPPING, msg_kept, NOFD)    \
	X(SPOOL_DISK, EXE, VER, ST_SERVING | ST_STOPPING, msg_disk, NOFD) \
	X(STARTED, EXE, VER, ST_SERVING | ST_STOPPING, msg_started, NOFD) \
	X(GROWN, EXE, VER, ST_SERVING | ST_STOPPING, msg_sizes, NOFD)     \
	X(SPOOL, EXE, VER, ST_SERVING | ST_STOPPING, msg_stream, FD)      \
	X(ENDED, EXE, VER, ST_SERVING | ST_STOPPING, msg_ended, NOFD)     \
	/* the control socket: who is there, one command, its answer */   \
	X(PROCESS, PAR, CTL, ST_SETUP, msg_process, NOFD)                 \
	X(UNSERVED, PAR, CTL, ST_SETUP, msg_served, NOFD)                 \
	X(PROCESS_END, PAR, CTL, ST_SETUP, msg_none, NOFD)                \
	X(CONTROL, PAR, VER, ST_SERVING | ST_STOPPING, msg_none, FD)      \
	X(CONTROL_DONE, VER, PAR, ST_ANY, msg_none, NOFD)                 \
	X(STATUS, CTL, VER, ST_SERVING, msg_none, NOFD)                   \
	X(STATUS_LOG, VER, CTL, ST_SERVING, msg_status_log, NOFD)         \
	X(STATUS_VM, VER, CTL, ST_SERVING, msg_status_vm, NOFD)           \
	X(CLOCK_ACCEPT, CTL, VER, ST_SERVING, msg_person, NOFD)           \
	X(CLOCK, VER, CTL, ST_SERVING, msg_clock, NOFD)                   \
	X(CHECKPOINT, CTL, VER, ST_SERVING, msg_none, NOFD)               \
	X(NEWEST, VER, CTL, ST_SERVING, msg_newest, NOFD)                 \
	X(REQUEST_KILL, CTL, VER, ST_SERVING, msg_kill, NOFD)             \
	X(QUEUE_CLEAN, CTL, VER, ST_SERVING, msg_person, NOFD)            \
	X(COUNTED, VER, CTL, ST_SERVING, msg_count, NOFD)                 \
	X(QUEUE, CTL, VER, ST_SERVING, msg_vm, NOFD)                      \
	X(ROW, VER, CTL, ST_SERVING, msg_row, NOFD)                       \
	X(REVOKE, CTL, VER, ST_SERVING, msg_revoke, NOFD)                 \
	X(SHOW, CTL, VER, ST_SERVING, msg_show, NOFD)                     \
	X(SHOWN, VER, CTL, ST_SERVING, msg_shown, FD)                     \
	X(SHOWN_INPUT, VER, CTL, ST_SERVING, msg_none, FD)                \
	X(ANSWER, CTL, VER, ST_SERVING, msg_answer, NOFD)                 \
	X(ANSWERED, VER, CTL, ST_SERVING, msg_answered, NOFD)             \
	X(APPROVAL_REVOKE, CTL, VER, ST_SERVING, msg_person, NOFD)        \
	X(CONTROL_END, VER, CTL, ST_SERVING, msg_none, NOFD)              \
	/* for the log: what the daemon goes by, and who changes it */    \
	X(CONF, PAR, VER, ST_SERVING, msg_conf, FD)                       \
	X(ACT, CTL, VER, ST_SERVING, msg_act, NOFD)                       \
	X(ERASE_BEGIN, CTL, VER, ST_SERVING, msg_vm, NOFD)                \
	X(ERASE, CTL, VER, ST_SERVING, msg_erase, NOFD)                   \
	X(ERASED, VER, CTL, ST_SERVING, msg_erased, NOFD)                 \
	/* the web view: what a browser asks, and the log's answer */     \
	X(WEB_SOCKET, PAR, WEB, ST_SETUP, msg_web_secrets, FD)            \
	X(WEB_QUERY, WEB, PAR, ST_SERVING, msg_web_query, NOFD)           \
	X(WEB_ANSWER, PAR, WEB, ST_SERVING, msg_web_answer, FD)           \
	X(WEB_NEWS, PAR, WEB, ST_SERVING, msg_none, NOFD)

enum imsg_type {
#define X(name, from, to, state, payload, fd) IMSG_##name,
	IMSG_TABLE(X)
#undef X
	IMSG_COUNT
};

struct msg_none {
	/* nothing */
};

/* For every role: what precedes each path, and where cgroups are made. */
struct msg_settings {
	char root[IMSG_PATH_MAX];   /* "" outside a bed */
	char cgroup[IMSG_PATH_MAX]; /* the folder above all of ours */
	uint32_t verbose;
	uint32_t once;	  /* asks every VM once, then ends */
	uint32_t dry_run; /* checks and records, runs nothing */
};

/* For a poller: whom qvm-run runs as, and which VM it asks. */
struct msg_session {
	char vm[VM_NAME_MAX + 1];
	char user[VM_NAME_MAX + 1]; /* in the VM */
	uint32_t uid, gid;	    /* who runs qvm-run in dom0 */
	uint32_t qubes_gid;
	uint32_t transport; /* enum transport: or qrexec-client */
};

#define SANDBOX_SECCOMP	 0x1u
#define SANDBOX_LANDLOCK 0x2u
struct msg_ready {
	uint32_t sandbox; /* SANDBOX_* that are in force */
};

struct msg_log {
	uint32_t level;		  /* enum log_level */
	char text[IMSG_TEXT_MAX]; /* the parent escapes it again */
};

/* Where readers expect the log: a file, or journald's socket. */
#define COPY_FILE    0
#define COPY_JOURNAL 1
struct msg_copy {
	uint32_t to; /* COPY_* */
};

/* remote.conf's bytes, as the parent has parsed them, in a sealed memfd. */
struct msg_conf {
	uint32_t there; /* 0: there is no such file, and no byte */
};

/* SANDBOX_* that are in force. */
struct msg_begin {
	uint32_t parent, verifier, executor;
};

/* imsg id: the poller's pid. */
struct msg_poller {
	char vm[VM_NAME_MAX + 1];
	uint32_t sandbox; /* SANDBOX_* that are in force */
};

/* How much of the log is kept; 0: all that the other one allows. */
struct msg_retain {
	uint64_t days, bytes;
};

struct msg_vm {
	char vm[VM_NAME_MAX + 1];
};

struct msg_served {
	char vm[VM_NAME_MAX + 1];
	uint32_t served;
	char reason[REASON_MAX + 1 + 3]; /* where it is not */
};

/* imsg id: the pid of the poller whose session has ended; 0: none has. */
struct msg_hold {
	char vm[VM_NAME_MAX + 1];
	uint32_t seconds; /* before its next session; 0: no word on it */
};

struct msg_open {
	char program[PROGRAM_MAX + 4];
	uint32_t wait;
};

struct msg_memfd {
	uint64_t length; /* bytes; the receiver compares with fstat */
};

/*
 * Ends what BODY (and INPUT) began.  Where a length is over its limit no BODY
 * came, token_len is as announced and the token is empty.
 */
struct msg_request {
	char id[ID_MAX + 8];
	int64_t clock;				 /* the VM's, Unix seconds */
	uint64_t token_len, body_len, input_len; /* as announced */
	char token[TOKEN_MAX];
};

struct msg_cancel {
	char id[ID_MAX + 8];
	int64_t clock;
	uint64_t token_len;
	char token[TOKEN_MAX];
};

enum problem {
	PROBLEM_VIOLATION, /* the VM broke a rule */
	PROBLEM_SILENT,	   /* it said nothing for too long */
	PROBLEM_ENDED	   /* qvm-run ended */
};
struct msg_problem {
	uint32_t problem;
	int32_t status; /* qvm-run's exit status, or -1 */
	char rule[128];
	char stderr_text[1024]; /* escaped; the first of its stderr */
};

struct msg_next {
	uint64_t input_limit;
	uint32_t cancel_only;
	uint32_t word; /* enum frame_word, where cancel_only */
};

struct msg_id {
	char id[ID_MAX + 8];
};

struct msg_state {
	char id[ID_MAX + 8];
	uint32_t state; /* enum frame_state */
	uint32_t n;
};

/*
 * imsg id names the request: between verifier and poller a serial number that
 * the verifier chose, between verifier and executor unused (seq is the name).
 */
struct msg_stream {
	uint64_t seq;
	char id[ID_MAX + 8]; /* for the poller's frames; else empty */
	uint32_t stream;     /* 1 or 2 */
	uint32_t zero;
};

struct msg_sizes {
	uint64_t seq;
	uint64_t out, err; /* bytes in the spool so far */
};

struct msg_done {
	char id[ID_MAX + 8];
	uint64_t out, err; /* bytes to deliver before it */
	uint32_t exit;
	uint32_t receipt_len;
	char receipt[RECEIPT_MAX];
};

struct msg_run {
	uint64_t seq;
	char vm[VM_NAME_MAX + 1];
	char id[ID_MAX + 8];
	uint64_t output_limit; /* bytes kept of each stream */
	uint64_t keep;	       /* not 0: they stay, with their times */
	uint32_t timeout;      /* seconds */
	uint32_t has_input;    /* RUN_INPUT follows */
	/* 0 where the policy has no such limit */
	uint64_t memory, file_size; /* bytes */
	uint32_t tasks, files;
	uint32_t nice;
	uint32_t direct;	    /* body is words, and path runs them */
	char user[VM_NAME_MAX + 1]; /* "" : root */
	char path[RUN_PATH_MAX];
};

struct msg_seq {
	uint64_t seq;
};

/* vm: whose kept output it is; "": it is in the spool. */
struct msg_output {
	uint64_t seq;
	char vm[VM_NAME_MAX + 1];
};

/* Kept output that ended before then (Unix seconds; 0: none) goes. */
struct msg_look {
	char vm[VM_NAME_MAX + 1];
	int64_t before;
};

/* What of a VM is kept, but for what has no ENDED yet. */
struct msg_kept {
	char vm[VM_NAME_MAX + 1];
	uint64_t bytes;
	int64_t oldest; /* when it ended; Unix seconds; 0: there is none */
};

/* The spool's disk has less free than the reserve (PROTOCOL.md, Limits). */
struct msg_disk {
	uint32_t low;
};

struct msg_started {
	uint64_t seq;
	int64_t started_us; /* Unix microseconds */
};

enum end_how {
	END_EXITED,
	END_SIGNALED,
	END_TIMEOUT,
	END_KILLED, /* after KILL */
	END_FAILED, /* bash did not start; value is errno */
	END_UNKEPT  /* the same: its output cannot be kept */
};
/* Limits that it has run into. */
#define LIMIT_MEMORY	0x1u
#define LIMIT_TASKS	0x2u
#define LIMIT_FILE_SIZE 0x4u
struct msg_ended_stream {
	uint64_t written, kept;
	uint8_t sha256[32];
};
struct msg_ended {
	uint64_t seq;
	uint32_t how;	 /* enum end_how */
	uint32_t value;	 /* exit status, signal or errno */
	uint64_t limits; /* LIMIT_* */
	int64_t started_us, ended_us;
	struct msg_ended_stream out, err;
	uint32_t out_head_len, err_head_len;
	char out_head[512], err_head[512]; /* the beginning, raw */
	/* Of a kept output: it is on disk, with as long a time file. */
	uint64_t sealed, timing_len;
	uint8_t timing_sha256[32];
};

/* One of the daemon's processes. */
struct msg_process {
	char name[64]; /* "poller [work]" */
	int32_t pid;
	uint32_t sandbox; /* SANDBOX_* that are in force */
};

struct msg_status_log {
	uint64_t run;
	uint64_t segment;    /* its first record */
	uint64_t seq;	     /* of the next record */
	uint64_t pruned;     /* the newest record that was; 0: none */
	uint64_t used, size; /* bytes of the segment */
	uint32_t seed_seen;
	uint32_t disk_low; /* the log's or the spool's: nothing new is taken */
};

struct msg_status_vm {
	char vm[VM_NAME_MAX + 1];
	char why[REASON_MAX + 1 + 7];  /* not served because */
	char program[PROGRAM_MAX + 8]; /* the agent; "" without a session */
	char fingerprint[24];	       /* of its key; "" where not served */
	char next_fingerprint[24];     /* of the next one; "" without */
	char last_id[ID_MAX + 8];
	int64_t last_us, session_us;	 /* Unix microseconds; 0: none */
	uint64_t log_day, log_day_limit; /* bytes */
	uint64_t log_full;		 /* LOG_FULL_* */
	uint64_t refused;		 /* since the daemon's start */
	int64_t key_ahead; /* its tokens are refused up to then; or 0 */
	/* Of its policy; 0 where not served. */
	uint32_t mode;	  /* enum policy_mode */
	uint32_t auth_v1; /* version 1 is allowed */
	uint32_t served;
	uint32_t running, waiting, owed; /* requests */
};
#define LOG_FULL_NOT 0
#define LOG_FULL_DAY 1 /* until the next day, UTC */
#define LOG_FULL_ALL 2

/* What now was, and what it is: Unix microseconds. */
struct msg_clock {
	int64_t from_us, to_us;
	uint64_t accepted; /* 0: its record has no room */
};

/* A request; vm "": whichever VM's. */
struct msg_which {
	char vm[VM_NAME_MAX + 1];
	char id[ID_MAX + 8];
};

struct msg_kill {
	struct msg_which which;
	char who[VM_NAME_MAX + 1], tty[VM_NAME_MAX + 1]; /* for the log */
};

struct msg_revoke {
	char vm[VM_NAME_MAX + 1];
	uint32_t drain; /* what runs may end */
};

/* How many requests of a VM are meant, and whether it was done to them. */
struct msg_count {
	char vm[VM_NAME_MAX + 1];
	uint32_t n, done;
};

enum row_state {
	ROW_WAITS,
	ROW_ASKED, /* for a person */
	ROW_RUNS,
	ROW_ENDS,
	ROW_OWED,
	ROW_APPROVAL /* none: a command that need not wait */
};
struct msg_row {
	char vm[VM_NAME_MAX + 1];
	char id[ID_MAX + 8];
	char key[24];	    /* its fingerprint; "" without a valid token */
	uint8_t digest[32]; /* its token's; of an approval, its command's */
	uint64_t number;    /* goes up in the order of arrival */
	uint64_t seconds;   /* that it runs; or until it is given up */
	uint64_t state;	    /* enum row_state */
};

/* One that waits for a person, by its token's digest, or (0) by its id. */
struct msg_show {
	char vm[VM_NAME_MAX + 1]; /* "" : whichever VM's */
	char id[ID_MAX + 8];
	uint8_t request[32];
};

/* What a person is to know of it; SHOWN has its body, SHOWN_INPUT its input. */
struct msg_shown {
	char vm[VM_NAME_MAX + 1];
	char id[ID_MAX + 8];
	char key[24];
	char user[VM_NAME_MAX + 1]; /* who it will run as */
	char note[NOTE_MAX + 8];
	uint8_t request[32], body_sha256[32], input_sha256[32];
	uint64_t body_len, input_len, has_input;
	uint64_t seconds; /* that are left */
	/* 0 where the policy has no such limit */
	uint64_t memory, file_size, output_limit; /* bytes */
	uint64_t timeout;			  /* seconds */
	uint64_t tasks, files, nice;
};

/*
 * What a person says of what was shown.  The digests are of the bytes that
 * were, and user and timeout as they were: one that is another by now is not
 * meant.
 */
enum answer {
	ANSWER_DENY,
	ANSWER_APPROVE,
	ANSWER_ALWAYS /* and this command again, for some minutes */
};
#define MINUTES_MAX 1440
struct msg_answer {
	char vm[VM_NAME_MAX + 1];
	char id[ID_MAX + 8];
	uint8_t request[32], body_sha256[32]; /* the latter to approve */
	char user[VM_NAME_MAX + 1];
	char who[VM_NAME_MAX + 1], tty[VM_NAME_MAX + 1]; /* for the log */
	uint64_t timeout;
	uint64_t answer;  /* enum answer */
	uint64_t minutes; /* for ANSWER_ALWAYS; else 0 */
};

/*
 * Who takes back the VM's approvals, cleans its queue (vm "": all), or (vm "")
 * accepts the clock.
 */
struct msg_person {
	char vm[VM_NAME_MAX + 1];
	char who[VM_NAME_MAX + 1], tty[VM_NAME_MAX + 1];
};

/* What a person has changed beside requests; ANSWERED says whether it is
 * recorded. */
enum act {
	ACT_AUTHORIZE,
	ACT_REVOKE,
	ACT_ROTATE,
	ACT_ROTATE_FINISH,
	ACT_ENABLE,
	ACT_DISABLE
};
struct msg_act {
	char vm[VM_NAME_MAX + 1]; /* "" : of none */
	char who[VM_NAME_MAX + 1], tty[VM_NAME_MAX + 1];
	char fingerprint[24]; /* of the key; "" : of none */
	uint64_t act;	      /* enum act */
};

enum answered {
	OUTCOME_DONE,
	OUTCOME_OVER,	 /* it does not wait any more; text says since what */
	OUTCOME_CHANGED, /* it is not what was shown */
	OUTCOME_NO_ROOM, /* for its record: it waits on */
	OUTCOME_NO_PLACE /* it cannot be approved for longer: it waits on */
};
struct msg_answered {
	char text[REASON_MAX + 1 + 55];
	uint64_t outcome; /* enum answered */
};

/* What `log erase` erases: records of closed segments, and kept outputs. */
struct msg_erase {
	char vm[VM_NAME_MAX + 1];
	char who[VM_NAME_MAX + 1], tty[VM_NAME_MAX + 1];
	uint8_t sha256[32]; /* of their hashes, in order */
	uint64_t count, first, last;
	uint64_t outputs; /* files */
};
#define ERASE_DONE    0
#define ERASE_REFUSED 1 /* the VM is served or owed something */
#define ERASE_NO_ROOM 2
struct msg_erased {
	uint64_t outcome; /* ERASE_* */
	uint64_t seq;	  /* of the record that says so */
};

/* What a browser must show: the token of the address once, then the cookie. */
struct msg_web_secrets {
	char token[64], cookie[64]; /* hex digits, without a NUL */
	uint64_t port;		    /* 0: a Unix socket */
};

enum web_what {
	WEB_ROWS,     /* requests, newest first */
	WEB_DOWNLOAD, /* the same, their records whole */
	WEB_REQUEST,  /* one, whole */
	WEB_STAT,     /* how many an hour */
	WEB_STATE,    /* the newest record; what was verified */
	WEB_LOGS,     /* the copy for people, from a byte on */
	WEB_WHAT_COUNT
};
/* imsg id: the asker's name for it.  What does not apply is 0 or empty. */
struct msg_web_query {
	uint32_t what, count;
	uint64_t seq;	      /* the request's; or none below it */
	uint64_t before;      /* none from it on */
	uint64_t offset;      /* bytes */
	int64_t since, until; /* Unix seconds */
	char vm[VM_NAME_MAX + 1], status[16], grep[256];
};

/* The memfd is sealed; what it holds is JSON, or where status is not 200, text. */
struct msg_web_answer {
	uint32_t status; /* HTTP's */
	uint32_t unused;
	uint64_t length;
};

/* The newest record on disk. */
struct msg_newest {
	uint64_t seq;
	int64_t time_us;
	uint8_t hash[32];
};

#endif
