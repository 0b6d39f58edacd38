#include "verifier/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "privsep/log.h"

#define DAMAGED                                                              \
	"look at it; to go on, move it out of the folder and give every VM " \
	"a new key, for what it has run could run again"
#define READ_SIZE   (256 * 1024)
#define WINDOW	    (2 * READ_SIZE) /* no line but with a body is longer */
#define HEAD_MAX    8192	    /* of a line, before its body */
#define TRAILER_MAX 256		    /* hash and mac */
#define START_MAX   256		    /* sequence, time, run and step */

/* A segment's bytes, a window of them in memory. */
static struct {
	int fd;
	char *buf; /* WINDOW */
	size_t pos, len;
	off_t base; /* of buf in the file */
	/* A long line, without its body: what it says is in the digest. */
	char brief[HEAD_MAX + TRAILER_MAX];
	bool is_brief;
	uint8_t digest[SHA256_LEN];
	char name[AUDIT_SEGMENT_NAME_LEN + 1];
} in;

static void
newest_segments(int folder, uint64_t *newest, uint64_t *before)
{
	uint64_t first, packed = 0;
	struct dirent *e;
	DIR *dir;
	int fd;

	*newest = *before = 0;
	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		fatal("log: its folder");
	while ((errno = 0, e = readdir(dir)) != NULL) {
		if (packed_name_parse(e->d_name, &first) == 0 && first > packed)
			packed = first;
		if (segment_name_parse(e->d_name, &first) == -1)
			continue;
		if (first > *newest) {
			*before = *newest;
			*newest = first;
		} else if (first > *before)
			*before = first;
	}
	if (errno != 0)
		fatal("log: its folder");
	closedir(dir);
	if (packed > *newest)
		fatalx("log: the segments after %020llu.log.zst, which is "
		       "packed, are not there: " DAMAGED,
		    (unsigned long long)packed);
}

static void
segment_open(int folder, uint64_t first)
{
	struct stat st;

	segment_name(in.name, first);
	in.fd = openat(folder, in.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (in.fd == -1 || fstat(in.fd, &st) == -1)
		fatal("log: %s", in.name);
	if (!S_ISREG(st.st_mode))
		fatalx("log: %s is not a log segment", in.name);
	in.pos = in.len = 0;
	in.base = 0;
}

static size_t
segment_read(void *buf, size_t size, off_t off)
{
	ssize_t n;

	do
		n = pread(in.fd, buf, size, off);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		fatal("log: %s: read", in.name);
	return ((size_t)n);
}

/* Drops what was read, and reads on: false at the end, or where buf is full. */
static bool
read_more(void)
{
	size_t room;

	in.len -= in.pos;
	memmove(in.buf, in.buf + in.pos, in.len);
	in.base += (off_t)in.pos;
	in.pos = 0;
	room = WINDOW - in.len;
	if (room > READ_SIZE)
		room = READ_SIZE;
	if (room > 0)
		room = segment_read(in.buf + in.len, room,
		    in.base + (off_t)in.len);
	in.len += room;
	return (room > 0);
}

/* What stands before the body: its length, or 0. */
static size_t
head_len(void)
{
	static const char *const names[] = {",\"body\":\"", ",\"body_b64\":\""};
	const char *at;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		at = memmem(in.buf, HEAD_MAX, names[i], strlen(names[i]));
		if (at != NULL)
			return ((size_t)(at - in.buf));
	}
	return (0);
}

/* Hash and mac, in the last bytes before an LF. */
static const char *
find_trailer(const char *from, const char *lf)
{
	static const char name[] = ",\"hash\":\"";
	const char *at = lf;

	while (at > from && memcmp(--at, name, sizeof(name) - 1) != 0)
		continue;
	return (memcmp(at, name, sizeof(name) - 1) == 0 ? at : NULL);
}

/*
 * A line that is longer than the window is hashed in pieces, and its beginning
 * and its end are put together.  In no string there is a quote that is not
 * escaped, so that nothing in it can look like the name of a field.
 */
static const char *
brief_line(const uint8_t before[SHA256_LEN], size_t *len)
{
	size_t head = head_len(), total = 0, n;
	const char *lf, *trailer;
	struct sha256 sha;

	if (head == 0)
		return (NULL);
	memcpy(in.brief, in.buf, head);
	sha256_init(&sha);
	sha256_update(&sha, before, SHA256_LEN);
	while ((lf = memchr(in.buf, '\n', in.len)) == NULL) {
		n = in.len - TRAILER_MAX;
		sha256_update(&sha, in.buf, n);
		in.pos = n;
		total += n;
		if (total > AUDIT_LINE_MAX || !read_more())
			return (NULL);
	}
	n = (size_t)(lf - in.buf);
	trailer =
	    find_trailer(n > TRAILER_MAX ? lf - TRAILER_MAX : in.buf, lf - 10);
	if (trailer == NULL)
		return (NULL);
	sha256_update(&sha, in.buf, (size_t)(trailer - in.buf));
	sha256_final(&sha, in.digest);
	memcpy(in.brief + head, trailer, (size_t)(lf + 1 - trailer));
	in.is_brief = true;
	in.pos = n + 1;
	*len = head + (size_t)(lf + 1 - trailer);
	return (in.brief);
}

/* The next line with its LF, or NULL: its length is in *len. */
static const char *
next_line(const uint8_t before[SHA256_LEN], size_t *len)
{
	size_t looked = in.pos;
	const char *lf;

	in.is_brief = false;
	for (;;) {
		lf = memchr(in.buf + looked, '\n', in.len - looked);
		if (lf != NULL)
			break;
		if (in.len > in.pos && in.buf[in.pos] == '\0')
			return (NULL);
		looked = in.len - in.pos;
		if (!read_more())
			return (
			    in.len == WINDOW ? brief_line(before, len) : NULL);
	}
	*len = (size_t)(lf + 1 - (in.buf + in.pos));
	in.pos += *len;
	return (lf + 1 - *len);
}

static bool
is_head(const struct line_head *h)
{
	return (
	    strcmp(h->event, "start") == 0 || strcmp(h->event, "segment") == 0);
}

/* Whether the line continues the log; a segment's first says what it follows. */
static bool
follows(const struct log_end *end, bool head, uint64_t first,
    const struct line_head *h, const char *line, size_t len)
{
	uint8_t digest[SHA256_LEN], before[SHA256_LEN];
	char text[SHA256_HEX + 1];
	struct sha256 sha;

	memcpy(before, end->hash, sizeof(before));
	if (head &&
	    (line_str(line, len, "previous_hash", text, sizeof(text)) !=
		    SHA256_HEX ||
		hex_parse(before, text, SHA256_LEN) == -1))
		return (false);
	if (head != is_head(h) || h->seq != (head ? first : end->seq + 1))
		return (false);
	/* Only a newer snapshot knows what it was. */
	if (strcmp(h->event, "erased") == 0 ||
	    strcmp(h->event, "snapshot-erased") == 0)
		fatalx("log: record %llu was erased, and the segment after it "
		       "has no whole snapshot: nothing is known of what has "
		       "run: " DAMAGED,
		    (unsigned long long)h->seq);
	if (in.is_brief)
		return (memcmp(in.digest, h->hash, sizeof(in.digest)) == 0);
	sha256_init(&sha);
	sha256_update(&sha, before, sizeof(before));
	sha256_update(&sha, line, h->covered);
	sha256_final(&sha, digest);
	return (memcmp(digest, h->hash, sizeof(digest)) == 0);
}

/* Reads one segment as far as it holds: whether its snapshot is whole. */
static bool
segment_follow(uint64_t first, tail_seen *seen, struct log_end *end)
{
	struct line_head h;
	bool whole = false;
	const char *line, *why;
	size_t len;
	off_t after;

	end->good_end = 0;
	while ((line = next_line(end->hash, &len)) != NULL) {
		if (line_parse(line, len, &h, &why) == -1 ||
		    !follows(end, end->good_end == 0, first, &h, line, len))
			break;
		memcpy(end->hash, h.hash, sizeof(end->hash));
		end->seq = h.seq;
		end->run = h.run;
		end->step = h.step;
		end->stopped = strcmp(h.event, "stop") == 0;
		end->newest_us = h.time_us;
		after = in.base + (off_t)in.pos;
		whole |= strcmp(h.event, "snapshot") == 0;
		seen(&h, line, len, (uint64_t)(after - end->good_end));
		end->good_end = after;
	}
	if (end->good_end == 0)
		fatalx("log: segment %s has no whole record: " DAMAGED,
		    in.name);
	return (whole);
}

/* What lies behind the good end, without the zeros at its end. */
static void
measure_tail(struct log_end *end)
{
	off_t off = end->good_end;
	uint64_t zeros = 0;
	struct sha256 sha;
	size_t kept, n;

	end->length = 0;
	sha256_init(&sha);
	while ((n = segment_read(in.buf, READ_SIZE, off)) > 0) {
		for (kept = n; kept > 0 && in.buf[kept - 1] == '\0';)
			kept--;
		if (kept > 0) {
			sha256_zeros(&sha, zeros);
			sha256_update(&sha, in.buf, kept);
			end->length = (uint64_t)(off - end->good_end) + kept;
			zeros = 0;
		}
		zeros += n - kept;
		off += (off_t)n;
	}
	sha256_final(&sha, end->sha256);
}

static bool
number_after(const char *text, const char *name, uint64_t *value)
{
	const char *at = strstr(text, name);
	char *end;

	if (at == NULL)
		return (false);
	*value = strtoull(at + strlen(name), &end, 10);
	return (*end == ',');
}

/* Whether a record begins there that is of a later step than the next. */
static bool
is_later(const char *text, size_t len, const struct log_end *end)
{
	static const char first[] = "{\"seq\":";
	char start[START_MAX + 1];
	uint64_t run, step;

	if (len > START_MAX)
		len = START_MAX;
	memcpy(start, text, len);
	start[len] = '\0';
	return (strncmp(start, first, sizeof(first) - 1) == 0 &&
	    number_after(start, ",\"run\":", &run) &&
	    number_after(start, ",\"step\":", &step) && run == end->run &&
	    step > end->step + 1);
}

/*
 * Whether behind the good end stands what no crash leaves: anything behind a
 * closing record, or a step later than the next one, which begins when all
 * before it is on disk.
 */
static bool
is_damaged(const struct log_end *end)
{
	off_t off = end->good_end;
	size_t n, i;

	if (end->length > 0 && end->stopped)
		return (true);
	while ((n = segment_read(in.buf, WINDOW, off)) > START_MAX) {
		for (i = 0; i + START_MAX < n; i++) {
			if (in.buf[i] == '{' &&
			    is_later(in.buf + i, n - i, end))
				return (true);
		}
		off += (off_t)i;
	}
	for (i = 0; i < n; i++) {
		if (in.buf[i] == '{' && is_later(in.buf + i, n - i, end))
			return (true);
	}
	return (false);
}

static bool
read_segment(int folder, uint64_t first, tail_seen *seen, struct log_end *end)
{
	bool whole;

	segment_open(folder, first);
	whole = segment_follow(first, seen, end);
	end->first = first;
	measure_tail(end);
	if (is_damaged(end))
		fatalx("log: segment %s: record %llu is damaged, and later "
		       "ones are there: " DAMAGED,
		    in.name, (unsigned long long)end->seq + 1);
	close(in.fd);
	return (whole);
}

void
tail_read(int folder, tail_seen *seen, void (*forget)(void),
    struct log_end *end)
{
	uint64_t newest, before;

	memset(end, 0, sizeof(*end));
	newest_segments(folder, &newest, &before);
	if (newest == 0)
		return;
	in.buf = malloc(WINDOW);
	if (in.buf == NULL)
		fatal("log");
	end->any = true;
	if (!read_segment(folder, newest, seen, end)) {
		forget();
		if (before == 0 || !read_segment(folder, before, seen, end))
			fatalx("log: neither segment %s nor the one after it "
			       "has a whole snapshot: nothing is known of what "
			       "has run",
			    in.name);
		if (end->seq + 1 != newest)
			fatalx("log: record %llu is missing",
			    (unsigned long long)end->seq + 1);
		(void)read_segment(folder, newest, seen, end);
	}
	free(in.buf);
	in.buf = NULL;
}
