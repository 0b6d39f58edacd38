#ifndef CLIENT_NAMES_H
#define CLIENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "client/home.h"

/* Names of a folder, sorted: ids, oldest first.  For people's commands. */
struct names {
	char **v;
	size_t n;
};

/*
 * Those that are <stem><suffix> with a stem that keep accepts, without the
 * suffix.  0, or -1 with errno and nothing in it.
 */
int names_read(struct names *, int dir, const char *suffix,
    bool (*keep)(const char *, size_t));
void names_free(struct names *);

/* Ids of requests, pings of version 1 among them. */
bool names_id(const char *, size_t);

/*
 * Calls fn for each id of history/ from the oldest; of the last most only (0:
 * all).  Ends when fn returns false.  0, or -1 after saying why.
 */
int names_history(const struct home *, size_t most,
    bool (*fn)(const struct home *, const char *id, void *arg), void *arg);

#endif
