#ifndef CLIENT_IDLIST_H
#define CLIENT_IDLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/limits.h"

/*
 * A bounded set of ids, the oldest first.  What does not fit is the youngest,
 * and is noted in more.  Ids are valid ones.
 */
#define IDLIST_MAX 256
struct idlist {
	size_t n;
	bool more; /* some were left out since this was last cleared */
	char ids[IDLIST_MAX][ID_MAX + 1];
};

/*
 * By the time that an id states; v1's pings, which state it in another way and
 * wait 10 s at most, come before all others.
 */
int id_compare(const char *, const char *);

void idlist_add(struct idlist *, const char *id);
bool idlist_has(const struct idlist *, const char *id);
void idlist_remove(struct idlist *, const char *id);
/* Takes the oldest out: false when there is none. */
bool idlist_take(struct idlist *, char id[ID_MAX + 1]);

#endif
