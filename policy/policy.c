#include "policy/policy.h"

#include <string.h>

#include "policy/text.h"
#include "wire/id.h"

static int
set_mode(struct text *t, struct policy *p, const char *value)
{
	if (strcmp(value, "shell") != 0)
		return text_complain(t, "mode `%.40s`: must be shell", value);
	p->mode = POLICY_SHELL;
	return 0;
}

static int
set_uuid(struct text *t, struct policy *p, const char *value)
{
	size_t len = strlen(value);

	if (!uuid_valid(value, len))
		return text_complain(t,
		    "uuid `%.40s`: must be 8-4-4-4-12 lower-case hex digits",
		    value);
	memcpy(p->uuid, value, len + 1);
	return 0;
}

static const struct key {
	const char *name;
	int (*set)(struct text *, struct policy *, const char *value);
} keys[] = {
    {"mode", set_mode},
    {"uuid", set_uuid},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int
set(struct text *t, struct policy *p, const struct text_pair *pair,
    unsigned int lines[KEYS])
{
	size_t i;

	for (i = 0; i < KEYS; i++) {
		if (strcmp(pair->key, keys[i].name) != 0)
			continue;
		if (lines[i] != 0)
			return text_complain(t, "%s again: line %u has it",
			    keys[i].name, lines[i]);
		lines[i] = t->line;
		return keys[i].set(t, p, pair->value);
	}
	return text_complain(t, "key `%s`: must be mode or uuid", pair->key);
}

int
policy_parse(const char *name, const char *data, size_t len, struct policy *p,
    char *err, size_t errsize)
{
	struct text t = {.name = name,
	    .p = data,
	    .end = data + len,
	    .err = err,
	    .errsize = errsize};
	unsigned int lines[KEYS] = {0};
	struct text_pair pair;
	int got;

	memset(p, 0, sizeof(*p));
	while ((got = text_next(&t, &pair)) == 1) {
		got = set(&t, p, &pair, lines);
		if (got == -1)
			break;
	}
	if (got == 0 && p->mode == POLICY_UNSET) {
		t.line = t.line > 0 ? t.line : 1;
		got = text_complain(&t, "no mode: must say `mode = shell`");
	}
	/* What is wrong in one line is a policy in none. */
	if (got == -1)
		memset(p, 0, sizeof(*p));
	return got;
}
