#include "verifier/memory.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"

#define BUCKETS (1u << 18)
#define NONE	0		     /* so a table of it needs no writing */
#define NUMBERS (MEMORY_ENTRIES + 1) /* an entry's is 1 or more */

_Static_assert(sizeof(struct memory_entry) == 32, "an entry has 32 bytes");

/* What the running process needs beside an entry; no snapshot holds it. */
struct link {
	uint32_t next; /* in its bucket, or in the free list */
	uint16_t key;
	bool used : 1, pinned : 1, recorded : 1;
};

struct key {
	char fingerprint[FINGERPRINT_HEX + 1]; /* "" : free */
	int64_t known_since, floor;
	uint64_t last_served; /* a counter: who falls out first */
	uint32_t count, pinned;
	bool served;
	int vm; /* whose it is, if served */
};

static struct memory_entry *entries;
static struct link *links;
static uint32_t *buckets;
static struct key keys[MEMORY_KEYS];
static uint32_t used[MEMORY_PLACES]; /* by all keys that serve a VM */
static uint32_t free_list;
static uint32_t fresh = 1; /* from here on no page was ever written */
static uint64_t clock_of_serving;
static int64_t fallen; /* the floor of every key that is not remembered */
static int64_t v1_floor;

void
memory_clear(void)
{
	memset(links, 0, fresh * sizeof(*links));
	if (fresh > 1)
		memset(buckets, 0, BUCKETS * sizeof(*buckets));
	free_list = NONE;
	fresh = 1;
	memset(keys, 0, sizeof(keys));
	memset(used, 0, sizeof(used));
	fallen = v1_floor = INT64_MIN;
}

int
memory_init(void)
{
	entries = calloc(NUMBERS, sizeof(*entries));
	links = calloc(NUMBERS, sizeof(*links));
	buckets = calloc(BUCKETS, sizeof(*buckets));
	if (entries == NULL || links == NULL || buckets == NULL)
		return (-1);
	memory_clear();
	return (0);
}

/*
 * A VM that looks for ids which share a bucket makes only its own ids slow:
 * another's meet that bucket once in 2^18.
 */
static uint32_t
bucket_of(const uint8_t id[16])
{
	uint32_t v;

	memcpy(&v, id, sizeof(v));
	return (v & (BUCKETS - 1));
}

static void
id_hash(int key, const char *id, uint8_t out[16])
{
	struct sha256 ctx;
	uint8_t digest[SHA256_LEN];

	sha256_init(&ctx);
	sha256_update(&ctx, keys[key].fingerprint, FINGERPRINT_HEX);
	sha256_update(&ctx, "\n", 1);
	sha256_update(&ctx, id, strlen(id));
	sha256_final(&ctx, digest);
	memcpy(out, digest, 16);
}

static void
count(int key, uint32_t more)
{
	keys[key].count += more;
	if (keys[key].served)
		used[keys[key].vm] += more;
}

static void
forget(uint32_t n)
{
	uint32_t *p;

	for (p = &buckets[bucket_of(entries[n].id)]; *p != n;
	     p = &links[*p].next)
		continue;
	*p = links[n].next;
	count(links[n].key, -1u);
	memset(&entries[n], 0, sizeof(entries[n]));
	memset(&links[n], 0, sizeof(links[n]));
	links[n].next = free_list;
	free_list = n;
}

static void
forget_entries(int key)
{
	uint32_t n;

	for (n = 1; n < fresh; n++) {
		if (!links[n].used || links[n].key != key)
			continue;
		memory_raise_floor(key, entries[n].expires);
		forget(n);
	}
}

static void
forget_key(int key)
{
	forget_entries(key);
	memory_raise_fallen(keys[key].floor);
	memset(&keys[key], 0, sizeof(keys[key]));
}

/*
 * Of the keys that nobody needs now, and that have entries or have none, the
 * one that was served longest ago.
 */
static int
oldest_unserved(bool with_entries)
{
	int i, best = -1;

	for (i = 0; i < MEMORY_KEYS; i++) {
		if (keys[i].served || keys[i].pinned > 0 ||
		    keys[i].fingerprint[0] == '\0' ||
		    (keys[i].count > 0) != with_entries)
			continue;
		if (best == -1 || keys[i].last_served < keys[best].last_served)
			best = i;
	}
	return (best);
}

static uint32_t
common_used(void)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < MEMORY_KEYS; i++) {
		if (!keys[i].served)
			sum += keys[i].count;
	}
	for (i = 0; i < MEMORY_PLACES; i++) {
		if (used[i] > MEMORY_OWN)
			sum += used[i] - MEMORY_OWN;
	}
	return (sum);
}

int
memory_key_find(const char *fingerprint)
{
	int i;

	for (i = 0; i < MEMORY_KEYS; i++) {
		if (strcmp(keys[i].fingerprint, fingerprint) == 0)
			return (i);
	}
	return (-1);
}

int
memory_key_add(const char *fingerprint, int64_t known_since)
{
	int i;

	i = memory_key_find("");
	if (i == -1) {
		i = oldest_unserved(false);
		if (i == -1)
			i = oldest_unserved(true);
		if (i == -1)
			return (-1);
		forget_key(i);
	}
	memcpy(keys[i].fingerprint, fingerprint, FINGERPRINT_HEX);
	keys[i].known_since = known_since;
	keys[i].floor = fallen;
	keys[i].last_served = ++clock_of_serving;
	return (i);
}

void
memory_key_serve(int key, int vm)
{
	if (keys[key].served)
		used[keys[key].vm] -= keys[key].count;
	keys[key].served = vm != -1;
	keys[key].vm = vm;
	if (keys[key].served)
		used[vm] += keys[key].count;
	keys[key].last_served = ++clock_of_serving;
}

void
memory_trim(void)
{
	int oldest;

	while (common_used() > MEMORY_COMMON) {
		oldest = oldest_unserved(true);
		if (oldest == -1)
			break;
		forget_entries(oldest);
	}
}

int64_t
memory_known_since(int key)
{
	return (keys[key].known_since);
}

void
memory_know_since(int64_t since)
{
	int i;

	for (i = 0; i < MEMORY_KEYS; i++) {
		if (keys[i].known_since < since)
			keys[i].known_since = since;
	}
}

int64_t
memory_floor(int key)
{
	return (keys[key].floor);
}

void
memory_raise_floor(int key, int64_t floor)
{
	if (keys[key].floor < floor)
		keys[key].floor = floor;
}

int64_t
memory_fallen(void)
{
	return (fallen);
}

void
memory_raise_fallen(int64_t floor)
{
	if (fallen < floor)
		fallen = floor;
}

int64_t
memory_v1_floor(void)
{
	return (v1_floor);
}

void
memory_raise_v1_floor(int64_t floor)
{
	if (v1_floor < floor)
		v1_floor = floor;
}

const char *
memory_fingerprint(int key)
{
	return (keys[key].fingerprint);
}

static int
earlier_served(const void *a, const void *b)
{
	uint64_t x = keys[*(const int *)a].last_served;
	uint64_t y = keys[*(const int *)b].last_served;

	return (x < y ? -1 : x > y);
}

unsigned
memory_keys(int order[MEMORY_KEYS])
{
	unsigned count = 0;
	int i;

	for (i = 0; i < MEMORY_KEYS; i++) {
		if (keys[i].fingerprint[0] != '\0')
			order[count++] = i;
	}
	qsort(order, count, sizeof(*order), earlier_served);
	return (count);
}

static bool
full(void)
{
	return (free_list == NONE && fresh == NUMBERS);
}

bool
memory_room(int key)
{
	const struct key *k = &keys[key];
	uint32_t own = k->served ? used[k->vm] : k->count;

	if (full() || own >= MEMORY_PER_VM)
		return (false);
	return (own < MEMORY_OWN || common_used() < MEMORY_COMMON);
}

int
memory_find(int key, const char *id)
{
	uint8_t hash[16];
	uint32_t n;

	id_hash(key, id, hash);
	for (n = buckets[bucket_of(hash)]; n != NONE; n = links[n].next) {
		if (memcmp(entries[n].id, hash, sizeof(hash)) == 0)
			return ((int)n);
	}
	return (-1);
}

bool
memory_same_token(int entry, const uint8_t sha256_of[32])
{
	return (memcmp(entries[entry].token, sha256_of,
		    sizeof(entries[entry].token)) == 0);
}

/* A free entry becomes this one. */
static uint32_t
insert(int key, const struct memory_entry *e)
{
	uint32_t n = free_list, b = bucket_of(e->id);

	if (n == NONE)
		n = fresh++;
	else
		free_list = links[n].next;
	entries[n] = *e;
	links[n] = (struct link){.next = buckets[b],
	    .key = (uint16_t)key,
	    .used = true};
	buckets[b] = n;
	count(key, 1);
	return (n);
}

int
memory_add(int key, const char *id, const uint8_t sha256_of[32],
    int64_t expires, int64_t until_boot)
{
	if (!memory_room(key))
		return (-1);
	return (memory_put(key, id, sha256_of, expires, until_boot));
}

int
memory_put(int key, const char *id, const uint8_t sha256_of[32],
    int64_t expires, int64_t until_boot)
{
	struct memory_entry e = {.expires = (uint32_t)expires,
	    .until = (uint32_t)until_boot};
	uint32_t n;

	if (full())
		return (-1);
	id_hash(key, id, e.id);
	memcpy(e.token, sha256_of, sizeof(e.token));
	n = insert(key, &e);
	memory_pin((int)n);
	return ((int)n);
}

void
memory_pin(int entry)
{
	if (!links[entry].pinned)
		keys[links[entry].key].pinned++;
	links[entry].pinned = true;
}

void
memory_unpin(int entry)
{
	if (links[entry].pinned)
		keys[links[entry].key].pinned--;
	links[entry].pinned = false;
}

void
memory_recorded(int entry)
{
	links[entry].recorded = true;
}

unsigned
memory_read(uint32_t *from, struct memory_entry *out, uint16_t *key)
{
	unsigned count = 0;

	for (; *from < fresh && count < MEMORY_CHUNK; (*from)++) {
		if (!links[*from].recorded)
			continue;
		key[count] = links[*from].key;
		out[count++] = entries[*from];
	}
	return (count);
}

int
memory_restore(int key, const struct memory_entry *e)
{
	uint32_t n;

	for (n = buckets[bucket_of(e->id)]; n != NONE; n = links[n].next) {
		if (memcmp(entries[n].id, e->id, sizeof(e->id)) == 0)
			return (0);
	}
	if (full())
		return (-1);
	links[insert(key, e)].recorded = true;
	return (0);
}

void
memory_sweep(int64_t now, int64_t now_boot)
{
	uint32_t n;

	for (n = 1; n < fresh; n++) {
		if (!links[n].used || links[n].pinned)
			continue;
		if ((int64_t)entries[n].expires + MEMORY_KEEP >= now ||
		    (int64_t)entries[n].until >= now_boot)
			continue;
		memory_raise_floor(links[n].key, entries[n].expires);
		forget(n);
	}
}
