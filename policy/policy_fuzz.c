#include "policy/policy.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "policy/dom0.h"
#include "wire/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_printable(const char *s)
{
	for (; *s != '\0'; s++)
		assert(*s >= 0x20 && *s <= 0x7e);
}

static void
check_warning(void *arg, const char *text)
{
	(void)arg;
	assert(strncmp(text, "f:", 2) == 0);
	check_printable(text);
}

static void
check_policy(const struct policy *p)
{
	static char out[POLICY_DESCRIBE_MAX];
	size_t len = policy_describe(p, true, out);

	assert(p->mode != POLICY_UNSET && p->key_line[POLICY_KEY_MODE] != 0);
	assert(p->uuid[0] == '\0' || uuid_valid(p->uuid, strlen(p->uuid)));
	assert(p->lines <= POLICY_LINES_MAX && p->used <= sizeof(p->text));
	assert(
	    p->lines == 0 || p->mode == POLICY_ALLOW || p->mode == POLICY_ASK);
	assert(p->timeout >= 1 && p->timeout <= TIMEOUT_MAX);
	assert(p->jobs >= 1 && p->jobs <= JOBS_MAX && p->nice <= 19);
	assert(2 * p->output_limit <= 256 * 1024 * 1024);
	assert(p->input_limit <= INPUT_POLICY_MAX);
	assert((p->rate == 0) == (p->rate_seconds == 0));
	assert(len == strlen(out) && len > 0 && out[len - 1] == '\n');
}

/* A policy that parses is one; a complaint names file and line, printably. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy_env env = {.find = dom0_find,
	    .warn = check_warning};
	static struct policy p;
	const char *text = (const char *)data;
	char err[128];

	if (policy_load("f", text, size, &env, &p, err, sizeof(err)) == 0) {
		check_policy(&p);
		return 0;
	}
	assert(p.mode == POLICY_UNSET && p.uuid[0] == '\0' && p.lines == 0);
	assert(strncmp(err, "f:", 2) == 0 && err[2] >= '1' && err[2] <= '9');
	check_printable(err);
	/* Syntax alone asks for less, never for more. */
	if (policy_parse("f", text, size, &p, err, sizeof(err)) == 0)
		assert(!p.looked_up && p.mode != POLICY_UNSET);
	return 0;
}
