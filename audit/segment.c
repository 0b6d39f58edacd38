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

#define PACKED ".zst"

void
packed_name(char out[AUDIT_PACKED_NAME_LEN + 1], uint64_t first)
{
	segment_name(out, first);
	memcpy(out + AUDIT_SEGMENT_NAME_LEN, PACKED, sizeof(PACKED));
}

int
packed_name_parse(const char *name, uint64_t *first)
{
	char segment[AUDIT_SEGMENT_NAME_LEN + 1];

	if (strlen(name) != AUDIT_PACKED_NAME_LEN ||
	    strcmp(name + AUDIT_SEGMENT_NAME_LEN, PACKED) != 0)
		return -1;
	memcpy(segment, name, AUDIT_SEGMENT_NAME_LEN);
	segment[AUDIT_SEGMENT_NAME_LEN] = '\0';
	return segment_name_parse(segment, first);
}

static const uint8_t magic[] = {0x50, 0x2a, 0x4d, 0x18};

void
packed_head(uint8_t out[AUDIT_PACKED_HEAD], size_t text_len)
{
	size_t i;

	memcpy(out, magic, sizeof(magic));
	for (i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(text_len >> 8 * i);
}

ssize_t
packed_head_parse(const uint8_t head[AUDIT_PACKED_HEAD])
{
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return -1;
	return (ssize_t)((uint32_t)head[4] | (uint32_t)head[5] << 8 |
	    (uint32_t)head[6] << 16 | (uint32_t)head[7] << 24);
}
