#include "wire/frame.h"

#include <inttypes.h>
#include <string.h>

#include "wire/emit.h"
#include "wire/id.h"
#include "wire/scan.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const word_names[] = {
#define X(e, name) name,
    FRAME_WORDS(X)
#undef X
};
static const char *const state_names[] = {"queued", "asked", "running"};
static const char *const mode_names[] = {"poll", "wait"};

const char *
frame_word_name(enum frame_word word)
{
	return (word_names[word]);
}

const char *
frame_state_name(enum frame_state state)
{
	return (state_names[state]);
}

/* How a field is read and written. */
enum made_of {
	AN_ID,
	AN_ID_OF_2, /* v1 has no cancel */
	A_NUMBER,   /* least to most, a uint64_t of struct frame */
	AN_EXIT,
	A_CLOCK,
	A_WORD,
	A_STATE,
	A_PROGRAM,
	A_MODE
};

enum field_name {
	END, /* of a shape's fields */
	ID,
	ID_OF_2,
	INPUT_LIMIT,
	WORD,
	STATE,
	STATE_N,
	OFFSET,
	PIECE,
	EXIT,
	RECEIPT_LEN,
	PROGRAM,
	MODE,
	CLOCK,
	TOKEN_LEN,
	BODY_LEN,
	INPUT_LEN,
	PENDING,
	RUNNING,
	RESULTS
};

#define NUMBER(text, member, least, most)                                   \
	{                                                                   \
		text, A_NUMBER, offsetof(struct frame, member), least, most \
	}

static const struct field {
	const char *rule;
	enum made_of of;
	size_t at;
	uint64_t least, most;
} fields[] = {
    [ID] = {"id: not a request's id", AN_ID, 0, 0, 0},
    [ID_OF_2] = {"id: not a request's id", AN_ID_OF_2, 0, 0, 0},
    [INPUT_LIMIT] = NUMBER("input limit: a number", input_limit, 0, NUMBER_MAX),
    [WORD] = {"word: full, rate, log, disk or memory", A_WORD, 0, 0, 0},
    [STATE] = {"state: queued, asked or running", A_STATE, 0, 0, 0},
    [STATE_N] = NUMBER("state: a number", n, 0, NUMBER_MAX),
    [OFFSET] = NUMBER("offset: a number", offset, 0, NUMBER_MAX),
    [PIECE] = NUMBER("length: 1 to 65536", length, 1, PIECE_MAX),
    [EXIT] = {"exit: 0 to 255", AN_EXIT, 0, 0, 0},
    [RECEIPT_LEN] =
	NUMBER("receipt length: at most 1024", length, 0, RECEIPT_MAX),
    [PROGRAM] = {"program: <program>/<version>", A_PROGRAM, 0, 0, 0},
    [MODE] = {"mode: wait or poll", A_MODE, 0, 0, 0},
    [CLOCK] = {"clock: seconds", A_CLOCK, 0, 0, 0},
    [TOKEN_LEN] = NUMBER("token length: a number", token_len, 0, NUMBER_MAX),
    [BODY_LEN] = NUMBER("body length: a number", body_len, 0, NUMBER_MAX),
    [INPUT_LEN] = NUMBER("input length: a number", input_len, 0, NUMBER_MAX),
    [PENDING] = NUMBER("pending: a number", pending, 0, NUMBER_MAX),
    [RUNNING] = NUMBER("running: a number", running, 0, NUMBER_MAX),
    [RESULTS] = NUMBER("results: a number", results, 0, NUMBER_MAX),
};

#define FIELDS_MAX 6 /* with the END */

static const struct shape {
	enum frame_side from;
	const char *words;
	unsigned char fields[FIELDS_MAX];
} shapes[] = {
    [FRAME_HELLO] = {FRAME_DOM0, "qvm-remote 2", {END}},
    [FRAME_NEXT_ANY] = {FRAME_DOM0, "next any", {INPUT_LIMIT}},
    [FRAME_NEXT_CANCEL] = {FRAME_DOM0, "next cancel", {WORD}},
    [FRAME_TAKE] = {FRAME_DOM0, "take", {ID}},
    [FRAME_STATE] = {FRAME_DOM0, "state", {ID, STATE, STATE_N}},
    [FRAME_OUT] = {FRAME_DOM0, "out", {ID, OFFSET, PIECE}},
    [FRAME_ERR] = {FRAME_DOM0, "err", {ID, OFFSET, PIECE}},
    [FRAME_DONE] = {FRAME_DOM0, "done", {ID, EXIT, RECEIPT_LEN}},
    [FRAME_COUNT] = {FRAME_DOM0, "count", {END}},
    [FRAME_BYE] = {FRAME_DOM0, "bye", {END}},
    [FRAME_READY] = {FRAME_VM, "ready 2", {PROGRAM, MODE}},
    [FRAME_REQUEST] = {FRAME_VM, "request",
	{ID, CLOCK, TOKEN_LEN, BODY_LEN, INPUT_LEN}},
    [FRAME_CANCEL] = {FRAME_VM, "cancel", {ID_OF_2, CLOCK, TOKEN_LEN}},
    [FRAME_NONE] = {FRAME_VM, "none", {END}},
    [FRAME_KEPT] = {FRAME_VM, "kept", {ID}},
    [FRAME_COUNTS] = {FRAME_VM, "counts", {PENDING, RUNNING, RESULTS}},
};

static uint64_t
get_number(const struct field *fd, const struct frame *f)
{
	uint64_t value;

	memcpy(&value, (const char *)f + fd->at, sizeof(value));
	return (value);
}

static void
set_number(const struct field *fd, struct frame *f, uint64_t value)
{
	memcpy((char *)f + fd->at, &value, sizeof(value));
}

static bool
id_ok(const struct frame *f, bool v1)
{
	size_t len = strnlen(f->id, sizeof(f->id));

	return (id_valid(f->id, len) || (v1 && id_valid_v1_ping(f->id, len)));
}

/* Two words without space or slash, and a slash between them. */
static bool
program_ok(const struct frame *f)
{
	size_t i, len = strnlen(f->program, sizeof(f->program));
	const char *slash = memchr(f->program, '/', len);

	if (len == sizeof(f->program) || slash == NULL || slash == f->program ||
	    slash == f->program + len - 1 || strchr(slash + 1, '/') != NULL)
		return (false);
	for (i = 0; i < len; i++) {
		if (f->program[i] < 0x21 || f->program[i] > 0x7e)
			return (false);
	}
	return (true);
}

/* What holds for a field, whether it was read or is to be written. */
static bool
field_ok(const struct field *fd, const struct frame *f)
{
	switch (fd->of) {
	case AN_ID:
		return (id_ok(f, true));
	case AN_ID_OF_2:
		return (id_ok(f, false));
	case A_NUMBER:
		return (get_number(fd, f) >= fd->least &&
		    get_number(fd, f) <= fd->most);
	case A_CLOCK:
		return (f->clock >= 0 && f->clock <= TIME_MAX);
	case A_WORD:
		return (f->word < COUNT_OF(word_names));
	case A_STATE:
		return (f->state < COUNT_OF(state_names));
	case A_PROGRAM:
		return (program_ok(f));
	case AN_EXIT:
	case A_MODE:
		return (true);
	}
	return (false);
}

static void
scan_one(struct scan *s, const struct field *fd, struct frame *f)
{
	switch (fd->of) {
	case AN_ID:
	case AN_ID_OF_2:
		scan_field(s, f->id, sizeof(f->id));
		break;
	case A_NUMBER:
		set_number(fd, f, scan_number(s, fd->most));
		break;
	case AN_EXIT:
		f->exit = (uint8_t)scan_number(s, UINT8_MAX);
		break;
	case A_CLOCK:
		f->clock = (int64_t)scan_number(s, TIME_MAX);
		break;
	case A_WORD:
		f->word = scan_name(s, word_names, COUNT_OF(word_names));
		break;
	case A_STATE:
		f->state = scan_name(s, state_names, COUNT_OF(state_names));
		break;
	case A_PROGRAM:
		scan_field(s, f->program, sizeof(f->program));
		break;
	case A_MODE:
		f->wait = scan_name(s, mode_names, COUNT_OF(mode_names)) == 1;
		break;
	}
	if (!field_ok(fd, f))
		scan_fail(s);
}

/* The words of a frame of that side, up to a space or the end. */
static const struct shape *
scan_words(struct scan *s, enum frame_side from)
{
	const struct shape *sh;
	const char *start = s->at;

	for (sh = shapes; sh < shapes + COUNT_OF(shapes); sh++) {
		if (sh->from == from && scan_try(s, sh->words) &&
		    s->at < s->end && (*s->at == ' ' || *s->at == '\n'))
			return (sh);
		s->at = start;
	}
	scan_fail(s);
	return (NULL);
}

/* NULL, or what is wrong with the line whatever it says. */
static const char *
line_rule(const char *line, size_t len)
{
	size_t i;

	if (len > LINE_MAX_BYTES)
		return ("a line over 256 bytes");
	if (len == 0 || line[len - 1] != '\n')
		return ("a line without its end");
	for (i = 0; i < len - 1; i++) {
		if (line[i] < 0x20 || line[i] > 0x7e)
			return ("a byte outside 0x20-0x7E in a line");
	}
	return (NULL);
}

static void
scan_frame(struct scan *s, enum frame_side from, struct frame *f)
{
	const struct shape *sh = scan_words(s, from);
	const unsigned char *name;

	if (sh == NULL)
		return;
	f->type = (enum frame_type)(sh - shapes);
	for (name = sh->fields; *name != END; name++) {
		scan_rule(s, fields[*name].rule);
		scan_text(s, " ");
		scan_one(s, &fields[*name], f);
	}
	scan_rule(s, "more than the fields of the frame");
	scan_text(s, "\n");
}

int
frame_parse(enum frame_side from, const char *line, size_t len, struct frame *f,
    const char **why)
{
	struct scan s;

	memset(f, 0, sizeof(*f));
	*why = line_rule(line, len);
	if (*why != NULL)
		return (-1);
	scan_init(&s, line, len, "no frame that this side sends");
	scan_frame(&s, from, f);
	if (scan_end(&s, why) == 0)
		return (0);
	memset(f, 0, sizeof(*f));
	return (-1);
}

static void
emit_one(struct emit *e, const struct field *fd, const struct frame *f)
{
	switch (fd->of) {
	case AN_ID:
	case AN_ID_OF_2:
		emit_text(e, " %s", f->id);
		break;
	case A_NUMBER:
		emit_text(e, " %" PRIu64, get_number(fd, f));
		break;
	case AN_EXIT:
		emit_text(e, " %u", f->exit);
		break;
	case A_CLOCK:
		emit_text(e, " %" PRId64, f->clock);
		break;
	case A_WORD:
		emit_text(e, " %s", word_names[f->word]);
		break;
	case A_STATE:
		emit_text(e, " %s", state_names[f->state]);
		break;
	case A_PROGRAM:
		emit_text(e, " %s", f->program);
		break;
	case A_MODE:
		emit_text(e, " %s", mode_names[f->wait]);
		break;
	}
}

ssize_t
frame_print(char out[LINE_MAX_BYTES], const struct frame *f)
{
	const unsigned char *name;
	struct emit e;

	if (f->type >= COUNT_OF(shapes))
		return (-1);
	emit_init(&e);
	emit_text(&e, "%s", shapes[f->type].words);
	for (name = shapes[f->type].fields; *name != END; name++) {
		if (!field_ok(&fields[*name], f))
			return (-1);
		emit_one(&e, &fields[*name], f);
	}
	emit_text(&e, "\n");
	return (emit_end(&e, out, LINE_MAX_BYTES));
}
