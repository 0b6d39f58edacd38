#include "client/patience.h"
#include "wire/limits.h"
#include "wire/token.h"

/* How long a result may be awaited when its session is gone. */
static int64_t
lost_ms(const struct patience *p)
{
	int32_t timeout = p->timeout;

	if (timeout == TOKEN_TIMEOUT_POLICY)
		timeout = TIMEOUT_DEFAULT;
	return ((int64_t)timeout * 1000 + GRACE_MS);
}

enum verdict
patience_judge(const struct patience *p, int64_t now)
{
	int64_t since = p->expires > p->alone ? p->expires : p->alone;

	/* Without a session nobody will answer a cancel. */
	if (p->cancelled != 0 &&
	    (!p->session || now >= p->cancelled + CANCEL_MS))
		return (GIVEN_UP);
	if (p->limit != 0 && now >= p->limit)
		return (p->taken ? UNKNOWN : NEVER_TAKEN);
	if (!p->taken)
		return (now < p->expires + GRACE_MS ? GO_ON : NEVER_TAKEN);
	if (!p->session && now >= since + lost_ms(p))
		return (UNKNOWN);
	return (GO_ON);
}
