#ifndef POLLER_BODY_H
#define POLLER_BODY_H

#include <stddef.h>

/* A memfd for what a VM sends.  Each of these is fatal when it fails. */
int body_open(const char *name);
void body_append(int fd, const void *, size_t);
/* From here on nobody can change it, nor its seals. */
void body_seal(int fd);

#endif
