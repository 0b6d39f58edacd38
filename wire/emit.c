#include "wire/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(EMIT_MAX >= TOKEN_MAX, "a token may not fit");
_Static_assert(EMIT_MAX >= RECEIPT_MAX, "a receipt may not fit");
_Static_assert(EMIT_MAX >= LINE_MAX_BYTES, "a frame may not fit");

void
emit_init(struct emit *e)
{
	e->len = 0;
	e->bad = false;
}

void
emit_text(struct emit *e, const char *fmt, ...)
{
	size_t room = sizeof(e->text) - e->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(e->text + e->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		e->bad = true;
	else
		e->len += (size_t)n;
}

void
emit_hex(struct emit *e, const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		emit_text(e, "%02x", bytes[i]);
}

ssize_t
emit_end(const struct emit *e, char *out, size_t size)
{
	if (e->bad || e->len > size)
		return (-1);
	memcpy(out, e->text, e->len);
	return ((ssize_t)e->len);
}
