/*
 * A start of the verifier on any log.  The input is what its lines say: what
 * every record begins and ends with is put around them, so that the chain
 * holds.  Whatever such a start leaves, the next start can read.
 */
#define main verifier_main
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "verifier/verifier.c"
#undef main
/* To reserve a segment would take longer than all else. */
#define fallocate(fd, mode, from, len) ftruncate(fd, len)
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "verifier/journal.c"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "regress/fuzz.h"

#define BOOT  "11111111-2222-3333-4444-555555555555"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct {
	int fd;
	uint64_t seq;
	uint8_t hash[SHA256_LEN];
} out = {.fd = -1};

static void
put(const void *data, size_t len)
{
	if (write(out.fd, data, len) != (ssize_t)len)
		abort();
}

/* A segment is named after its first record. */
static void
segment_begin_here(void)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1];

	segment_name(name, out.seq);
	if (out.fd != -1)
		(void)close(out.fd);
	out.fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (out.fd == -1)
		abort();
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

/* "event":… of a record, without its last brace. */
static void
put_record(const char *rest, size_t len)
{
	static char line[65536];
	char hex[SHA256_HEX + 1];
	int n;

	n = snprintf(line, sizeof(line),
	    "{\"seq\":%llu,\"time\":\"2027-01-15T07:%02u:%02u.000000Z\","
	    "\"run\":1,\"step\":%llu,%.*s",
	    (unsigned long long)out.seq, (unsigned)(out.seq / 60 % 60),
	    (unsigned)(out.seq % 60), (unsigned long long)out.seq - 1, (int)len,
	    rest);
	if (n < 0 || (size_t)n + 256 > sizeof(line))
		return;
	hash_line(line, (size_t)n);
	hex_print(hex, out.hash, SHA256_LEN);
	n += snprintf(line + n, sizeof(line) - (size_t)n,
	    ",\"hash\":\"%s\",\"mac\":\"%s\"}\n", hex, ZEROS);
	put(line, (size_t)n);
	out.seq++;
}

/* '%': the next segment; '!': these bytes as they are, without an LF. */
static void
put_log(struct fuzz *in)
{
	const char *p = (const char *)in->p, *lf;
	size_t left = in->left, len;

	out.seq = 1;
	memset(out.hash, 0, sizeof(out.hash));
	segment_begin_here();
	for (; left > 0; left -= len, p += len) {
		lf = memchr(p, '\n', left);
		len = lf != NULL ? (size_t)(lf - p) : left;
		if (len > 0 && *p == '%')
			segment_begin_here();
		else if (len > 0 && *p == '!')
			put(p + 1, len - 1);
		else
			put_record(p, len);
		len += lf != NULL ? 1 : 0;
	}
}

static void
start(void)
{
	journal_read(folder_fd, BOOT, restore_seen, restore_forget);
	begun = false;
	verifier_begin();
	journal_close();
}

static void
run(struct fuzz *in)
{
	/* To a channel that is not open: nobody reads it. */
	log_init("verifier", false, &parent);
	put_log(in);
	start();
	/* What was made of it is our own now: an end would be a finding. */
	fuzz_runs = false;
	restore_forget();
	start();
	fuzz_runs = true;
}

static void
set_up(void)
{
	config_init();
	seal_init();
	if (memory_init() == -1)
		abort();
	folder_fd = fuzz_disk();
	pulse_init(folder_fd);
	restore_init(BOOT);
}

/* What the input before has left. */
static void
tidy(void)
{
	struct dirent *e;
	DIR *d;
	int fd;

	fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		abort();
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && e->d_name[1] != 'n')
			continue;
		if (unlinkat(folder_fd, e->d_name, 0) == -1)
			abort();
	}
	(void)closedir(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder_fd == -1)
		set_up();
	tidy();
	fuzz_child(run, data, size);
	return (0);
}
