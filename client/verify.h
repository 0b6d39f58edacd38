#ifndef CLIENT_VERIFY_H
#define CLIENT_VERIFY_H

#include "client/home.h"
#include "wire/receipt.h"

/* A request that has ended, as history has it, against its receipt. */
enum verified {
	VERIFIED,  /* request, receipt and output are what was signed */
	UNSIGNED,  /* there is nothing that could be verified */
	FALSIFIED, /* something is not what was signed */
};
/* Silent.  r is set but where its receipt cannot be read; why is static. */
enum verified verify_stored(const struct home *, const char *id,
    struct receipt *r, const char **why);

#endif
