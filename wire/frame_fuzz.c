#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

/*
 * What frame_parse accepts of either side, frame_print writes as the same
 * bytes; no line is a frame of both.
 */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
check(enum frame_side from, const char *line, size_t len)
{
	char out[LINE_MAX_BYTES];
	const char *why = NULL;
	struct frame f;

	if (frame_parse(from, line, len, &f, &why) == -1) {
		if (why == NULL)
			abort();
		return (0);
	}
	if (frame_print(out, &f) != (ssize_t)len || memcmp(line, out, len) != 0)
		abort();
	return (1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *line = (const char *)data;

	if (check(FRAME_DOM0, line, len) + check(FRAME_VM, line, len) > 1)
		abort();
	return (0);
}
