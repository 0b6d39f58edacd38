#ifndef WIRE_EMIT_H
#define WIRE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

#define EMIT_MAX 1024 /* as the largest text: token or receipt */

/* Writing text, for the printers of this folder: sticky, as struct scan. */
struct emit {
	char text[EMIT_MAX + 1];
	size_t len;
	bool bad; /* something did not fit */
};

void emit_init(struct emit *);
void emit_text(struct emit *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void emit_hex(struct emit *, const uint8_t *, size_t n);
/* Copies it without a NUL: the length, or -1 if anything did not fit. */
ssize_t emit_end(const struct emit *, char *out, size_t size);

#endif
