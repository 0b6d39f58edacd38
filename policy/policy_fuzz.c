#include "policy/policy.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A policy that parses is one; a complaint names file and line, printably. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy p;
	char err[128];
	size_t i;

	if (policy_parse("f", (const char *)data, size, &p, err, sizeof(err)) ==
	    0) {
		assert(p.mode == POLICY_SHELL);
		assert(p.uuid[0] == '\0' || uuid_valid(p.uuid, strlen(p.uuid)));
		return 0;
	}
	assert(p.mode == POLICY_UNSET && p.uuid[0] == '\0');
	assert(strncmp(err, "f:", 2) == 0 && err[2] >= '1' && err[2] <= '9');
	for (i = 0; err[i] != '\0'; i++)
		assert(err[i] >= 0x20 && err[i] <= 0x7e);
	return 0;
}
