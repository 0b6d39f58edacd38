#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>

/*
 * What waits for a person in dom0.  It is in its VM's share as what waits for
 * its turn is, and ends as that does; nothing of it outlives a restart, after
 * which it is looked at anew.
 */

/* For who answers too late: the newest that wait for a person no more. */
#define OVERS_MAX 256
static struct over {
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1];
	uint8_t request[SHA256_LEN];
	char how[REASON_MAX + 1];
} overs[OVERS_MAX];
static unsigned newest; /* of them */

static const uint8_t none[SHA256_LEN];

void
ask(struct request *r)
{
	r->approved = 0;
	if (record_asked(r))
		r->state = REQUEST_ASKED;
	else
		request_refuse(r, RECEIPT_REJECTED,
		    "dom0's log has no room: nothing runs");
}

const char *
ask_user(const struct request *r)
{
	const char *user = r->vm->policy->user;

	return (user[0] == '\0' ? "root" : user);
}

bool
ask_is_approved(struct request *r)
{
	if (r->approved != 0 && strcmp(r->approved_user, ask_user(r)) == 0 &&
	    r->approved_timeout == decide_timeout(r))
		return (true);
	/* That may end before its turn comes: it has no terms of its own. */
	r->approved_user[0] = '\0';
	r->approved = approval_of(r);
	return (r->approved != 0);
}

void
ask_over(const struct request *r, const char *how)
{
	struct over *o;

	newest = (newest + 1) % OVERS_MAX;
	o = &overs[newest];
	memcpy(o->vm, r->vm->name, sizeof(o->vm));
	memcpy(o->id, r->answer.id, sizeof(o->id));
	memcpy(o->request, r->answer.request, sizeof(o->request));
	snprintf(o->how, sizeof(o->how), "%s", how);
}

void
ask_again(struct vm *vm)
{
	struct request *r;
	const char *why;

	if (vm->policy->mode != POLICY_ASK)
		(void)approval_revoke(vm->name, NULL);
	TAILQ_FOREACH (r, &vm->requests, entry) {
		if (r->state != REQUEST_ASKED)
			continue;
		switch (decide(r, &why)) {
		case VERDICT_DENY:
			request_refuse(r, RECEIPT_DENIED, why);
			break;
		case VERDICT_ASK:
			break;
		case VERDICT_RUN:
			ask_over(r,
			    "its VM has another policy, which allows it");
			r->state = REQUEST_WAITING;
			break;
		}
	}
}

/* By what names it, "" and none: any. */
static bool
is_meant(const char *vm, const char *id, const uint8_t request[SHA256_LEN],
    const struct msg_show *s)
{
	return ((s->vm[0] == '\0' || strcmp(s->vm, vm) == 0) &&
	    strcmp(s->id, id) == 0 &&
	    (memcmp(s->request, none, sizeof(none)) == 0 ||
		memcmp(s->request, request, sizeof(none)) == 0));
}

/* Its time may be over in this turn. */
static struct request *
find(const struct msg_show *s)
{
	int64_t now_ms = now_boottime_ms();
	struct request *r;
	struct vm *vm;

	for (vm = vms; vm < vms_end; vm++) {
		TAILQ_FOREACH (r, &vm->requests, entry) {
			if (r->state == REQUEST_ASKED &&
			    r->deadline_ms > now_ms &&
			    is_meant(vm->name, r->answer.id, r->answer.request,
				s))
				return (r);
		}
	}
	return (NULL);
}

static void
say_over(const struct msg_show *s, struct msg_answered *out)
{
	const struct over *o;
	unsigned i;

	memset(out, 0, sizeof(*out));
	out->outcome = OUTCOME_OVER;
	for (i = 0; i < OVERS_MAX; i++) {
		o = &overs[(newest + OVERS_MAX - i) % OVERS_MAX];
		if (!is_meant(o->vm, o->id, o->request, s))
			continue;
		snprintf(out->text, sizeof(out->text), "%s", o->how);
		return;
	}
}

bool
ask_show(const struct msg_show *s, struct msg_shown *out, int fd[2],
    struct msg_answered *instead)
{
	const struct request *r = find(s);
	const struct policy *p;

	if (r == NULL) {
		say_over(s, instead);
		return (false);
	}
	p = r->vm->policy;
	*out = (struct msg_shown){.body_len = r->token.body_len,
	    .input_len = r->token.input_len,
	    .has_input = r->token.has_input,
	    .seconds = (uint64_t)(r->deadline_ms - now_boottime_ms()) / 1000,
	    .memory = p->memory,
	    .file_size = p->file_size,
	    .output_limit = p->output_limit,
	    .timeout = decide_timeout(r),
	    .tasks = p->tasks,
	    .files = p->files,
	    .nice = p->nice};
	memcpy(out->vm, r->vm->name, sizeof(r->vm->name));
	memcpy(out->id, r->answer.id, sizeof(r->answer.id));
	memcpy(out->key, r->token.key, sizeof(r->token.key));
	snprintf(out->user, sizeof(out->user), "%s", ask_user(r));
	memcpy(out->note, r->token.note, sizeof(r->token.note));
	memcpy(out->request, r->answer.request, SHA256_LEN);
	memcpy(out->body_sha256, r->token.body_sha256, SHA256_LEN);
	memcpy(out->input_sha256, r->token.input_sha256, SHA256_LEN);
	fd[0] = r->body_fd;
	fd[1] = r->input_fd;
	return (true);
}

/* Nothing is done where it cannot be recorded: it waits on. */
static enum answered
deny(struct request *r, const struct msg_answer *a)
{
	char reason[REASON_MAX + 1];

	if (record_person(r, "denied", a) == 0)
		return (OUTCOME_NO_ROOM);
	snprintf(reason, sizeof(reason), "denied by a person in dom0: %s",
	    a->who);
	request_refuse(r, RECEIPT_DENIED, reason);
	return (OUTCOME_DONE);
}

/* The record of it comes before that of its intent, both with one commit. */
static enum answered
approve(struct request *r, const struct msg_answer *a)
{
	enum answered why = OUTCOME_NO_ROOM;
	char how[REASON_MAX + 1];
	uint64_t seq;

	if (memcmp(a->body_sha256, r->token.body_sha256, SHA256_LEN) != 0 ||
	    strcmp(a->user, ask_user(r)) != 0 ||
	    a->timeout != decide_timeout(r))
		return (OUTCOME_CHANGED);
	seq = a->answer == ANSWER_ALWAYS ? approval_add(r, a, &why)
					 : record_person(r, "approved", a);
	if (seq == 0)
		return (why);
	r->approved = seq;
	memcpy(r->approved_user, a->user, sizeof(r->approved_user));
	r->approved_timeout = (uint32_t)a->timeout;
	snprintf(how, sizeof(how), "approved by a person in dom0: %s", a->who);
	ask_over(r, how);
	r->state = REQUEST_WAITING;
	if (a->answer == ANSWER_ALWAYS)
		ask_again(r->vm);
	return (OUTCOME_DONE);
}

void
ask_answer(const struct msg_answer *a, struct msg_answered *out)
{
	struct msg_show s;
	struct request *r;

	memcpy(s.vm, a->vm, sizeof(s.vm));
	memcpy(s.id, a->id, sizeof(s.id));
	memcpy(s.request, a->request, sizeof(s.request));
	r = memcmp(a->request, none, sizeof(none)) == 0 ? NULL : find(&s);
	if (r == NULL) {
		say_over(&s, out);
		return;
	}
	memset(out, 0, sizeof(*out));
	out->outcome = a->answer == ANSWER_DENY ? deny(r, a) : approve(r, a);
}
