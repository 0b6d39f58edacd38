#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reading untrusted text, for the parsers of this folder.  A scan is sticky:
 * after the first failure nothing more is read, numbers are 0, and why keeps
 * the rule that stood when it failed.
 */
struct scan {
	const char *at, *end;
	const char *rule; /* what is being read: static text */
	const char *why;  /* NULL, or the rule that is broken */
};

void scan_init(struct scan *, const char *, size_t, const char *rule);
/* From here on, what fails breaks this rule. */
void scan_rule(struct scan *, const char *rule);
void scan_fail(struct scan *);
/* Exactly this text. */
void scan_text(struct scan *, const char *);
/* Takes this text if it is next: whether it was. */
bool scan_try(struct scan *, const char *);
/* Decimal digits without sign or leading zero, any number of them. */
void scan_decimal(struct scan *);
/* The same, and its value, at most max. */
uint64_t scan_number(struct scan *, uint64_t max);
/* Exactly n digits, at most 9; leading zeros are digits. */
unsigned int scan_digits(struct scan *, unsigned int n);
/* Exactly n lower-case hex digits, unread; or 2 * n of them as n bytes. */
void scan_hex_digits(struct scan *, size_t n);
void scan_hex(struct scan *, uint8_t *, size_t n);
/* 1 to size - 1 bytes 0x21-0x7E, up to the first that is none; and a NUL. */
void scan_field(struct scan *, char *out, size_t size);
/* The same with spaces in it. */
void scan_line(struct scan *, char *out, size_t size);
/* A field that is one of n names: its index, or 0 on failure. */
unsigned int scan_name(struct scan *, const char *const *names, unsigned int n);
/* Nothing failed and nothing is left: 0, or -1 with *why. */
int scan_end(struct scan *, const char **why);

#endif
