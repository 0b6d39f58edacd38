#include "verifier/verifier.h"

#include <stdlib.h>

#include "privsep/disk.h"
#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * What is looked at after each turn of the loop: a heartbeat is due, so that a
 * log that was cut is noticed; dom0's clock has jumped; a disk fills up.
 */

#define HEARTBEAT_MS (3600 * INT64_C(1000))
#define STEP_US	     (CLOCK_SLACK * INT64_C(1000000))

bool disk_low;
static struct disk {
	const char *where;
	bool low, recorded; /* recorded: what the log says */
} log_disk = {.where = "log"}, spool_disk = {.where = "spool"};
static int log_folder = -1;
static int64_t
    clock_us; /* CLOCK_REALTIME ahead of CLOCK_BOOTTIME; 0: not known */

static void
set_low(struct disk *d, bool low)
{
	d->low = low;
	if (d->recorded != low && record_disk(d->where, low))
		d->recorded = low;
	disk_low = log_disk.low || spool_disk.low;
}

static void
look_at_log_disk(void)
{
	int low = disk_is_low(log_folder);

	if (low == -1)
		fatal("log: its disk");
	set_low(&log_disk, low == 1);
	set_low(&spool_disk, spool_disk.low);
}

void
pulse_spool_low(bool low)
{
	set_low(&spool_disk, low);
}

void
pulse_init(int folder)
{
	log_folder = folder;
}

void
pulse_clock(int64_t ahead_us)
{
	clock_us = ahead_us;
}

/*
 * A jump: what CLOCK_REALTIME is ahead of CLOCK_BOOTTIME has changed.  Over a
 * reboot only a step back is seen: the log is ahead.
 */
static void
clock_steps(int64_t now_ms)
{
	int64_t now_us = now_realtime_us(), ahead_us = now_us - now_ms * 1000;
	int64_t was_us = clock_us + now_ms * 1000;

	if (clock_us == 0)
		was_us = journal_now_us();
	if (llabs(now_us - was_us) > STEP_US &&
	    !record_clock("clock", was_us, now_us, NULL))
		return; /* later, where there is room */
	clock_us = ahead_us;
}

int64_t
pulse(int64_t now_ms)
{
	static int64_t beat_ms;

	clock_steps(now_ms);
	look_at_log_disk();
	if (beat_ms == 0)
		beat_ms = now_ms + HEARTBEAT_MS;
	if (beat_ms <= now_ms) {
		record_event(NULL, "heartbeat", NULL, NULL);
		output_hour();
		beat_ms = now_ms + HEARTBEAT_MS;
	}
	return (beat_ms);
}
