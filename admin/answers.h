#ifndef ADMIN_ANSWERS_H
#define ADMIN_ANSWERS_H

#include "admin/keeper.h"
#include "admin/requests.h"

/*
 * The log as answers, in the order in which they were given: each is met once,
 * and so a reading can go on where the last one ended.
 */
struct answers {
	const struct log *log;
	const struct filter *filter;
	struct cursor at; /* behind it comes what is new */
	/* Of an intent, where not NULL, and of an answer. */
	void (*started)(const struct request *, void *arg);
	void (*answered)(const struct request *, void *arg);
	void *arg;
};

/* Goes on where the cursor says; fatal where that is another log's. */
void answers_begin(struct answers *, const struct cursor *);
/* What is new in the filter's window. */
void answers_read(struct answers *);

#endif
