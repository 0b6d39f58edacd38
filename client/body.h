#ifndef CLIENT_BODY_H
#define CLIENT_BODY_H

#include "client/options.h"

/* What a request is made of.  Allocated, the caller frees it. */

/*
 * The words, or the script on standard input.  0: body and its length.  -1
 * after saying why.
 */
int body_read(const struct options *, void **, size_t *);
/* -i and --input; length 0 without them.  0, or -1 after saying why. */
int input_read(const struct options *, void **, size_t *);

#endif
