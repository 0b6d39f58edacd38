/*
 * Packets from the verifier and bytes from the VM into a poller's session, in
 * any order; qvm-run's pipes are the input's.  Whatever either says, what the
 * VM is told is frames.
 */
#include <fcntl.h>
#include <stdlib.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "poller/session.c"

#include "regress/fuzz.h"

#define IDS	    4
#define OUTPUT_SIZE 150000

static const char *const ids[IDS] = {"20260218-143022-1-a1b2c3d4",
    "20260218-143022-2-a1b2c3d4", "20260218-143022-3-a1b2c3d4",
    "ping-1771425022000000000-7"};
static struct fuzz *input;
static int vm_in = -1, vm_out = -1, vm_err = -1; /* the VM's ends */
static char output_bytes[OUTPUT_SIZE];

static void
fill(struct fuzz_peer *p, enum imsg_type type, uint8_t arg,
    struct imsg_hdr *hdr, void *payload, int *fd)
{
	struct msg_next *next = payload;
	struct msg_state *state = payload;
	struct msg_stream *stream = payload;
	struct msg_sizes *sizes = payload;
	struct msg_done *done = payload;
	const char *id = ids[arg % IDS];

	(void)p;
	hdr->id = arg % IDS + 1;
	switch (type) {
	case IMSG_NEXT:
		next->input_limit = arg < 128 ? INPUT_MAX : 16;
		next->cancel_only = arg & 1;
		next->word = arg / 2 % WORD_COUNT;
		break;
	case IMSG_TAKE:
		memcpy(((struct msg_id *)payload)->id, id, strlen(id));
		break;
	case IMSG_STATE:
		memcpy(state->id, id, strlen(id));
		state->state = arg / IDS % 3;
		state->n = arg;
		break;
	case IMSG_OUTPUT:
		memcpy(stream->id, id, strlen(id));
		stream->stream = 1 + arg / IDS % 2;
		*fd = fuzz_memfd(output_bytes, sizeof(output_bytes), true);
		break;
	case IMSG_SIZES:
		sizes->out = arg / IDS * 4096u;
		break;
	case IMSG_DONE:
		memcpy(done->id, id, strlen(id));
		done->out = arg / IDS * 4096u;
		done->exit = arg;
		done->receipt_len = arg;
		memset(done->receipt, 'r', arg);
		break;
	default:
		break;
	}
}

static void
seen(struct fuzz_peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
}

static struct fuzz_peer from_verifier = {.me = ROLE_VERIFIER,
    .role = ROLE_POLLER,
    .end = {.fd = -1},
    .fill = fill,
    .seen = seen};

/* What the VM has been told, and is not looked at yet. */
static struct {
	char buf[2 * FRAME_MAX];
	size_t len;
} told;

/* The length of the frame that is there, or 0. */
static size_t
told_frame(void)
{
	const char *lf = memchr(told.buf, '\n', told.len), *why;
	struct frame f;
	size_t line;

	if (lf == NULL && told.len >= LINE_MAX_BYTES)
		abort();
	if (lf == NULL)
		return (0);
	line = (size_t)(lf + 1 - told.buf);
	if (frame_parse(FRAME_DOM0, told.buf, line, &f, &why) == -1)
		abort();
	if (f.type == FRAME_OUT || f.type == FRAME_ERR || f.type == FRAME_DONE)
		line += f.length;
	return (line <= told.len ? line : 0);
}

static void
vm_reads(void)
{
	ssize_t n;
	size_t used;

	while (vm_in != -1 &&
	    (n = read(vm_in, told.buf + told.len,
		 sizeof(told.buf) - told.len)) > 0) {
		told.len += (size_t)n;
		while ((used = told_frame()) > 0) {
			told.len -= used;
			memmove(told.buf, told.buf + used, told.len);
		}
	}
}

/* A length, and as many bytes of the input. */
static void
vm_says(int fd)
{
	size_t len = fuzz_byte(input);

	if (len > input->left)
		len = input->left;
	/* A pipe that is full loses it: the VM may say anything. */
	if (fd != -1 && write(fd, input->p, len) == -1 && errno != EAGAIN &&
	    errno != EPIPE)
		abort();
	input->p += len;
	input->left -= len;
}

static void
end_pipe(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* One of its pipes, or itself. */
static void
qvmrun_ends(uint8_t what)
{
	int *const pipes[] = {&vm_in, &vm_out, &vm_err};

	if (what % 4 < 3) {
		end_pipe(pipes[what % 4]);
		return;
	}
	if (reaped)
		return;
	reaped = true;
	exit_status = what / 4;
	session_ending();
}

/* 0, 1: the verifier; 2, 3: the VM; then it reads, stderr, clock, ends. */
static bool
step(void)
{
	uint8_t what;

	fuzz_peer_drain(&from_verifier);
	if (input->left == 0)
		return (false);
	what = fuzz_byte(input) & 7;
	if (what < 2)
		fuzz_peer_send(&from_verifier, input);
	else if (what < 4)
		vm_says(vm_out);
	else if (what == 4)
		vm_reads();
	else if (what == 5)
		vm_says(vm_err);
	else if (what == 6)
		fuzz_clock_add(INT64_C(1) << fuzz_byte(input) % 20);
	else
		qvmrun_ends(fuzz_byte(input));
	return (true);
}

static void
turn(void)
{
	session_turn();
	if (input->left == 0)
		vm_reads();
}

static void
make_pipe(int *read_end, int *write_end)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		abort();
	*read_end = p[0];
	*write_end = p[1];
}

static void
run(struct fuzz *in)
{
	struct channel parent = {0};

	input = in;
	event_init();
	log_init("poller", false, &parent);
	deliver_init();
	make_pipe(&vm_in, &qvm.in);
	make_pipe(&qvm.out, &vm_out);
	make_pipe(&qvm.err, &vm_err);
	session_open(fuzz_peer_open(&from_verifier));
	fuzz_loop(step, turn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_child(run, data, size);
	return (0);
}
