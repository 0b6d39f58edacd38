#ifndef PRIVSEP_PRIVDROP_H
#define PRIVSEP_PRIVDROP_H

#include <sys/types.h>

/*
 * The steps that give a process's rights up, for sandbox_enter() and
 * privdrop_exec().  Each reads back what it did and returns NULL, or the name
 * of what failed, with errno.  They are taken in this order: a bounding set
 * can be emptied only while CAP_SETPCAP is there.
 */
const char *drop_bounding_set(void);
const char *drop_ids(uid_t, gid_t, size_t ngroups, const gid_t *groups);
const char *drop_capabilities(void);
/* Tries to become root again, by each way there is: that must fail. */
const char *drop_is_final(void);
const char *drop_new_privs(void);

#endif
