#include "verifier/verifier.h"

#include <string.h>

#include "verifier/journal.h"

/* What dom0 asks about requests, and does to them, through the control socket. */

static bool
is_meant(const struct vm *vm, const char *name)
{
	return (vm->name[0] != '\0' &&
	    (name[0] == '\0' || strcmp(vm->name, name) == 0));
}

static bool
is_over(const struct request *r)
{
	return (r->state == REQUEST_ANSWERED || r->state == REQUEST_FINISHED ||
	    r->state == REQUEST_GONE);
}

/* An id is the VM's choice, and each of its keys has its own. */
static unsigned
count_id(const struct vm *vm, const char *id)
{
	const struct request *r;
	unsigned n = 0;

	TAILQ_FOREACH (r, &vm->requests, entry)
		n += !is_over(r) && strcmp(r->answer.id, id) == 0;
	return (n);
}

/* By the name that its other records have. */
static void
record_kill(const struct request *r, const char *who, const char *tty)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (!journal_room(JOURNAL_RESULT))
		return;
	rec = journal_begin("kill", request_asker(r), r->answer.id);
	record_hex(rec, "request", r->answer.request, SHA256_LEN);
	record_str(rec, "who", who);
	record_str(rec, "tty", tty);
	record_end_of(request_asker(r), hash);
	copy_person(request_asker(r), r->answer.id, "kill", who);
}

static void
kill_id(struct vm *vm, const struct msg_kill *k)
{
	struct request *r;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (is_over(r) || strcmp(r->answer.id, k->which.id) != 0)
			continue;
		record_kill(r, k->who, k->tty);
		(void)request_cancel(r, "killed in dom0");
	}
}

static void
add_count(struct msg_count *c, const struct vm *vm, unsigned n)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->vm, vm->name, sizeof(vm->name));
	c->n = n;
}

unsigned
queue_kill(const struct msg_kill *k, struct msg_count *counts)
{
	unsigned n, count = 0;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (is_meant(vm, k->which.vm) &&
		    (n = count_id(vm, k->which.id)) > 0)
			add_count(&counts[count++], vm, n);
	}
	if (count != 1)
		return (count);
	kill_id(vm_find(counts[0].vm), k);
	counts[0].done = 1;
	return (1);
}

static unsigned
clean(struct vm *vm, const struct msg_person *p)
{
	struct request *r;
	unsigned n = 0;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (!request_waits(r))
			continue;
		record_kill(r, p->who, p->tty);
		request_refuse(r, RECEIPT_REJECTED,
		    "taken out of the queue in dom0");
		n++;
	}
	return (n);
}

unsigned
queue_clean(const struct msg_person *p, struct msg_count *counts)
{
	unsigned n, count = 0;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		if (!is_meant(vm, p->vm) || (n = clean(vm, p)) == 0)
			continue;
		add_count(&counts[count], vm, n);
		counts[count++].done = 1;
	}
	return (count);
}

static void
set_row(struct msg_row *row, const struct request *r)
{
	int64_t now = now_boottime_ms(), ms;

	memset(row, 0, sizeof(*row));
	memcpy(row->vm, r->vm->name, sizeof(r->vm->name));
	memcpy(row->id, r->answer.id, sizeof(r->answer.id));
	memcpy(row->key, r->token.key, sizeof(r->token.key));
	memcpy(row->digest, r->answer.request, sizeof(row->digest));
	row->number = r->serial;
	if (request_waits(r)) {
		row->state = r->state == REQUEST_ASKED ? ROW_ASKED : ROW_WAITS;
		ms = r->deadline_ms - now;
	} else if (is_over(r)) {
		row->state = ROW_OWED;
		ms = r->state == REQUEST_FINISHED ? r->deadline_ms - now
						  : ANSWER_KEPT_MS;
	} else {
		row->state = r->cancelled ? ROW_ENDS : ROW_RUNS;
		ms = r->started_ms == 0 ? 0 : now - r->started_ms;
	}
	row->seconds = ms > 0 ? (uint64_t)ms / 1000 : 0;
}

/* Serial numbers outlive what comes and goes between two rows. */
static const struct request *
after(const struct vm *vm, uint32_t serial)
{
	const struct request *r, *first = NULL;

	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state != REQUEST_GONE && r->serial > serial &&
		    (first == NULL || r->serial < first->serial))
			first = r;
	}
	return (first);
}

bool
queue_row(const char *name, struct queue_place *at, struct msg_row *row)
{
	const struct request *r;

	for (; &vms[at->vm] < vms_end; at->vm++, at->serial = 0) {
		if (!is_meant(&vms[at->vm], name))
			continue;
		r = after(&vms[at->vm], at->serial);
		if (r == NULL)
			continue;
		set_row(row, r);
		at->next_serial = r->serial;
		return (true);
	}
	return (approval_row(name, at->approval, row));
}
