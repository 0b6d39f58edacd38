#ifndef PRIVSEP_LANDLOCK_H
#define PRIVSEP_LANDLOCK_H

#include <stdbool.h>

/*
 * Landlock: everything that this kernel's ABI can forbid is forbidden; with
 * writes, files below / (the chroot) may be read, written, made and cut.
 * Needs no-new-privileges.  True: in force.  False: the kernel has none.
 * Fatal on any other failure.
 */
bool landlock_enter(bool writes);

#endif
