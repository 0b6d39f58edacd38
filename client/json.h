#ifndef CLIENT_JSON_H
#define CLIENT_JSON_H

#include <stdint.h>
#include <stdio.h>

/* Members of an object, in ASCII; name is ours.  The caller sets the commas. */

/* NULL is null.  The bytes are printable ASCII, as wire/'s parsers leave it. */
void json_string(FILE *, const char *name, const char *);
/*
 * len bytes of the file: <name>, a string, where they are UTF-8; otherwise
 * <name>_base64.
 */
void json_file(FILE *, const char *name, int fd, uint64_t len);

#endif
