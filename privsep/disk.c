#include "privsep/disk.h"

#include <sys/statvfs.h>

#include <stdint.h>

#define RESERVE_MAX (UINT64_C(1) << 30)

int
disk_is_low(int folder)
{
	uint64_t avail, reserve;
	struct statvfs fs;

	if (fstatvfs(folder, &fs) == -1)
		return -1;
	avail = (uint64_t)fs.f_bavail * fs.f_frsize;
	reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 20;
	return avail < (reserve < RESERVE_MAX ? reserve : RESERVE_MAX);
}
