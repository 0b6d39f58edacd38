#include "admin/pack.h"

#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "admin/admin.h"
#include "admin/log.h"
#include "admin/packed.h"
#include "admin/seek.h"
#include "admin/stubs.h"

#define HEAP (32 * 1024 * 1024) /* of which Zstandard uses some 5 MiB */

struct bytes {
	const char *data;
	size_t len;
};
typedef void run_fn(const struct bytes *segment, const struct bytes *file);

static struct {
	const char *vm;
	uint64_t by;
} erase;

/* What the strict mode of seccomp(2) has: not exit_group. */
static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

static struct bytes
map(int fd)
{
	struct bytes b = {"", 0};
	struct stat st;

	if (fstat(fd, &st) == -1)
		fail_errno("a segment");
	if (st.st_size > 2 * AUDIT_SEGMENT_MAX)
		fail("a segment of %jd bytes", (intmax_t)st.st_size);
	if (st.st_size == 0)
		return b;
	b.len = (size_t)st.st_size;
	b.data = mmap(NULL, b.len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (b.data == MAP_FAILED)
		fail_errno("a segment");
	return b;
}

/* Memory for all that follows: no call asks for more. */
static void
take_memory(void)
{
	void *heap;

	if (mallopt(M_MMAP_MAX, 0) == 0 ||
	    mallopt(M_TRIM_THRESHOLD, INT_MAX) == 0 ||
	    (heap = malloc(HEAP)) == NULL)
		fail("no memory");
	memset(heap, 0, HEAP);
	free(heap);
}

/* 0 and 1 are all that it has from now on. */
static void
keep_two(int segment, int file)
{
	if (dup2(segment, STDIN_FILENO) == -1 ||
	    dup2(file, STDOUT_FILENO) == -1 ||
	    close_range(STDERR_FILENO, UINT_MAX, 0) == -1)
		fail_errno("descriptors");
}

static void
put(const char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n) {
		n = write(STDOUT_FILENO, data, len);
		if (n == -1)
			leave(errno);
	}
}

static void
put_packed(ZSTD_CCtx *z, const struct bytes *b)
{
	static char buf[131072];
	ZSTD_inBuffer in = {b->data, b->len, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {buf, sizeof(buf), 0};

		left = ZSTD_compressStream2(z, &out, &in, ZSTD_e_end);
		if (ZSTD_isError(left))
			leave(PACK_FAILED);
		put(buf, out.pos);
	} while (left > 0);
}

static void
run_pack(const struct bytes *segment, const struct bytes *file)
{
	char head[AUDIT_PACKED_HEAD + PACKED_TEXT_MAX];
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t n;

	(void)file;
	if (z == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)))
		leave(PACK_FAILED);
	n = packed_text(segment->data, segment->len, head + AUDIT_PACKED_HEAD);
	if (n == 0)
		leave(PACK_FAILED);
	packed_head((uint8_t *)head, n);
	put(head, AUDIT_PACKED_HEAD + n);
	put_packed(z, segment);
	leave(0);
}

/* The text and what is packed. */
static void
run_check(const struct bytes *segment, const struct bytes *file)
{
	static char buf[131072];
	char text[PACKED_TEXT_MAX];
	ZSTD_inBuffer in = {file->data, file->len, 0};
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t at = 0, left = 1, n;

	n = packed_text(segment->data, segment->len, text);
	if (z == NULL || file->len < AUDIT_PACKED_HEAD + n ||
	    packed_head_parse((const uint8_t *)file->data) != (ssize_t)n ||
	    memcmp(file->data + AUDIT_PACKED_HEAD, text, n) != 0)
		leave(PACK_FAILED);
	while (in.pos < in.size) {
		ZSTD_outBuffer out = {buf, sizeof(buf), 0};

		left = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(left) || out.pos > segment->len - at ||
		    memcmp(buf, segment->data + at, out.pos) != 0)
			leave(PACK_FAILED);
		at += out.pos;
	}
	leave(left == 0 && at == segment->len ? 0 : PACK_FAILED);
}

static int
put_stub_bytes(void *arg, const void *data, size_t len)
{
	(void)arg;
	put(data, len);
	return 0;
}

static void
put_stub(const struct line_head *h, size_t len)
{
	if (stub_write(h, is_head(h) ? STUB_OF_HEAD : STUB, erase.by, len,
		put_stub_bytes, NULL) == -1)
		leave(PACK_FAILED);
}

/* Behind the first line that is no record all stays as a crash has left it. */
static void
run_erase(const struct bytes *segment, const struct bytes *file)
{
	const char *end = segment->data + segment->len, *line, *lf, *why;
	const char *from = segment->data;
	struct line_head h;
	size_t len;

	(void)file;
	for (line = from; line < end; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		if (lf == NULL)
			break;
		len = (size_t)(lf + 1 - line);
		if (line_parse(line, len, &h, &why) == -1)
			break;
		if (h.seq >= erase.by || !stub_is_of(&h, line, len, erase.vm))
			continue;
		put(from, (size_t)(line - from));
		put_stub(&h, len);
		from = lf + 1;
	}
	if (from == segment->data)
		leave(PACK_NOTHING);
	put(from, (size_t)(end - from));
	leave(0);
}

static int
status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : PACK_FAILED;
}

static int
start(int segment, int file, run_fn *run)
{
	struct bytes s, f;
	pid_t child = fork();

	if (child == -1)
		return errno;
	if (child > 0)
		return status_of(child);
	become_nobody();
	s = map(packed_plain(segment));
	f = map(file);
	take_memory();
	keep_two(segment, file);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == -1)
		_exit(PACK_FAILED);
	run(&s, &f);
	leave(PACK_FAILED);
}

int
pack(int segment, int file)
{
	return start(segment, file, run_pack);
}

int
pack_check(int segment, int file)
{
	return start(segment, file, run_check);
}

int
pack_erase(int segment, int file, const char *vm, uint64_t by)
{
	erase.vm = vm;
	erase.by = by;
	return start(segment, file, run_erase);
}
