#ifndef POLICY_WORDS_H
#define POLICY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One line of words, as a body under mode allow and a pattern have it: bare
 * words of [A-Za-z0-9_./:=,@+%-] or single-quoted ones, single spaces between.
 * Used in this folder only.
 */

/* A wildcard in a pattern's word; no byte of a word is one. */
#define WORD_STAR '\001'

/*
 * Unquotes into out, each word with a NUL; len + 1 bytes are enough.  With
 * stars a bare `*` is a WORD_STAR.  The number of words, at most
 * POLICY_WORDS_MAX, or -1 with why.
 */
int words_split(const char *, size_t len, bool stars, char *out, size_t size,
    char *why, size_t whysize);
bool word_is_bare_byte(char);
/*
 * A command's name or path: bare bytes; no relative path; no empty, `.` or
 * `..` part; short enough to be a path.
 */
bool word_is_command(const char *);

#endif
