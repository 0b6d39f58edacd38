#ifndef ADMIN_REQUESTS_H
#define ADMIN_REQUESTS_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/seek.h"

/* The log as requests: what was asked (or refused), and what became of it. */
struct request {
	uint64_t seq, run;
	struct place asked, result; /* one place where nothing ran */
};

/* Which ones, and how many at most. */
struct filter {
	const char *vm, *id, *status; /* NULL: any */
	bool grep;
	regex_t regex; /* of the command */
	struct window window;
	size_t count;
	size_t look; /* at so many records at most; 0: at all */
};

/* Their list, newest first.  The caller frees it. */
struct requests {
	struct request *list;
	size_t count;
	bool more; /* that were not taken: go on before this seq */
	uint64_t next;
	const char *around; /* an id's time: looked no further; or NULL */
};
void requests_find(const struct log *, const struct filter *,
    struct requests *);

bool filter_head(const struct filter *, const struct line_head *);
/* By what was asked, and by what became of it. */
bool filter_command(const struct filter *, const char *line, size_t len);
bool filter_status(const struct filter *, const char *line, size_t len);

/* The intent that a result belongs to; 0: it stands alone. */
uint64_t intent_of(const char *line, size_t len);
/* Whether the record is the first that a request has. */
bool is_request(const struct line_head *, const char *line, size_t len);

/*
 * Counts the requests that the record is the first one of, and those of them that
 * were refused.  True: it is a summary, and says no more.
 */
bool request_count(const struct line_head *, const char *line, size_t len,
    uint64_t *requests, uint64_t *refused);

/* The command, valid until the next call; NULL: there is none. */
const char *request_body(const char *line, size_t len, size_t *body_len);

#endif
