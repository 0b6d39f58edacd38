#include "verifier/verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"
#include "wire/id.h"

/*
 * What is checked before a request may wait for its turn, in the order of
 * DESIGN.md (A request's life, step 4).  The mac comes before anything is
 * hashed, memory before clocks, and what passed the clocks is remembered with
 * its answer, a refusal too.
 */

#define SWEEP_MS       (60 * 1000)
#define CANCEL_REST_MS 20 /* after one that changed nothing */
#define SEALS	       (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Form, key and mac. */
static const struct vm_key *
token_key(const struct vm *vm, const char *id, const char *text, uint64_t len,
    struct token *t)
{
	const struct vm_key *key;
	uint8_t mac[SHA256_LEN];
	const char *why;

	if (len > TOKEN_MAX || token_parse(text, len, t, &why) == -1)
		return (NULL);
	key = keys_find(vm, t->key);
	if (key == NULL)
		return (NULL);
	request_mac(key->derived.request, id, text, len - TOKEN_MAC_LINE, mac);
	return (ct_equal(mac, t->mac, sizeof(mac)) ? key : NULL);
}

/* The VM's clock, the key's floor, and the token's own times. */
static enum receipt_status
fresh(int memory, const struct token *t, int64_t clock, char *reason,
    size_t size)
{
	int64_t now = journal_now(), off = clock - now;

	reason[0] = '\0';
	/* The memory's entries have 32 bits for it. */
	if (t->expires > UINT32_MAX - MEMORY_KEEP) {
		snprintf(reason, size, "expires after the year 2105");
		return (RECEIPT_REJECTED);
	}
	if (t->expires <= memory_floor(memory)) {
		snprintf(reason, size, "this token may have run before");
		return (RECEIPT_REPLAYED);
	}
	if (llabs(off) > CLOCK_SLACK) {
		snprintf(reason, size, "the VM's clock is %lld s %s dom0's",
		    llabs(off), off < 0 ? "behind" : "ahead of");
		return (RECEIPT_REJECTED);
	}
	if (t->issued > clock + CLOCK_SLACK) {
		snprintf(reason, size, "issued in the future");
		return (RECEIPT_REJECTED);
	}
	/*
	 * The VM's own word on its clock may make a token older, never newer:
	 * who has no key could have an old one run again by it.
	 */
	if (t->issued - (off > 0 ? off : 0) < memory_known_since(memory)) {
		snprintf(reason, size, "issued before dom0 knew its key");
		return (RECEIPT_REJECTED);
	}
	if (t->expires < clock) {
		snprintf(reason, size, "expired %lld s ago",
		    (long long)(clock - t->expires));
		return (RECEIPT_EXPIRED);
	}
	return (RECEIPT_EXITED);
}

/* Says what would become of it, and that nothing was run. */
static void
answer_text(struct request *r, enum receipt_status status)
{
	char text[ANSWER_TEXT_MAX];
	const char *dry = "[dry-run] ";
	size_t used = 0;
	int n;

	if (status == RECEIPT_DRY_RUN) {
		used = strlen(dry);
		memcpy(text, dry, used);
	}
	n = decide_describe(r, text + used, sizeof(text) - used);
	if (n < 0 || (size_t)n >= sizeof(text) - used)
		fatalx("an answer that is too long");
	request_text(r, text, used + (size_t)n);
	r->answer.status = status;
	r->answer.exit = 0;
	/* So that the client can tell how far its clock is off. */
	if (status == RECEIPT_CHECKED) {
		r->answer.has_times = true;
		r->answer.started_us = r->answer.ended_us = now_realtime_us();
	}
	record_result(r, NULL);
	request_answered(r);
}

/* NULL, or what is wrong with the bytes that came. */
static const char *
content_rule(int fd, uint64_t len, const uint8_t expected[SHA256_LEN],
    bool is_body)
{
	static char buf[65536];
	uint8_t digest[SHA256_LEN];
	struct sha256 sha;
	const char *rule = NULL, *broken;
	uint64_t off;
	ssize_t n;

	sha256_init(&sha);
	for (off = 0; off < len; off += (uint64_t)n) {
		n = pread(fd, buf, sizeof(buf), (off_t)off);
		if (n <= 0)
			return ("its bytes cannot be read");
		sha256_update(&sha, buf, (size_t)n);
		broken = is_body ? body_rule(buf, (size_t)n) : NULL;
		if (rule == NULL)
			rule = broken;
	}
	sha256_final(&sha, digest);
	if (!ct_equal(digest, expected, sizeof(digest)))
		return (is_body ? "the command is not what was signed"
				: "the input is not what was signed");
	return (rule);
}

static const char *
contents(struct request *r)
{
	const struct token *t = &r->token;
	const char *rule;

	if (t->body_len == 0 && t->kind != TOKEN_PING)
		return (body_rule("", 0));
	rule = content_rule(r->body_fd, t->body_len, t->body_sha256, true);
	if (rule == NULL && r->input_fd != -1)
		rule = content_rule(r->input_fd, t->input_len, t->input_sha256,
		    false);
	return (rule);
}

/* By its key, whichever VM has it now. */
static bool
was_cancelled(const char *key, const char *id)
{
	const struct cancel *c;
	uint8_t name[SHA256_LEN];
	const struct vm *vm;

	cancel_name(key, id, name);
	for (vm = vms; vm < vms_end; vm++) {
		for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
			if (c->expires != 0 &&
			    memcmp(c->name, name, sizeof(name)) == 0)
				return (true);
		}
	}
	return (false);
}

/*
 * It is remembered from here on, so every answer is recorded and signed.
 * Digests, content, policy; then it waits, or is answered.
 */
static void
judge(struct request *r)
{
	const char *rule;

	rule = contents(r);
	if (rule != NULL) {
		/* What came is not what was signed: it is not recorded so. */
		request_drop_body(r);
		request_refuse(r, RECEIPT_REJECTED, rule);
		return;
	}
	if (was_cancelled(r->token.key, r->answer.id)) {
		request_refuse(r, RECEIPT_CANCELLED, "cancelled by the client");
		return;
	}
	if (decide(r, &rule) == VERDICT_DENY) {
		request_refuse(r, RECEIPT_DENIED, rule);
		return;
	}
	if (r->token.kind != TOKEN_RUN || dry_run) {
		answer_text(r,
		    r->token.kind != TOKEN_RUN ? RECEIPT_CHECKED
					       : RECEIPT_DRY_RUN);
		return;
	}
	(void)decide_rate(r->vm, now_boottime_ms(), true);
	session_tell(r, TELL_TAKE);
	if (r->verdict == VERDICT_ASK)
		ask(r);
	else
		r->state = REQUEST_WAITING;
}

/* The same id is known.  One token has one answer. */
static void
known_again(struct request *known, struct request *again, int entry)
{
	if (!memory_same_token(entry, again->answer.request)) {
		request_refuse(again, RECEIPT_REJECTED,
		    "this id was used with another token");
		return;
	}
	if (known == NULL) {
		request_refuse(again, RECEIPT_REPLAYED,
		    "this token was answered before");
		return;
	}
	request_free(again);
	if (known->state == REQUEST_FINISHED)
		session_tell(known, TELL_DONE);
	else
		session_tell(known, TELL_TAKE | TELL_STATE | TELL_SIZES);
}

void
check_sweep(int64_t now_ms)
{
	static int64_t swept_ms = -SWEEP_MS;

	if (now_ms - swept_ms < SWEEP_MS)
		return;
	memory_sweep(journal_now(), now_ms / 1000);
	swept_ms = now_ms;
}

static bool
remember(struct request *r, int memory, int64_t clock)
{
	int64_t now_ms = now_boottime_ms(), left = r->token.expires - clock;

	check_sweep(now_ms);
	r->memory = memory_add(memory, r->answer.id, r->answer.request,
	    r->token.expires, now_ms / 1000 + left + MEMORY_KEEP + 1);
	/* To the end of the second that it names. */
	r->deadline_ms = now_ms + (left + 1) * 1000;
	return (r->memory != -1);
}

/*
 * Nobody can change it any more, and it is as long as was signed: what it was
 * when it came says nothing, it could have grown since.
 */
static bool
is_sealed(int fd, uint64_t len)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	return (seals != -1 && (seals & SEALS) == SEALS &&
	    fstat(fd, &st) == 0 && (uint64_t)st.st_size == len);
}

/* Descriptors belong to the request from here on. */
static bool
take_fds(struct request *r, const struct msg_request *untrusted, int body_fd,
    int input_fd)
{
	const struct token *t = &r->token;

	if (body_fd == -1 || untrusted->body_len != t->body_len ||
	    untrusted->input_len != t->input_len ||
	    (input_fd != -1) != t->has_input)
		return (false);
	if (!is_sealed(body_fd, t->body_len) ||
	    (input_fd != -1 && !is_sealed(input_fd, t->input_len)))
		return (false);
	r->body_fd = body_fd;
	r->input_fd = input_fd;
	r->vm->bytes += t->body_len + t->input_len;
	return (true);
}

/* One for a cancel is none here. */
static const struct vm_key *
run_token(const struct vm *vm, const struct msg_request *untrusted,
    struct token *t)
{
	const struct vm_key *key;

	if (!id_valid(untrusted->id, strlen(untrusted->id)))
		return (NULL);
	key = token_key(vm, untrusted->id, untrusted->token,
	    untrusted->token_len, t);
	return (t->kind == TOKEN_CANCEL ? NULL : key);
}

/* What it says is not signed: its lengths are the VM's word. */
static void
take_no_token(struct request *r, const struct msg_request *untrusted)
{
	memset(&r->token, 0, sizeof(r->token));
	r->token.body_len = untrusted->body_len;
	r->token.input_len = untrusted->input_len;
}

/* Steps up to and with freshness; true when the request is remembered. */
static bool
admit(struct vm *vm, struct request *r, const struct msg_request *untrusted)
{
	enum receipt_status status;
	char reason[REASON_MAX + 1];
	int64_t clock = r->v1 ? journal_now() : untrusted->clock;
	const char *wrong = NOT_ACCEPTED;
	const struct vm_key *key;
	struct request *known;
	int memory = -1, entry = -1;

	key = r->v1 ? v1_token(vm, untrusted, &r->token, &wrong)
		    : run_token(vm, untrusted, &r->token);
	if (key != NULL)
		memory = keys_memory(key);
	if (memory != -1)
		entry = memory_find(memory, untrusted->id);
	/* One that goes may ask again for what it has asked before. */
	if (key == NULL || (key->use == KEY_LEAVING && entry == -1)) {
		take_no_token(r, untrusted);
		request_refuse(r, RECEIPT_REJECTED, wrong);
		return (false);
	}
	if (entry != -1) {
		known = request_find(vm, untrusted->id, r->token.key);
		if (known == NULL)
			known = request_move(vm, untrusted->id, r->token.key);
		known_again(known, r, entry);
		return (false);
	}
	if (r->v1)
		status = v1_fresh(memory, &r->token, reason, sizeof(reason));
	else
		status =
		    fresh(memory, &r->token, clock, reason, sizeof(reason));
	if (status != RECEIPT_EXITED) {
		request_refuse(r, status, reason);
		return (false);
	}
	if (!remember(r, memory, clock)) {
		request_refuse(r, RECEIPT_REJECTED, "dom0's memory is full");
		return (false);
	}
	return (true);
}

static void
close_both(int a, int b)
{
	if (a != -1)
		close(a);
	if (b != -1)
		close(b);
}

/* limit is what it was asked with; the policy's may be less. */
static const char *
lengths_rule(const struct vm *vm, const struct frame *f, uint64_t limit)
{
	static char rule[REASON_MAX + 1];

	if (f->input_len <= limit)
		return (frame_lengths_rule(f, limit));
	if (vm->policy != NULL && vm->policy->hide)
		return ("the input has more bytes than this VM may send");
	if (vm->policy != NULL && vm->policy->input_limit < limit)
		limit = vm->policy->input_limit;
	snprintf(rule, sizeof(rule),
	    "input of %llu bytes: this VM may send at most %llu",
	    (unsigned long long)f->input_len, (unsigned long long)limit);
	return (rule);
}

void
check_request(struct vm *vm, const struct msg_request *untrusted,
    uint64_t input_limit, int body_fd, int input_fd, uint64_t body_len,
    uint64_t input_len)
{
	struct frame f = {.token_len = untrusted->token_len,
	    .body_len = untrusted->body_len,
	    .input_len = untrusted->input_len};
	struct request *r;
	const char *rule;

	r = request_new(vm, untrusted->id);
	r->v1 = v1_asked(untrusted->token_len);
	r->received_us = vm->last_us = now_realtime_us();
	memcpy(vm->last_id, r->answer.id, sizeof(vm->last_id));
	rule = lengths_rule(vm, &f, input_limit);
	if (rule != NULL || untrusted->token_len > TOKEN_MAX) {
		close_both(body_fd, input_fd);
		take_no_token(r, untrusted);
		request_refuse(r, RECEIPT_REJECTED,
		    rule != NULL ? rule : NOT_ACCEPTED);
		return;
	}
	sha256(untrusted->token, untrusted->token_len, r->answer.request);
	r->answer.has_request = true;
	if (!admit(vm, r, untrusted)) {
		close_both(body_fd, input_fd);
		return;
	}
	if ((body_fd != -1 && body_len != untrusted->body_len) ||
	    (input_fd != -1 && input_len != untrusted->input_len) ||
	    !take_fds(r, untrusted, body_fd, input_fd)) {
		close_both(body_fd, input_fd);
		request_refuse(r, RECEIPT_REJECTED,
		    "the command is not what was signed");
		return;
	}
	if (r->v1)
		v1_digest(r);
	judge(r);
}

void
cancel_name(const char *key, const char *id, uint8_t name[SHA256_LEN])
{
	struct sha256 ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, key, strlen(key));
	sha256_update(&ctx, "\n", 1);
	sha256_update(&ctx, id, strlen(id));
	sha256_final(&ctx, name);
}

struct cancel *
cancel_place(struct vm *vm, const uint8_t name[SHA256_LEN], int64_t now)
{
	int64_t now_ms = now_boottime_ms();
	struct cancel *c, *place = NULL;

	for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
		if (c->expires != 0 && memcmp(c->name, name, SHA256_LEN) == 0)
			return (c);
		if (c->expires != 0 && c->expires < now && c->until_ms < now_ms)
			memset(c, 0, sizeof(*c));
		if (c->expires == 0 && place == NULL)
			place = c;
	}
	return (place);
}

/*
 * Nothing answers a cancel, and each session brings it again, before all requests,
 * for as long as its request waits: so none ends a session, as a request without a
 * valid token may.  Its VM is asked for nothing for a moment.
 */
static void
cancel_rest(struct vm *vm)
{
	int64_t until = now_boottime_ms() + CANCEL_REST_MS;

	/* A large body's rest is longer. */
	if (vm->session.rest_ms < until)
		vm->session.rest_ms = until;
}

static void
refuse_cancel(struct vm *vm, const char *id, const char *reason)
{
	struct request *r;

	r = request_new(vm, id);
	snprintf(r->answer.reason, sizeof(r->answer.reason), "%s", reason);
	r->answer.status = RECEIPT_REJECTED;
	(void)record_refused(r, true);
	request_free(r);
	cancel_rest(vm);
}

/* A cancel that came before its request is remembered until it expires. */
static void
remember_cancel(struct vm *vm, const char *id, const struct token *t,
    int64_t clock)
{
	uint8_t name[SHA256_LEN];
	struct cancel *place;

	cancel_name(t->key, id, name);
	place = cancel_place(vm, name, journal_now());
	if (place == NULL) {
		refuse_cancel(vm, id, "a cancel too many before its request");
		return;
	}
	if (share_has(vm, 0))
		record_cancel(vm, id, t, CANCEL_EARLY);
	memcpy(place->name, name, sizeof(name));
	place->expires = t->expires;
	place->until_ms = now_boottime_ms() + (t->expires - clock + 1) * 1000;
}

void
check_cancel(struct vm *vm, const struct msg_cancel *untrusted)
{
	char reason[REASON_MAX + 1];
	const struct vm_key *key;
	struct request *r;
	struct token t;
	int memory;

	key = token_key(vm, untrusted->id, untrusted->token,
	    untrusted->token_len, &t);
	memory = key != NULL ? keys_memory(key) : -1;
	if (memory == -1 || t.kind != TOKEN_CANCEL ||
	    fresh(memory, &t, untrusted->clock, reason, sizeof(reason)) !=
		RECEIPT_EXITED) {
		refuse_cancel(vm, untrusted->id, "a cancel that is not valid");
		return;
	}
	r = request_find(vm, untrusted->id, t.key);
	if (r != NULL && request_cancel(r, "cancelled by the client"))
		record_cancel(vm, untrusted->id, &t, "cancelled");
	else if (was_cancelled(t.key, untrusted->id))
		cancel_rest(vm);
	else if (key->use == KEY_LEAVING ||
	    memory_find(memory, untrusted->id) != -1)
		refuse_cancel(vm, untrusted->id, "a cancel that came too late");
	else
		remember_cancel(vm, untrusted->id, &t, untrusted->clock);
}
