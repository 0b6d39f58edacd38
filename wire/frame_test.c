#include "wire/frame.h"

#include "wire/test.h"
#include "wire/vectors.h"

#define ID64  "20260218-143022-123456789012345678901234567890123456789-a1b2c3d4"
#define V1    "ping-1771425022000000000-1234"
#define CLOCK "1771425022"
#define BIG   "9007199254740992" /* 2^53 */
#define OVER  "9007199254740993"

/* A line without its LF, who sends it, and how *why begins (NULL: read). */
struct sample {
	enum frame_side from;
	const char *line;
	const char *rule;
};

#define UNKNOWN "no frame"

static const struct sample samples[] = {
    /* Every frame, in its plainest form and at its limits. */
    {FRAME_DOM0, "qvm-remote 2", NULL},
    {FRAME_DOM0, "next any 0", NULL},
    {FRAME_DOM0, "next any " BIG, NULL},
    {FRAME_DOM0, "next cancel full", NULL},
    {FRAME_DOM0, "next cancel rate", NULL},
    {FRAME_DOM0, "next cancel log", NULL},
    {FRAME_DOM0, "next cancel disk", NULL},
    {FRAME_DOM0, "next cancel memory", NULL},
    {FRAME_DOM0, "take " V_ID, NULL},
    {FRAME_DOM0, "take " ID64, NULL},
    {FRAME_DOM0, "take " V1, NULL},
    {FRAME_DOM0, "state " V_ID " queued 3", NULL},
    {FRAME_DOM0, "state " V_ID " asked 0", NULL},
    {FRAME_DOM0, "state " V_ID " running " BIG, NULL},
    {FRAME_DOM0, "out " V_ID " 0 1", NULL},
    {FRAME_DOM0, "out " V_ID " " BIG " 65536", NULL},
    {FRAME_DOM0, "err " V1 " 5 65536", NULL},
    {FRAME_DOM0, "done " V_ID " 0 494", NULL},
    {FRAME_DOM0, "done " V_ID " 255 1024", NULL},
    {FRAME_DOM0, "count", NULL},
    {FRAME_DOM0, "bye", NULL},
    {FRAME_VM, "ready 2 qvm-remote/2.0 wait", NULL},
    {FRAME_VM, "ready 2 sh/1 poll", NULL},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 8 0", NULL},
    {FRAME_VM, "request " V1 " 0 64 8 0", NULL},
    {FRAME_VM, "request " ID64 " 253402300799 " BIG " " BIG " " BIG, NULL},
    {FRAME_VM, "cancel " V_ID " " CLOCK " 264", NULL},
    {FRAME_VM, "none", NULL},
    {FRAME_VM, "kept " V_ID, NULL},
    {FRAME_VM, "kept " V1, NULL},
    {FRAME_VM, "counts 0 0 0", NULL},
    {FRAME_VM, "counts " BIG " " BIG " " BIG, NULL},
    /* The other side's. */
    {FRAME_VM, "qvm-remote 2", UNKNOWN},
    {FRAME_VM, "next any 0", UNKNOWN},
    {FRAME_VM, "next cancel full", UNKNOWN},
    {FRAME_VM, "take " V_ID, UNKNOWN},
    {FRAME_VM, "state " V_ID " queued 3", UNKNOWN},
    {FRAME_VM, "out " V_ID " 0 1", UNKNOWN},
    {FRAME_VM, "err " V_ID " 0 1", UNKNOWN},
    {FRAME_VM, "done " V_ID " 0 494", UNKNOWN},
    {FRAME_VM, "count", UNKNOWN},
    {FRAME_VM, "bye", UNKNOWN},
    {FRAME_DOM0, "ready 2 sh/1 poll", UNKNOWN},
    {FRAME_DOM0, "request " V_ID " " CLOCK " 263 8 0", UNKNOWN},
    {FRAME_DOM0, "cancel " V_ID " " CLOCK " 264", UNKNOWN},
    {FRAME_DOM0, "none", UNKNOWN},
    {FRAME_DOM0, "kept " V_ID, UNKNOWN},
    {FRAME_DOM0, "counts 0 0 0", UNKNOWN},
    /* Words. */
    {FRAME_VM, "", UNKNOWN},
    {FRAME_VM, " ", UNKNOWN},
    {FRAME_VM, "nonesuch", UNKNOWN},
    {FRAME_VM, "non", UNKNOWN},
    {FRAME_VM, "None", UNKNOWN},
    {FRAME_VM, " none", UNKNOWN},
    {FRAME_VM, "none ", "more"},
    {FRAME_VM, "none 1", "more"},
    {FRAME_DOM0, "counts", UNKNOWN},
    {FRAME_DOM0, "bye bye", "more"},
    {FRAME_DOM0, "qvm-remote 1", UNKNOWN},
    {FRAME_DOM0, "qvm-remote 20", UNKNOWN},
    {FRAME_DOM0, "qvm-remote  2", UNKNOWN},
    {FRAME_DOM0, "next", UNKNOWN},
    {FRAME_DOM0, "next none", UNKNOWN},
    {FRAME_DOM0, "next  any 0", UNKNOWN},
    {FRAME_DOM0, "next any", "input limit"},
    {FRAME_DOM0, "next any ", "input limit"},
    {FRAME_DOM0, "next any 01", "input limit"},
    {FRAME_DOM0, "next any -1", "input limit"},
    {FRAME_DOM0, "next any +1", "input limit"},
    {FRAME_DOM0, "next any 0x1", "more"},
    {FRAME_DOM0, "next any  1", "input limit"},
    {FRAME_DOM0, "next any 1 ", "more"},
    {FRAME_DOM0, "next any " OVER, "input limit"},
    {FRAME_DOM0, "next any 18446744073709551616", "input limit"},
    {FRAME_DOM0, "next cancel", "word"},
    {FRAME_DOM0, "next cancel ", "word"},
    {FRAME_DOM0, "next cancel Full", "word"},
    {FRAME_DOM0, "next cancel ful", "word"},
    {FRAME_DOM0, "next cancel fully", "word"},
    {FRAME_DOM0, "next cancel full ", "more"},
    /* Ids. */
    {FRAME_DOM0, "take", "id"},
    {FRAME_DOM0, "take ", "id"},
    {FRAME_DOM0, "take -", "id"},
    {FRAME_DOM0, "take 20260231-143022-1234-a1b2c3d4", "id"},
    {FRAME_DOM0, "take " V_ID " ", "more"},
    {FRAME_DOM0, "take  " V_ID, "id"},
    {FRAME_DOM0, "take 0" V_ID, "id"},
    {FRAME_DOM0, "take ../../etc/passwd", "id"},
    {FRAME_VM, "kept x", "id"},
    {FRAME_VM, "request x " CLOCK " 263 8 0", "id"},
    {FRAME_VM, "cancel x " CLOCK " 264", "id"},
    /* Version 1 has no cancel. */
    {FRAME_VM, "cancel " V1 " " CLOCK " 264", "id"},
    {FRAME_DOM0, "state x queued 3", "id"},
    {FRAME_DOM0, "out x 0 1", "id"},
    {FRAME_DOM0, "err x 0 1", "id"},
    {FRAME_DOM0, "done x 0 494", "id"},
    /* Numbers, in each place. */
    {FRAME_DOM0, "state " V_ID " queue 3", "state"},
    {FRAME_DOM0, "state " V_ID " queued", "state"},
    {FRAME_DOM0, "state " V_ID " queued -", "state"},
    {FRAME_DOM0, "state " V_ID " queued " OVER, "state"},
    {FRAME_DOM0, "state " V_ID " queued 3 3", "more"},
    {FRAME_DOM0, "out " V_ID " 0 0", "length"},
    {FRAME_DOM0, "out " V_ID " 0 65537", "length"},
    {FRAME_DOM0, "out " V_ID " 0", "length"},
    {FRAME_DOM0, "out " V_ID " " OVER " 1", "offset"},
    {FRAME_DOM0, "out " V_ID " 00 1", "offset"},
    {FRAME_DOM0, "err " V_ID " 0 0", "length"},
    {FRAME_DOM0, "err " V_ID " 0 65537", "length"},
    {FRAME_DOM0, "done " V_ID " 256 494", "exit"},
    {FRAME_DOM0, "done " V_ID " -1 494", "exit"},
    {FRAME_DOM0, "done " V_ID " 00 494", "exit"},
    {FRAME_DOM0, "done " V_ID " 0 1025", "receipt length"},
    {FRAME_DOM0, "done " V_ID " 0", "receipt length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 8", "input length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 8 0 0", "more"},
    {FRAME_VM, "request " V_ID " -1 263 8 0", "clock"},
    {FRAME_VM, "request " V_ID " 253402300800 263 8 0", "clock"},
    {FRAME_VM, "request " V_ID " 1771425022.5 263 8 0", "token length"},
    {FRAME_VM, "request " V_ID " " CLOCK " -263 8 0", "token length"},
    {FRAME_VM, "request " V_ID " " CLOCK " " OVER " 8 0", "token length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 08 0", "body length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 " OVER " 0", "body length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 8 " OVER, "input length"},
    {FRAME_VM, "request " V_ID " " CLOCK " 263 8 -", "input length"},
    {FRAME_VM, "cancel " V_ID " " CLOCK " 264 0", "more"},
    {FRAME_VM, "cancel " V_ID " 264", "token length"},
    {FRAME_VM, "cancel " V_ID " 01 264", "clock"},
    {FRAME_VM, "counts 0 0", "results"},
    {FRAME_VM, "counts 0 0 0 0", "more"},
    {FRAME_VM, "counts 0,0,0", "running"},
    {FRAME_VM, "counts " OVER " 0 0", "pending"},
    {FRAME_VM, "counts 0 " OVER " 0", "running"},
    {FRAME_VM, "counts 0 0 " OVER, "results"},
    /* What the VM says of itself. */
    {FRAME_VM, "ready 2 ~!/@ wait", NULL},
    {FRAME_VM, "ready 3 sh/1 poll", UNKNOWN},
    {FRAME_VM, "ready sh/1 poll", UNKNOWN},
    {FRAME_VM, "ready 2", "program"},
    {FRAME_VM, "ready 2 sh poll", "program"},
    {FRAME_VM, "ready 2 sh/ poll", "program"},
    {FRAME_VM, "ready 2 /1 poll", "program"},
    {FRAME_VM, "ready 2 / poll", "program"},
    {FRAME_VM, "ready 2 sh/1/2 poll", "program"},
    {FRAME_VM, "ready 2 sh/1", "mode"},
    {FRAME_VM, "ready 2 sh/1 Poll", "mode"},
    {FRAME_VM, "ready 2 sh/1 polls", "mode"},
    {FRAME_VM, "ready 2 sh/1 poll 1", "more"},
    /* 64 and 65 bytes */
    {FRAME_VM,
	"ready 2 qvm-remote/123456789012345678901234567890"
	"12345678901234567890123 wait",
	NULL},
    {FRAME_VM,
	"ready 2 qvm-remote/123456789012345678901234567890"
	"123456789012345678901234 wait",
	"program"},
    /* Bytes outside 0x20-0x7E. */
    {FRAME_VM, "none\r", "a byte"},
    {FRAME_VM, "kept\t" V_ID, "a byte"},
    {FRAME_VM, "none\nnone", "a byte"},
    {FRAME_VM, "none\n", "a byte"},
    {FRAME_VM, "\x7f", "a byte"},
    {FRAME_VM, "ready 2 sh/\x80 poll", "a byte"},
    {FRAME_VM, "ready 2 sh/\xff poll", "a byte"},
    {FRAME_VM, "ready 2 sh/\033 poll", "a byte"},
};

static void
check_sample(const struct sample *s)
{
	size_t len = strlen(s->line) + 1;
	char line[2 * LINE_MAX_BYTES], out[LINE_MAX_BYTES];
	const char *why = NULL;
	struct frame f;
	int n;

	n = snprintf(line, sizeof(line), "%s\n", s->line);
	ATF_REQUIRE_EQ((int)len, n);
	if (s->rule != NULL) {
		ATF_CHECK_MSG(frame_parse(s->from, line, len, &f, &why) == -1,
		    "\"%s\" is accepted", s->line);
		ATF_CHECK_MSG(why != NULL &&
			strncmp(why, s->rule, strlen(s->rule)) == 0,
		    "\"%s\": %s", s->line, why);
		return;
	}
	ATF_REQUIRE_MSG(frame_parse(s->from, line, len, &f, &why) == 0,
	    "\"%s\": %s", s->line, why);
	ATF_CHECK_EQ((ssize_t)len, frame_print(out, &f));
	ATF_CHECK_MSG(memcmp(line, out, len) == 0, "\"%s\"", s->line);
}

ATF_TC_WITHOUT_HEAD(each_frame_is_read_by_its_rule);
ATF_TC_BODY(each_frame_is_read_by_its_rule, tc)
{
	size_t i;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		check_sample(&samples[i]);
}

ATF_TC_WITHOUT_HEAD(every_field_is_read_into_its_place);
ATF_TC_BODY(every_field_is_read_into_its_place, tc)
{
	const char *why;
	struct frame f;

#define READ(from, line)  \
	ATF_REQUIRE_EQ(0, \
	    frame_parse(from, line "\n", strlen(line) + 1, &f, &why))
	READ(FRAME_VM, "request " V_ID " 11 22 33 44");
	ATF_CHECK_EQ(FRAME_REQUEST, f.type);
	ATF_CHECK_STREQ(V_ID, f.id);
	ATF_CHECK_EQ(11, f.clock);
	ATF_CHECK_EQ(22, f.token_len);
	ATF_CHECK_EQ(33, f.body_len);
	ATF_CHECK_EQ(44, f.input_len);
	READ(FRAME_VM, "cancel " V_ID " 11 22");
	ATF_CHECK_EQ(FRAME_CANCEL, f.type);
	ATF_CHECK_EQ(11, f.clock);
	ATF_CHECK_EQ(22, f.token_len);
	ATF_CHECK_EQ(0, f.body_len);
	READ(FRAME_VM, "ready 2 sh/1 poll");
	ATF_CHECK_EQ(FRAME_READY, f.type);
	ATF_CHECK_STREQ("sh/1", f.program);
	ATF_CHECK(!f.wait);
	READ(FRAME_VM, "ready 2 sh/1 wait");
	ATF_CHECK(f.wait);
	READ(FRAME_VM, "none");
	ATF_CHECK_EQ(FRAME_NONE, f.type);
	READ(FRAME_VM, "kept " V_ID);
	ATF_CHECK_EQ(FRAME_KEPT, f.type);
	READ(FRAME_VM, "counts 1 2 3");
	ATF_CHECK_EQ(FRAME_COUNTS, f.type);
	ATF_CHECK_EQ(1, f.pending);
	ATF_CHECK_EQ(2, f.running);
	ATF_CHECK_EQ(3, f.results);
	READ(FRAME_DOM0, "qvm-remote 2");
	ATF_CHECK_EQ(FRAME_HELLO, f.type);
	READ(FRAME_DOM0, "next any 5");
	ATF_CHECK_EQ(FRAME_NEXT_ANY, f.type);
	ATF_CHECK_EQ(5, f.input_limit);
	READ(FRAME_DOM0, "next cancel disk");
	ATF_CHECK_EQ(FRAME_NEXT_CANCEL, f.type);
	ATF_CHECK_EQ(WORD_DISK, f.word);
	READ(FRAME_DOM0, "take " V_ID);
	ATF_CHECK_EQ(FRAME_TAKE, f.type);
	READ(FRAME_DOM0, "state " V_ID " asked 7");
	ATF_CHECK_EQ(FRAME_STATE, f.type);
	ATF_CHECK_EQ(STATE_ASKED, f.state);
	ATF_CHECK_EQ(7, f.n);
	READ(FRAME_DOM0, "out " V_ID " 8 9");
	ATF_CHECK_EQ(FRAME_OUT, f.type);
	ATF_CHECK_EQ(8, f.offset);
	ATF_CHECK_EQ(9, f.length);
	READ(FRAME_DOM0, "err " V_ID " 8 9");
	ATF_CHECK_EQ(FRAME_ERR, f.type);
	READ(FRAME_DOM0, "done " V_ID " 130 10");
	ATF_CHECK_EQ(FRAME_DONE, f.type);
	ATF_CHECK_EQ(130, f.exit);
	ATF_CHECK_EQ(10, f.length);
	READ(FRAME_DOM0, "count");
	ATF_CHECK_EQ(FRAME_COUNT, f.type);
	READ(FRAME_DOM0, "bye");
	ATF_CHECK_EQ(FRAME_BYE, f.type);
#undef READ
}

static int
parse_vm(const char *line, size_t len, const char **why)
{
	struct frame f;

	return (frame_parse(FRAME_VM, line, len, &f, why));
}

ATF_TC_WITHOUT_HEAD(a_line_has_one_end_and_at_most_256_bytes);
ATF_TC_BODY(a_line_has_one_end_and_at_most_256_bytes, tc)
{
	char line[LINE_MAX_BYTES + 1];
	const char *why;

	/* Nothing, behind what ends a line. */
	ATF_CHECK_EQ(-1, parse_vm(&"\n"[1], 0, &why));
	ATF_CHECK_STREQ("a line without its end", why);
	ATF_CHECK_EQ(-1, parse_vm("none", 4, &why));
	ATF_CHECK_STREQ("a line without its end", why);
	ATF_CHECK_EQ(0, parse_vm("none\n", 5, &why));
	ATF_CHECK_EQ(-1, parse_vm("none\n\n", 6, &why));
	ATF_CHECK_EQ(-1, parse_vm("none\n\0", 6, &why));
	ATF_CHECK_EQ(-1, parse_vm("none\0\n", 6, &why));
	ATF_CHECK_STREQ("a byte outside 0x20-0x7E in a line", why);
	memset(line, 'a', sizeof(line));
	line[LINE_MAX_BYTES - 1] = '\n';
	ATF_CHECK_EQ(-1, parse_vm(line, LINE_MAX_BYTES, &why));
	ATF_CHECK_STREQ("no frame that this side sends", why);
	line[LINE_MAX_BYTES - 1] = 'a';
	line[LINE_MAX_BYTES] = '\n';
	ATF_CHECK_EQ(-1, parse_vm(line, LINE_MAX_BYTES + 1, &why));
	ATF_CHECK_STREQ("a line over 256 bytes", why);
}

ATF_TC_WITHOUT_HEAD(what_is_refused_leaves_no_fields);
ATF_TC_BODY(what_is_refused_leaves_no_fields, tc)
{
	static const struct frame none;
	const char *line = "request " V_ID " 11 22 33 x\n", *why;
	struct frame f;

	memset(&f, 0xff, sizeof(f));
	ATF_REQUIRE_EQ(-1, frame_parse(FRAME_VM, line, strlen(line), &f, &why));
	ATF_CHECK(same_bytes(&f, &none, sizeof(f)));
}

static void
random_frame(struct frame *f)
{
	memset(f, 0, sizeof(*f));
	f->type = (enum frame_type)random_below(FRAME_COUNTS + 1);
	random_id(f->id, f->type != FRAME_CANCEL);
	f->input_limit = random_number(NUMBER_MAX);
	f->word = (enum frame_word)random_below(WORD_COUNT);
	f->state = (enum frame_state)random_below(3);
	f->n = random_number(NUMBER_MAX);
	f->offset = random_number(NUMBER_MAX);
	f->length = f->type == FRAME_DONE ? random_number(RECEIPT_MAX)
					  : 1 + random_number(PIECE_MAX - 1);
	f->exit = (uint8_t)random_next();
	snprintf(f->program, sizeof(f->program), "p/%llu",
	    (unsigned long long)random_next());
	f->wait = random_below(2) == 0;
	f->clock = (int64_t)random_number(TIME_MAX);
	f->token_len = random_number(NUMBER_MAX);
	f->body_len = random_number(NUMBER_MAX);
	f->input_len = random_number(NUMBER_MAX);
	f->pending = random_number(NUMBER_MAX);
	f->running = random_number(NUMBER_MAX);
	f->results = random_number(NUMBER_MAX);
}

/* Which fields a frame has is the table's business: its line shows them. */
ATF_TC_WITHOUT_HEAD(every_valid_frame_is_read_as_it_was_written);
ATF_TC_BODY(every_valid_frame_is_read_as_it_was_written, tc)
{
	char line[LINE_MAX_BYTES], again[LINE_MAX_BYTES];
	struct frame f, back;
	const char *why;
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 100000; i++) {
		random_frame(&f);
		len = frame_print(line, &f);
		ATF_REQUIRE(len > 0 && line[len - 1] == '\n');
		ATF_REQUIRE_MSG(
		    frame_parse(f.type < FRAME_READY ? FRAME_DOM0 : FRAME_VM,
			line, (size_t)len, &back, &why) == 0,
		    "%s: %.*s", why, (int)len, line);
		ATF_REQUIRE_EQ(f.type, back.type);
		ATF_REQUIRE_EQ(len, frame_print(again, &back));
		ATF_REQUIRE(memcmp(line, again, (size_t)len) == 0);
	}
}

ATF_TC_WITHOUT_HEAD(what_is_accepted_prints_back_the_same);
ATF_TC_BODY(what_is_accepted_prints_back_the_same, tc)
{
	unsigned int i, n, accepted = 0, refused = 0;
	char line[LINE_MAX_BYTES + 4], out[LINE_MAX_BYTES];
	enum frame_side from;
	const char *why;
	struct frame f;
	size_t len;

	for (i = 0; i < 200000; i++) {
		random_frame(&f);
		from = f.type < FRAME_READY ? FRAME_DOM0 : FRAME_VM;
		len = (size_t)frame_print(line, &f);
		for (n = 1 + (unsigned int)random_below(3); n > 0; n--)
			random_change(line, &len);
		if (frame_parse(from, line, len, &f, &why) == -1) {
			refused++;
			continue;
		}
		accepted++;
		ATF_REQUIRE_EQ((ssize_t)len, frame_print(out, &f));
		ATF_REQUIRE_MSG(memcmp(line, out, len) == 0, "%.*s", (int)len,
		    line);
	}
	/* Otherwise nothing was shown. */
	ATF_CHECK_MSG(accepted > 10000 && refused > 10000,
	    "%u accepted, %u refused", accepted, refused);
}

static void
check_not_printed(const struct frame *f, const char *what)
{
	char line[LINE_MAX_BYTES];

	ATF_CHECK_MSG(frame_print(line, f) == -1, "%s", what);
}

ATF_TC_WITHOUT_HEAD(fields_that_are_no_frame_are_not_printed);
ATF_TC_BODY(fields_that_are_no_frame_are_not_printed, tc)
{
	static const struct {
		const char *what;
		struct frame f;
	} bad[] = {
	    {"type", {.type = FRAME_COUNTS + 1}},
	    {"no id", {.type = FRAME_TAKE}},
	    {"id", {.type = FRAME_KEPT, .id = "a b"}},
	    {"ping cancel", {.type = FRAME_CANCEL, .id = V1}},
	    {"input limit",
		{.type = FRAME_NEXT_ANY, .input_limit = NUMBER_MAX + 1}},
	    {"word", {.type = FRAME_NEXT_CANCEL, .word = WORD_COUNT}},
	    {"state",
		{.type = FRAME_STATE, .id = V_ID, .state = STATE_RUNNING + 1}},
	    {"n", {.type = FRAME_STATE, .id = V_ID, .n = NUMBER_MAX + 1}},
	    {"no bytes", {.type = FRAME_OUT, .id = V_ID}},
	    {"a large piece",
		{.type = FRAME_ERR, .id = V_ID, .length = PIECE_MAX + 1}},
	    {"offset",
		{.type = FRAME_OUT,
		    .id = V_ID,
		    .length = 1,
		    .offset = UINT64_MAX}},
	    {"a long receipt",
		{.type = FRAME_DONE, .id = V_ID, .length = RECEIPT_MAX + 1}},
	    {"clock", {.type = FRAME_REQUEST, .id = V_ID, .clock = -1}},
	    {"late clock",
		{.type = FRAME_CANCEL, .id = V_ID, .clock = TIME_MAX + 1}},
	    {"token length",
		{.type = FRAME_REQUEST, .id = V_ID, .token_len = UINT64_MAX}},
	    {"no program", {.type = FRAME_READY}},
	    {"program", {.type = FRAME_READY, .program = "sh 1/2"}},
	    {"results", {.type = FRAME_COUNTS, .results = UINT64_MAX}},
	};
	struct frame f = {.type = FRAME_READY};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_not_printed(&bad[i].f, bad[i].what);
	memset(f.program, 'a', sizeof(f.program));
	f.program[1] = '/';
	check_not_printed(&f, "program without its NUL");
	memset(f.id, '1', sizeof(f.id));
	f.type = FRAME_TAKE;
	check_not_printed(&f, "id without its NUL");
}

ATF_TC_WITHOUT_HEAD(announced_lengths_have_limits);
ATF_TC_BODY(announced_lengths_have_limits, tc)
{
	struct frame f = {.token_len = TOKEN_PIPE_MAX,
	    .body_len = BODY_MAX,
	    .input_len = 100};

	ATF_CHECK_EQ(NULL, frame_lengths_rule(&f, 100));
	ATF_CHECK(frame_lengths_rule(&f, 99) != NULL);
	f.token_len++;
	ATF_CHECK(frame_lengths_rule(&f, 100) != NULL);
	f.token_len = 0;
	ATF_CHECK_EQ(NULL, frame_lengths_rule(&f, 100));
	f.body_len++;
	ATF_CHECK(frame_lengths_rule(&f, 100) != NULL);
	f.body_len = 0;
	f.input_len = 0;
	ATF_CHECK_EQ(NULL, frame_lengths_rule(&f, 0));
	f.input_len = UINT64_MAX;
	ATF_CHECK(frame_lengths_rule(&f, INPUT_POLICY_MAX) != NULL);
}

ATF_TC_WITHOUT_HEAD(words_have_names);
ATF_TC_BODY(words_have_names, tc)
{
	ATF_CHECK_STREQ("full", frame_word_name(WORD_FULL));
	ATF_CHECK_STREQ("memory", frame_word_name(WORD_MEMORY));
	ATF_CHECK_STREQ("queued", frame_state_name(STATE_QUEUED));
	ATF_CHECK_STREQ("asked", frame_state_name(STATE_ASKED));
	ATF_CHECK_STREQ("running", frame_state_name(STATE_RUNNING));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_frame_is_read_by_its_rule);
	ATF_TP_ADD_TC(tp, every_field_is_read_into_its_place);
	ATF_TP_ADD_TC(tp, a_line_has_one_end_and_at_most_256_bytes);
	ATF_TP_ADD_TC(tp, what_is_refused_leaves_no_fields);
	ATF_TP_ADD_TC(tp, every_valid_frame_is_read_as_it_was_written);
	ATF_TP_ADD_TC(tp, what_is_accepted_prints_back_the_same);
	ATF_TP_ADD_TC(tp, fields_that_are_no_frame_are_not_printed);
	ATF_TP_ADD_TC(tp, announced_lengths_have_limits);
	ATF_TP_ADD_TC(tp, words_have_names);
	return (atf_no_error());
}
