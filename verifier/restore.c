#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * What a start reads out of the log: memory, answers that are owed, and what
 * had begun and has no end.  A span on CLOCK_BOOTTIME goes on where it is the
 * same boot, and counts anew after another.  snapshot.c writes it.
 */

static char boot_now[BOOT_ID_LEN + 1];
static bool same_boot;
static int64_t booted_us; /* by the log's clock; 0: another boot, or unknown */
static int keys[MEMORY_KEYS]; /* of the snapshot, in its order */
static unsigned key_count;

void
restore_init(const char *boot)
{
	memcpy(boot_now, boot, sizeof(boot_now));
}

/* A record that our own writer cannot have made: nothing is run on it. */
static void __attribute__((noreturn)) bad(const struct line_head *h)
{
	fatalx("log: record %llu (%s) does not say what it should",
	    (unsigned long long)h->seq, h->event);
}

struct line {
	const struct line_head *h;
	struct line_fields fields;
};

/* Whether it is there; more than any can be would not add up. */
static bool
optional(struct line *l, const char *name, uint64_t *value)
{
	if (field_u64(&l->fields, name, value) == -1)
		return (false);
	if (*value > NUMBER_MAX)
		bad(l->h);
	return (true);
}

static uint64_t
number(struct line *l, const char *name)
{
	uint64_t value;

	if (!optional(l, name, &value))
		bad(l->h);
	return (value);
}

static void
digest(struct line *l, const char *name, uint8_t out[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	if (field_str(&l->fields, name, hex, sizeof(hex)) != SHA256_HEX ||
	    hex_parse(out, hex, SHA256_LEN) == -1)
		bad(l->h);
}

static void
fingerprint(struct line *l, const char *name, char out[FINGERPRINT_HEX + 1])
{
	if (field_str(&l->fields, name, out, FINGERPRINT_HEX + 1) !=
	    FINGERPRINT_HEX)
		bad(l->h);
}

/* NULL: no place is free, even after a look at what holds the others. */
static struct vm *
place_of(const struct line *l)
{
	struct vm *vm;

	if (l->h->vm[0] == '\0')
		bad(l->h);
	vm = config_place(l->h->vm);
	if (vm == NULL) {
		config_tidy(l->h->time_us / 1000000, true);
		vm = config_place(l->h->vm);
	}
	return (vm);
}

static int64_t
until_of(struct line *l)
{
	return (same_boot ? (int64_t)number(l, "until") * 1000
			  : now_boottime_ms() + ANSWER_KEPT_MS);
}

/* How the clocks stand to each other, as the log has it last. */
static void
seen_clock(struct line *l)
{
	uint64_t booted = 0;

	if (same_boot)
		(void)optional(l, "booted", &booted);
	booted_us = (int64_t)booted;
	pulse_clock(booted_us);
}

static void
seen_head(struct line *l)
{
	char boot[BOOT_ID_LEN + 1];

	same_boot =
	    field_str(&l->fields, "boot", boot, sizeof(boot)) == BOOT_ID_LEN &&
	    strcmp(boot, boot_now) == 0;
	seen_clock(l);
	key_count = 0;
}

static int
key_place(const char *name, int64_t known_since)
{
	int key;

	key = memory_key_find(name);
	if (key == -1)
		key = memory_key_add(name, known_since);
	if (key == -1)
		fatalx("log: more keys than can be remembered");
	return (key);
}

static void
seen_key(struct line *l)
{
	char name[FINGERPRINT_HEX + 1];

	fingerprint(l, "fingerprint", name);
	key_place(name, (int64_t)number(l, "known_since"));
}

static void
seen_snapshot_key(struct line *l)
{
	char name[FINGERPRINT_HEX + 1];
	uint64_t floor;
	int key;

	fingerprint(l, "fingerprint", name);
	key = key_place(name, (int64_t)number(l, "known_since"));
	if (optional(l, "floor", &floor))
		memory_raise_floor(key, (int64_t)floor);
	if (key_count == MEMORY_KEYS)
		bad(l->h);
	keys[key_count++] = key;
}

static void
seen_snapshot_memory(struct line *l)
{
	/* line_str() adds a NUL. */
	static union {
		struct memory_entry entry[MEMORY_CHUNK];
		char bytes[MEMORY_CHUNK * sizeof(struct memory_entry) + 1];
	} e;
	static union {
		uint16_t key[MEMORY_CHUNK];
		char bytes[MEMORY_CHUNK * sizeof(uint16_t) + 1];
	} k;
	uint32_t anew =
	    (uint32_t)(now_boottime_ms() / 1000) + EXPIRES_MAX + MEMORY_KEEP;
	ssize_t entries, places;
	unsigned i, n;

	entries = field_str(&l->fields, "entries", e.bytes, sizeof(e.bytes));
	places = field_str(&l->fields, "keys", k.bytes, sizeof(k.bytes));
	n = (unsigned)(places / (ssize_t)sizeof(*k.key));
	if (entries < 0 || places < 0 || n > MEMORY_CHUNK ||
	    (size_t)entries != n * sizeof(*e.entry))
		bad(l->h);
	for (i = 0; i < n; i++) {
		if (k.key[i] >= key_count)
			bad(l->h);
		if (!same_boot)
			e.entry[i].until = anew;
		/* What has no room is refused unseen. */
		if (memory_restore(keys[k.key[i]], &e.entry[i]) == -1)
			memory_raise_floor(keys[k.key[i]], e.entry[i].expires);
	}
}

/* From now on: the VM's clock may have been off by the slack. */
static int64_t
span_of(struct line *l)
{
	uint64_t issued = number(l, "issued"), expires = number(l, "expires");

	if (expires < issued)
		bad(l->h);
	return ((int64_t)(expires - issued) + CLOCK_SLACK);
}

/* Its entry in the memory, if not there yet; or -1. */
static int
remembered(struct line *l, const char *key_name, const uint8_t *request,
    int64_t expires, int64_t span)
{
	int key, entry;

	key = key_place(key_name, l->h->time_us / 1000000 + 1);
	entry = memory_find(key, l->h->id);
	if (entry == -1)
		entry = memory_put(key, l->h->id, request, expires,
		    now_boottime_ms() / 1000 + span + MEMORY_KEEP);
	if (entry == -1) {
		memory_raise_floor(key, expires);
		return (-1);
	}
	memory_recorded(entry);
	return (entry);
}

/*
 * A request of the log.  NULL where its VM has no place: it never runs again,
 * and its answer is lost.
 */
static struct request *
request_of(struct line *l, bool whole_span)
{
	char key[FINGERPRINT_HEX + 1], auth[4], record[8];
	uint8_t request[SHA256_LEN];
	int64_t expires;
	struct request *r;
	struct vm *vm;
	int entry;

	digest(l, "request", request);
	fingerprint(l, "key", key);
	expires = (int64_t)number(l, "expires");
	entry = remembered(l, key, request, expires,
	    whole_span ? EXPIRES_MAX : span_of(l));
	vm = place_of(l);
	if (vm == NULL) {
		log_warn("log: no room for VM %s: its answer to %s is lost",
		    l->h->vm, l->h->id);
		if (entry != -1)
			memory_unpin(entry);
		return (NULL);
	}
	r = request_new(vm, l->h->id);
	memcpy(r->answer.request, request, sizeof(request));
	r->answer.has_request = true;
	r->v1 = field_str(&l->fields, "auth", auth, sizeof(auth)) == 2 &&
	    strcmp(auth, "v1") == 0;
	r->kept = field_str(&l->fields, "record", record, sizeof(record)) == 4;
	memcpy(r->token.key, key, sizeof(key));
	r->token.expires = expires;
	r->memory = entry;
	if (entry != -1)
		memory_pin(entry);
	return (r);
}

static void
begun(struct request *r, uint64_t seq, const char *asker)
{
	r->seq = r->spool_seq = seq;
	memcpy(r->asker, asker, strlen(asker) + 1);
	r->state = REQUEST_RECORDED;
	r->reserved = true;
	journal_reserve();
}

static void
stream_of(struct line *l, const char *name, struct receipt_stream *s)
{
	char field[16];

	snprintf(field, sizeof(field), "%s_written", name);
	s->written = number(l, field);
	snprintf(field, sizeof(field), "%s_kept", name);
	s->kept = number(l, field);
	snprintf(field, sizeof(field), "%s_sha256", name);
	digest(l, field, s->sha256);
}

static enum receipt_status
status_of(struct line *l)
{
	char text[32];
	int i;

	if (field_str(&l->fields, "status", text, sizeof(text)) < 0)
		bad(l->h);
	for (i = 0; i < RECEIPT_STATUS_COUNT; i++) {
		if (strcmp(receipt_status_name((enum receipt_status)i), text) ==
		    0)
			return ((enum receipt_status)i);
	}
	bad(l->h);
}

/* Text that no command wrote stands in the record. */
static void
text_of(struct line *l, struct request *r)
{
	char text[ANSWER_TEXT_MAX + 1];
	ssize_t n;

	n = field_str(&l->fields, "out_head", text, sizeof(text));
	if (n > 0 && n <= ANSWER_TEXT_MAX && (uint64_t)n == r->answer.out.kept)
		request_text(r, text, (size_t)n);
}

static void
answered(struct line *l, struct request *r, uint64_t seq,
    const uint8_t hash[SHA256_LEN], int64_t until_ms)
{
	struct receipt *a = &r->answer;
	uint64_t at;

	a->status = status_of(l);
	a->exit = (uint8_t)number(l, "exit");
	(void)field_str(&l->fields, "reason", a->reason, sizeof(a->reason));
	a->has_times = optional(l, "started", &at);
	if (a->has_times) {
		a->started_us = (int64_t)at;
		a->ended_us = (int64_t)number(l, "ended");
	}
	stream_of(l, "out", &a->out);
	r->out = a->out.kept;
	if (r->seq == 0)
		text_of(l, r);
	stream_of(l, "err", &a->err);
	r->err = a->err.kept;
	v1_say(r);
	a->has_log = true;
	a->log_seq = seq;
	memcpy(a->log_hash, hash, SHA256_LEN);
	if (r->reserved)
		journal_release();
	r->reserved = false;
	r->state = REQUEST_FINISHED;
	r->deadline_ms = until_ms;
}

static void
seen_intent(struct line *l)
{
	struct request *r = request_of(l, false);

	if (r != NULL)
		begun(r, l->h->seq, l->h->vm);
}

/* How long an answer is kept that was recorded then. */
static int64_t
until_after(const struct line *l)
{
	int64_t now_ms = now_boottime_ms(), at_ms = now_ms;

	if (booted_us != 0 && booted_us <= l->h->time_us)
		at_ms = (l->h->time_us - booted_us) / 1000;
	return ((at_ms < now_ms ? at_ms : now_ms) + ANSWER_KEPT_MS);
}

static void
seen_result(struct line *l)
{
	uint64_t intent = number(l, "intent");
	struct request *r;

	r = intent == 0 ? request_of(l, false) : request_by_seq(intent);
	if (r != NULL)
		answered(l, r, l->h->seq, l->h->hash, until_after(l));
}

static void
seen_snapshot_request(struct line *l)
{
	uint64_t intent = number(l, "intent"), result;
	char asker[VM_NAME_MAX + 1];
	uint8_t hash[SHA256_LEN];
	struct request *r;

	/* A snapshot that is not whole repeats what the segment before says. */
	if (request_by_seq(intent) != NULL ||
	    (optional(l, "result", &result) &&
		request_by_result(result) != NULL))
		return;
	r = request_of(l, true);
	if (r == NULL)
		return;
	if (field_str(&l->fields, "asker", asker, sizeof(asker)) < 0)
		bad(l->h);
	if (intent != 0)
		begun(r, intent, asker);
	if (!optional(l, "result", &result)) {
		if (intent == 0)
			bad(l->h);
		return;
	}
	digest(l, "result_hash", hash);
	answered(l, r, result, hash, until_of(l));
}

/* Kept, or no longer owed. */
static void
seen_delivered(struct line *l)
{
	struct request *r = request_by_result(number(l, "result"));

	if (r == NULL)
		return;
	if (r->memory != -1)
		memory_unpin(r->memory);
	request_free(r);
}

/*
 * By the record's own time: the ones that had expired then made room for it.
 * How long they were to be kept by CLOCK_BOOTTIME is not known any more.
 */
static void
add_cancel(struct line *l, const uint8_t name[SHA256_LEN], int64_t until_ms)
{
	int64_t expires = (int64_t)number(l, "expires");
	struct vm *vm = place_of(l);
	struct cancel *c;

	if (vm == NULL)
		return;
	c = cancel_place(vm, name, 0);
	if (c == NULL) {
		for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
			if (c->expires < l->h->time_us / 1000000)
				memset(c, 0, sizeof(*c));
		}
		c = cancel_place(vm, name, 0);
	}
	if (c == NULL)
		return;
	memcpy(c->name, name, SHA256_LEN);
	c->expires = expires;
	c->until_ms = until_ms;
}

static void
seen_cancel(struct line *l)
{
	char key[FINGERPRINT_HEX + 1], effect[32];
	uint8_t name[SHA256_LEN];

	if (field_str(&l->fields, "effect", effect, sizeof(effect)) < 0)
		bad(l->h);
	if (strcmp(effect, CANCEL_EARLY) != 0)
		return;
	fingerprint(l, "key", key);
	cancel_name(key, l->h->id, name);
	add_cancel(l, name, now_boottime_ms() + span_of(l) * 1000);
}

static void
seen_snapshot_cancel(struct line *l)
{
	uint8_t name[SHA256_LEN];

	digest(l, "name", name);
	add_cancel(l, name, until_of(l));
}

static void
seen_served(struct line *l)
{
	uint8_t policy[SHA256_LEN];

	if (l->h->vm[0] == '\0')
		bad(l->h);
	digest(l, "policy_sha256", policy);
	share_policy(l->h->vm, policy);
}

static void
seen_snapshot_vm(struct line *l)
{
	struct share *s = share_of(l->h->vm);
	char hex[SHA256_HEX + 1];

	s->day = (int64_t)number(l, "day");
	s->day_bytes = number(l, "day_bytes");
	s->total_bytes = number(l, "total_bytes");
	s->newest_us = (int64_t)number(l, "newest");
	s->full = (uint32_t)number(l, "full");
	/* Earlier ones do not have it. */
	if (field_str(&l->fields, "policy_sha256", hex, sizeof(hex)) != -1)
		seen_served(l);
}

static void
seen_snapshot(struct line *l)
{
	uint64_t floor;

	if (optional(l, "fallen", &floor))
		memory_raise_fallen((int64_t)floor);
	if (optional(l, "v1_floor", &floor))
		memory_raise_v1_floor((int64_t)floor);
}

/* The newest one counts. */
static void
seen_pruned(struct line *l)
{
	struct pruned p = {.last = number(l, "last")};

	digest(l, "last_hash", p.hash);
	p.segments = number(l, "segments");
	p.bytes = number(l, "bytes");
	p.from_us = (int64_t)number(l, "from");
	p.to_us = (int64_t)number(l, "to");
	if (p.last == 0 || p.last >= l->h->seq)
		bad(l->h);
	prune_restore(&p);
}

static const struct {
	const char *event;
	void (*fn)(struct line *);
} events[] = {
    {"start", seen_head},
    {"segment", seen_head},
    {"snapshot-vm", seen_snapshot_vm},
    {"snapshot-key", seen_snapshot_key},
    {"snapshot-memory", seen_snapshot_memory},
    {"snapshot-request", seen_snapshot_request},
    {"snapshot-cancel", seen_snapshot_cancel},
    {"snapshot-pruned", seen_pruned},
    {"snapshot", seen_snapshot},
    {"pruned", seen_pruned},
    {"key", seen_key},
    {"served", seen_served},
    {"intent", seen_intent},
    {"result", seen_result},
    {"delivered", seen_delivered},
    {"lapsed", seen_delivered},
    {"cancel", seen_cancel},
    {"clock", seen_clock},
};

void
restore_seen(const struct line_head *h, const char *text, size_t len,
    uint64_t size)
{
	struct line l = {.h = h, .fields = {.line = text, .len = len}};
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(h->event, events[i].event) == 0)
			events[i].fn(&l);
	}
	if (h->vm[0] != '\0' && strncmp(h->event, "snapshot", 8) != 0)
		share_count(h->vm, h->time_us, size);
}

void
restore_forget(void)
{
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		while ((r = TAILQ_FIRST(&vm->requests)) != NULL) {
			if (r->reserved)
				journal_release();
			request_free(r);
		}
		config_forget(vm);
	}
	memory_clear();
	share_forget();
	prune_restore(&(struct pruned){0});
	pulse_clock(0);
}

void
restore_finish(void)
{
	static const char *const interrupted[] = {
	    "the daemon ended before the command did",
	    "the daemon ended before the command did; its kept output is not "
	    "sealed"};
	struct request *r;
	struct vm *vm;

	config_tidy(journal_now(), false);
	for (vm = vms; vm < vms_end; vm++) {
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->state == REQUEST_FINISHED) {
				r->spool_bytes = r->out + r->err;
				vm->spool_bytes += r->spool_bytes;
				if (r->spool_seq != 0)
					r->exec |= EXEC_KEEP;
				continue;
			}
			/* Its output proves nothing: the spool is swept of it. */
			r->spool_seq = 0;
			request_refuse(r, RECEIPT_INTERRUPTED,
			    interrupted[r->kept]);
		}
	}
}
