#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

const char *our_name = "qvm-remote-dom0";

static void __attribute__((format(printf, 2, 0)))
say(const char *what, const char *fmt, va_list ap, const char *error)
{
	char raw[1024], text[4 * sizeof(raw)];

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	escape(text, sizeof(text), raw, strlen(raw));
	fprintf(stderr, "%s: %s%s%s%s\n", our_name, what, text,
	    error != NULL ? ": " : "", error != NULL ? error : "");
}

void
fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error: ", fmt, ap, NULL);
	va_end(ap);
	exit(1);
}

void
fail_errno(const char *fmt, ...)
{
	const char *error = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	say("error: ", fmt, ap, error);
	va_end(ap);
	exit(1);
}

void
usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap, NULL);
	va_end(ap);
	fprintf(stderr, "Try `%s --help`.\n", our_name);
	exit(EXIT_USAGE);
}

void
option_error(char *const *argv)
{
	const char *word = argv[optind - 1], *next = argv[optind];
	bool letters = next != NULL && next[0] == '-' && next[1] != '-' &&
	    optopt > 0 && optopt < 256 && strchr(next, optopt) != NULL;

	/* getopt goes on to the next word behind the last of its letters. */
	if (strncmp(word, "--", 2) == 0 && !letters)
		usage_error("%s: no such option, or its argument is missing or "
			    "too much",
		    word);
	usage_error("-%c: no such option, or without its argument", optopt);
}

void
warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap, NULL);
	va_end(ap);
}

/* How one byte is shown: the length of it. */
static size_t
escape_byte(char out[4], uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[] = "\tt\nn\rr\\\\";
	size_t i;

	out[0] = '\\';
	for (i = 0; i + 1 < sizeof(named); i += 2) {
		if (byte == (uint8_t)named[i]) {
			out[1] = named[i + 1];
			return 2;
		}
	}
	if (byte >= 0x20 && byte <= 0x7e) {
		out[0] = (char)byte;
		return 1;
	}
	out[1] = 'x';
	out[2] = hex[byte >> 4];
	out[3] = hex[byte & 0xf];
	return 4;
}

void
escape(char *out, size_t size, const void *data, size_t len)
{
	const uint8_t *in = data;
	size_t i, n, used = 0;
	char one[4];

	for (i = 0; i < len; i++) {
		n = escape_byte(one, in[i]);
		if (used + n >= size)
			break;
		memcpy(out + used, one, n);
		used += n;
	}
	out[used] = '\0';
}

void
print_json(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s >= 0x20 && *s <= 0x7e ? *s : '?');
	}
	putchar('"');
}

void
finish_output(void)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		fail_errno("standard output");
}
