#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "crypto/seal.h"
#include "regress/fuzz_log.h"

#define START "\"event\":\"start\""

const char fuzz_log_seed[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static struct {
	int fd;
	uint64_t seq, run, step;
	uint8_t hash[SHA256_LEN];
	uint8_t seed[SEED_LEN], key[SHA256_LEN];
} out = {.fd = -1};

static void
put(const void *data, size_t len)
{
	if (write(out.fd, data, len) != (ssize_t)len)
		abort();
}

/* It is named after its first record. */
static void
begin_segment(int folder)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1];

	segment_name(name, out.seq);
	if (out.fd != -1)
		(void)close(out.fd);
	out.fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (out.fd == -1)
		abort();
}

static void
begin_run(void)
{
	out.run++;
	out.step = 0;
	seal_run_key(out.seed, out.key);
	seal_next_seed(out.seed);
}

/* The hash of the line before, or the one that a segment's first line names. */
static void
hash_line(const char *line, size_t len)
{
	static const char name[] = "\"previous_hash\":\"";
	const char *at = memmem(line, len, name, sizeof(name) - 1);
	char hex[SHA256_HEX + 1] = "";
	struct sha256 sha;

	if (at != NULL) {
		at += sizeof(name) - 1;
		(void)snprintf(hex, sizeof(hex), "%.*s", (int)(line + len - at),
		    at);
		(void)hex_parse(out.hash, hex, SHA256_LEN);
	}
	sha256_init(&sha);
	sha256_update(&sha, out.hash, SHA256_LEN);
	sha256_update(&sha, line, len);
	sha256_final(&sha, out.hash);
}

static void
put_record(const char *rest, size_t len)
{
	static char line[65536];
	char hash[SHA256_HEX + 1], mac[SHA256_HEX + 1];
	uint8_t sealed[SHA256_LEN];
	const char *at;
	size_t before;
	int n;

	if (len >= sizeof(START) - 1 &&
	    memcmp(rest, START, sizeof(START) - 1) == 0)
		begin_run();
	hex_print(hash, out.hash, SHA256_LEN);
	at = memchr(rest, '@', len);
	before = at != NULL ? (size_t)(at - rest) : len;
	n = snprintf(line, sizeof(line),
	    "{\"seq\":%llu,\"time\":\"2027-01-15T07:%02u:%02u.000000Z\","
	    "\"run\":%llu,\"step\":%llu,%.*s%s%.*s",
	    (unsigned long long)out.seq, (unsigned)(out.seq / 60 % 60),
	    (unsigned)(out.seq % 60), (unsigned long long)out.run,
	    (unsigned long long)out.step, (int)before, rest,
	    at != NULL ? hash : "", at != NULL ? (int)(len - before - 1) : 0,
	    rest + before + (at != NULL));
	if (n < 0 || (size_t)n + 256 > sizeof(line))
		return;
	hash_line(line, (size_t)n);
	seal_mac(out.key, out.hash, sealed);
	seal_next_step(out.key);
	hex_print(hash, out.hash, SHA256_LEN);
	hex_print(mac, sealed, SHA256_LEN);
	n += snprintf(line + n, sizeof(line) - (size_t)n,
	    ",\"hash\":\"%s\",\"mac\":\"%s\"}\n", hash, mac);
	put(line, (size_t)n);
	out.seq++;
	out.step++;
}

void
fuzz_log(int folder, const struct fuzz *in)
{
	const char *p = (const char *)in->p, *lf;
	size_t left = in->left, len;

	out.seq = 1;
	if (hex_parse(out.seed, fuzz_log_seed, SEED_LEN) == -1)
		abort();
	begin_segment(folder);
	for (; left > 0; left -= len, p += len) {
		lf = memchr(p, '\n', left);
		len = lf != NULL ? (size_t)(lf - p) : left;
		if (len > 0 && *p == '%')
			begin_segment(folder);
		else if (len > 0 && *p == '!')
			put(p + 1, len - 1);
		else
			put_record(p, len);
		len += lf != NULL ? 1 : 0;
	}
}

void
fuzz_log_tidy(int folder)
{
	struct dirent *e;
	DIR *d;
	int fd;

	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		abort();
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    unlinkat(folder, e->d_name, 0) == -1)
			abort();
	(void)closedir(d);
}
