#include "admin/when.h"

#include <assert.h>
#include <string.h>

#include "audit/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever is typed, a time is one that the log can have. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64], printed[TIME_TEXT_LEN + 1];
	int64_t us, again;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (when_parse(text, 1771425022514000, &us) == -1)
		return 0;
	assert(time_print(printed, us) == 0);
	/* What is printed is a time, too: the same. */
	assert(when_parse(printed, 0, &again) == 0 && again == us);
	return 0;
}
