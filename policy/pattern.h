#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include "policy/policy.h"
#include "policy/text.h"

/*
 * allow, allow-input and deny lines: read, matched, printed.  In a policy's
 * text a line is its words, each with a NUL: the first is the command's path,
 * a WORD_STAR is a wildcard, two of them are `**`.  Used in this folder only.
 */

/* The policy's next line: 0, or -1 with a complaint.  env may be NULL. */
int pattern_add(struct text *, struct policy *, const struct policy_env *,
    struct policy_line, const char *value);
/* Whether it matches count words, of which the first is taken to be path. */
bool pattern_match(const struct policy *, const struct policy_line *,
    const char *path, const char *words, int count);
const char *pattern_command(const struct policy *, const struct policy_line *);
/* Whether it ends with `**`. */
bool pattern_has_rest(const struct policy *, const struct policy_line *);
/* Whether one word matches one pattern's word. */
bool pattern_word(const char *pattern, const char *word);
/* As a file may have it; the end of what was written. */
char *pattern_print(const struct policy *, const struct policy_line *, char *);

#endif
