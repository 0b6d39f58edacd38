#ifndef WIRE_ID_H
#define WIRE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "wire/limits.h"

/*
 * A request's id: YYYYMMDD-HHMMSS-<pid>-<8 hex digits>, at most 64 bytes, the
 * pid a decimal number without leading zero; the date is one that exists.
 */
bool id_valid(const char *, size_t len);
/* ping-<nanoseconds>-<digits>, which only version 1 has. */
bool id_valid_v1_ping(const char *, size_t len);
/* Writes an id and a NUL.  tm is local time. */
void id_print(char out[ID_MAX + 1], const struct tm *tm, uint32_t pid,
    uint32_t random);
/*
 * The time that a valid id states.  For a request: broken-down local time
 * (tm_isdst -1); the caller makes seconds of it with mktime(3).
 */
void id_time(const char *id, struct tm *);
/* The seconds that a v1 ping id states. */
int64_t id_ping_seconds(const char *id);

/* [a-zA-Z][a-zA-Z0-9_.-]*, at most 31 bytes, no name that Qubes reserves. */
bool vm_name_valid(const char *, size_t len);
/* 8-4-4-4-12 lower-case hex digits. */
bool uuid_valid(const char *, size_t len);

#endif
