#ifndef EXECUTOR_COMMAND_H
#define EXECUTOR_COMMAND_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "executor/keep.h"
#include "executor/stream.h"
#include "imsg/messages.h"
#include "privsep/event.h"

struct channel;

/*
 * input -> ready -> running -> (ending ->) killing -> (sealing ->)
 * (cleaning ->) ended -> free
 */
enum command_state {
	CMD_FREE,
	CMD_INPUT, /* RUN_INPUT is to come */
	CMD_READY, /* GO is to come: its intent is not on disk yet */
	CMD_RUNNING,
	CMD_ENDING,   /* SIGTERM was sent; it has 5 s */
	CMD_KILLING,  /* cgroup.kill was written */
	CMD_SEALING,  /* a child of ours puts its kept output on disk */
	CMD_CLEANING, /* a child of ours empties its work folder */
	CMD_ENDED     /* ENDED is to be sent */
};

struct command {
	enum command_state state;
	struct msg_run run;
	int body, input; /* memfds, until it starts */
	int cgroup;	 /* folders, while it runs */
	int work;
	int go;		      /* until it is told to: then it is started's */
	struct event empty;   /* cgroup.events */
	struct event started; /* exec has happened, or failed */
	pid_t pid;	      /* bash, or what waits for GO; until reaped */
	pid_t cleaner;
	int status;	 /* as waitpid(2) gives it */
	bool kill_asked; /* before it could start */
	bool stopped;	 /* how says why we ended it */
	enum end_how how;
	int error;	    /* why it cannot start */
	const char *what;   /* of its start went wrong */
	uint32_t limits;    /* LIMIT_*, that it has run into */
	struct timer timer; /* of the state */
	int kills;
	struct stream out, err;
	struct keep keep; /* where its policy says so */
	bool unkept;	  /* error is why it cannot be kept */
	int64_t started_us, ended_us;

	/* What the verifier is to be told. */
	bool tell_started, tell_grown;
	struct timer grown_timer;
	int64_t grown_ms;	     /* when it was told last */
	uint64_t told_out, told_err; /* what it was told last */
};

#define COMMANDS_MAX (32 + 2 * VMS_MAX) /* as many as the verifier starts */

/* The table; its free entries are CMD_FREE. */
extern struct command commands[COMMANDS_MAX];

void command_init(struct channel *verifier);

/*
 * What the verifier asks for.  They take over fd.  NULL, or how the verifier
 * is mistaken.
 */
const char *command_run(const struct msg_run *, int fd);
const char *command_input(uint64_t seq, int fd);
const char *command_go(uint64_t seq);
void command_kill(uint64_t seq);

/* A child has been reaped: whether it was a command's. */
bool command_reaped(pid_t, int status);
bool command_is_there(uint64_t seq);
/* How many are not over. */
unsigned int command_count(void);
/*
 * Stops what still empties work folders: the caller does it itself; and what
 * still seals outputs.
 */
void command_stop_children(void);

/* ENDED has been sent: the entry is free. */
void command_forget(struct command *);

#endif
