/*
 * What dom0 sends, in any pieces, to the agent, whose queue holds a request
 * and a cancel.  Whatever it is, dom0 is told frames.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent.h"
#include "crypto/crypto.h"
#include "regress/fuzz.h"
#include "wire/frame.h"
#include "wire/token.h"

#define REQUEST "20270115-080000-1-00000001"
#define CANCEL	"20270115-080000-1-00000002"

/* All that it has said, as it stands in its output. */
static void
check_frames(void)
{
	static char text[1 << 20];
	ssize_t got = pread(STDOUT_FILENO, text, sizeof(text), 0);
	size_t len = got > 0 ? (size_t)got : 0, at = 0, line;
	const char *lf, *why;
	struct frame f;

	while ((lf = memchr(text + at, '\n', len - at)) != NULL) {
		line = (size_t)(lf + 1 - (text + at));
		if (frame_parse(FRAME_VM, text + at, line, &f, &why) == -1)
			abort();
		at += line;
		if (f.type == FRAME_REQUEST || f.type == FRAME_CANCEL)
			at += f.token_len + f.body_len + f.input_len;
		if (at > len)
			abort();
	}
	if (at != len)
		abort();
}

static void
put_file(int dir, const char *name, const void *data, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, data, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

static void
put_token(int dir, const char *name, enum token_kind kind, const char *body)
{
	struct token t = {.key = "0123456789abcdef",
	    .kind = kind,
	    .issued = 1800000000,
	    .expires = 1800000060,
	    .timeout = TOKEN_TIMEOUT_POLICY,
	    .body_len = strlen(body)};
	char text[TOKEN_MAX];
	ssize_t n;

	sha256(body, strlen(body), t.body_sha256);
	sha256("", 0, t.input_sha256);
	n = token_print(text, sizeof(text), &t);
	if (n == -1)
		abort();
	put_file(dir, name, text, (size_t)n);
}

static void
open_queue(struct home *h)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_disk());
	if (setenv("HOME", path, 1) == -1 || home_open(h) == -1)
		abort();
	put_file(h->pending, REQUEST, "id\n", 3);
	put_token(h->pending, REQUEST ".auth", TOKEN_RUN, "id\n");
	put_token(h->pending, CANCEL ".cancel", TOKEN_CANCEL, "");
}

/* Pieces of a byte's length, each of which a read() brings; then the end. */
static void
put_pieces(struct fuzz *in)
{
	size_t len;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		abort();
	while (in->left > 0) {
		len = fuzz_byte(in);
		if (len > in->left)
			len = in->left;
		if (len > 0 && send(pair[1], in->p, len, MSG_DONTWAIT) == -1)
			break;
		in->p += len;
		in->left -= len;
	}
	(void)close(pair[1]);
	if (dup2(pair[0], STDIN_FILENO) == -1 ||
	    dup2(memfd_create("said", MFD_CLOEXEC), STDOUT_FILENO) == -1)
		abort();
}

static void
run(struct fuzz *in)
{
	bool wait = (fuzz_byte(in) & 1) != 0;
	struct home h;

	open_queue(&h);
	put_pieces(in);
	/* It ends with its input, though a `next` is not answered. */
	if (agent_main(&h, wait) == 0)
		check_frames();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_child(run, data, size);
	return 0;
}
