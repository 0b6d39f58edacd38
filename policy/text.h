#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What both files have in common: lines of `key = value`, comments, blank
 * lines, and complaints that name FILE:LINE.  Used in this folder only.
 */

struct text {
	const char *name; /* the file's, for complaints */
	const char *p, *end;
	const char *also; /* the one text beyond ASCII that may stand there */
	unsigned int line;
	char *err;
	size_t errsize;
};

#define TEXT_KEY_MAX   31
#define TEXT_VALUE_MAX 4095

struct text_pair {
	char key[TEXT_KEY_MAX + 1];
	char value[TEXT_VALUE_MAX + 1];
};

/* Writes "NAME:LINE: …" into err, and returns -1. */
int text_complain(struct text *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * The next pair, blanks around both taken off: 1; 0 at the end of the file;
 * -1 with a complaint.
 */
int text_next(struct text *, struct text_pair *);

/* What is shown to people: every other byte becomes a `?`. */
void text_printable(char *);
/* Whether a text ends so. */
bool text_ends(const char *, size_t len, const char *end);

/* A Unix user's name. */
bool user_name_valid(const char *);

#endif
