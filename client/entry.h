#ifndef CLIENT_ENTRY_H
#define CLIENT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/home.h"
#include "wire/token.h"

/*
 * What is kept of a request.  Its parts lie in the queue first and in
 * history/YYYY-MM-DD/<id>/ at last, and are found wherever they are.
 */
enum part {
	PART_EXIT, /* of the result; it is whole where this one is */
	PART_OUT,
	PART_ERR,
	PART_META,
	PARTS_RESULT,
	PART_TOKEN = PARTS_RESULT, /* of the request, as this client sent it */
	PART_COMMAND,
	PARTS
};

#define DAY_SIZE 11
/*
 * YYYY-MM-DD of an id, so that an id is looked for in one place.  The ping ids
 * of version 1 name no day, and have no history.
 */
bool entry_day(char day[DAY_SIZE], const char *id);

/* As file_open() and file_read(). */
int entry_open(const struct home *, const char *id, enum part, uint64_t *len);
ssize_t entry_read(const struct home *, const char *id, enum part, void *,
    size_t);
/* Moves a part to the folder, where it is not there yet: 0, or -1. */
int entry_move(const struct home *, const char *id, enum part, int folder);

/* 0, or -1: this client did not send it. */
int entry_token(const struct home *, const char *id, struct token *);
/* Sent with --detach, and dom0 may still take it. */
bool entry_detached(const struct home *, const char *id);

#endif
