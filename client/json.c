#include <sys/types.h>

#include <stdbool.h>
#include <unistd.h>

#include "audit/text.h"
#include "client/json.h"

#define CHUNK 49152 /* a multiple of 3: base64 has no padding inside */

static void
put(FILE *f, uint32_t cp)
{
	if (cp == '"' || cp == '\\')
		fprintf(f, "\\%c", (char)cp);
	else if (cp >= 0x20 && cp <= 0x7e)
		fputc((char)cp, f);
	else if (cp == '\n')
		fputs("\\n", f);
	else if (cp < 0x10000)
		fprintf(f, "\\u%04x", cp);
	else
		fprintf(f, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
		    0xdc00 + (cp & 0x3ff));
}

void
json_string(FILE *f, const char *name, const char *s)
{
	fprintf(f, "\"%s\":", name);
	if (s == NULL) {
		fputs("null", f);
		return;
	}
	fputc('"', f);
	for (; *s != '\0'; s++)
		put(f, (unsigned char)*s);
	fputc('"', f);
}

/* What there is of len bytes, a chunk at a time; 0 at the end. */
static size_t
chunk(int fd, uint8_t *buf, uint64_t at, uint64_t len)
{
	size_t want = len - at < CHUNK ? (size_t)(len - at) : CHUNK, have = 0;
	ssize_t n;

	while (have < want) {
		n = pread(fd, buf + have, want - have, (off_t)(at + have));
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return (have);
}

/* Prints the text to f, or only looks at it (NULL): false if it is none. */
static bool
text(FILE *f, int fd, uint64_t len)
{
	static uint8_t buf[CHUNK];
	struct utf8 u = {0};
	uint64_t at;
	uint32_t cp;
	size_t i, n;
	int found;

	for (at = 0; (n = chunk(fd, buf, at, len)) > 0; at += n) {
		for (i = 0; i < n; i++) {
			if ((found = utf8_feed(&u, buf[i], &cp)) == -1)
				return (false);
			if (found == 1 && f != NULL)
				put(f, cp);
		}
	}
	return (u.left == 0);
}

static void
base64(FILE *f, int fd, uint64_t len)
{
	static uint8_t buf[CHUNK];
	char four[4];
	uint64_t at;
	size_t i, n;

	for (at = 0; (n = chunk(fd, buf, at, len)) > 0; at += n) {
		for (i = 0; i < n; i += 3) {
			base64_encode(four, buf + i, n - i < 3 ? n - i : 3);
			fwrite(four, 1, sizeof(four), f);
		}
	}
}

void
json_file(FILE *f, const char *name, int fd, uint64_t len)
{
	bool is_text = text(NULL, fd, len);

	fprintf(f, "\"%s%s\":\"", name, is_text ? "" : "_base64");
	if (is_text)
		text(f, fd, len);
	else
		base64(f, fd, len);
	fputc('"', f);
}
