#ifndef ADMIN_WHEN_H
#define ADMIN_WHEN_H

#include <stdint.h>

/*
 * A time as people type it, and as journalctl takes it (systemd.time(7)), in
 * Unix microseconds: 0, or -1 where it is not understood, or no time between
 * 1970 and 9999.
 *
 *   now, today, yesterday, tomorrow; today UTC
 *   1 hour ago, 2d 12h ago, -90min, +1h; -30, 30 ago: seconds
 *   2026-02-18, 2026-02-18 14:30, 2026-02-18T14:30:22.5: local time,
 *   and with Z behind it, UTC; 14:30 is today's
 *   @1771425022: seconds since 1970
 *
 * What began before 1970 by a span of time began in 1970.
 */
int when_parse(const char *, int64_t now_us, int64_t *us);

/* Of the option's argument, by dom0's clock.  Fatal where it is none. */
int64_t when_option(const char *option, const char *text);

#endif
