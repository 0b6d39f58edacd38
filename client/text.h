#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Pure functions over text. */

/*
 * Escapes into out (size >= 1), NUL-terminated: bytes outside 0x20-0x7E, and
 * the backslash, become \xHH.  What does not fit is left out, at a character's
 * edge.
 */
void text_escape(char *out, size_t size, const void *, size_t len);

/* Decimal digits alone, without leading zero, min to max: 0, or -1. */
int text_seconds(const char *, int32_t min, int32_t max, int32_t *);

/*
 * Words with single spaces between and an LF at the end.  Allocated, the
 * caller frees it; NULL with errno.
 */
char *text_join(int count, char *const words[], size_t *len);

/*
 * The same, each word in single quotes: bash, and a policy's patterns, see the
 * words as they are.
 */
char *text_quote(int count, char *const words[], size_t *len);

/* If name is <stem><suffix>: the stem's length, else 0. */
size_t text_stem(const char *name, const char *suffix);

#endif
