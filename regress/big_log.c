/*
 * big_log: a log that has grown for years, with the writer that the daemon has.
 *
 *   big_log FOLDER RECORDS <WHAT
 *
 * RECORDS records of requests that were answered and delivered, in segments
 * of 64 MiB, each with a snapshot of a full memory: what all VMs share is used
 * up, and so is what each has to itself, but for a few entries of the first and
 * of the second key.  WHAT is a line for each of
 *
 *   key FINGERPRINT    64 of them; where there are fewer, memories are empty
 *   token ID SHA256    the first key has used it
 *   used VM BYTES      the VM's records have taken up so many
 *   seal SEED          it is sealed with this first seed, 64 hex digits
 *   expired            all tokens have, long ago; and no key has room
 *   every MICROSECONDS so far apart the requests were, and their ids say so
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
#include "crypto/seal.h"
#include "verifier/journal.h"
#include "verifier/memory.h"

#define LIVE 2			 /* keys that have room */
#define OWN  (MEMORY_OWN - room) /* entries of each of these */

static unsigned all = MEMORY_ENTRIES; /* entries of a segment's snapshot */
static unsigned room = 3;
static int64_t left = 3600;	/* seconds, of each token */
static int64_t every, start_us; /* of requests; of the first one */

static char keys[MEMORY_KEYS][FINGERPRINT_HEX + 1];
static unsigned key_count;
static char token_id[ID_MAX + 1];
static uint8_t token_sha256[SHA256_LEN];
static char used_vm[VM_NAME_MAX + 1];
static uint64_t used_bytes;
static bool sealed;
static uint8_t seed[SEED_LEN], seal_key[SHA256_LEN];

static struct {
	int folder, fd;
	uint64_t first, seq, size;
	int64_t time_us;
	uint8_t hash[SHA256_LEN];
	unsigned requests;
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
	uint8_t mac[SHA256_LEN];

	if (record_covered(&m.record) == -1)
		errx(1, "a bad record");
	sha256_final(&m.sha, m.hash);
	if (sealed) {
		seal_mac(seal_key, m.hash, mac);
		seal_next_step(seal_key);
	}
	if (record_end(&m.record, m.hash, sealed ? mac : NULL) == -1)
		errx(1, "a bad record");
	m.seq++;
}

static void
add_seed(struct record *r)
{
	char name[FINGERPRINT_HEX + 1];

	seed_fingerprint(seed, name);
	seal_run_key(seed, seal_key);
	record_str(r, "seed", name);
	record_u64(r, "seed_run", 1);
	record_bool(r, "seed_seen", sealed);
}

static int64_t
seconds(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) == -1)
		err(1, "clock");
	return ts.tv_sec;
}

static unsigned
owner(unsigned request)
{
	return LIVE + request % (key_count - LIVE);
}

static void
request_id(unsigned request, char id[ID_MAX + 1], uint8_t digest[SHA256_LEN])
{
	time_t t = (time_t)((start_us + request * every) / 1000000);
	char date[32] = "20260218-143022";
	struct tm tm;

	if (every > 0 && localtime_r(&t, &tm) != NULL)
		strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	snprintf(id, ID_MAX + 1, "%.15s-1234-%08x", date, request);
	sha256(id, strlen(id), digest);
}

/* As the daemon remembers it (verifier/memory.h). */
static void
fill(struct memory_entry *e, unsigned key, const char *id,
    const uint8_t token[SHA256_LEN])
{
	char text[FINGERPRINT_HEX + ID_MAX + 2];
	uint8_t digest[SHA256_LEN];

	snprintf(text, sizeof(text), "%s\n%s", keys[key], id);
	sha256(text, strlen(text), digest);
	memcpy(e->id, digest, sizeof(e->id));
	memcpy(e->token, token, sizeof(e->token));
	e->expires = (uint32_t)(seconds(CLOCK_REALTIME) + left);
	e->until = (uint32_t)(seconds(CLOCK_BOOTTIME) + left);
}

/* The nth: those of the first keys, then what the segment will hold. */
static unsigned
memory_at(unsigned n, struct memory_entry *e)
{
	uint8_t digest[SHA256_LEN];
	char id[ID_MAX + 1];
	unsigned key = n / OWN;

	if (n < LIVE * OWN) {
		random_bytes(digest, sizeof(digest));
		snprintf(id, sizeof(id), "%u", n);
	} else {
		n += m.requests - LIVE * OWN;
		request_id(n, id, digest);
		key = owner(n);
	}
	fill(e, key, id, digest);
	return key;
}

/* Its requests are in it already: the memory is full, whichever is read. */
static void
add_memory(unsigned first)
{
	static struct memory_entry e[MEMORY_CHUNK];
	static uint16_t places[MEMORY_CHUNK];
	struct record *r;
	unsigned i;

	for (i = 0; i < MEMORY_CHUNK && first + i < all; i++)
		places[i] = (uint16_t)memory_at(first + i, &e[i]);
	if (first == 0 && token_id[0] != '\0')
		fill(&e[0], 0, token_id, token_sha256);
	r = begin("snapshot-memory", NULL, NULL);
	record_bytes(r, "entries", e, i * sizeof(*e));
	record_bytes(r, "keys", places, i * sizeof(*places));
	end();
}

static void
add_used(void)
{
	struct record *r;

	r = begin("snapshot-vm", used_vm, NULL);
	record_i64(r, "day", 0);
	record_u64(r, "day_bytes", 0);
	record_u64(r, "total_bytes", used_bytes);
	record_i64(r, "newest", 0);
	record_u64(r, "full", 0);
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
	for (i = 0; i < all; i += MEMORY_CHUNK)
		add_memory(i);
	if (used_vm[0] != '\0')
		add_used();
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
	if (previous == 0)
		add_seed(r);
	end();
	add_snapshot();
}

static void
add_token(struct record *r, const uint8_t digest[SHA256_LEN], unsigned n)
{
	record_hex(r, "request", digest, SHA256_LEN);
	record_str(r, "kind", "run");
	record_str(r, "key", keys[owner(n)]);
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
add_request(void)
{
	unsigned n = m.requests++;
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1];
	uint8_t digest[SHA256_LEN];
	uint64_t intent, result;
	struct record *r;

	if (every > 0)
		m.time_us = start_us + n * every;
	snprintf(vm, sizeof(vm), "vm%u", owner(n) + 1);
	request_id(n, id, digest);
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
take_key(const char *fingerprint)
{
	if (key_count == MEMORY_KEYS || strlen(fingerprint) != FINGERPRINT_HEX)
		errx(1, "not one of 1,024 fingerprints: %s", fingerprint);
	memcpy(keys[key_count++], fingerprint, FINGERPRINT_HEX + 1);
}

static void
take_token(const char *id, const char *sha256_hex)
{
	snprintf(token_id, sizeof(token_id), "%.64s", id);
	if (strlen(sha256_hex) != SHA256_HEX ||
	    hex_parse(token_sha256, sha256_hex, sizeof(token_sha256)) == -1)
		errx(1, "not a digest: %s", sha256_hex);
}

static void
take_seed(const char *hex)
{
	sealed = true;
	if (strlen(hex) != SEED_HEX || hex_parse(seed, hex, SEED_LEN) == -1)
		errx(1, "not a seed: %s", hex);
}

static void
read_what(void)
{
	char line[256], word[8] = "", first[65], second[65];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		first[0] = second[0] = '\0';
		(void)sscanf(line, "%7s %64s %64s", word, first, second);
		if (strcmp(word, "key") == 0)
			take_key(first);
		else if (strcmp(word, "token") == 0)
			take_token(first, second);
		else if (strcmp(word, "seal") == 0)
			take_seed(first);
		else if (strcmp(word, "used") == 0) {
			snprintf(used_vm, sizeof(used_vm), "%.31s", first);
			used_bytes = strtoull(second, NULL, 10);
		} else if (strcmp(word, "every") == 0)
			every = strtoll(first, NULL, 10);
		else if (strcmp(word, "expired") == 0) {
			left = -2 * MEMORY_KEEP;
			room = 0;
		} else
			errx(1, "not known: %s", line);
	}
	if (key_count <= LIVE || key_count > MEMORY_SERVED)
		errx(1, "%u keys", key_count);
	all = key_count < MEMORY_SERVED ? 0 : MEMORY_ENTRIES - LIVE * room;
}

int
main(int argc, char **argv)
{
	uint64_t records;

	if (argc != 3)
		errx(2, "usage: big_log FOLDER RECORDS <WHAT");
	records = strtoull(argv[2], NULL, 10);
	m.folder = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (m.folder == -1)
		err(1, "%s", argv[1]);
	read_what();
	start_us = (seconds(CLOCK_REALTIME) - 60) * 1000000 -
	    (int64_t)(records / 3) * every;
	m.time_us = start_us;
	open_segment();
	while (m.seq <= records) {
		if (m.size > JOURNAL_SEGMENT - 16384)
			open_segment();
		add_request();
	}
	begin("stop", NULL, NULL);
	end();
	flush();
	return 0;
}
