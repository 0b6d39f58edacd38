/*
 * mklog: makes a log for the tests, with the writer that the daemon has.
 *
 *   mklog FOLDER <SCRIPT
 *
 * A line of SCRIPT is one word, and what belongs to it:
 *   start              a new segment, a new run
 *   segment            a new segment, the same run
 *   lie WHAT           the next segment says what is not: hash, previous, end,
 *                      length, sha256 (of the one before); run, step;
 *                      seed_run (that its line begins with it)
 *   step               what follows is of the next step
 *   skip, back         leaves a step out; goes one back
 *   jump, again        leaves a sequence number out; uses the last one again
 *   run                what follows is of the next run, without its start
 *   open               a new segment, without its first record
 *   event NAME         a record with nothing in it
 *   intent VM ID BODY  \xHH is a byte of BODY
 *   asking SECONDS BYTES   the next intent asks for that time-out, and has an
 *                      input of that length
 *   cut BYTES KEPT     the next result has had so much output
 *   result SEQ VM ID STATUS EXIT MS [REASON]
 *   denied VM ID REASON BODY   a result without an intent; REASON is a word
 *   refused VM ID REASON
 *   seal SEED [RUN]    the next start, and what follows, are sealed: SEED is
 *                      64 hex digits, of a line that begins with that run, or
 *                      with the one that is said to be its first
 *   unseen             the next start says that nobody has seen its seed
 *   reseal SEED        the next start announces that line, which the one after
 *                      it begins
 *   late               what follows is sealed with the key of a later step
 *   shift SECONDS      what follows is so much later, or with a minus, earlier
 *   pruned             what is before this segment is said to be pruned
 *   stop
 *   zeros N            as a segment that is not full has behind its end
 *   torn TEXT          the beginning of a line that a crash has cut
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "crypto/seal.h"

#define TIME_0 1771425022514000

static struct {
	int folder, fd;
	uint64_t seq, run, step, first, previous;
	uint8_t hash[SHA256_LEN], before[SHA256_LEN]; /* of the segment */
	/* What lies behind the last whole record. */
	uint64_t good_end, tail;
	struct sha256 tail_sha;
	const char *lie;	 /* or "" */
	uint64_t timeout, input; /* of the next intent; 0: it says none */
	uint64_t written, kept;	 /* of the next result; 0: it says none */
	int64_t shift_us;
	/* The seals: of the next run, and of the present step. */
	bool sealed, unseen, announce;
	struct seed seed;
	uint8_t then[SEED_LEN]; /* where it is to be announced */
	uint8_t key[SHA256_LEN];
	struct record record;
	struct sha256 sha;
} m = {.fd = -1, .seq = 1, .lie = ""};

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static int
sink(void *arg, const void *data, size_t len)
{
	(void)arg;
	sha256_update(&m.sha, data, len);
	m.good_end += len;
	return write(m.fd, data, len) == (ssize_t)len ? 0 : -1;
}

static int64_t
time_of(uint64_t seq)
{
	return TIME_0 + (int64_t)seq * 1000000 + m.shift_us;
}

static struct record *
begin(const char *event, const char *vm, const char *id)
{
	struct record_head head = {.seq = m.seq,
	    .time_us = time_of(m.seq),
	    .run = m.run,
	    .step = m.step,
	    .event = event,
	    .vm = vm,
	    .id = id};

	sha256_init(&m.sha);
	sha256_update(&m.sha, m.hash, sizeof(m.hash));
	record_begin(&m.record, sink, NULL, &head);
	return &m.record;
}

static void
end(void)
{
	uint8_t mac[SHA256_LEN];

	if (record_covered(&m.record) == -1)
		die("record");
	sha256_final(&m.sha, m.hash);
	seal_mac(m.key, m.hash, mac);
	if (record_end(&m.record, m.hash, m.sealed ? mac : NULL) == -1)
		die("record");
	m.seq++;
	m.tail = 0;
	sha256_init(&m.tail_sha);
}

static void
open_segment(void)
{
	char name[AUDIT_SEGMENT_NAME_LEN + 1];

	if (m.fd != -1 && close(m.fd) == -1)
		die("close");
	m.previous = m.first;
	m.first = m.seq;
	memcpy(m.before, m.hash, sizeof(m.before));
	segment_name(name, m.first);
	m.fd = openat(m.folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (m.fd == -1)
		die(name);
}

/* 1 where the script wants a lie about this, else 0. */
static unsigned int
lie(const char *what)
{
	return strcmp(m.lie, what) == 0;
}

static void
add_previous_hash(struct record *r, uint8_t before[SHA256_LEN])
{
	before[0] ^= (uint8_t)lie("hash");
	record_hex(r, "previous_hash", before, SHA256_LEN);
}

/* The run takes its seed, and says which. */
static void
take_seed(void)
{
	if (m.seed.run != 0)
		while (m.seed.run < m.run)
			seed_advance(&m.seed);
	m.seed.run = m.run;
	if (m.seed.first_run == 0)
		m.seed.first_run = m.run;
	seal_run_key(m.seed.seed, m.key);
	m.seed.has_then = m.announce;
	m.announce = false;
	memcpy(m.seed.then, m.then, SEED_LEN);
}

static void
add_seed(struct record *r)
{
	char next[FINGERPRINT_HEX + 1];

	record_str(r, "seed", m.seed.first);
	record_u64(r, "seed_run", lie("seed_run") ? m.run : m.seed.first_run);
	record_bool(r, "seed_seen", !m.unseen);
	if (m.seed.has_then) {
		seed_fingerprint(m.seed.then, next);
		record_str(r, "next_seed", next);
	}
}

static void
op_seal(const char *hex, uint64_t first_run)
{
	m.sealed = true;
	memset(&m.seed, 0, sizeof(m.seed));
	if (hex_parse(m.seed.seed, hex, SEED_LEN) == -1)
		die(hex);
	seed_fingerprint(m.seed.seed, m.seed.first);
	m.seed.run = m.seed.first_run = first_run;
}

static void
op_reseal(const char *hex)
{
	m.announce = true;
	if (hex_parse(m.then, hex, SEED_LEN) == -1)
		die(hex);
}

/* K of the next step; each step's, where several are left out. */
static void
move_step(uint64_t count)
{
	m.step += count;
	while (count-- > 0)
		seal_next_step(m.key);
}

static void
op_start(void)
{
	uint8_t before[SHA256_LEN], tail[SHA256_LEN];
	uint64_t good_end = m.good_end, length = m.tail;
	struct record *r;

	sha256_final(&m.tail_sha, tail);
	tail[0] ^= (uint8_t)lie("sha256");
	memcpy(before, m.hash, sizeof(before));
	open_segment();
	m.good_end = 0;
	m.run += lie("run") ? 0 : 1;
	m.step = lie("step");
	if (m.sealed)
		take_seed();
	r = begin("start", NULL, NULL);
	record_str(r, "version", VERSION);
	add_previous_hash(r, before);
	if (m.previous != 0) {
		record_u64(r, "previous", m.previous - lie("previous"));
		record_u64(r, "good_end", good_end + lie("end"));
		record_u64(r, "tail_length", length + lie("length"));
		record_hex(r, "tail_sha256", tail, sizeof(tail));
	}
	if (m.sealed)
		add_seed(r);
	else {
		record_str(r, "seed", "0000000000000000");
		record_u64(r, "seed_run", 1);
		record_bool(r, "seed_seen", true);
	}
	end();
	move_step(1);
}

static void
op_segment(void)
{
	uint8_t before[SHA256_LEN];
	struct record *r;

	memcpy(before, m.hash, sizeof(before));
	open_segment();
	m.good_end = 0;
	r = begin("segment", NULL, NULL);
	record_u64(r, "previous", m.previous - lie("previous"));
	add_previous_hash(r, before);
	end();
	move_step(1);
}

static const char *
word(char **rest)
{
	const char *w = strsep(rest, " ");

	return w != NULL ? w : "";
}

static uint64_t
number(char **rest)
{
	return strtoull(word(rest), NULL, 10);
}

/* The rest of the line, with \xHH made bytes: its length. */
static size_t
bytes(char *s)
{
	size_t n = 0;
	char *p;

	for (p = s; p != NULL && *p != '\0'; n++) {
		if (p[0] == '\\' && p[1] == 'x' && p[2] != '\0' &&
		    p[3] != '\0') {
			char hex[3] = {p[2], p[3], '\0'};

			s[n] = (char)strtoul(hex, NULL, 16);
			p += 4;
		} else
			s[n] = *p++;
	}
	return n;
}

static void
op_intent(char *rest)
{
	const char *vm = word(&rest), *id = word(&rest);
	struct record *r = begin("intent", vm, id);

	record_str(r, "kind", "run");
	if (m.timeout != 0)
		record_u64(r, "timeout", m.timeout);
	if (m.input != 0)
		record_u64(r, "input_length", m.input);
	m.timeout = m.input = 0;
	record_bytes(r, "body", rest, bytes(rest));
	end();
}

static void
op_asking(char *rest)
{
	m.timeout = number(&rest);
	m.input = number(&rest);
}

static void
op_cut(char *rest)
{
	m.written = number(&rest);
	m.kept = number(&rest);
}

static void
op_result(char *rest)
{
	uint64_t intent = number(&rest);
	int64_t started = time_of(intent);
	const char *vm = word(&rest), *id = word(&rest);
	struct record *r = begin("result", vm, id);

	record_u64(r, "intent", intent);
	record_str(r, "status", word(&rest));
	record_u64(r, "exit", number(&rest));
	record_i64(r, "started", started);
	record_i64(r, "ended", started + (int64_t)number(&rest) * 1000);
	if (m.written != 0) {
		record_u64(r, "out_written", m.written);
		record_u64(r, "out_kept", m.kept);
	}
	m.written = m.kept = 0;
	if (rest != NULL)
		record_str(r, "reason", rest);
	end();
}

static void
op_denied(char *rest)
{
	const char *vm = word(&rest), *id = word(&rest);
	struct record *r = begin("result", vm, id);

	record_u64(r, "intent", 0);
	record_str(r, "kind", "run");
	record_str(r, "status", "denied");
	record_u64(r, "exit", 126);
	record_str(r, "reason", word(&rest));
	record_bytes(r, "body", rest, bytes(rest));
	end();
}

static void
op_refused(char *rest)
{
	const char *vm = word(&rest), *id = word(&rest);
	struct record *r = begin("refused", vm, id);

	record_str(r, "status", "rejected");
	record_str(r, "reason", rest);
	end();
}

static void
op_pruned(void)
{
	struct record *r = begin("pruned", NULL, NULL);

	record_u64(r, "last", m.first - 1);
	record_hex(r, "last_hash", m.before, sizeof(m.before));
	end();
}

static void
append(const char *data, size_t len)
{
	if (write(m.fd, data, len) != (ssize_t)len)
		die("write");
}

static void
op_torn(const char *text)
{
	append(text, strlen(text));
	sha256_update(&m.tail_sha, text, strlen(text));
	m.tail += strlen(text);
}

static void
op_zeros(uint64_t count)
{
	while (count-- > 0)
		append("", 1);
}

/* Numbers that a log's writer would not give. */
static bool
run_number(const char *op, const char *rest)
{
	if (strcmp(op, "step") == 0)
		move_step(1);
	else if (strcmp(op, "skip") == 0)
		move_step(2);
	else if (strcmp(op, "back") == 0)
		m.step--;
	else if (strcmp(op, "jump") == 0)
		m.seq++;
	else if (strcmp(op, "again") == 0)
		m.seq--;
	else if (strcmp(op, "run") == 0)
		m.run++;
	else if (strcmp(op, "shift") == 0 && rest != NULL)
		m.shift_us += strtoll(rest, NULL, 10) * 1000000;
	else
		return false;
	return true;
}

static void
op_lie(const char *what)
{
	m.lie = strdup(what);
	if (m.lie == NULL)
		die("lie");
}

static void
run_line(char *line)
{
	char *rest = line;
	const char *op = word(&rest);

	if (run_number(op, rest))
		return;
	if (strcmp(op, "start") == 0)
		op_start();
	else if (strcmp(op, "segment") == 0)
		op_segment();
	else if (strcmp(op, "open") == 0) {
		open_segment();
		m.good_end = 0;
	} else if (strcmp(op, "lie") == 0)
		op_lie(word(&rest));
	else if (strcmp(op, "seal") == 0) {
		const char *hex = word(&rest);

		op_seal(hex, number(&rest));
	} else if (strcmp(op, "reseal") == 0)
		op_reseal(word(&rest));
	else if (strcmp(op, "unseen") == 0)
		m.unseen = true;
	else if (strcmp(op, "late") == 0)
		seal_next_step(m.key);
	else if (strcmp(op, "intent") == 0)
		op_intent(rest);
	else if (strcmp(op, "asking") == 0)
		op_asking(rest);
	else if (strcmp(op, "cut") == 0)
		op_cut(rest);
	else if (strcmp(op, "result") == 0)
		op_result(rest);
	else if (strcmp(op, "denied") == 0)
		op_denied(rest);
	else if (strcmp(op, "refused") == 0)
		op_refused(rest);
	else if (strcmp(op, "pruned") == 0)
		op_pruned();
	else if (strcmp(op, "zeros") == 0)
		op_zeros(number(&rest));
	else if (strcmp(op, "torn") == 0)
		op_torn(rest);
	else if (strcmp(op, "stop") == 0 || strcmp(op, "event") == 0) {
		begin(rest != NULL ? rest : op, NULL, NULL);
		end();
	} else {
		fprintf(stderr, "mklog: %s?\n", op);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (argc != 2) {
		fprintf(stderr, "usage: mklog FOLDER <SCRIPT\n");
		return 2;
	}
	m.folder = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (m.folder == -1)
		die(argv[1]);
	sha256_init(&m.tail_sha);
	while ((len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		run_line(line);
	}
	free(line);
	return 0;
}
