#ifndef CLIENT_CLOCK_H
#define CLIENT_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME in milliseconds: deadlines run while the VM sleeps. */
int64_t now_ms(void);

#endif
