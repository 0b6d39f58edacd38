#ifndef PRIVSEP_LOG_H
#define PRIVSEP_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct channel;

/*
 * Logging.  The parent writes lines to standard error (which systemd keeps);
 * the roles send them to the parent.  Every byte outside 0x20-0x7E, and the
 * backslash, is written as \xHH, whatever the format put it into.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG /* only with -v */
};

/* role: what stands in front.  parent: NULL in the parent itself. */
void log_init(const char *role, bool verbose, struct channel *parent);
void log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Logs with ": " and strerror(errno), then ends the process, status 1. */
void fatal(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The same without errno. */
void fatalx(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The parent: a line that a role sent. */
void log_relay(const char *from, enum log_level, const char *text);

/* Escapes len bytes into out (size >= 1), always NUL-terminated; cuts. */
void log_escape(char *out, size_t size, const void *, size_t len);

#endif
