#include <time.h>

#include "admin/admin.h"

int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		fail_errno("clock");
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
