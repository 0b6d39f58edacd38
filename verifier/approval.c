#include "verifier/verifier.h"

#include <string.h>

/*
 * Commands that a person has allowed for some time: this VM, with this key, as
 * this user, for no longer than was shown, without input.  Kept here only: a
 * restart forgets them.
 */

#define APPROVALS_MAX 64

static struct approval {
	uint64_t seq; /* its record; 0: free */
	char vm[VM_NAME_MAX + 1], user[VM_NAME_MAX + 1];
	char key[FINGERPRINT_HEX + 1];
	uint8_t body_sha256[SHA256_LEN];
	uint64_t timeout;
	int64_t until_ms; /* boottime */
} approvals[APPROVALS_MAX];

static bool
in_force(const struct approval *a)
{
	return (a->seq != 0 && a->until_ms > now_boottime_ms());
}

static bool
covers(const struct approval *a, const struct request *r)
{
	return (in_force(a) && !r->token.has_input &&
	    strcmp(a->vm, r->vm->name) == 0 &&
	    strcmp(a->key, r->token.key) == 0 &&
	    memcmp(a->body_sha256, r->token.body_sha256, SHA256_LEN) == 0 &&
	    strcmp(a->user, ask_user(r)) == 0 &&
	    a->timeout >= decide_timeout(r));
}

uint64_t
approval_of(const struct request *r)
{
	const struct approval *a;

	for (a = approvals; a < approvals + APPROVALS_MAX; a++) {
		if (covers(a, r))
			return (a->seq);
	}
	return (0);
}

uint64_t
approval_add(const struct request *r, const struct msg_answer *answer,
    enum answered *why)
{
	struct approval *a = approvals;

	*why = OUTCOME_NO_PLACE;
	while (a < approvals + APPROVALS_MAX && in_force(a))
		a++;
	if (a == approvals + APPROVALS_MAX || r->token.has_input)
		return (0);
	*why = OUTCOME_NO_ROOM;
	a->seq = record_person(r, "approval", answer);
	if (a->seq == 0)
		return (0);
	memcpy(a->vm, r->vm->name, sizeof(a->vm));
	memcpy(a->user, answer->user, sizeof(a->user));
	memcpy(a->key, r->token.key, sizeof(a->key));
	memcpy(a->body_sha256, r->token.body_sha256, SHA256_LEN);
	a->timeout = answer->timeout;
	a->until_ms = now_boottime_ms() + (int64_t)answer->minutes * 60 * 1000;
	return (a->seq);
}

unsigned
approval_revoke(const char *vm, const struct msg_person *person)
{
	struct approval *a;
	unsigned n = 0;

	for (a = approvals; a < approvals + APPROVALS_MAX; a++) {
		if (strcmp(a->vm, vm) != 0)
			continue;
		n += in_force(a);
		memset(a, 0, sizeof(*a));
	}
	if (person != NULL && n > 0)
		record_approval_revoke(person, n);
	return (n);
}

bool
approval_row(const char *vm, unsigned n, struct msg_row *row)
{
	const struct approval *a;

	for (a = approvals; a < approvals + APPROVALS_MAX; a++) {
		if (!in_force(a) || (vm[0] != '\0' && strcmp(a->vm, vm) != 0) ||
		    n-- > 0)
			continue;
		memset(row, 0, sizeof(*row));
		row->state = ROW_APPROVAL;
		memcpy(row->vm, a->vm, sizeof(a->vm));
		memcpy(row->key, a->key, sizeof(a->key));
		memcpy(row->digest, a->body_sha256, SHA256_LEN);
		row->seconds =
		    (uint64_t)(a->until_ms - now_boottime_ms()) / 1000;
		return (true);
	}
	return (false);
}
