#ifndef CLIENT_SAY_H
#define CLIENT_SAY_H

#include <stdbool.h>

/*
 * What the program says of itself: lines on standard error.  What comes from
 * files or from dom0 must have passed a parser that lets only 0x20-0x7E
 * through.
 */
enum say_level {
	SAY_QUIET, /* -q: errors alone */
	SAY_NOTES,
	SAY_DETAILS /* -v */
};
extern enum say_level say_level;

void say_error(const char *, ...) __attribute__((format(printf, 1, 2)));
/* The same with ": " and strerror(errno). */
void say_errno(const char *, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *, ...) __attribute__((format(printf, 1, 2)));
void say_detail(const char *, ...) __attribute__((format(printf, 1, 2)));

/*
 * One quiet line on a terminal, which the next one replaces and anything else
 * that is said removes; whatever else is written to it must end it first.
 */
bool say_progress_wanted(void);
void say_progress(const char *, ...) __attribute__((format(printf, 1, 2)));
void say_progress_end(void);

#endif
