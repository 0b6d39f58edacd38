#ifndef ADMIN_SHOW_H
#define ADMIN_SHOW_H

#include <stdbool.h>

#include "admin/requests.h"

/* Of a request without a result: it runs, or nobody knows its outcome. */
enum fate {
	FATE_RUNS,
	FATE_UNKNOWN
};

/* One request as a block; the colours are ours, and all else is ASCII. */
void show_request(const struct log *, const struct request *, enum fate);

/* The category of an answer's record, as the classic log names it. */
const char *show_category(const char *line, size_t len);

/* That it runs, and no more. */
void show_announced(const struct request *);
/* log.c: its records as they are. */
void show_records(const struct request *);
/* follow.c: what is new since the cursor. */
struct log_options;
void show_answers(struct log *, const struct log_options *);
/* export.c: the same for programs; stat.c: each VM's, in numbers. */
void export_answers(const struct log *, const struct log_options *);
void stat_requests(const struct log *, const struct log_options *);

/* pager.c */
/*
 * Where standard output is a terminal: colours, unless NO_COLOR says no, and
 * $PAGER, which runs as whom this process is now.
 */
void pager_start(bool wanted);
/* As finish_output(), and the person has left the pager. */
void pager_end(void);
/* Nobody reads any more. */
bool pager_gone(void);
/* The escape sequence, or "" where there are no colours. */
const char *colour(const char *sequence);

#endif
