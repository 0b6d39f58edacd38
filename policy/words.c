#include "policy/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

struct words {
	const char *start, *p, *end;
	bool stars;
	char *out, *out_end;
	char *why;
	size_t whysize;
};

static int __attribute__((format(printf, 2, 3)))
refuse(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->whysize > 0 && vsnprintf(w->why, w->whysize, fmt, ap) < 0)
		w->why[0] = '\0';
	va_end(ap);
	return -1;
}

/* The byte that cannot stand where it does; it may be anything. */
static int
refuse_byte(struct words *w)
{
	unsigned char c = (unsigned char)*w->p;
	size_t at = (size_t)(w->p - w->start) + 1;

	if (c > 0x20 && c <= 0x7e)
		return refuse(w, "byte %zu is `%c`", at, c);
	return refuse(w, "byte %zu is 0x%02x", at, c);
}

static int
put(struct words *w, char c)
{
	if (w->out == w->out_end)
		return refuse(w, "it is too long");
	*w->out++ = c;
	return 0;
}

bool
word_is_bare_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("_./:=,@+%-", c) != NULL);
}

static int
take_quoted(struct words *w)
{
	const char *quote = w->p++;

	for (; w->p < w->end && *w->p != '\''; w->p++) {
		if (*w->p < 0x20 || *w->p > 0x7e)
			return refuse_byte(w);
		if (put(w, *w->p) == -1)
			return -1;
	}
	if (w->p == w->end)
		return refuse(w, "the quote at byte %zu has no end",
		    (size_t)(quote - w->start) + 1);
	w->p++;
	return 0;
}

static int
take_bare(struct words *w)
{
	const char *from = w->p;
	bool star;

	for (; w->p < w->end; w->p++) {
		star = w->stars && *w->p == '*';
		if (!star && !word_is_bare_byte(*w->p))
			break;
		if (put(w, star ? WORD_STAR : *w->p) == -1)
			return -1;
	}
	return w->p == from ? refuse_byte(w) : 0;
}

static int
take(struct words *w)
{
	if (w->p == w->end)
		return refuse(w,
		    w->p == w->start ? "it is empty" : "it ends with a space");
	if ((*w->p == '\'' ? take_quoted(w) : take_bare(w)) == -1)
		return -1;
	return put(w, '\0');
}

int
words_split(const char *s, size_t len, bool stars, char *out, size_t size,
    char *why, size_t whysize)
{
	struct words w = {.start = s,
	    .p = s,
	    .end = s + len,
	    .stars = stars,
	    .out = out,
	    .out_end = out + size,
	    .why = why,
	    .whysize = whysize};
	int count;

	for (count = 1; take(&w) == 0; count++) {
		if (w.p == w.end)
			return count;
		if (*w.p != ' ')
			return refuse_byte(&w);
		w.p++;
		if (count == POLICY_WORDS_MAX)
			return refuse(&w, "it has more than %d words",
			    POLICY_WORDS_MAX);
	}
	return -1;
}

int
policy_split(const char *body, size_t len, char *words, size_t size, char *why,
    size_t whysize)
{
	if (len > 0 && body[len - 1] == '\n')
		len--;
	return words_split(body, len, false, words, size, why, whysize);
}

/* What stands before the next slash names something, and no other folder. */
static bool
is_part(const char *p, size_t len)
{
	return len > 0 && !(len == 1 && p[0] == '.') &&
	    !(len == 2 && p[0] == '.' && p[1] == '.');
}

bool
word_is_command(const char *word)
{
	size_t i, len = strlen(word);

	for (i = 0; i < len; i++) {
		if (!word_is_bare_byte(word[i]))
			return false;
	}
	if (len >= POLICY_PATH_MAX)
		return false;
	if (word[0] != '/')
		return strchr(word, '/') == NULL && is_part(word, len);
	do {
		word++;
		len = strcspn(word, "/");
		if (!is_part(word, len))
			return false;
		word += len;
	} while (*word == '/');
	return true;
}
