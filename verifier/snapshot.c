#include "verifier/verifier.h"

#include <string.h>

#include "verifier/journal.h"

/*
 * What a segment begins with: all that a start has to know, so that it need
 * not read further back.  What is only waiting is not in it: it never ran, and
 * is looked at anew.  restore.c reads it.
 */

static void
end(unsigned *count)
{
	journal_end_quietly();
	(*count)++;
}

static void
add_share(const struct share *s, unsigned *count)
{
	struct record *rec;

	rec = journal_begin("snapshot-vm", s->vm, NULL);
	record_i64(rec, "day", s->day);
	record_u64(rec, "day_bytes", s->day_bytes);
	record_u64(rec, "total_bytes", s->total_bytes);
	record_i64(rec, "newest", s->newest_us);
	record_u64(rec, "full", s->full);
	if (s->policy_known)
		record_hex(rec, "policy_sha256", s->policy, SHA256_LEN);
	end(count);
}

static void
add_key(int key, unsigned *count)
{
	struct record *rec;

	rec = journal_begin("snapshot-key", NULL, NULL);
	record_str(rec, "fingerprint", memory_fingerprint(key));
	record_i64(rec, "known_since", memory_known_since(key));
	if (memory_floor(key) != INT64_MIN)
		record_i64(rec, "floor", memory_floor(key));
	end(count);
}

/* keys: two bytes for each entry, its key's place among the snapshot's keys. */
static void
add_memory(unsigned *count)
{
	static struct memory_entry entries[MEMORY_CHUNK];
	static uint16_t keys[MEMORY_CHUNK], place[MEMORY_KEYS];
	int order[MEMORY_KEYS];
	unsigned n, i, key_count;
	struct record *rec;
	uint32_t from = 0;

	key_count = memory_keys(order);
	for (i = 0; i < key_count; i++)
		place[order[i]] = (uint16_t)i;
	while ((n = memory_read(&from, entries, keys)) > 0) {
		for (i = 0; i < n; i++)
			keys[i] = place[keys[i]];
		rec = journal_begin("snapshot-memory", NULL, NULL);
		record_bytes(rec, "entries", entries, n * sizeof(*entries));
		record_bytes(rec, "keys", keys, n * sizeof(*keys));
		end(count);
	}
}

static void
add_request(const struct request *r, unsigned *count)
{
	int64_t until_ms = r->deadline_ms;
	struct record *rec;

	if (r->state != REQUEST_FINISHED)
		until_ms = now_boottime_ms() + ANSWER_KEPT_MS;
	rec = journal_begin("snapshot-request", r->vm->name, r->answer.id);
	record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_str(rec, "key", r->token.key);
	if (r->v1)
		record_str(rec, "auth", "v1");
	record_i64(rec, "expires", r->token.expires);
	record_u64(rec, "intent", r->seq);
	record_str(rec, "asker", request_asker(r));
	if (r->kept)
		record_str(rec, "record", "full");
	if (r->answer.has_log) {
		record_u64(rec, "result", r->answer.log_seq);
		record_hex(rec, "result_hash", r->answer.log_hash, SHA256_LEN);
		record_i64(rec, "until", until_ms / 1000);
		record_answer(rec, r, NULL);
	}
	end(count);
}

static void
add_cancel(const struct vm *vm, const struct cancel *c, unsigned *count)
{
	struct record *rec;

	rec = journal_begin("snapshot-cancel", vm->name, NULL);
	record_hex(rec, "name", c->name, sizeof(c->name));
	record_i64(rec, "expires", c->expires);
	record_i64(rec, "until", c->until_ms / 1000);
	end(count);
}

void
snapshot_write(void)
{
	unsigned vm_count = 0, key_count = 0, memory_count = 0;
	unsigned request_count = 0, cancel_count = 0, i, n;
	int order[MEMORY_KEYS];
	const struct cancel *c;
	const struct request *r;
	const struct vm *vm;
	const struct share *s = NULL;
	struct record *rec;

	n = memory_keys(order);
	for (i = 0; i < n; i++)
		add_key(order[i], &key_count);
	add_memory(&memory_count);
	prune_snapshot();
	while ((s = share_next(s)) != NULL)
		add_share(s, &vm_count);
	for (vm = vms; vm < vms_end; vm++) {
		if (vm->name[0] == '\0')
			continue;
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->state != REQUEST_GONE &&
			    (r->seq != 0 || r->answer.has_log))
				add_request(r, &request_count);
		}
		for (c = vm->cancels; c < vm->cancels + CANCELS_MAX; c++) {
			if (c->expires != 0)
				add_cancel(vm, c, &cancel_count);
		}
	}
	rec = journal_begin("snapshot", NULL, NULL);
	record_u64(rec, "keys", key_count);
	record_u64(rec, "memory", memory_count);
	record_u64(rec, "vms", vm_count);
	record_u64(rec, "requests", request_count);
	record_u64(rec, "cancels", cancel_count);
	if (memory_fallen() != INT64_MIN)
		record_i64(rec, "fallen", memory_fallen());
	if (memory_v1_floor() != INT64_MIN)
		record_i64(rec, "v1_floor", memory_v1_floor());
	journal_end_quietly();
}
