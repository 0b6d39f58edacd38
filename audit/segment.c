#include "audit/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
segment_name(char out[AUDIT_SEGMENT_NAME_LEN + 1], uint64_t first)
{
	snprintf(out, AUDIT_SEGMENT_NAME_LEN + 1, "%020" PRIu64 ".log", first);
}

int
segment_name_parse(const char *name, uint64_t *first)
{
	char again[AUDIT_SEGMENT_NAME_LEN + 1];
	uint64_t value = 0;
	int i;

	if (strlen(name) != AUDIT_SEGMENT_NAME_LEN)
		return -1;
	for (i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(name[i] - '0');
	}
	/* Another end, or more than 64 bits: it prints as something else. */
	segment_name(again, value);
	if (value == 0 || strcmp(again, name) != 0)
		return -1;
	*first = value;
	return 0;
}
