#include <sys/uio.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/channel.h"
#include "privsep/log.h"

#define LOG_LINE 1024

static const char *log_role = "start";
static bool log_verbose;
static struct channel *log_parent;

void
log_init(const char *role, bool verbose, struct channel *parent)
{
	log_role = role;
	log_verbose = verbose;
	log_parent = parent;
}

static bool
plain(unsigned char c, bool keep_backslash)
{
	return c >= 0x20 && c <= 0x7e && (c != '\\' || keep_backslash);
}

/* Never ends within an escape. */
static void
escape(char *out, size_t size, const unsigned char *in, size_t len,
    bool keep_backslash)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (plain(in[i], keep_backslash)) {
			if (n + 1 >= size)
				break;
			out[n++] = (char)in[i];
			continue;
		}
		if (n + 4 >= size)
			break;
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[in[i] >> 4];
		out[n++] = hex[in[i] & 0xf];
	}
	out[n] = '\0';
}

void
log_escape(char *out, size_t size, const void *in, size_t len)
{
	escape(out, size, in, len, false);
}

/* One write, so that lines of several processes do not mix. */
static void
write_line(const char *from, const char *text)
{
	char line[LOG_LINE + 128];
	int n;

	n = snprintf(line, sizeof(line), "qvm-remote: %s: %s\n", from, text);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	while (write(STDERR_FILENO, line, (size_t)n) == -1 && errno == EINTR)
		continue;
}

/* Best effort: a parent that does not read loses lines, not time. */
static void
send_line(enum log_level level, const char *text)
{
	struct msg_log msg;

	memset(&msg, 0, sizeof(msg));
	msg.level = level;
	memcpy(msg.text, text, strnlen(text, sizeof(msg.text) - 1));
	channel_send(log_parent, IMSG_LOG, 0, &msg, sizeof(msg), -1);
}

static void __attribute__((format(printf, 3, 0)))
emit(enum log_level level, const char *error, const char *fmt, va_list ap)
{
	char raw[LOG_LINE], text[LOG_LINE];
	int n, saved = errno;

	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (n < 0)
		raw[0] = '\0';
	if (error != NULL && n >= 0 && (size_t)n < sizeof(raw))
		snprintf(raw + n, sizeof(raw) - (size_t)n, ": %s", error);
	log_escape(text, log_parent != NULL ? IMSG_TEXT_MAX : sizeof(text), raw,
	    strlen(raw));
	if (log_parent != NULL)
		send_line(level, text);
	else
		write_line(log_role, text);
	errno = saved;
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_INFO, NULL, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_WARN, NULL, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	emit(LOG_LEVEL_DEBUG, NULL, fmt, ap);
	va_end(ap);
}

/* A failure to tell of a failure ends the process all the same. */
static void __attribute__((noreturn, format(printf, 2, 0)))
end(const char *error, const char *fmt, va_list ap)
{
	static bool ending;

	if (!ending) {
		ending = true;
		emit(LOG_LEVEL_ERROR, error, fmt, ap);
	}
	exit(1);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end(strerror(errno), fmt, ap);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end(NULL, fmt, ap);
}

void
log_relay(const char *from, enum log_level level, const char *text)
{
	char escaped[LOG_LINE];

	if (level == LOG_LEVEL_DEBUG && !log_verbose)
		return;
	/* The role has escaped it: its backslashes stay. */
	escape(escaped, sizeof(escaped), (const unsigned char *)text,
	    strnlen(text, IMSG_TEXT_MAX), true);
	write_line(from, escaped);
}
