#include "admin/claims.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/log.h"
#include "audit/text.h"
#include "wire/receipt.h"
#include "wire/scan.h"

#define SOURCES_MAX 64
#define CLAIMS_MAX  (1u << 20)
#define COPY_MAX    (64 * 1024 * 1024)

static struct source sources[SOURCES_MAX];
static size_t source_count;
static struct claim *claims; /* in order of seq, once they are read */
static size_t claim_count, next;

static struct reader reader;

static void __attribute__((noreturn))
bad(const struct source *s, uint32_t line, const char *why)
{
	fail("%s: line %" PRIu32 ": %s", s->name, line, why);
}

/* What is no file, a pipe from a VM for instance, is read to its end. */
static int
copy_of(int from, const char *file)
{
	static char buf[65536];
	size_t used = 0;
	ssize_t n;
	int fd = memfd_create("claims", MFD_CLOEXEC);

	if (fd == -1)
		fail_errno("%s", file);
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		used += (size_t)n;
		if (used > COPY_MAX)
			fail("%s: more than %d MiB: put it into a file", file,
			    COPY_MAX >> 20);
		if (write(fd, buf, (size_t)n) != n)
			fail_errno("%s", file);
	}
	if (n == -1)
		fail_errno("%s", file);
	return fd;
}

void
claims_open(const char *file, bool receipts)
{
	struct source *s = &sources[source_count];
	struct stat st;
	int fd;

	if (source_count == SOURCES_MAX)
		fail("more than %d files", SOURCES_MAX);
	fd = strcmp(file, "-") == 0 ? STDIN_FILENO
				    : open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_errno("%s", file);
	if (!S_ISREG(st.st_mode))
		fd = copy_of(fd, file);
	s->receipts = receipts;
	s->fd = fd;
	escape(s->name, sizeof(s->name), file, strlen(file));
	source_count++;
}

static void
add_claim(const struct claim *c)
{
	if (claim_count == CLAIMS_MAX)
		fail("%s: more than %u receipts and checkpoints: give "
		     "it in parts",
		    c->source->name, CLAIMS_MAX);
	if ((claim_count & (claim_count - 1)) == 0) {
		claims = reallocarray(claims,
		    claim_count == 0 ? 1 : 2 * claim_count, sizeof(*claims));
		if (claims == NULL)
			fail_errno("memory for receipts");
	}
	claims[claim_count++] = *c;
}

int
checkpoint_parse(const char *line, size_t len, struct checkpoint *c)
{
	const char *why;
	struct scan s;
	int64_t us;

	memset(c, 0, sizeof(*c));
	scan_init(&s, line, len, "");
	scan_text(&s, "qvm-remote-checkpoint 1 ");
	scan_field(&s, c->time, sizeof(c->time));
	scan_text(&s, " ");
	c->seq = scan_number(&s, UINT64_MAX / 2);
	scan_text(&s, " ");
	scan_hex(&s, c->hash, sizeof(c->hash));
	scan_text(&s, "\n");
	return scan_end(&s, &why) == -1 || c->seq == 0 ||
		strlen(c->time) != TIME_TEXT_LEN ||
		time_parse(c->time, &us) == -1
	    ? -1
	    : 0;
}

static void
take_checkpoint(struct claim *c, const char *text)
{
	struct checkpoint checkpoint;

	if (text[0] == '#' || text[0] == '\n')
		return;
	if (checkpoint_parse(text, c->len, &checkpoint) == -1)
		bad(c->source, c->line, "not a line of `log checkpoint`");
	c->seq = checkpoint.seq;
	add_claim(c);
}

static void
take_receipt(struct claim *c, const char *text)
{
	struct receipt receipt;
	const char *why;

	if (receipt_parse(text, c->len, &receipt, &why) == -1)
		bad(c->source, c->line, why);
	c->seq = receipt.log_seq;
	if (receipt.has_log)
		add_claim(c);
	else
		c->source->silent++;
}

static void
take_claim(struct claim *c, const char *text)
{
	if (c->source->receipts)
		take_receipt(c, text);
	else
		take_checkpoint(c, text);
}

static bool
begins_receipt(const char *line, size_t len)
{
	static const char head[] = "qvm-remote-receipt ";

	return len >= sizeof(head) - 1 &&
	    memcmp(line, head, sizeof(head) - 1) == 0;
}

/* A claim is a line, or from one receipt's first line to the next one's. */
static void
read_source(struct source *s)
{
	struct claim c = {.source = s};
	char text[RECEIPT_MAX];
	uint32_t number = 0;
	const char *line;
	size_t len;

	reader_start(&reader, s->fd, 0);
	while (reader_line(&reader, &line, &len)) {
		number++;
		if (c.len > 0 && (!s->receipts || begins_receipt(line, len))) {
			take_claim(&c, text);
			c.len = 0;
		}
		if (c.len == 0) {
			c.line = number;
			c.offset = reader_offset(&reader) - (off_t)len;
		}
		if (len > sizeof(text) - c.len)
			bad(s, c.line, "too long");
		memcpy(text + c.len, line, len);
		c.len += (uint32_t)len;
	}
	if (reader.torn > 0 ||
	    segment_read(s->fd, text, 1, reader_offset(&reader)) > 0)
		bad(s, number + 1, "it has no line feed, or a NUL");
	if (c.len > 0)
		take_claim(&c, text);
}

static int
compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
claims_read(void)
{
	size_t i;

	for (i = 0; i < source_count; i++)
		read_source(&sources[i]);
	if (claim_count > 0)
		qsort(claims, claim_count, sizeof(*claims), compare);
}

struct claim *
claim_upto(uint64_t seq)
{
	return next < claim_count && claims[next].seq <= seq ? &claims[next++]
							     : NULL;
}

void
claim_read(const struct claim *c, char text[RECEIPT_MAX])
{
	if (segment_read(c->source->fd, text, c->len, c->offset) != c->len)
		fail("%s: it has changed while it was read", c->source->name);
}

struct source *
claims_source(size_t i)
{
	return i < source_count ? &sources[i] : NULL;
}
