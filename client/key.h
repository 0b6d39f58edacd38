#ifndef CLIENT_KEY_H
#define CLIENT_KEY_H

#include "client/home.h"
#include "crypto/crypto.h"

/* ~/.qvm-remote/auth.key.  Each says what went wrong; -1 then. */
int key_load(const struct home *, struct derived_keys *);
/* The one of this fingerprint. */
int key_find(const struct home *, const char *fingerprint,
    struct derived_keys *);
/* Makes the key and shows it; never overwrites one. */
int key_gen(const struct home *);
int key_show(const struct home *);
int key_show_fingerprint(const struct home *);

#endif
