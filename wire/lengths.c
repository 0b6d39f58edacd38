#include "wire/frame.h"

/* Apart from the parser: the verifier holds keys, and has this alone. */

const char *
frame_lengths_rule(const struct frame *f, uint64_t input_limit)
{
	if (f->token_len > TOKEN_PIPE_MAX)
		return ("the token has more than 4096 bytes");
	if (f->body_len > BODY_MAX)
		return ("the command has more than 1 MiB");
	if (f->input_len > input_limit)
		return ("the input has more bytes than this VM may send");
	return (NULL);
}
