#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/pattern.h"
#include "policy/words.h"

static bool __attribute__((format(printf, 2, 3)))
deny(struct policy_decision *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(d->reason, sizeof(d->reason), fmt, ap) < 0)
		d->reason[0] = '\0';
	va_end(ap);
	d->run = false;
	d->argc = 0;
	d->path[0] = '\0';
	return false;
}

/*
 * A command that dom0 does not have and one that no line allows are one
 * answer: a VM learns nothing of what is installed.
 */
static bool
deny_unmatched(struct policy_decision *d)
{
	return deny(d,
	    "no line of its policy allows it, or dom0 has no such command");
}

static bool
by_line(const struct policy_line *line, bool has_input,
    struct policy_decision *d)
{
	d->line = line->line;
	if (!line->allow)
		return deny(d, "line %u of its policy denies it", d->line);
	if (has_input && !line->input)
		return deny(d,
		    "line %u of its policy allows it, but without input",
		    d->line);
	snprintf(d->reason, sizeof(d->reason),
	    "line %u of its policy allows it", d->line);
	d->run = true;
	return true;
}

/* The first line that matches decides. */
static bool
by_lines(const struct policy *p, const struct policy_env *env, bool has_input,
    const char *words, struct policy_decision *d)
{
	unsigned int i;

	if (!p->looked_up || env->find(env->arg, words, d->path) == -1)
		return deny_unmatched(d);
	for (i = 0; i < p->lines; i++) {
		if (pattern_match(p, &p->line[i], d->path, words, d->argc))
			return by_line(&p->line[i], has_input, d);
	}
	return deny_unmatched(d);
}

static bool
by_words(const struct policy *p, const struct policy_env *env, const char *body,
    size_t len, bool has_input, char *words, size_t size,
    struct policy_decision *d)
{
	char why[64];

	if (len > POLICY_COMMAND_MAX)
		return deny(d,
		    "its policy allows no command of more than %d bytes",
		    POLICY_COMMAND_MAX);
	d->argc = policy_split(body, len, words, size, why, sizeof(why));
	if (d->argc == -1)
		return deny(d,
		    "no shell reads it: it must be one line of words, plain or "
		    "in single quotes, with one space between: %s",
		    why);
	if (!word_is_command(words))
		return deny(d,
		    "its first word must be a command's name or its absolute "
		    "path, without `//`, `.` or `..` in it");
	by_lines(p, env, has_input, words, d);
	return d->run;
}

bool
policy_decide(const struct policy *p, const struct policy_env *env,
    const char *body, size_t len, bool has_input, char *words, size_t size,
    struct policy_decision *d)
{
	memset(d, 0, sizeof(*d));
	d->line = p->key_line[POLICY_KEY_MODE];
	switch (p->mode) {
	case POLICY_SHELL:
		snprintf(d->reason, sizeof(d->reason),
		    "its policy allows every command");
		d->run = true;
		return true;
	case POLICY_ALLOW:
		return by_words(p, env, body, len, has_input, words, size, d);
	case POLICY_ASK:
		by_words(p, env, body, len, has_input, words, size, d);
		d->ask = d->line == p->key_line[POLICY_KEY_MODE];
		return d->ask ? deny(d, "a person in dom0 is asked") : d->run;
	case POLICY_DENY:
		return deny(d, "its policy allows no command");
	case POLICY_UNSET:
		break;
	}
	return deny(d, "it has no policy");
}
