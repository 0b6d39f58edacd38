/*
 * Any log (regress/fuzz_log.h) into the commands that read one: log, its JSON,
 * export, stat, verify without and with the first seed, checkpoint; and behind
 * its first 0xff, receipts or checkpoints for verify, or for the others what is
 * asked for, whether the first segment is packed, and which bytes of that are
 * wrong.  Whatever is in it, people are shown printable ASCII.
 */
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "admin/log.c"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include "admin/packed.h"
#include "regress/fuzz.h"
#include "regress/fuzz_log.h"

#define SEGMENTS_MAX 64
#define FUZZ_TIME    1799996400000000 /* when fuzz_log begins */
#define PLAIN_MAX    65536	      /* of a segment that is packed */

enum {
	MORE_GREP = 1,
	MORE_ID = 2,
	MORE_STATUS = 4,
	MORE_PACKED = 8,
	MORE_JSON = 16,
	MORE_CSV = 32,
	MORE_STAT = 48
};

static int folder = -1;
static char *shown;
static size_t shown_len;
static bool csv;

static void
check_shown(void)
{
	size_t i;

	(void)fflush(stdout);
	for (i = 0; i < shown_len; i++)
		if (shown[i] != '\n' && (shown[i] != '\r' || !csv) &&
		    (shown[i] < 0x20 || shown[i] > 0x7e))
			abort();
}

static int
compare(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* As log_open() does, but for what only root may. */
static void
open_log(struct log *log)
{
	static struct segment segments[SEGMENTS_MAX];
	struct dirent *e;
	uint64_t first;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL)
		abort();
	log->segments = segments;
	log->lock = -1;
	while ((e = readdir(d)) != NULL && log->count < SEGMENTS_MAX)
		if (segment_name_parse(e->d_name, &first) == 0)
			segments[log->count++] = (struct segment){first,
			    openat(folder, e->d_name, O_RDONLY | O_CLOEXEC),
			    false};
	(void)closedir(d);
	qsort(segments, log->count, sizeof(*segments), compare);
}

/* What stands behind the log. */
static struct fuzz
split(struct fuzz *in)
{
	const uint8_t *end = memchr(in->p, 0xff, in->left);
	struct fuzz rest = {.p = in->p + in->left};

	if (end == NULL)
		return rest;
	rest.p = end + 1;
	rest.left = in->left - (size_t)(rest.p - in->p);
	in->left = (size_t)(end - in->p);
	return rest;
}

static void
open_memfd(const void *data, size_t len, char path[32])
{
	(void)snprintf(path, 32, "/proc/self/fd/%d",
	    fuzz_memfd(data, len, true));
}

/* As `log compress` does, but in this process; then some bytes are others. */
static void
pack_first(struct log *log, struct fuzz *wrong)
{
	static char plain[PLAIN_MAX],
	    file[AUDIT_PACKED_HEAD + PACKED_TEXT_MAX + 2 * PLAIN_MAX];
	struct segment *s = log->segments;
	size_t len, n, at;

	if (log->count == 0)
		return;
	len = segment_read(s->fd, plain, sizeof(plain), 0);
	n = packed_text(plain, len, file + AUDIT_PACKED_HEAD);
	packed_head((uint8_t *)file, n);
	n += AUDIT_PACKED_HEAD;
	len = ZSTD_compress(file + n, sizeof(file) - n, plain, len, 3);
	if (ZSTD_isError(len))
		abort();
	n += len;
	while (wrong->left > 2) {
		at = (size_t)fuzz_byte(wrong) << 8;
		at |= fuzz_byte(wrong);
		file[at % n] = (char)fuzz_byte(wrong);
	}
	s->packed = true;
	s->fd = fuzz_memfd(file, n, true);
	packed_add(s->fd, s->first);
}

/* What is asked for: by people, or by programs. */
static void
show_more(struct log *log, struct log_options *o, uint8_t more, uint8_t how)
{
	static const char *const patterns[] = {"id", "^caf.*[[:print:]]$",
	    "(a|b)*\\1", ""};
	struct filter *f = &o->filter;

	if ((more & MORE_ID) != 0)
		f->id = "20270115-070000-1-00000003";
	if ((more & MORE_STATUS) != 0)
		f->status = how % 2 == 0 ? "exited" : "rejected";
	if ((more & MORE_GREP) != 0) {
		if (regcomp(&f->regex, patterns[how % 4],
			REG_EXTENDED | REG_NEWLINE) != 0)
			abort();
		f->grep = true;
	}
	csv = (more & MORE_STAT) == MORE_CSV;
	o->csv = csv;
	if ((more & MORE_STAT) == MORE_STAT)
		stat_requests(log, o);
	else if (csv || (more & MORE_JSON) != 0)
		export_answers(log, o);
	else if ((how & 16) != 0)
		show_answers(log, o);
	else
		log_show(log, o);
}

static void
run(struct fuzz *in)
{
	struct log_options o = {.filter = {.window = WINDOW_ALL, .count = 5}};
	uint8_t how = fuzz_byte(in), more;
	struct fuzz claims = split(in);
	struct log log = {0};
	char path[32];

	fuzz_log(folder, in);
	open_log(&log);
	more = how % 5 == 3 ? 0 : fuzz_byte(&claims);
	if ((more & MORE_PACKED) != 0)
		pack_first(&log, &claims);
	fuzz_end = check_shown;
	stdout = stderr = open_memstream(&shown, &shown_len);
	if (stdout == NULL)
		abort();
	switch (how % 5) {
	case 0:
	case 1:
		o.json = how % 5 == 1;
		o.filter.vm = how < 128 ? NULL : "work";
		if ((how & 64) != 0)
			o.filter.window.since_us =
			    FUZZ_TIME + how % 7 * 1000000;
		if ((how & 32) != 0)
			o.filter.window.until_us =
			    FUZZ_TIME + how % 11 * 1000000;
		show_more(&log, &o, more, how);
		break;
	case 2:
		open_memfd(fuzz_log_seed, strlen(fuzz_log_seed), path);
		seals_add(path);
		(void)log_verify(&log);
		break;
	case 3:
		open_memfd(claims.p, claims.left, path);
		claims_open(path, how < 128);
		claims_read();
		(void)log_verify(&log);
		break;
	default:
		(void)log_checkpoint(&log);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder == -1)
		folder = fuzz_disk();
	fuzz_log_tidy(folder);
	fuzz_child(run, data, size);
	return 0;
}
