#ifndef WEBUI_WEB_H
#define WEBUI_WEB_H

#include <microhttpd.h>

#include "privsep/channel.h"
#include "webui/request.h"

/* The HTTP process's own structures and the calls between its files. */

extern struct channel reader;	       /* web.c */
extern struct msg_web_secrets secrets; /* web.c */

/* connection.c: every connection, and what is answered. */
/* Opens the socket to browsers; fatal on failure. */
void connections_open(int listener);
/* After each turn of the loop: what browsers said, and what is to be sent. */
void connections_run(void);
/* The log's answer: the descriptor is taken. */
void connections_answer(uint32_t id, const struct msg_web_answer *, int fd);

/* answer.c: what is sent, with the headers that every answer has.  NULL: no memory. */
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
/* A text that stays. */
struct MHD_Response *response_text(const char *type, const char *);
/* The descriptor is taken. */
struct MHD_Response *response_memfd(const char *type, int fd, size_t len);
struct MHD_Response *response_stream(const char *type,
    MHD_ContentReaderCallback, void *arg, MHD_ContentReaderFreeCallback);
/* Tells the browser what to show from now on. */
void response_cookie(struct MHD_Response *);
/* Takes the response; the connection ends where it is NULL. */
enum MHD_Result answer(struct MHD_Connection *, unsigned int status,
    struct MHD_Response *);

/* events.c: that the log has grown, to each page that is open. */
enum MHD_Result events_open(struct MHD_Connection *);
void events_tell(void);

#endif
