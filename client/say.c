#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/say.h"

#define ERASE "\r\033[K"

enum say_level say_level = SAY_NOTES;
static bool progress; /* the line is there */

/* One write a line: two clients on one terminal do not mix. */
static void
say(const char *prefix, const char *fmt, va_list ap, const char *reason)
{
	char line[1024];

	say_progress_end();
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	if (reason != NULL)
		dprintf(2, "%s%s: %s\n", prefix, line, reason);
	else
		dprintf(2, "%s%s\n", prefix, line);
}

void
say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("qvm-remote: error: ", fmt, ap, NULL);
	va_end(ap);
}

void
say_errno(const char *fmt, ...)
{
	const char *reason = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	say("qvm-remote: error: ", fmt, ap, reason);
	va_end(ap);
}

void
say_note(const char *fmt, ...)
{
	va_list ap;

	if (say_level < SAY_NOTES)
		return;
	va_start(ap, fmt);
	say("qvm-remote: ", fmt, ap, NULL);
	va_end(ap);
}

void
say_detail(const char *fmt, ...)
{
	va_list ap;

	if (say_level < SAY_DETAILS)
		return;
	va_start(ap, fmt);
	say("qvm-remote: ", fmt, ap, NULL);
	va_end(ap);
}

/* With -v what happens is said in lines that stay. */
bool
say_progress_wanted(void)
{
	return (say_level == SAY_NOTES && isatty(2));
}

void
say_progress(const char *fmt, ...)
{
	char line[64]; /* not to be broken by a narrow terminal */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	dprintf(2, ERASE "%s", line);
	progress = true;
}

void
say_progress_end(void)
{
	if (progress)
		dprintf(2, ERASE);
	progress = false;
}
