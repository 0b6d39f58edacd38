#include "policy/policy.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/pattern.h"
#include "policy/risk.h"
#include "policy/text.h"
#include "policy/value.h"
#include "wire/id.h"

#define ARROW	 "\xe2\x86\x92" /* U+2192 */
#define RATE_MAX 10000

struct reader {
	struct text t;
	struct policy *p;
	const struct policy_env *env;
};

struct key {
	const char *name;
	int (*set)(struct reader *, const struct key *, const char *value);
	size_t at; /* of what it sets */
	uint64_t min, max, preset;
	const char *no, *yes; /* of two words */
	bool repeats;
};
static const struct key keys[POLICY_KEYS];

/* What a key with an `at` sets. */
static void *
field(const struct policy *p, const struct key *key)
{
	return (char *)(uintptr_t)p + key->at;
}

const char *
policy_mode_name(enum policy_mode mode)
{
	static const char *const names[] = {[POLICY_SHELL] = "shell",
	    [POLICY_ALLOW] = "allow",
	    [POLICY_ASK] = "ask",
	    [POLICY_DENY] = "deny"};

	return mode >= POLICY_SHELL && mode <= POLICY_DENY ? names[mode] : "?";
}

static int
set_mode(struct reader *r, const struct key *key, const char *value)
{
	enum policy_mode mode;

	(void)key;
	for (mode = POLICY_SHELL; mode <= POLICY_DENY; mode++) {
		if (strcmp(value, policy_mode_name(mode)) != 0)
			continue;
		r->p->mode = mode;
		return 0;
	}
	return text_complain(&r->t,
	    "mode `%.40s`: must be shell, allow, ask or deny", value);
}

static int
set_uuid(struct reader *r, const struct key *key, const char *value)
{
	size_t len = strlen(value);

	(void)key;
	if (!uuid_valid(value, len))
		return text_complain(&r->t,
		    "uuid `%.40s`: must be 8-4-4-4-12 lower-case hex digits",
		    value);
	memcpy(r->p->uuid, value, len + 1);
	return 0;
}

static int
set_user(struct reader *r, const struct key *key, const char *value)
{
	static const char ours[] = "qvm-remote";

	(void)key;
	if (!user_name_valid(value))
		return text_complain(&r->t, "user `%.40s` is no user's name",
		    value);
	if (strncmp(value, ours, strlen(ours)) == 0)
		return text_complain(&r->t,
		    "user `%.40s`: no command runs as one of the daemon's own "
		    "users",
		    value);
	memcpy(r->p->user, value, strlen(value) + 1);
	return 0;
}

static int
set_choice(struct reader *r, const struct key *key, const char *value)
{
	bool *out = field(r->p, key);

	*out = strcmp(value, key->yes) == 0;
	if (*out || strcmp(value, key->no) == 0)
		return 0;
	return text_complain(&r->t, "%s `%.40s`: must be %s or %s", key->name,
	    value, key->no, key->yes);
}

static int
set_number(struct reader *r, const struct key *key, const char *value)
{
	uint64_t *out = field(r->p, key);
	const char *end;

	if (value_number(value, key->max, out, &end) == 0 && *end == '\0' &&
	    *out >= key->min)
		return 0;
	return text_complain(&r->t,
	    "%s `%.40s`: must be from %" PRIu64 " to %" PRIu64, key->name,
	    value, key->min, key->max);
}

static int
set_size(struct reader *r, const struct key *key, const char *value)
{
	uint64_t *out = field(r->p, key);
	char min[VALUE_SIZE_MAX], max[VALUE_SIZE_MAX];

	if (value_size(value, key->max, out) == 0 && *out >= key->min)
		return 0;
	return text_complain(&r->t,
	    "%s `%.40s`: must be from %s to %s, in bytes or with K, M or G "
	    "behind",
	    key->name, value, value_size_print(key->min, min),
	    value_size_print(key->max, max));
}

static int
set_rate(struct reader *r, const struct key *key, const char *value)
{
	if (value_rate(value, key->max, &r->p->rate, &r->p->rate_seconds) == 0)
		return 0;
	return text_complain(&r->t,
	    "rate `%.40s`: must be N/s, N/m, N/h or N/d, N from 1 to %" PRIu64,
	    value, key->max);
}

static int
set_line(struct reader *r, const struct key *key, const char *value)
{
	struct policy_line line = {.line = r->t.line,
	    .allow = key != &keys[POLICY_KEY_DENY],
	    .input = key == &keys[POLICY_KEY_ALLOW_INPUT]};

	return pattern_add(&r->t, r->p, r->env, line, value);
}

/* Takes a text and the blanks before it off the end. */
static bool
take_end(const char *s, size_t *len, const char *end)
{
	size_t n = *len;

	if (!text_ends(s, n, end))
		return false;
	n -= strlen(end);
	if (n == 0 || (s[n - 1] != ' ' && s[n - 1] != '\t'))
		return false;
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	*len = n;
	return true;
}

const char *
policy_verdict(const struct policy_decision *d)
{
	if (d->run)
		return "run";
	return d->ask ? "ask" : "deny";
}

/* The command is the value's first len bytes. */
static int
example_split(struct text *t, const char *value, size_t *len,
    const char **verdict)
{
	static const char *const verdicts[] = {"run", "ask", "deny"};
	size_t i;

	*len = strlen(value);
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		*verdict = verdicts[i];
		if (take_end(value, len, *verdict))
			break;
	}
	if (i < sizeof(verdicts) / sizeof(verdicts[0]) &&
	    (take_end(value, len, "->") || take_end(value, len, ARROW)) &&
	    *len > 0 && memchr(value, ARROW[0], *len) == NULL)
		return 0;
	return text_complain(t,
	    "an example must be COMMAND -> run, ask or deny");
}

static int
set_example(struct reader *r, const struct key *key, const char *value)
{
	const char *verdict;
	size_t len;

	(void)key;
	return example_split(&r->t, value, &len, &verdict);
}

#define AT(field) .at = offsetof(struct policy, field)
#define NUMBER(field, low, high, otherwise) \
	AT(field), .min = (low), .max = (high), .preset = (otherwise)
#define WORDS(field, word, other) AT(field), .no = (word), .yes = (other)
static const struct key keys[POLICY_KEYS] = {
    [POLICY_KEY_MODE] = {.name = "mode", .set = set_mode},
    [POLICY_KEY_UUID] = {.name = "uuid", .set = set_uuid},
    [POLICY_KEY_ALLOW] = {"allow", set_line, .repeats = true},
    [POLICY_KEY_ALLOW_INPUT] = {"allow-input", set_line, .repeats = true},
    [POLICY_KEY_DENY] = {"deny", set_line, .repeats = true},
    [POLICY_KEY_EXAMPLE] = {"example", set_example, .repeats = true},
    [POLICY_KEY_AUTH] = {"auth", set_choice, WORDS(auth_v1, "v2", "v1")},
    [POLICY_KEY_TIMEOUT] = {"timeout", set_number,
	NUMBER(timeout, 1, TIMEOUT_MAX, TIMEOUT_DEFAULT)},
    /* Two outputs at their limit fit a VM's spool. */
    [POLICY_KEY_OUTPUT_LIMIT] = {"output-limit", set_size,
	NUMBER(output_limit, 1, OUTPUT_LIMIT_MAX, OUTPUT_DEFAULT)},
    [POLICY_KEY_INPUT_LIMIT] = {"input-limit", set_size,
	NUMBER(input_limit, 0, INPUT_POLICY_MAX, INPUT_MAX)},
    [POLICY_KEY_RECORD_INPUT] = {"record-input", set_choice,
	WORDS(record_digest, "whole", "digest")},
    [POLICY_KEY_JOBS] = {"jobs", set_number,
	NUMBER(jobs, 1, JOBS_MAX, JOBS_DEFAULT)},
    [POLICY_KEY_USER] = {.name = "user", .set = set_user},
    [POLICY_KEY_MEMORY] = {"memory", set_size,
	NUMBER(memory, 4 * MIB, 1024 * GIB, 0)},
    [POLICY_KEY_TASKS] = {"tasks", set_number, NUMBER(tasks, 1, 65536, 0)},
    [POLICY_KEY_FILES] = {"files", set_number, NUMBER(files, 16, 1048576, 0)},
    [POLICY_KEY_FILE_SIZE] = {"file-size", set_size,
	NUMBER(file_size, 1, 1024 * GIB, 0)},
    [POLICY_KEY_HIDE] = {"hide", set_choice, WORDS(hide, "no", "yes")},
    [POLICY_KEY_NICE] = {"nice", set_number, NUMBER(nice, 0, 19, 0)},
    [POLICY_KEY_RATE] = {"rate", set_rate, .max = RATE_MAX},
    [POLICY_KEY_LOG_LIMIT] = {"log-limit", set_size,
	NUMBER(log_limit, 64 * MIB, 1024 * GIB, 256 * MIB)},
    [POLICY_KEY_LOG_TOTAL] = {"log-total", set_size,
	NUMBER(log_total, 64 * MIB, 1024 * GIB, 4 * GIB)},
    [POLICY_KEY_RECORD] = {"record", set_choice,
	WORDS(record_full, "head", "full")},
    /* What is still owed is a day old at most, and never removed. */
    [POLICY_KEY_RECORD_KEEP] = {"record-keep", set_number,
	NUMBER(record_keep, 2, 36500, 30)},
    [POLICY_KEY_RECORD_TOTAL] = {"record-total", set_size,
	NUMBER(record_total, 64 * MIB, 1024 * GIB, GIB)},
};

const char *
policy_key_name(enum policy_key key)
{
	return keys[key].name;
}

static int
set(struct reader *r, const struct text_pair *pair)
{
	uint32_t *line;
	size_t i;

	for (i = 0; i < POLICY_KEYS; i++) {
		line = &r->p->key_line[i];
		if (strcmp(pair->key, keys[i].name) != 0)
			continue;
		if (*line != 0 && !keys[i].repeats)
			return text_complain(&r->t, "%s again: line %u has it",
			    keys[i].name, *line);
		if (*line == 0)
			*line = r->t.line;
		return keys[i].set(r, &keys[i], pair->value);
	}
	return text_complain(&r->t, "no key `%s`: see qvm-remote-policy(5)",
	    pair->key);
}

static void
preset(struct policy *p)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < POLICY_KEYS; i++) {
		if (keys[i].set == set_number || keys[i].set == set_size)
			*(uint64_t *)field(p, &keys[i]) = keys[i].preset;
	}
}

/* What no line alone shows. */
static int
check_whole(struct reader *r)
{
	struct policy *p = r->p;

	if (p->mode == POLICY_UNSET) {
		r->t.line = r->t.line > 0 ? r->t.line : 1;
		return text_complain(&r->t,
		    "no mode: must say `mode = ` and shell, allow, ask or "
		    "deny");
	}
	if (p->mode != POLICY_ALLOW && p->mode != POLICY_ASK && p->lines > 0) {
		r->t.line = p->line[0].line;
		return text_complain(&r->t,
		    "allow and deny lines need `mode = allow` or `mode = ask`: "
		    "line %u has another",
		    p->key_line[POLICY_KEY_MODE]);
	}
	if (p->record_full &&
	    2 * p->output_limit + TIMING_MAX > p->record_total) {
		r->t.line = p->key_line[POLICY_KEY_RECORD];
		return text_complain(&r->t,
		    "record = full needs room for two outputs at their "
		    "limit, and 3M: record-total is less");
	}
	return 0;
}

static int
try_example(struct reader *r, const char *value)
{
	struct policy_decision d;
	char words[TEXT_VALUE_MAX + 1];
	const char *verdict;
	size_t len;

	if (example_split(&r->t, value, &len, &verdict) == -1)
		return -1;
	policy_decide(r->p, r->env, value, len, false, words, sizeof(words),
	    &d);
	if (strcmp(verdict, policy_verdict(&d)) == 0)
		return 0;
	return text_complain(&r->t, "this example is not `%s` but `%s`: %s",
	    verdict, policy_verdict(&d), d.reason);
}

static int
read_all(struct reader *r)
{
	struct text_pair pair;
	int got;

	preset(r->p);
	while ((got = text_next(&r->t, &pair)) == 1) {
		if (set(r, &pair) == -1)
			return -1;
	}
	if (got == -1 || check_whole(r) == -1)
		return -1;
	r->p->looked_up = r->env != NULL;
	return 0;
}

/* Once everything is read: what stands before a line may decide it. */
static int
try_examples(struct reader *r)
{
	struct text_pair pair;
	int got;

	while ((got = text_next(&r->t, &pair)) == 1) {
		if (strcmp(pair.key, keys[POLICY_KEY_EXAMPLE].name) == 0 &&
		    try_example(r, pair.value) == -1)
			return -1;
	}
	return got;
}

int
policy_load(const char *name, const char *data, size_t len,
    const struct policy_env *env, struct policy *p, char *err, size_t errsize)
{
	struct text t = {.name = name,
	    .p = data,
	    .end = data + len,
	    .also = ARROW,
	    .err = err,
	    .errsize = errsize};
	struct reader first = {t, p, env}, again = first;

	if (read_all(&first) == -1 ||
	    (env != NULL && try_examples(&again) == -1)) {
		/* What is wrong in one line is a policy in none. */
		memset(p, 0, sizeof(*p));
		return -1;
	}
	if (env != NULL && env->warn != NULL)
		risk_warn(name, p, env);
	return 0;
}

int
policy_parse(const char *name, const char *data, size_t len, struct policy *p,
    char *err, size_t errsize)
{
	return policy_load(name, data, len, NULL, p, err, errsize);
}

struct policy *
policy_copy(const struct policy *p)
{
	size_t len = offsetof(struct policy, text) + p->used;
	struct policy *copy = malloc(len);

	if (copy != NULL)
		memcpy(copy, p, len);
	return copy;
}

static int
describe_mode(const struct policy *p, char *out, size_t size)
{
	const char *user = p->user[0] == '\0' ? "root" : p->user;

	if (p->hide)
		return snprintf(out, size, "its policy is not shown\n");
	switch (p->mode) {
	case POLICY_SHELL:
		return snprintf(out, size,
		    "mode shell: every command runs in bash, as %s, for at "
		    "most %" PRIu64 " s\n",
		    user, p->timeout);
	case POLICY_ALLOW:
		return snprintf(out, size,
		    "mode allow: what %u lines allow runs, without a shell, as "
		    "%s, for at most %" PRIu64 " s\n",
		    p->lines, user, p->timeout);
	case POLICY_ASK:
		return snprintf(out, size,
		    "mode ask: what %u lines allow runs, what they deny does "
		    "not, and a person in dom0 is asked about the rest, as %s, "
		    "for at most %" PRIu64 " s\n",
		    p->lines, user, p->timeout);
	default:
		return snprintf(out, size, "mode deny: no command runs\n");
	}
}

/* One limit, as a file may have it: nothing where there is none. */
static int
describe_key(const struct policy *p, const struct key *key, char *out,
    size_t size)
{
	char text[VALUE_SIZE_MAX];
	uint64_t n;

	if (key->set == set_choice)
		return snprintf(out, size, "%s = %s\n", key->name,
		    *(const bool *)field(p, key) ? key->yes : key->no);
	if (key->set == set_rate && p->rate != 0)
		return snprintf(out, size, "rate = %" PRIu64 "/%s\n", p->rate,
		    value_rate_unit(p->rate_seconds));
	if (key->set != set_number && key->set != set_size)
		return 0;
	n = *(const uint64_t *)field(p, key);
	if (n == 0 && key->preset == 0)
		return 0;
	if (key->set == set_size)
		return snprintf(out, size, "%s = %s\n", key->name,
		    value_size_print(n, text));
	return snprintf(out, size, "%s = %" PRIu64 "\n", key->name, n);
}

size_t
policy_describe(const struct policy *p, bool whole,
    char out[POLICY_DESCRIBE_MAX])
{
	const char *end = out + POLICY_DESCRIBE_MAX;
	const struct policy_line *line;
	enum policy_key key;
	char *s = out;
	size_t i;

	s += describe_mode(p, s, (size_t)(end - s));
	if (!whole || p->hide || p->mode == POLICY_DENY)
		return (size_t)(s - out);
	for (i = 0; i < POLICY_KEYS; i++)
		s += describe_key(p, &keys[i], s, (size_t)(end - s));
	for (line = p->line; line < p->line + p->lines; line++) {
		key = line->input ? POLICY_KEY_ALLOW_INPUT
		    : line->allow ? POLICY_KEY_ALLOW
				  : POLICY_KEY_DENY;
		s += snprintf(s, (size_t)(end - s), "%s = ", keys[key].name);
		s = pattern_print(p, line, s);
		*s++ = '\n';
	}
	*s = '\0';
	return (size_t)(s - out);
}
