#ifndef PRIVSEP_SECCOMP_H
#define PRIVSEP_SECCOMP_H

/*
 * Loads the filter of "poller", "verifier", "web" or "reader": what their tables
 * do not list ends the process.  Needs no-new-privileges.  Fatal on failure.
 */
void seccomp_enter(const char *name);

#endif
