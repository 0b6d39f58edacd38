#ifndef WEBUI_WEBUI_H
#define WEBUI_WEBUI_H

#include "admin/requests.h"
#include "imsg/messages.h"

/* qvm-remote-webui's own structures and the calls between its files. */

/* listen.c: fatal on failure. */
/* A socket that listens on 127.0.0.1, or at a path, which only root may use. */
int listen_tcp(uint64_t port);
int listen_path(const char *path);

/* reader.c */
struct options {
	uint64_t port;
	const char *socket; /* NULL: the port */
	const char *export; /* NULL: none */
	struct filter filter;
};
/* Starts the HTTP process, prints the address, and serves until it ends. */
void reader_run(const struct options *) __attribute__((noreturn));

/* query.c: in a process of its own. */
/* What the reader knows of the last `log verify`. */
struct verified {
	int64_t time_us; /* 0: it has not ended yet */
	int status;	 /* its exit status */
	char text[8192]; /* its last lines */
};
/* Prints the answer, JSON or why there is none; its HTTP status. */
unsigned int query_answer(const struct msg_web_query *, const struct log *,
    int copy, const struct verified *);

/* rows.c: JSON of what the log says.  Fatal where standard output takes no more. */
/* A request in short: a record's head, and what a list shows. */
void row_print(const struct log *, const struct request *);
/* Its records as they are: {"asked":…,"answer":…,"approved":…}. */
void row_print_records(const struct log *, const struct request *);

/* stat.c: requests and refusals of the 24 hours up to then, an hour and VM. */
void stat_print(const struct log *, int64_t until_us);

/* export.c: the page and these requests as one file. */
void export_write(const char *path, struct filter *);

#endif
