#include "verifier/verifier.h"

#include <sys/mman.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * The keys of each VM: one, the next one of a rotation, and one that goes and
 * still signs the answers to what it has asked.  They live in locked memory
 * that no core or swap holds, and only as what is derived from them.
 */

static struct locked {
	struct vm_key keys[VM_KEYS];
	struct derived_keys coming[KEYS_COMING];
} * locked;
_Static_assert(sizeof(vms) / sizeof(vms[0]) <= MEMORY_PLACES,
    "each VM has a number");
#define LOCKED_SIZE (VM_TABLE * sizeof(*locked))

void
keys_init(void)
{
	size_t i;

	locked = mmap(NULL, LOCKED_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (locked == MAP_FAILED || mlock(locked, LOCKED_SIZE) == -1 ||
	    madvise(locked, LOCKED_SIZE, MADV_DONTDUMP) == -1)
		fatal("memory for the keys");
	for (i = 0; i < VM_TABLE; i++) {
		vms[i].keys = locked[i].keys;
		vms[i].coming = locked[i].coming;
	}
}

void
keys_forget(struct vm *vm)
{
	explicit_bzero(vm->keys, VM_KEYS * sizeof(*vm->keys));
	keys_forget_coming(vm);
}

void
keys_forget_coming(struct vm *vm)
{
	explicit_bzero(vm->coming, KEYS_COMING * sizeof(*vm->coming));
	vm->coming_ok[0] = vm->coming_ok[1] = false;
}

struct vm_key *
keys_find(const struct vm *vm, const char *fingerprint)
{
	struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (k->use != KEY_FREE &&
		    strcmp(k->derived.fingerprint, fingerprint) == 0)
			return (k);
	}
	return (NULL);
}

bool
keys_accept(const struct vm *vm, const char *fingerprint)
{
	const struct vm_key *k = keys_find(vm, fingerprint);

	return (k != NULL && k->use != KEY_LEAVING);
}

const struct vm_key *
keys_of(const struct vm *vm, enum key_use use)
{
	const struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (k->use == use)
			return (k);
	}
	return (NULL);
}

int
keys_memory(const struct vm_key *k)
{
	return (k->use == KEY_LEAVING ? memory_key_find(k->derived.fingerprint)
				      : k->memory);
}

/* What a reload brings. */

static const char *
parse(const char *text, size_t len, struct derived_keys *derived)
{
	uint8_t key[KEY_LEN];
	const char *why = NULL;

	if (key_parse(text, len, key) == -1)
		why = "is not 64 hex digits";
	else if (key_is_weak(key))
		why = "is weak";
	else {
		derive_keys(key, derived);
		v1_key_set(derived, text);
	}
	explicit_bzero(key, sizeof(key));
	return (why);
}

/* Without the next one a VM is served as before; without its own it is not. */
static void __attribute__((format(printf, 3, 4)))
refuse(struct vm *vm, size_t which, const char *fmt, ...)
{
	char text[REASON_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm->coming_ok[which] = false;
	if (which == 0)
		memcpy(vm->why, text, sizeof(vm->why));
	else
		log_warn("VM %s: its next key is not taken: %s", vm->name,
		    text);
}

void
keys_read(struct vm *vm, size_t which, int fd)
{
	const char *why, *name = which == 0 ? "its key" : "it";
	char text[80];
	ssize_t n;

	n = pread(fd, text, sizeof(text), 0);
	if (n == -1)
		refuse(vm, which, "%s: %s", name, strerror(errno));
	else if ((why = parse(text, (size_t)n, &vm->coming[which])) != NULL)
		refuse(vm, which, "%s %s", name, why);
	else
		vm->coming_ok[which] = true;
	explicit_bzero(text, sizeof(text));
}

static bool
same(const struct vm *a, size_t i, const struct vm *b, size_t j)
{
	return (a->coming[i].fingerprint[0] != '\0' &&
	    b->coming[j].fingerprint[0] != '\0' &&
	    memcmp(a->coming[i].request, b->coming[j].request, SHA256_LEN) ==
		0);
}

static void
refuse_same(struct vm *a, struct vm *b)
{
	size_t i, j;

	for (i = 0; i < KEYS_COMING; i++) {
		for (j = 0; j < KEYS_COMING; j++) {
			if (!same(a, i, b, j))
				continue;
			refuse(a, i, "VM %s has the same key", b->name);
			refuse(b, j, "VM %s has the same key", a->name);
		}
	}
}

void
keys_refuse_duplicates(void)
{
	struct vm *a, *b;

	for (a = vms; a < vms_end; a++) {
		if (!a->next_named)
			continue;
		if (same(a, 0, a, 1))
			refuse(a, 1, "it is the key that it has");
		for (b = a + 1; b < vms_end; b++) {
			if (b->next_named)
				refuse_same(a, b);
		}
	}
}

/* How keys go. */

/* What has not started is refused at once, and what runs is killed. */
static void
end_requests(struct vm *vm, const struct vm_key *k, bool drain, const char *why)
{
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (strcmp(r->token.key, k->derived.fingerprint) != 0)
			continue;
		if (request_waits(r))
			request_refuse(r, RECEIPT_REJECTED, why);
		else if (!drain)
			request_cancel(r, why);
	}
}

static void
wipe(struct vm_key *k)
{
	explicit_bzero(k, sizeof(*k));
}

static void
go(struct vm *vm, struct vm_key *k, bool drain, const char *why)
{
	if (k->use == KEY_FREE || (k->use == KEY_LEAVING && drain))
		return;
	if (k->use != KEY_LEAVING)
		memory_key_serve(k->memory, -1);
	end_requests(vm, k, drain, why);
	if (drain)
		k->use = KEY_LEAVING;
	else
		wipe(k);
}

void
keys_go(struct vm *vm, bool drain, const char *why)
{
	struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++)
		go(vm, k, drain, why);
}

static bool
is_coming(const struct vm *vm, const struct vm_key *k)
{
	size_t i;

	for (i = 0; i < KEYS_COMING; i++) {
		if (vm->coming_ok[i] &&
		    strcmp(vm->coming[i].fingerprint, k->derived.fingerprint) ==
			0)
			return (true);
	}
	return (false);
}

bool
keys_go_on(const struct vm *vm)
{
	return (vm->coming_ok[0] && keys_accept(vm, vm->coming[0].fingerprint));
}

/* Where the next one takes over, what the old one has begun goes on. */
void
keys_drop(struct vm *vm)
{
	const struct vm_key *heir = keys_find(vm, vm->coming[0].fingerprint);
	bool finished = heir != NULL && heir->use == KEY_NEXT;
	struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if ((k->use == KEY_CURRENT || k->use == KEY_NEXT) &&
		    !is_coming(vm, k))
			go(vm, k, finished && k->use == KEY_CURRENT,
			    KEY_REVOKED);
	}
}

/* How keys come. */

/*
 * A key that the log does not know is known from this second on: what it
 * signed before is refused.  Where records are missing, it may have signed for
 * a time that lies ahead, and that may have run.
 */
static int
key_index(const char *fingerprint, struct vm *vm)
{
	int64_t since = config_known_since();
	uint8_t hash[SHA256_LEN];
	struct record *rec;
	int key;

	key = memory_key_find(fingerprint);
	if (key != -1)
		return (key);
	if (!journal_room(JOURNAL_RESULT))
		return (-1);
	key = memory_key_add(fingerprint, since);
	if (key == -1)
		return (-1);
	rec = journal_begin("key", vm->name, NULL);
	record_str(rec, "fingerprint", fingerprint);
	record_i64(rec, "known_since", since);
	record_end_of(vm->name, hash);
	return (key);
}

/* Its new VM may be told what it is owed; no other signs with it. */
static void
go_elsewhere(const struct vm *vm, const char *fingerprint)
{
	struct vm_key *k;
	struct vm *other;

	for (other = vms; other < vms_end; other++) {
		k = other == vm ? NULL : keys_find(other, fingerprint);
		if (k != NULL)
			go(other, k, false, KEY_REVOKED);
	}
}

/* Of three, at most two are of use: one that goes makes room. */
static struct vm_key *
place(struct vm *vm)
{
	struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (k->use == KEY_FREE)
			return (k);
	}
	for (k = vm->keys; k->use != KEY_LEAVING; k++)
		continue;
	go(vm, k, false, KEY_REVOKED);
	return (k);
}

static int
take(struct vm *vm, const struct derived_keys *derived, enum key_use use)
{
	struct vm_key *k = keys_find(vm, derived->fingerprint);
	int memory;

	if (k == NULL || k->use == KEY_LEAVING) {
		memory = key_index(derived->fingerprint, vm);
		if (memory == -1)
			return (-1);
		go_elsewhere(vm, derived->fingerprint);
		if (k == NULL)
			k = place(vm);
		k->derived = *derived;
		k->v1 = false;
		k->memory = memory;
		memory_key_serve(memory, (int)(vm - vms));
	}
	k->use = use;
	return (0);
}

int
keys_take(struct vm *vm)
{
	if (take(vm, &vm->coming[0], KEY_CURRENT) == -1) {
		snprintf(vm->why, sizeof(vm->why),
		    "its key cannot be recorded: the log or the table of keys "
		    "is full");
		return (-1);
	}
	if (vm->coming_ok[1] && take(vm, &vm->coming[1], KEY_NEXT) == -1)
		refuse(vm, 1, "the log or the table of keys is full");
	v1_keys_keep(vm);
	return (0);
}

static bool
owes(const struct vm *vm, const struct vm_key *k)
{
	const struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state != REQUEST_GONE &&
		    strcmp(r->token.key, k->derived.fingerprint) == 0)
			return (true);
	}
	return (false);
}

void
keys_tidy(struct vm *vm)
{
	struct vm_key *k;

	for (k = vm->keys; k < vm->keys + VM_KEYS; k++) {
		if (k->use == KEY_LEAVING && !owes(vm, k))
			wipe(k);
	}
}
