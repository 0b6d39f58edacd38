#ifndef VERIFIER_H
#define VERIFIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "audit/audit.h"
#include "crypto/crypto.h"
#include "policy/policy.h"
#include "privsep/channel.h"
#include "verifier/memory.h"
#include "wire/frame.h"
#include "wire/receipt.h"
#include "wire/token.h"

/* The verifier's own structures and the calls between its files. */

#define REQUESTS_MAX   64 /* accepted and not delivered, per VM */
#define VM_BYTES       (8ull * 1024 * 1024)   /* bodies and inputs, per VM */
#define COMMON_BYTES   (32ull * 1024 * 1024)  /* of all, beyond each first */
#define SPOOL_BYTES    (256ull * 1024 * 1024) /* per VM */
#define COMMON_RUNNING 32 /* commands beyond each VM's first */
#define NEXT_MAX       2  /* `next` without an answer, per session */
#define CANCELS_MAX    64 /* early cancels remembered, per VM */
#define REFUSED_MAX    10 /* records of refusals per VM and minute */
#define ANSWER_KEPT_MS (24ll * 3600 * 1000)
#define VM_TABLE       (2 * VMS_MAX) /* served, and on their way out */

/* One reason for form, key and mac: less helps only a forger. */
#define NOT_ACCEPTED "token not accepted"

#define ANSWER_TEXT_MAX 4096 /* of an answer's text that is made here */
#define CANCEL_EARLY	"before its request" /* a cancel record's effect */

/* At once: its key, the next one of a rotation, and one that goes. */
#define VM_KEYS	    3
#define KEYS_COMING 2 /* of a reload: its key and the next one */
#define RETIRE_MS   (60 * 1000)

#define KEY_REVOKED "its key was revoked"

struct vm;

enum key_use {
	KEY_FREE,
	KEY_CURRENT,
	KEY_NEXT,
	KEY_LEAVING /* nothing new; signs the answers to what it has asked */
};
struct vm_key {
	struct derived_keys derived;
	enum key_use use;
	bool v1;    /* derived.v1 is set: it signs version 1, too */
	int memory; /* its index; valid while it is of use for new tokens */
};

/*
 * A request's life.  Whatever is appended to the log becomes true for others
 * one commit later: RECORDED and ANSWERED are the two states that wait for
 * the disk.
 */
enum request_state {
	REQUEST_WAITING,  /* for its turn */
	REQUEST_ASKED,	  /* a person's word comes first */
	REQUEST_RECORDED, /* intent appended */
	REQUEST_STARTING, /* intent on disk, GO not sent yet */
	REQUEST_RUNNING,
	REQUEST_ANSWERED, /* result appended */
	REQUEST_FINISHED, /* result on disk (or unsigned): to deliver */
	REQUEST_GONE	  /* kept: its spool is still to be removed */
};

/* What a VM's policy says of a request. */
enum verdict {
	VERDICT_DENY,
	VERDICT_ASK,
	VERDICT_RUN
};

/* What the poller has to be told. */
#define TELL_TAKE  0x1u
#define TELL_STATE 0x2u
#define TELL_SIZES 0x4u
#define TELL_DONE  0x8u

/* What the executor has to be told. */
#define EXEC_RUN    0x1u
#define EXEC_INPUT  0x2u
#define EXEC_KILL   0x4u
#define EXEC_OPEN   0x8u
#define EXEC_REMOVE 0x10u
#define EXEC_KEEP   0x20u
#define EXEC_GO	    0x40u

/* Of the policy that its intent was recorded with: it may be another by now. */
struct terms {
	uint64_t memory, file_size; /* bytes; 0: no limit of ours */
	uint32_t tasks, files, nice;
	char user[VM_NAME_MAX + 1]; /* "" : root */
};

struct request {
	TAILQ_ENTRY(request) entry;
	struct vm *vm;
	char asker[VM_NAME_MAX + 1]; /* the VM that its intent names */
	enum request_state state;
	uint32_t serial;    /* names it between poller and verifier */
	struct token token; /* key "" where it had no valid one */
	int64_t received_us;
	bool v1;		    /* asked for by version 1 */
	struct receipt answer;	    /* id and request digest from the start */
	char path[POLICY_PATH_MAX]; /* runs it without a shell; or "" */
	uint32_t policy_line;	    /* that decided, where there are lines */
	enum verdict verdict;
	char hidden[REASON_MAX + 1]; /* why, where the VM is not to know */
	uint64_t approved;	     /* the record of it, or 0: nobody has */
	char approved_user[VM_NAME_MAX + 1]; /* who may run it, as was shown */
	uint32_t approved_timeout;
	struct terms terms;
	uint32_t timeout; /* seconds, once it has begun */
	int memory;	  /* entry, or -1: not remembered */
	int body_fd, input_fd;
	int64_t deadline_ms;  /* boottime: WAITING expires, FINISHED goes */
	uint64_t seq;	      /* of the intent record, 0: none */
	uint64_t spool_seq;   /* the spool files' name, 0: none */
	uint64_t spool_bytes; /* counted in its VM's share */
	int64_t started_ms;   /* boottime */
	uint32_t tell, exec;
	bool kept;	     /* its output stays in dom0 */
	uint64_t kept_bytes; /* set aside for that, until it ends */
	bool reserved;	     /* room for its result is set aside */
	bool entered;	     /* has one of the poller's entries */
	bool done_sent;
	bool cancelled;		  /* KILL is on its way */
	char why[REASON_MAX + 1]; /* why it is being killed */
	int text_fd;		  /* an answer's text, made here; or -1 */
	bool text_is_err;	  /* error output, not output */
	int spool_fd[2];	  /* to be handed to the poller; or -1 */
	bool spool_asked, spool_sent[2];
	uint64_t out, err; /* bytes in the spool */
	enum frame_state told_state;
	uint32_t told_n;
};
TAILQ_HEAD(requests, request);

struct cancel {
	uint8_t name[32]; /* of key and id */
	int64_t expires;  /* Unix seconds; 0: free */
	int64_t until_ms; /* boottime */
};

struct session {
	struct channel ch;
	uint32_t poller; /* the parent's name for it */
	bool opened;	 /* the VM said ready */
	int64_t opened_us;
	char program[PROGRAM_MAX + 1];
	uint32_t sandbox;   /* of its poller: SANDBOX_* */
	unsigned delivered; /* answers that were kept */
	const char *why;    /* it ends; NULL: its poller has ended */
	bool end_recorded;
	bool bye, bye_sent;
	struct timer end;		/* it is to be over by then */
	unsigned standing;		/* `next` without an answer */
	struct msg_next next[NEXT_MAX]; /* those, in order */
	struct msg_next last;		/* the newest `next` */
	int64_t rest_ms;		/* boottime: none before */
	unsigned entries;		/* of the poller, in use */
	bool drained;	       /* it has nothing that we have not seen */
	unsigned taken;	       /* requests, in this session */
	int body_fd, input_fd; /* came, their REQUEST not yet */
	uint64_t body_len, input_len;
};

/* With what a VM is served; all zero: the log does not say that it is. */
struct served {
	char key[FINGERPRINT_HEX + 1], next_key[FINGERPRINT_HEX + 1];
	uint8_t policy[SHA256_LEN];
};

/* A VM's outputs that the executor keeps. */
struct kept {
	bool look, asked; /* the executor is to count, and does */
	bool known;	  /* what it has counted */
	uint64_t bytes, reserved;
	/* Removed is what ended before, in Unix seconds; 0: nothing. */
	int64_t recorded, before; /* not on disk yet; and to be told */
};

struct vm {
	char name[VM_NAME_MAX + 1]; /* "" : free */
	bool served;
	struct vm_key *keys;   /* VM_KEYS, in locked memory */
	struct policy *policy; /* NULL: it was never served */
	/* What a reload is bringing. */
	bool next_named;
	struct derived_keys *coming; /* KEYS_COMING, in locked memory */
	bool coming_ok[KEYS_COMING];
	struct policy *next_policy; /* NULL: none that is good */
	uint8_t next_digest[SHA256_LEN];
	struct served served_as; /* as the log has it */
	/* The policy's rate: boottime at which the bucket was empty. */
	int64_t bucket_us;
	bool bucket_known;
	int64_t rate_told_ms;	  /* in the log; 0: never */
	char why[REASON_MAX + 1]; /* not served because */
	struct share *share;	  /* of the log; NULL: not looked for yet */
	/* Its share. */
	struct requests requests; /* in order of arrival */
	unsigned count;
	uint64_t bytes, spool_bytes;
	unsigned running, running_queue;
	struct kept kept;
	struct cancel cancels[CANCELS_MAX];
	int64_t refused_since_ms;
	unsigned refused[2], refused_more; /* requests, cancels */
	uint64_t refused_all;
	char last_id[ID_MAX + 1]; /* its newest request */
	int64_t last_us;
	int64_t drain_ms;  /* if it goes until then, what runs may end */
	int64_t retire_ms; /* served no more: session ends then */
	struct session session;
	/* What the parent has to be told. */
	bool tell_served, tell_delivered;
	uint32_t tell_hold; /* seconds, 0: nothing */
	uint32_t tell_over; /* the poller whose session has ended; 0: none */
};

/* verifier.c */
/* Every role is ready: the log begins a run. */
void verifier_begin(void);
/* The parent asks whether we live. */
void verifier_pinged(void);
extern struct vm vms[VM_TABLE];
extern struct vm *vms_end; /* behind the last one with a name */
extern struct channel parent, executor;
extern bool stopping;
extern bool once;    /* each VM's session ends when nothing is left */
extern bool dry_run; /* nothing runs */
struct vm *vm_find(const char *name);
int64_t seconds_left_ms(int64_t seconds);

/* config.c: who is served */
void config_init(void);
/* Makes a place in the table free: no request and no session is left. */
void config_forget(struct vm *);
/* A VM's place, by name; a free one gets it.  NULL: the table is full. */
struct vm *config_place(const char *name);
/*
 * Makes places free that nothing holds.  A cancel holds one until it has
 * expired by both clocks, or, where by_time, by the time that is given.
 */
void config_tidy(int64_t now, bool by_time);
/*
 * It is served no more from now on; its files are about to go, or have gone.
 * With drain, what runs may end.  How much runs on.
 */
unsigned config_revoke(struct vm *, bool drain);
/* Why a VM is not served. */
const char *config_why(const struct vm *);
/* The nth VM that has no place in the table, for `status`. */
bool config_turned_away(unsigned n, struct msg_status_vm *);
/* Since when a key is known that this log knows nothing of; Unix seconds. */
int64_t config_known_since(void);
/* The parent has said at least once who is served. */
bool config_known(void);
void config_dispatch(struct imsg *);
void config_pump(void);

/* daemon.c: what the log says of the daemon itself */
/* Before the run begins. */
void daemon_sandboxes(const struct msg_begin *);
/* remote.conf as it counts from now on: a change of it is recorded. */
void daemon_conf(bool there, int fd);
void daemon_start_fields(struct record *);
/* SANDBOX_* in words. */
const char *daemon_layers(uint32_t sandbox);

/* commands.c: where dom0's commands are */
void commands_take(int fd);
/* For policy_env. */
int commands_find(void *arg, const char *name, char path[POLICY_PATH_MAX]);
/* keys.c: each VM's keys */
void keys_init(void);
void keys_forget(struct vm *);
void keys_forget_coming(struct vm *);
/* The key of that fingerprint, whatever its use; or NULL. */
struct vm_key *keys_find(const struct vm *, const char *fingerprint);
/* It may sign what is new. */
bool keys_accept(const struct vm *, const char *fingerprint);
const struct vm_key *keys_of(const struct vm *, enum key_use);
/* Its index in the memory, or -1. */
int keys_memory(const struct vm_key *);
/* A reload's: the VM's key (0) or the next one (1). */
void keys_read(struct vm *, size_t which, int fd);
/* Of two VMs with one key, neither has it: either could be meant. */
void keys_refuse_duplicates(void);
/* The key that comes is one that it has. */
bool keys_go_on(const struct vm *);
/* All go; with drain, what runs may end, and is signed for. */
void keys_go(struct vm *, bool drain, const char *why);
/* Those go that do not come again. */
void keys_drop(struct vm *);
/* Those that come are the VM's: 0; -1, and why, where its own cannot be. */
int keys_take(struct vm *);
/* One that goes has gone when it owes nothing. */
void keys_tidy(struct vm *);

/* session.c: the channel to a poller */
void session_open(struct vm *, int fd, uint32_t poller, uint32_t sandbox);
/* why: static, for the log; the first one counts. */
void session_end(struct vm *, uint32_t hold_seconds, const char *why);
/* At once; what its poller still has to say is not heard. */
void session_cut(struct vm *, const char *why);
void session_dispatch(struct channel *, struct imsg *);
void session_pump(struct channel *);
/* Says what is new about a request, where its VM has a session. */
void session_tell(struct request *, uint32_t what);
/* Its agent may answer with a cancel only: nothing has room. */
bool session_is_held(const struct vm *);
/* When it may be asked for more, where that is not yet; else -1. */
int64_t session_rests(const struct vm *, int64_t now_ms);
bool vm_owes(const struct vm *);

/* request.c: a request's states */
struct request *request_new(struct vm *, const char *id);
void request_free(struct request *);
struct request *request_find(struct vm *, const char *id, const char *key);
/* Whom its records name: its key, and so itself, may have moved since. */
const char *request_asker(const struct request *);
/*
 * Its key is another VM's now: so is the request, and the session of the VM
 * that had it ends.  NULL: there is none.
 */
struct request *request_move(struct vm *to, const char *id, const char *key);
struct request *request_by_serial(struct vm *, uint32_t serial);
struct request *request_by_seq(uint64_t seq);
struct request *request_by_result(uint64_t seq);
/* Answers it; signed and recorded where it passed freshness. */
void request_refuse(struct request *, enum receipt_status, const char *reason);
void request_kept(struct request *);
/* It was not kept in time, or its VM is served no more: it is not owed now. */
void request_lapsed(struct request *);
/* A sealed memfd with this text. */
int request_memfd(const char *, size_t len);
/* Makes this text what its output is. */
void request_text(struct request *, const char *, size_t len);
/* Body and input are no longer needed: their bytes leave the VM's share. */
void request_drop_body(struct request *);
/* Its answer is in the log, or cannot be: what follows. */
void request_answered(struct request *);
/* Nothing of it has begun: it waits for its turn, or for a person. */
bool request_waits(const struct request *);
/* True when there was something to cancel. */
bool request_cancel(struct request *, const char *why);
/* What has reached the disk becomes true. */
void request_committed(void);
/* Expiry, retention; returns when to look again, boottime ms, or -1. */
int64_t request_deadlines(int64_t now_ms);

/* The receipt as text, signed where it may be: its length. */
size_t request_receipt(const struct request *, char[RECEIPT_MAX]);

/* decide.c: what a VM's policy says of a request */
/* Where it may run, path says how; where it is denied, why says so. */
enum verdict decide(struct request *, const char **why);
/* How long it may run, in seconds. */
uint32_t decide_timeout(const struct request *);
/* What it says of itself, for `ping`; of a request, for `check`. */
int decide_describe(const struct request *, char *text, size_t size);
/* A token of the bucket: how long until there is one, in ms; 0: now. */
int64_t decide_rate(struct vm *, int64_t now_ms, bool take);

/* ask.c: what waits for a person in dom0 */
/* From now on it does; or it is refused, where that cannot be recorded. */
void ask(struct request *);
/* The VM has another policy: it decides about what waits for a person. */
void ask_again(struct vm *);
/* A person has approved it as it would run now, or what it asks for. */
bool ask_is_approved(struct request *);
/* Who it will run as. */
const char *ask_user(const struct request *);
/* It waits for a person no more: how so is kept for who answers too late. */
void ask_over(const struct request *, const char *how);
/*
 * What a person has to see, and the descriptors of its body and input (or -1),
 * which stay its own; or false, and why not.
 */
bool ask_show(const struct msg_show *, struct msg_shown *, int fd[2],
    struct msg_answered *);
/* Whoever asks has checked that its texts are texts. */
void ask_answer(const struct msg_answer *, struct msg_answered *);

/* approval.c: commands that a person has allowed for some time */
/* The record of one that a request falls under, or 0. */
uint64_t approval_of(const struct request *);
/* From now on: its record, or 0 and why not. */
uint64_t approval_add(const struct request *, const struct msg_answer *,
    enum answered *why);
/* Those of the VM that are in force, recorded where a person does it: how many
 * there were. */
unsigned approval_revoke(const char *vm, const struct msg_person *);
/* The nth of the VM, or ("") of all. */
bool approval_row(const char *vm, unsigned n, struct msg_row *);

/* check.c: DESIGN.md, A request's life, step 4 */
void check_request(struct vm *, const struct msg_request *,
    uint64_t input_limit, int body_fd, int input_fd, uint64_t body_len,
    uint64_t input_len);
void check_cancel(struct vm *, const struct msg_cancel *);
/* Forgets what it may: once a minute, however often it is called. */
void check_sweep(int64_t now_ms);
/* What a cancel is remembered by. */
void cancel_name(const char *key, const char *id, uint8_t name[SHA256_LEN]);
/* Its entry, or a free one, or one that has expired by then; or NULL. */
struct cancel *cancel_place(struct vm *, const uint8_t name[SHA256_LEN],
    int64_t now);

/* v1.c: version 1 of the protocol */
/* Only its tokens are so short. */
bool v1_asked(uint64_t token_len);
/* What the key's 64 characters sign: kept by v1_keys_keep() or wiped. */
void v1_key_set(struct derived_keys *, const char *characters);
void v1_keys_keep(struct vm *);
/* Its key, and all of the token but the body's digest; or NULL, and why. */
const struct vm_key *v1_token(const struct vm *, const struct msg_request *,
    struct token *, const char **wrong);
enum receipt_status v1_fresh(int memory, const struct token *, char *reason,
    size_t);
/* The latest expires of a token that can have run by now. */
int64_t v1_expires_last(void);
void v1_digest(struct request *);
/* The status that version 1 has for an answer; of others, nothing changes. */
void v1_exit(struct request *);
/* The line that goes into .err, where nothing else does. */
void v1_say(struct request *);
/* The four lines that it has for a receipt: their length. */
size_t v1_meta(const struct request *, char[RECEIPT_MAX]);

/* record.c: what is appended */
bool record_intent(struct request *);
bool record_asked(const struct request *);
/* A person's word on it: its sequence number, or 0: there is no room. */
uint64_t record_person(const struct request *, const char *event,
    const struct msg_answer *);
void record_approval_revoke(const struct msg_person *, unsigned count);
void record_result(struct request *, const struct msg_ended *);
/* The fields of an answer; of output the beginning, where ended has it. */
void record_answer(struct record *, const struct request *,
    const struct msg_ended *ended);
/* `delivered` or `lapsed`: its answer is not owed any more. */
void record_owed_no_more(const struct request *, const char *event);
/* False where it is one too many for a record: it is counted. */
bool record_refused(struct request *, bool cancel);
void record_refused_summary(struct vm *);
void record_cancel(struct vm *, const char *id, const struct token *,
    const char *effect);
/* Nothing, where the log says so already.  False: it has no room. */
bool record_served(struct vm *, const struct served *);
void record_unserved(struct vm *, const char *why);
void record_event(struct vm *, const char *event, const char *field,
    const char *value);
/* These two: false where there was no room for it. */
bool record_disk(const char *where, bool low);
/* by: who has done it, or NULL. */
bool record_clock(const char *event, int64_t from_us, int64_t to_us,
    const struct msg_person *by);
/* Ends a record that is about a VM, and counts it in its share. */
uint64_t record_end_of(const char *vm, uint8_t hash[SHA256_LEN]);

/* record_session.c: what is appended of sessions */
void record_session(struct vm *);
void record_problem(struct vm *, const struct msg_problem *);
/* Nothing, where a record of it says so already. */
void record_session_end(struct vm *);
/* Its rate holds it up.  Once an hour: that may last for days. */
void record_rate(struct vm *);

/* share.c: how much of the log each VM has used */
#define SHARES_MAX (4 * VM_TABLE)
struct share {
	char vm[VM_NAME_MAX + 1]; /* "" : free */
	int64_t day;		  /* since 1970 */
	uint64_t day_bytes, total_bytes;
	uint32_t full;	   /* LOG_FULL_*, and recorded */
	int64_t newest_us; /* its newest record */
	/* By which it was served last, as the log has it. */
	bool policy_known;
	uint8_t policy[SHA256_LEN];
};
/* A VM's share, made where there is none. */
struct share *share_of(const char *vm);
/* All of them, from NULL to NULL. */
const struct share *share_next(const struct share *);
void share_forget(void);
void share_drop(const char *vm);
void share_count(const char *vm, int64_t time_us, uint64_t bytes);
/* By which it is served: kept as the rest is. */
void share_policy(const char *vm, const uint8_t digest[SHA256_LEN]);
/* Whether there is room for a record with len bytes in it. */
bool share_has(struct vm *, uint64_t len);
/* The same of a request's; that there is none any more is recorded. */
bool share_room(struct vm *, uint64_t len);

/* snapshot.c and restore.c: what a run leaves to the next */
void snapshot_write(void);
void restore_init(const char *boot);
void restore_seen(const struct line_head *, const char *line, size_t len,
    uint64_t size);
void restore_forget(void);
/* What had begun and has no end is answered `interrupted`. */
void restore_finish(void);

/* prune.c: what of the log is kept no longer */
struct pruned {
	uint64_t last;		  /* the newest record that went; 0: none has */
	uint8_t hash[SHA256_LEN]; /* its hash */
	uint64_t segments, bytes; /* that went, in all */
	int64_t from_us, to_us;	  /* the first record's time; of what stays */
};
void prune_init(int log_folder);
/* From the next segment on. */
void prune_settings(const struct msg_retain *);
/* From the log. */
void prune_restore(const struct pruned *);
void prune_snapshot(void);
uint64_t prune_last(void);
/* One file at most; returns when to look again, or -1. */
int64_t prune_pulse(int64_t now_ms);

/* erase.c: what `log erase` asks for */
void erase_begin(const char *vm, struct msg_erased *);
/* False: it cannot be meant. */
bool erase_record(const struct msg_erase *, struct msg_erased *);

/* pulse.c: what is looked at after each turn */
extern bool disk_low; /* the log's or the spool's has only its reserve */
void pulse_init(int log_folder);
/*
 * From the log: what CLOCK_REALTIME was ahead of this boot's CLOCK_BOOTTIME;
 * 0: nothing is known.
 */
void pulse_clock(int64_t ahead_us);
/* The executor's word on the spool's disk. */
void pulse_spool_low(bool low);
/* Heartbeat, clock steps, the log's disk; returns when to look again. */
int64_t pulse(int64_t now_ms);

/* act.c: what a person has changed in dom0 */
/* What names a person is text, and there. */
bool person_ok(const char who[VM_NAME_MAX + 1],
    const char tty[VM_NAME_MAX + 1]);
/* Recorded, or out says why not; false: it is none. */
bool act_take(struct imsg *, struct msg_answered *out);
/* What was done while no daemon ran is recorded; and, on disk, forgotten. */
void acts_take(int folder);
void acts_committed(void);
/* For who came too late for the start: once the daemon can be asked. */
void acts_again(void);

/* copy.c: the log as readers expect it */
/* A file or journald's socket (COPY_*), from now on. */
void copy_take(uint32_t to, int fd);
void copy_intent(const struct request *);
void copy_result(const struct request *, const struct msg_ended *);
void copy_refused(const struct request *);
/* vm, id: or "". text: printable. */
void copy_event(const char *vm, const char *id, const char *event,
    const char *text);
/* The same, by a person. */
void copy_person(const char *vm, const char *id, const char *event,
    const char *who);
/* message.c: what journald calls an event; NULL: it has no name there. */
const char *message_id(const char *event);
/* After a commit: what it made true is written. */
void copy_flush(void);

/* control.c: the control socket */
void control_open(int fd);
/* After a commit: answers what was asked. */
void control_wake(void);
/* The one that was there has gone: tells the parent, once. */
void control_pump_parent(void);

/* queue.c: what dom0 does to requests, by hand */
/*
 * Kills what has this id and is not over, of the VM, or ("") of the only one
 * that has such: how many VMs have, and of each a count.
 */
unsigned queue_kill(const struct msg_kill *, struct msg_count *);
/* Refuses what waits, of the VM or ("") of all: the same. */
unsigned queue_clean(const struct msg_person *, struct msg_count *);
/* The requests of the VM or ("") of all, one by one; at begins zeroed. */
struct queue_place {
	unsigned vm;
	uint32_t serial, next_serial; /* told; and of the row that is now */
	unsigned approval;
};
bool queue_row(const char *vm, struct queue_place *at, struct msg_row *);

/* output.c: the outputs that stay in dom0 */
/*
 * Whether the VM's next command has room there: 1; 0: not yet; -1: not before
 * something is removed.
 */
int output_room(const struct vm *);
/* It is about to run; it has ended, with a time file so long. */
void output_reserve(struct request *);
void output_over(struct request *, uint64_t timing_len);
/* An hour has passed; a turn of the loop; a commit. */
void output_hour(void);
void output_turn(struct vm *);
void output_committed(struct vm *);
/* Asks the executor: 0; -1: the channel takes no more now. */
int output_pump(struct channel *, struct vm *);
/* What it answers. */
void output_told(struct imsg *);

/* schedule.c: whose turn it is */
void schedule(void);

/* run.c: the channel to the executor */
void run_dispatch(struct channel *, struct imsg *);
/*
 * Before a commit: what is to run once it is on disk.  All is made ready
 * meanwhile, and waits for GO.
 */
void run_prepare(struct channel *);
void run_pump(struct channel *);

#endif
