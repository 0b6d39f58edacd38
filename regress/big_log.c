/*
 * big_log: a log that has grown for years, with the writer that the daemon has.
 *
 *   big_log FOLDER RECORDS <KEYS
 *
 * RECORDS records of requests that were answered and delivered, in segments
 * of 64 MiB, each with a snapshot of a full memory: 262,144 entries of the keys
 * whose fingerprints KEYS lists, one a line.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "crypto/crypto.h"
#include "verifier/journal.h"
#include "verifier/memory.h"

static char keys[MEMORY_KEYS][FINGERPRINT_HEX + 1];
static unsigned key_count;

static struct {
	int folder, fd;
	uint64_t first, seq, size;
	int64_t time_us;
	uint8_t hash[SHA256_LEN];
	struct record record;
	struct sha256 sha;
	char buf[1 << 20];
	size_t used;
} m = {.fd = -1, .seq = 1};

static void
flush(void)
{
	if (write(m.fd, m.buf, m.used) != (ssize_t)m.used)
		err(1, "write");
	m.used = 0;
}

static int
sink(void *arg, const void *data, size_t len)
{
	(void)arg;
	sha256_update(&m.sha, data, len);
	if (m.used + len > sizeof(m.buf))
		flush();
	memcpy(m.buf + m.used, data, len);
	m.used += len;
	m.size += len;
	return 0;
}

static struct record *
begin(const char *event, const char *vm, const char *id)
{
	struct record_head head = {.seq = m.seq,
	    .time_us = m.time_us++,
	    .run = 1,
	    .step = m.seq - 1,
	    .event = event,
	    .vm = vm,
	    .id = id};

	sha256_init(&m.sha);
	sha256_update(&m.sha, m.hash, sizeof(m.hash));
	record_begin(&m.record, sink, NULL, &head);
	return &m.record;
}

static void
end(void)
{
	if (record_covered(&m.record) == -1)
		errx(1, "a bad record");
	sha256_final(&m.sha, m.hash);
	if (record_end(&m.record, m.hash, NULL) == -1)
		errx(1, "a bad record");
	m.seq++;
}

static int64_t
seconds(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) == -1)
		err(1, "clock");
	return ts.tv_sec;
}

/* Fields of the same form as theirs, whatever is in them. */
static void
add_memory(unsigned chunk)
{
	static struct memory_entry e[MEMORY_CHUNK];
	static uint16_t places[MEMORY_CHUNK];
	struct record *r;
	unsigned i;

	random_bytes(e, sizeof(e));
	for (i = 0; i < MEMORY_CHUNK; i++) {
		e[i].expires = (uint32_t)seconds(CLOCK_REALTIME) + 3600;
		e[i].until = (uint32_t)seconds(CLOCK_BOOTTIME) + 3600;
		places[i] = (uint16_t)((chunk * MEMORY_CHUNK + i) % key_count);
	}
	r = begin("snapshot-memory", NULL, NULL);
	record_bytes(r, "entries", e, sizeof(e));
	record_bytes(r, "keys", places, sizeof(places));
	end();
}

static void
add_snapshot(void)
{
	struct record *r;
	unsigned i;

	for (i = 0; i < key_count; i++) {
		r = begin("snapshot-key", NULL, NULL);
		record_str(r, "fingerprint", keys[i]);
		record_i64(r, "known_since", 1000);
		end();
	}
	for (i = 0; i < MEMORY_ENTRIES / MEMORY_CHUNK; i++)
		add_memory(i);
	r = begin("snapshot", NULL, NULL);
	record_u64(r, "keys", key_count);
	end();
}

static void
open_segment(void)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1], boot[BOOT_ID_LEN + 1] = "";
	uint8_t before[SHA256_LEN];
	uint64_t previous = m.first;
	struct record *r;
	FILE *f;

	if (m.fd != -1) {
		flush();
		close(m.fd);
	}
	m.first = m.seq;
	m.size = 0;
	segment_name(name, m.first);
	m.fd = openat(m.folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (m.fd == -1)
		err(1, "%s", name);
	f = fopen("/proc/sys/kernel/random/boot_id", "r");
	if (f == NULL || fgets(boot, sizeof(boot), f) == NULL)
		err(1, "boot_id");
	fclose(f);
	memcpy(before, m.hash, sizeof(before));
	r = begin(previous == 0 ? "start" : "segment", NULL, NULL);
	if (previous != 0)
		record_u64(r, "previous", previous);
	record_hex(r, "previous_hash", before, sizeof(before));
	record_str(r, "boot", boot);
	end();
	add_snapshot();
}

static void
add_token(struct record *r, const uint8_t digest[SHA256_LEN], unsigned n)
{
	record_hex(r, "request", digest, SHA256_LEN);
	record_str(r, "kind", "run");
	record_str(r, "key", keys[n % key_count]);
	record_i64(r, "issued", m.time_us / 1000000 - 100000);
	record_i64(r, "expires", m.time_us / 1000000 - 99670);
	record_str(r, "order", "now");
	record_u64(r, "body_length", 8);
	record_hex(r, "body_sha256", digest, SHA256_LEN);
}

static void
add_stream(struct record *r, const char *name, const uint8_t *digest)
{
	char field[16];

	snprintf(field, sizeof(field), "%s_written", name);
	record_u64(r, field, 3);
	snprintf(field, sizeof(field), "%s_kept", name);
	record_u64(r, field, 3);
	snprintf(field, sizeof(field), "%s_sha256", name);
	record_hex(r, field, digest, SHA256_LEN);
}

/* Three records: what was asked, what came of it, and that it was kept. */
static void
add_request(unsigned n)
{
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1];
	uint8_t digest[SHA256_LEN];
	uint64_t intent, result;
	struct record *r;

	snprintf(vm, sizeof(vm), "vm%u", n % key_count + 1);
	snprintf(id, sizeof(id), "20260218-143022-1234-%08x", n);
	sha256(id, strlen(id), digest);
	intent = m.seq;
	r = begin("intent", vm, id);
	add_token(r, digest, n);
	record_str(r, "body", "echo ok\n");
	end();
	result = m.seq;
	r = begin("result", vm, id);
	record_u64(r, "intent", intent);
	record_hex(r, "request", digest, sizeof(digest));
	record_str(r, "status", "exited");
	record_u64(r, "exit", 0);
	record_i64(r, "started", m.time_us);
	record_i64(r, "ended", m.time_us + 3000);
	add_stream(r, "out", digest);
	add_stream(r, "err", digest);
	end();
	r = begin("delivered", vm, id);
	record_u64(r, "result", result);
	end();
}

static void
read_keys(void)
{
	char line[64];

	while (key_count < MEMORY_KEYS &&
	    fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) != FINGERPRINT_HEX)
			errx(1, "not a fingerprint: %s", line);
		memcpy(keys[key_count++], line, FINGERPRINT_HEX + 1);
	}
	if (key_count == 0)
		errx(1, "no keys");
}

int
main(int argc, char **argv)
{
	uint64_t records;
	unsigned n;

	if (argc != 3)
		errx(2, "usage: big_log FOLDER RECORDS <KEYS");
	records = strtoull(argv[2], NULL, 10);
	m.folder = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (m.folder == -1)
		err(1, "%s", argv[1]);
	m.time_us = (seconds(CLOCK_REALTIME) - 60) * 1000000;
	read_keys();
	open_segment();
	for (n = 0; m.seq <= records; n++) {
		if (m.size > JOURNAL_SEGMENT - 16384)
			open_segment();
		add_request(n);
	}
	begin("stop", NULL, NULL);
	end();
	flush();
	return 0;
}
