#include "policy/pattern.h"

#include <stdio.h>
#include <string.h>

#include "policy/words.h"

static const char rest[] = {WORD_STAR, WORD_STAR, '\0'};

/*
 * One program has one name: the folder of a pattern is looked up as that of a
 * command is.  So it is never a wildcard's.
 */
static int
look_up(struct text *t, const struct policy_env *env, const char *word,
    char path[POLICY_PATH_MAX])
{
	const char *star = strchr(word, WORD_STAR), *last = strrchr(word, '/');
	size_t folder = last == NULL ? 0 : (size_t)(last - word) + 1;
	char name[POLICY_PATH_MAX];
	int n;

	if (star != NULL && (last == NULL || star < last))
		return text_complain(t,
		    "a `*` in the command may stand in the last part of an "
		    "absolute path only");
	n = snprintf(name, sizeof(name), "%.*s%s",
	    star == NULL ? (int)strlen(word) : (int)folder, word,
	    star == NULL ? "" : "x");
	if (n < 0 || (size_t)n >= sizeof(name) || !word_is_command(name) ||
	    strlen(word) >= POLICY_PATH_MAX)
		return text_complain(t,
		    "the first word must be a command's name or its absolute "
		    "path, without `//`, `.` or `..` in it");
	if (env == NULL)
		n = snprintf(path, POLICY_PATH_MAX, "%s", word);
	else if (env->find(env->arg, name, path) == -1)
		return text_complain(t, "`%s`: dom0 has no such %s", name,
		    star == NULL ? "command" : "folder");
	else if (star != NULL) {
		last = strrchr(path, '/') + 1;
		folder = (size_t)(last - path);
		n = snprintf(path + folder, POLICY_PATH_MAX - folder, "%s",
		    strrchr(word, '/') + 1);
		n += (int)folder;
	}
	return n >= POLICY_PATH_MAX
	    ? text_complain(t, "the command's path is too long")
	    : 0;
}

/* What lies behind count words. */
static const char *
skip(const char *words, int count)
{
	while (count-- > 0)
		words += strlen(words) + 1;
	return words;
}

/* `**` is the last word, or none. */
static int
check_rest(struct text *t, const char *words, int count)
{
	int i;

	for (i = 0; i < count; i++, words = skip(words, 1)) {
		if (strstr(words, rest) == NULL)
			continue;
		if (i == 0 || i + 1 < count || strcmp(words, rest) != 0)
			return text_complain(t,
			    "`**` may stand as the last word only");
	}
	return 0;
}

static int
pack(struct text *t, struct policy *p, const char *bytes, size_t len)
{
	if (p->lines == POLICY_LINES_MAX || len > sizeof(p->text) - p->used)
		return text_complain(t,
		    "more than %d lines or %d bytes of patterns",
		    POLICY_LINES_MAX, POLICY_TEXT_MAX);
	memcpy(p->text + p->used, bytes, len);
	p->used += (unsigned int)len;
	return 0;
}

int
pattern_add(struct text *t, struct policy *p, const struct policy_env *env,
    struct policy_line line, const char *value)
{
	char words[TEXT_VALUE_MAX + 1], why[64], path[POLICY_PATH_MAX];
	const char *second;
	int n;

	n = words_split(value, strlen(value), true, words, sizeof(words), why,
	    sizeof(why));
	if (n == -1)
		return text_complain(t,
		    "a pattern is words, plain or in single quotes, with one "
		    "space between: %s",
		    why);
	second = skip(words, 1);
	line.at = (uint16_t)p->used;
	line.words = (uint16_t)n;
	if (check_rest(t, words, n) == -1 ||
	    look_up(t, env, words, path) == -1 ||
	    pack(t, p, path, strlen(path) + 1) == -1 ||
	    pack(t, p, second, (size_t)(skip(words, n) - second)) == -1)
		return -1;
	p->line[p->lines++] = line;
	return 0;
}

/*
 * A wildcard takes any bytes but a slash: the last one that was met may take
 * more.  An earlier one need not: what it could take, the last one can.
 */
static bool
glob(const char *pattern, const char *word)
{
	const char *star = NULL, *taken = NULL;

	while (*word != '\0') {
		if (*pattern == WORD_STAR) {
			star = pattern++;
			taken = word;
		} else if (*pattern == *word) {
			pattern++;
			word++;
		} else if (star != NULL && *taken != '/') {
			pattern = star + 1;
			word = ++taken;
		} else {
			return false;
		}
	}
	while (*pattern == WORD_STAR)
		pattern++;
	return *pattern == '\0';
}

bool
pattern_word(const char *pattern, const char *word)
{
	if (strchr(pattern, WORD_STAR) == NULL)
		return strcmp(pattern, word) == 0;
	/* Nowhere in a word: it may follow an option, as in -C.. or --to=.. */
	if (strstr(word, "..") != NULL)
		return false;
	if (pattern[0] == WORD_STAR && word[0] == '-')
		return false;
	return glob(pattern, word);
}

/* Any further words, but none that leads elsewhere. */
static bool
rest_matches(const char *words, int count)
{
	for (; count > 0; count--, words = skip(words, 1)) {
		if (strstr(words, "..") != NULL)
			return false;
	}
	return true;
}

bool
pattern_match(const struct policy *p, const struct policy_line *line,
    const char *path, const char *words, int count)
{
	const char *pattern = p->text + line->at;
	int i;

	for (i = 0; i < line->words; i++) {
		if (strcmp(pattern, rest) == 0)
			return rest_matches(words, count - i);
		if (i == count || !pattern_word(pattern, i == 0 ? path : words))
			return false;
		pattern = skip(pattern, 1);
		words = skip(words, 1);
	}
	return i == count;
}

const char *
pattern_command(const struct policy *p, const struct policy_line *line)
{
	return p->text + line->at;
}

bool
pattern_has_rest(const struct policy *p, const struct policy_line *line)
{
	return strcmp(skip(p->text + line->at, line->words - 1), rest) == 0;
}

static char *
print_word(const char *word, char *out)
{
	const char *s;
	bool bare = word[0] != '\0';

	for (s = word; *s != '\0'; s++) {
		if (*s != WORD_STAR && !word_is_bare_byte(*s))
			bare = false;
	}
	if (!bare)
		*out++ = '\'';
	for (s = word; *s != '\0'; s++)
		*out++ = *s == WORD_STAR ? '*' : *s;
	if (!bare)
		*out++ = '\'';
	return out;
}

char *
pattern_print(const struct policy *p, const struct policy_line *line, char *out)
{
	const char *word = p->text + line->at;
	int i;

	for (i = 0; i < line->words; i++) {
		if (i > 0)
			*out++ = ' ';
		out = print_word(word, out);
		word = skip(word, 1);
	}
	*out = '\0';
	return out;
}
