#ifndef PRIVSEP_DISK_H
#define PRIVSEP_DISK_H

/*
 * Whether the disk of this folder has less free than its reserve, 5 % of its
 * size and at most 1 GiB: 1 or 0, or -1 with errno.
 */
int disk_is_low(int folder);

#endif
