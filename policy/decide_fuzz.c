#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "policy/dom0.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char words[POLICY_COMMAND_MAX + 1];

/* The one way to write words that need quotes, and to write those that do not.
 * A body is that, or quotes what it need not. */
static void
check_words(const struct policy_decision *d, const char *body, size_t len)
{
	const char *word = words, *end = body + len;
	size_t n;
	int i;

	for (i = 0; i < d->argc; i++, word += n + 1) {
		n = strlen(word);
		assert(i == 0 || (body < end && *body++ == ' '));
		if (body < end && *body == '\'') {
			assert((size_t)(end - body) >= n + 2 &&
			    memcmp(body + 1, word, n) == 0 &&
			    body[n + 1] == '\'');
			body += n + 2;
		} else {
			assert(n > 0 && (size_t)(end - body) >= n &&
			    memcmp(body, word, n) == 0);
			body += n;
		}
	}
	assert(body == end || (body + 1 == end && *body == '\n'));
}

/*
 * A policy, a NUL, a body: what runs is what the body says, word by word, and
 * a deny line more never makes more run.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy_env env = {.find = dom0_find};
	static struct policy p;
	const char *text = (const char *)data, *body;
	struct policy_decision d;
	size_t len, i;
	char err[128];

	body = memchr(text, '\0', size);
	if (body == NULL ||
	    policy_load("f", text, (size_t)(body - text), &env, &p, err,
		sizeof(err)) == -1)
		return 0;
	len = size - (size_t)(++body - text);
	policy_decide(&p, &env, body, len, false, words, sizeof(words), &d);
	assert(d.line != 0 && d.reason[0] != '\0');
	for (i = 0; d.reason[i] != '\0'; i++)
		assert(d.reason[i] >= 0x20 && d.reason[i] <= 0x7e);
	assert(d.run == (p.mode == POLICY_SHELL || d.argc > 0));
	assert(!d.ask || (p.mode == POLICY_ASK && !d.run));
	if (d.argc == 0)
		return 0;
	assert(p.mode == POLICY_ALLOW || p.mode == POLICY_ASK);
	assert(d.path[0] == '/');
	check_words(&d, body, len);
	for (i = 0; i < p.lines; i++)
		p.line[i].allow = false;
	assert(!policy_decide(&p, &env, body, len, false, words, sizeof(words),
	    &d));
	return 0;
}
