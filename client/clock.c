#include <time.h>

#include "client/clock.h"

int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) == -1 &&
	    clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		__builtin_trap();
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
