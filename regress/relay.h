#ifndef REGRESS_RELAY_H
#define REGRESS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The test bed's qrexec: one stream connection carries the three streams of
 * one command.  A frame is a header and len bytes; no bytes is the stream's
 * end.  The serving side (in the VM) sends QX_EXIT last.
 */
#define QX_CHUNK 65536

/* The service of qvm-run: bash, which reads its input. */
#define QX_SHELL "QUBESRPC qubes.VMShell+ dom0"

enum qx_type {
	QX_EXEC = 1, /* dom0, first: USER:COMMAND */
	QX_STDIN,    /* dom0 */
	QX_STDOUT,   /* VM */
	QX_STDERR,   /* VM */
	QX_EXIT	     /* VM, last: int32_t, the exit status */
};

struct qx_hdr {
	uint32_t type, len;
};

struct relay_end {
	int fd; /* -1: none, or closed */
	uint32_t type;
};

struct relay_buffer {
	size_t len, off;
	unsigned char data[sizeof(struct qx_hdr) + QX_CHUNK];
};

struct relay {
	int sock;		  /* non-blocking */
	pid_t pid;		  /* serving: the command; else 0 */
	int pidfd;		  /* serving: its pidfd; else -1 */
	struct relay_end from[2]; /* read here, sent there */
	struct relay_end to[2];	  /* received from there, written here */
	int status;		  /* -1 until it is known */
	bool gone;		  /* the connection is over */
	struct relay_buffer send, recv;
};

void relay_init(struct relay *, int sock);
/*
 * Until the exit status has been sent (serving) or has come, or the other side
 * has gone; both ends' descriptors are closed then.  The status; -1 when none
 * has come.
 */
int relay_run(struct relay *);

/*
 * The bed's run/qubes becomes the working folder: found by where this program
 * is in it.
 */
void qx_enter(const char *program);

/* One whole frame, blocking; len at most QX_CHUNK.  0, or -1 with errno. */
int qx_send(int sock, enum qx_type, const void *, size_t len);

#endif
