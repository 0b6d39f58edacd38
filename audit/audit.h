#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/limits.h"

/*
 * audit: the log's format, written and read.  Pure functions: they neither
 * open files nor compute digests.
 *
 * A record is one line of JSON in ASCII:
 * {"seq":7,"time":"2026-02-18T14:30:22.514000Z","run":1,"step":3,
 *  "event":"intent","vm":"work","id":"…", …,"hash":"<64>"[,"mac":"<64>"]}
 * hash = SHA-256(hash of the line before, 32 bytes || the line's bytes up to
 * ,"hash":)
 */

#define AUDIT_SEGMENT_NAME_LEN 24	    /* 20 digits and ".log" */
#define AUDIT_TAIL_HASH	       (9 + 64 + 3) /* ,"hash":"<64>"}LF */
#define AUDIT_TAIL_MAC	       (9 + 64 + 1 + 8 + 64 + 3)
#define AUDIT_LINE_MAX	       (16u * 1024 * 1024)
#define AUDIT_SEGMENT_MAX      (64 * 1024 * 1024)

/*
 * Writing.  Bytes go to sink as they are made (a record may be larger than
 * any buffer); a sink that fails (-1) makes the writer bad, and all that
 * follows is dropped.
 */
struct record {
	int (*sink)(void *arg, const void *, size_t);
	void *arg;
	bool bad;
	size_t used;
	char buf[4096];
};

struct record_head {
	uint64_t seq;
	int64_t time_us; /* Unix microseconds */
	uint64_t run, step;
	const char *event;
	const char *vm; /* NULL: none */
	const char *id; /* NULL: none */
};

void record_begin(struct record *, int (*sink)(void *, const void *, size_t),
    void *arg, const struct record_head *);
/* name is ours (plain ASCII); a string's bytes are escaped as JSON. */
void record_str(struct record *, const char *name, const char *);
void record_u64(struct record *, const char *name, uint64_t);
void record_i64(struct record *, const char *name, int64_t);
void record_bool(struct record *, const char *name, bool);
void record_hex(struct record *, const char *name, const uint8_t *, size_t);
/*
 * Bytes from a VM or a command: a JSON string in ASCII where they are UTF-8
 * without control characters but TAB, LF and CR; otherwise base64 in
 * <name>_b64.  Reads with pread from fd where data is NULL.
 */
void record_bytes(struct record *, const char *name, const void *data,
    size_t len);
int record_bytes_fd(struct record *, const char *name, int fd, uint64_t len);
/* Flushes all that hash covers: 0, or -1 when the sink failed. */
int record_covered(struct record *);
/* Appends hash, and mac where not NULL, and the end of the line: 0, or -1. */
int record_end(struct record *, const uint8_t hash[32], const uint8_t *mac);
/* At most this many bytes for a record with len bytes of VM data in it. */
uint64_t record_bound(uint64_t len);

/* Reading. */
struct line_head {
	uint64_t seq, run, step;
	int64_t time_us;
	char event[32];
	char vm[VM_NAME_MAX + 1]; /* "" where there is none */
	char id[ID_MAX + 1];
	size_t covered; /* bytes that hash covers */
	uint8_t hash[32];
	bool has_mac;
	uint8_t mac[32];
};
/*
 * One line with its LF, exactly as the writer makes it (field order too): 0,
 * or -1 with *why.
 */
int line_parse(const char *, size_t len, struct line_head *, const char **why);
/*
 * Of the first AUDIT_PEEK bytes of a line: seq, time, run, step and event, and
 * nothing else: 0, or -1.
 */
#define AUDIT_PEEK 192
int line_peek(const char *, size_t len, struct line_head *);
/*
 * A field's value.  Strings are unescaped (UTF-8) or decoded from
 * <name>_b64 into out; the length, which may be more than size, or -1 when
 * there is no such field.
 */
ssize_t line_str(const char *, size_t len, const char *name, char *out,
    size_t size);
int line_u64(const char *, size_t len, const char *name, uint64_t *);
int line_bool(const char *, size_t len, const char *name, bool *);

/*
 * The same of many fields of one line: quick where they are asked for in their
 * order.  at is 0 at first.
 */
struct line_fields {
	const char *line;
	size_t len, at;
};
ssize_t field_str(struct line_fields *, const char *name, char *out,
    size_t size);
int field_u64(struct line_fields *, const char *name, uint64_t *);

/* <first sequence, 20 digits>.log */
void segment_name(char out[AUDIT_SEGMENT_NAME_LEN + 1], uint64_t first);
int segment_name_parse(const char *, uint64_t *first);

/*
 * A packed segment: the same name with ".zst" behind it.  It begins with a
 * skippable frame of Zstandard (RFC 8878, 3.1.2) whose text begins with the
 * segment's first line.
 */
#define AUDIT_PACKED_NAME_LEN (AUDIT_SEGMENT_NAME_LEN + 4)
#define AUDIT_PACKED_HEAD     8 /* bytes before the text */
void packed_name(char out[AUDIT_PACKED_NAME_LEN + 1], uint64_t first);
int packed_name_parse(const char *, uint64_t *first);
void packed_head(uint8_t out[AUDIT_PACKED_HEAD], size_t text_len);
/* The text's length, or -1: it begins with no such frame. */
ssize_t packed_head_parse(const uint8_t head[AUDIT_PACKED_HEAD]);

#endif
