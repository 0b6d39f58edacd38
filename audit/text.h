#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the writer and the reader must agree on: which bytes are text, base64,
 * and time.  Of other folders only client/json.c uses it.
 */

/* UTF-8, RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF. */
struct utf8 {
	uint32_t cp;
	uint8_t left;	   /* continuation bytes to come */
	uint8_t low, high; /* what the next one may be */
};
/* 1: *cp is a code point; 0: more bytes are needed; -1: not UTF-8. */
int utf8_feed(struct utf8 *, uint8_t, uint32_t *cp);
/* One to four bytes; cp is a code point that utf8_feed gives. */
size_t utf8_encode(char out[4], uint32_t cp);

/* No control character but TAB, LF and CR: neither C0, DEL nor C1. */
bool text_allowed(uint32_t cp);

/* Four characters from one to three bytes, padded.  RFC 4648. */
void base64_encode(char out[4], const uint8_t *, size_t len);
/* One to three bytes from four characters; 0: not what base64_encode gives. */
size_t base64_decode(uint8_t out[3], const char in[4]);

/* YYYY-MM-DDTHH:MM:SS.ffffffZ of Unix microseconds, years 1970 to 9999. */
#define TIME_TEXT_LEN 27
int time_print(char out[TIME_TEXT_LEN + 1], int64_t us);
int time_parse(const char in[TIME_TEXT_LEN], int64_t *us);

#endif
