#include "policy/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/limits.h"

/* A file's name and what it said are shown to people: printable only. */
void
text_printable(char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
	}
}

int
text_complain(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->errsize == 0)
		return -1;
	if (t->line == 0)
		n = snprintf(t->err, t->errsize, "%s: ", t->name);
	else
		n = snprintf(t->err, t->errsize, "%s:%u: ", t->name, t->line);
	if (n < 0 || (size_t)n >= t->errsize) {
		t->err[t->errsize - 1] = '\0';
	} else {
		va_start(ap, fmt);
		if (vsnprintf(t->err + n, t->errsize - (size_t)n, fmt, ap) < 0)
			t->err[n] = '\0';
		va_end(ap);
	}
	text_printable(t->err);
	return -1;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the blanks off both ends. */
static void
trim(const char **p, size_t *len)
{
	while (*len > 0 && is_blank(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*p)[*len - 1]))
		(*len)--;
}

static int
copy(struct text *t, char *out, size_t size, const char *p, size_t len,
    const char *what)
{
	trim(&p, &len);
	if (len >= size)
		return text_complain(t, "a %s of more than %zu bytes", what,
		    size - 1);
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

static int
take_line(struct text *t, const char *p, size_t len, struct text_pair *pair)
{
	const char *equals;
	size_t i, key_len, also = t->also == NULL ? 0 : strlen(t->also);

	for (i = 0; i < len; i++) {
		if (also > 0 && len - i >= also &&
		    memcmp(p + i, t->also, also) == 0)
			i += also - 1;
		else if ((p[i] < 0x20 || p[i] > 0x7e) && p[i] != '\t')
			return text_complain(t,
			    "byte %zu is 0x%02x: only printable ASCII may be "
			    "here",
			    i + 1, (unsigned int)(unsigned char)p[i]);
	}
	equals = memchr(p, '=', len);
	if (equals == NULL)
		return text_complain(t,
		    "no `=`: a line is `key = value`, or "
		    "begins with #");
	key_len = (size_t)(equals - p);
	if (copy(t, pair->key, sizeof(pair->key), p, key_len, "key") == -1 ||
	    copy(t, pair->value, sizeof(pair->value), equals + 1,
		len - key_len - 1, "value") == -1)
		return -1;
	return 1;
}

int
text_next(struct text *t, struct text_pair *pair)
{
	const char *p, *lf;
	size_t len;

	while (t->p < t->end) {
		p = t->p;
		lf = memchr(p, '\n', (size_t)(t->end - p));
		len = (size_t)((lf != NULL ? lf : t->end) - p);
		t->p = lf != NULL ? lf + 1 : t->end;
		t->line++;
		trim(&p, &len);
		if (len > 0 && *p != '#')
			return take_line(t, p, len, pair);
	}
	return 0;
}

bool
text_ends(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

bool
user_name_valid(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if ((s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_')
			continue;
		if (i > 0 &&
		    ((s[i] >= '0' && s[i] <= '9') || s[i] == '-' ||
			s[i] == '.'))
			continue;
		return false;
	}
	return i > 0 && i <= VM_NAME_MAX;
}
