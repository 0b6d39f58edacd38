#include "verifier/verifier.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "privsep/log.h"

/*
 * What a VM's policy says of a request: asked when it comes, and again when
 * its turn comes, for the policy may be another by then.
 */

#define HIDDEN "its policy does not allow it"

uint32_t
decide_timeout(const struct request *r)
{
	uint64_t most = r->vm->policy->timeout;

	return ((uint32_t)(r->token.timeout == TOKEN_TIMEOUT_POLICY
		? most
		: (uint64_t)r->token.timeout));
}

/* What the VM is told of a reason. */
static const char *
told(struct request *r, const char *reason)
{
	if (!r->vm->policy->hide)
		return (reason);
	snprintf(r->hidden, sizeof(r->hidden), "%s", reason);
	return (HIDDEN);
}

static enum verdict
decide_body(struct request *r, const char **why)
{
	static char body[POLICY_COMMAND_MAX + 1], words[POLICY_COMMAND_MAX + 1];
	static struct policy_decision d;
	const struct policy_env env = {.find = commands_find};
	const struct policy *p = r->vm->policy;
	ssize_t n = 0;

	/* More than may be is enough to see that it is more. */
	if ((p->mode == POLICY_ALLOW || p->mode == POLICY_ASK) &&
	    (n = pread(r->body_fd, body, sizeof(body), 0)) == -1)
		fatal("a body cannot be read");
	memset(&d, 0, sizeof(d));
	(void)policy_decide(p, &env, body, (size_t)n, r->input_fd != -1, words,
	    sizeof(words), &d);
	r->policy_line = d.line;
	memcpy(r->path, d.path, sizeof(r->path));
	*why = told(r, d.reason);
	if (d.run || (d.ask && ask_is_approved(r)))
		return (VERDICT_RUN);
	return (d.ask ? VERDICT_ASK : VERDICT_DENY);
}

/* What it asks for, beside its body. */
static const char *
over_limit(struct request *r)
{
	static char reason[REASON_MAX + 1];
	const struct policy *p = r->vm->policy;

	if (r->token.timeout != TOKEN_TIMEOUT_POLICY &&
	    (uint64_t)r->token.timeout > p->timeout) {
		snprintf(reason, sizeof(reason),
		    "time-out %d s: the policy allows at most %d s",
		    (int)r->token.timeout, (int)p->timeout);
		return (told(r, reason));
	}
	if (r->token.has_input && r->token.input_len > p->input_limit) {
		snprintf(reason, sizeof(reason),
		    "input of %llu bytes: the policy allows at most %llu",
		    (unsigned long long)r->token.input_len,
		    (unsigned long long)p->input_limit);
		return (told(r, reason));
	}
	return (NULL);
}

enum verdict
decide(struct request *r, const char **why)
{
	r->path[0] = r->hidden[0] = '\0';
	r->policy_line = 0;
	*why = over_limit(r);
	if (*why != NULL)
		r->verdict = VERDICT_DENY;
	else if (r->token.kind == TOKEN_PING)
		r->verdict = VERDICT_RUN;
	else
		r->verdict = decide_body(r, why);
	if (r->verdict != VERDICT_DENY)
		r->hidden[0] = '\0';
	return (r->verdict);
}

int
decide_describe(const struct request *r, char *text, size_t size)
{
	static char words[POLICY_DESCRIBE_MAX];
	const struct policy *p = r->vm->policy;
	const char *user = p->user[0] == '\0' ? "root" : p->user;

	if (r->token.kind == TOKEN_PING) {
		policy_describe(p, true, words);
		/* Whole, or its first line. */
		if (strlen(words) > size - 128)
			policy_describe(p, false, words);
		return (snprintf(text, size, "qvm-remote %s in dom0. VM %s: %s",
		    VERSION, r->vm->name, words));
	}
	if (p->hide)
		return (snprintf(text, size, "would %s\n",
		    r->verdict == VERDICT_ASK ? "ask" : "run"));
	if (r->verdict == VERDICT_ASK)
		return (snprintf(text, size,
		    "would ask a person in dom0: then in bash, as %s, for at "
		    "most %u s\n",
		    user, decide_timeout(r)));
	if (r->path[0] == '\0')
		return (snprintf(text, size,
		    "would run: mode shell: in bash, as %s, for at most %u s\n",
		    user, decide_timeout(r)));
	return (snprintf(text, size,
	    "would run: line %u of the policy: %s, without a shell, as %s, for "
	    "at most %u s\n",
	    r->policy_line, r->path, user, decide_timeout(r)));
}

int64_t
decide_rate(struct vm *vm, int64_t now_ms, bool take)
{
	const struct policy *p = vm->policy;
	int64_t one_us, full_us, now_us = now_ms * 1000;

	if (p->rate == 0)
		return (0);
	/* What it holds is time: that since when it was empty. */
	one_us = (int64_t)(p->rate_seconds * 1000000 / p->rate);
	full_us = now_us - (int64_t)p->rate_seconds * 1000000;
	if (!vm->bucket_known || vm->bucket_us < full_us)
		vm->bucket_us = full_us;
	vm->bucket_known = true;
	if (vm->bucket_us + one_us > now_us)
		return ((vm->bucket_us + one_us - now_us + 999) / 1000);
	if (take)
		vm->bucket_us += one_us;
	return (0);
}
