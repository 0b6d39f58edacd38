#include "admin/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "admin/admin.h"
#include "admin/seek.h"

#define WINDOW_LOG 23 /* more memory than that our packer does not ask for */

static size_t
add_peek(char *out, const char *line, size_t len)
{
	const char *lf = memchr(line, '\n', len);

	if (lf != NULL)
		len = (size_t)(lf - line);
	if (len > AUDIT_PEEK)
		len = AUDIT_PEEK;
	memcpy(out, line, len);
	return len;
}

/* The first line that is a record and not of the head, or NULL. */
static const char *
behind_head(const char *p, const char *end)
{
	struct line_head h;

	while (p < end && memchr(p, '\n', (size_t)(end - p)) != NULL) {
		if (line_peek(p, (size_t)(end - p), &h) == 0 && !is_head(&h))
			return p;
		p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
	}
	return NULL;
}

size_t
packed_text(const char *segment, size_t len, char out[PACKED_TEXT_MAX])
{
	const char *end = segment + len, *record, *last;
	const char *lf = memchr(segment, '\n',
	    len < PACKED_LINE_MAX ? len : PACKED_LINE_MAX);
	size_t n;

	if (lf == NULL)
		return 0;
	n = (size_t)(lf + 1 - segment);
	memcpy(out, segment, n);
	record = behind_head(lf + 1, end);
	if (record != NULL) {
		end = memrchr(segment, '\n', len);
		last = memrchr(segment, '\n', (size_t)(end - segment));
		n += add_peek(out + n, record, (size_t)(end - record));
		out[n++] = '\n';
		n += add_peek(out + n, last + 1, (size_t)(end - last - 1));
	} else
		out[n++] = '\n';
	out[n++] = '\n';
	return n;
}

/* Those that are packed; one of them unpacked. */
static struct {
	struct packed {
		int fd;
		uint64_t first;
	} * all;
	size_t count;
	int owner, plain;
	ZSTD_DStream *stream;
	damaged_fn *on_damage;
} packed = {.owner = -1, .plain = -1};

void
packed_add(int fd, uint64_t first)
{
	if (packed.count % 64 == 0) {
		packed.all = reallocarray(packed.all, packed.count + 64,
		    sizeof(*packed.all));
		if (packed.all == NULL)
			fail_errno("log");
	}
	packed.all[packed.count++] = (struct packed){fd, first};
}

void
packed_forget(void)
{
	packed.count = 0;
	packed.owner = -1;
}

void
packed_drop(int fd)
{
	size_t i;

	for (i = 0; i < packed.count; i++)
		if (packed.all[i].fd == fd)
			packed.all[i--] = packed.all[--packed.count];
	if (packed.owner == fd)
		packed.owner = -1;
}

static const struct packed *
find(int fd)
{
	size_t i;

	for (i = 0; i < packed.count; i++) {
		if (packed.all[i].fd == fd)
			return &packed.all[i];
	}
	return NULL;
}

void
packed_on_damage(damaged_fn *fn)
{
	packed.on_damage = fn;
}

static void __attribute__((noreturn))
damaged(const struct packed *p, const char *why)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];

	if (packed.on_damage != NULL)
		packed.on_damage(p->first, why);
	packed_name(name, p->first);
	fail("log segment %s: it is damaged: %s", name, why);
}

static size_t
read_at(int fd, void *buf, size_t size, off_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, offset);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		fail_errno("log: read");
	return (size_t)n;
}

static void
keep(const char *data, size_t len, size_t *total, const struct packed *p)
{
	if (*total + len > AUDIT_SEGMENT_MAX)
		damaged(p, "it holds more than a segment");
	if (len > 0 && write(packed.plain, data, len) != (ssize_t)len)
		fail_errno("log: memory");
	*total += len;
}

/* All of it into the memfd: its length. */
static size_t
unpack(const struct packed *p)
{
	static char in_buf[65536], out_buf[131072];
	size_t left = 1, total = 0;
	off_t offset = 0;

	if (packed.stream == NULL &&
	    ((packed.stream = ZSTD_createDStream()) == NULL ||
		ZSTD_isError(ZSTD_DCtx_setParameter(packed.stream,
		    ZSTD_d_windowLogMax, WINDOW_LOG))))
		fail("log: no memory to unpack it");
	ZSTD_DCtx_reset(packed.stream, ZSTD_reset_session_only);
	for (;;) {
		ZSTD_inBuffer in = {in_buf, 0, 0};

		in.size = read_at(p->fd, in_buf, sizeof(in_buf), offset);
		offset += (off_t)in.size;
		if (in.size == 0)
			break;
		while (in.pos < in.size) {
			ZSTD_outBuffer out = {out_buf, sizeof(out_buf), 0};

			left = ZSTD_decompressStream(packed.stream, &out, &in);
			if (ZSTD_isError(left))
				damaged(p, ZSTD_getErrorName(left));
			keep(out_buf, out.pos, &total, p);
		}
	}
	if (left != 0)
		damaged(p, "its end is missing");
	return total;
}

/* By what stands before it, times are found: it must say what is true. */
static void
check_text(const struct packed *p, size_t len)
{
	char want[PACKED_TEXT_MAX], have[AUDIT_PACKED_HEAD + PACKED_TEXT_MAX];
	uint8_t head[AUDIT_PACKED_HEAD];
	void *map = NULL;
	size_t n = 0;

	if (len > 0) {
		map = mmap(NULL, len, PROT_READ, MAP_SHARED, packed.plain, 0);
		if (map == MAP_FAILED)
			fail_errno("log: memory");
		n = packed_text(map, len, want);
		munmap(map, len);
	}
	packed_head(head, n);
	if (n == 0 ||
	    read_at(p->fd, have, sizeof(head) + n, 0) != sizeof(head) + n ||
	    memcmp(have, head, sizeof(head)) != 0 ||
	    memcmp(have + sizeof(head), want, n) != 0)
		damaged(p, "what stands before it is not what it holds");
}

static int
open_memfd(void)
{
	int fd = memfd_create("segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		fail_errno("log: memory");
	return fd;
}

int
packed_plain(int fd)
{
	const struct packed *p = find(fd);

	if (p == NULL)
		return fd;
	if (fd == packed.owner)
		return packed.plain;
	if (packed.plain != -1)
		close(packed.plain);
	packed.plain = open_memfd();
	check_text(p, unpack(p));
	if (fcntl(packed.plain, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		fail_errno("log: memory");
	packed.owner = fd;
	return packed.plain;
}

bool
packed_times(int fd, int64_t *first_us, int64_t *last_us)
{
	char buf[AUDIT_PACKED_HEAD + PACKED_TEXT_MAX];
	const char *p = buf + AUDIT_PACKED_HEAD, *end;
	struct line_head first, last;
	size_t n;

	if (find(fd) == NULL)
		return false;
	n = read_at(fd, buf, sizeof(buf), 0);
	if (n < AUDIT_PACKED_HEAD ||
	    packed_head_parse((uint8_t *)buf) > PACKED_TEXT_MAX)
		return false;
	end = buf + n;
	p = memchr(p, '\n', (size_t)(end - p));
	if (p == NULL || line_peek(p + 1, (size_t)(end - p) - 1, &first) == -1)
		return false;
	p = memchr(p + 1, '\n', (size_t)(end - p) - 1);
	if (p == NULL || line_peek(p + 1, (size_t)(end - p) - 1, &last) == -1)
		return false;
	*first_us = first.time_us;
	*last_us = last.time_us;
	return true;
}
