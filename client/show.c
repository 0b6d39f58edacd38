#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "client/say.h"
#include "client/show.h"
#include "client/text.h"

void
show_bytes(const void *bytes, size_t len)
{
	const char *p = bytes;
	char out[8];
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] == '\n' || p[i] == '\t') {
			putchar(p[i]);
			continue;
		}
		text_escape(out, sizeof(out), p + i, 1);
		fputs(out, stdout);
	}
}

void
show_file(int fd, uint64_t len)
{
	char buf[4096];
	uint64_t at = 0;
	ssize_t n;

	while (at < len && (n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0) {
		if ((uint64_t)n > len - at)
			n = (ssize_t)(len - at);
		show_bytes(buf, (size_t)n);
		at += (uint64_t)n;
	}
}

int
show_end(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return (0);
	say_errno("standard output");
	return (-1);
}
