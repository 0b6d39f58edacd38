#ifndef CLIENT_STORE_H
#define CLIENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/home.h"
#include "client/idlist.h"
#include "wire/limits.h"

/* The agent: what dom0 sends, on the VM's disk. */

enum store_stream {
	STORE_OUT,
	STORE_ERR,
	STORE_STREAMS,
	STORE_META = STORE_STREAMS, /* between store_done and store_sync */
	STORE_EXIT,
	STORE_FILES
};

#define STORE_SLOTS 32 /* results that are open at a time */
struct store {
	const struct home *home;
	uint64_t clock;
	bool full;	       /* why the last call failed: there was no room */
	struct idlist dropped; /* their output is not stored */
	struct store_slot {
		char id[ID_MAX + 1];
		uint64_t used;
		int fd[STORE_FILES];
	} slots[STORE_SLOTS];
};

void store_init(struct store *, const struct home *);

/*
 * Where a piece of output at offset goes.  0: *fd, which stays the store's, or
 * -1 where the bytes are dropped: the result is already there, or store_drop
 * was called.  -1 after saying why.
 */
int store_piece(struct store *, const char *id, enum store_stream,
    uint64_t offset, int *fd);

/*
 * The end of a result: 1 when it is new (clients may be told, and then it is
 * to be synced), 0 when it was there already, -1 after saying why.
 */
int store_done(struct store *, const char *id, uint8_t exit,
    const char *receipt, size_t len);
/*
 * The result that store_done has just made is on the disk, whatever happens
 * now: 0, or -1 after saying why.
 */
int store_sync(struct store *, const char *id);
/* Says why, and notes whether it was for want of room: -1. */
int store_failed(struct store *, const char *id, const char *suffix);
/*
 * Makes room: what there is of the id's output goes, and what comes of it is
 * dropped.  False when there is nothing more to drop.
 */
bool store_drop(struct store *, const char *id);

/*
 * Moves a request from pending/ to running/: 0, or -1 when it is in neither.
 * May be done again.
 */
int store_take(const struct home *, const char *id);
/* Removes an id's request, and its cancel. */
void store_forget(const struct home *, const char *id);

#endif
