#ifndef CLIENT_SHOW_H
#define CLIENT_SHOW_H

#include <stddef.h>
#include <stdint.h>

/*
 * For people, on standard output: what may hold anything is escaped but for
 * its line feeds and tabs.
 */
void show_bytes(const void *, size_t);
/* len bytes of an open file. */
void show_file(int fd, uint64_t len);
/* The end of what is shown: 0, or -1 after saying why. */
int show_end(void);

#endif
