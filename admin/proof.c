#include "admin/proof.h"

#include <inttypes.h>
#include <stdio.h>

#include "admin/seals.h"
#include "admin/stubs.h"
#include "admin/witness.h"

/* The records from..to, where there are any, and why they may be others. */
static void
not_proven(uint64_t from, uint64_t to, const char *why)
{
	if (from <= to)
		printf("not proven: that nobody wrote records %" PRIu64
		       " to %" PRIu64 " anew: %s\n",
		    from, to, why);
}

static void
print_pruned(uint64_t oldest, const struct pruned *p, uint64_t sealed)
{
	if (p->last >= oldest)
		printf("note: records %" PRIu64 " to %" PRIu64 " are to be "
		       "pruned: the daemon's next start removes them\n",
		    oldest, p->last);
	if (sealed != 0 && p->seq >= sealed)
		printf("proven: records 1 to %" PRIu64 " were pruned, as "
		       "record %" PRIu64 " says\n",
		    oldest - 1, p->seq);
	else
		printf("not proven: that records 1 to %" PRIu64 " were pruned: "
		       "record %" PRIu64 " says so, and its seal was not "
		       "checked\n",
		    oldest - 1, p->seq);
}

/* What was erased: its hash and, with the key, its seal are all that is shown. */
static void
print_stubs(void)
{
	const struct stubs_uncounted *u = stubs_uncounted();
	uint64_t counted = stubs_count() - u->count;

	if (stubs_count() == 0)
		return;
	if (counted > 0)
		printf("note: %" PRIu64 " of them were erased, as later ones "
		       "say: what they said is not there\n",
		    counted);
	printf("not proven: times, lengths and kinds of what was erased: only "
	       "the lines in its place say them\n");
	if (u->count > 0)
		printf("not proven: that `log erase` took out what %" PRIu64
		       " of the records %" PRIu64 " to %" PRIu64 " said: part "
		       "of what it erased was pruned, and the rest cannot be "
		       "told from forged ones\n",
		    u->count, u->first, u->last);
}

void
proof_print(uint64_t oldest, uint64_t newest, const struct pruned *p)
{
	uint64_t known = witness_newest(), sealed = seals_from();

	if (oldest > 1)
		print_pruned(oldest, p, sealed);
	if (known < oldest)
		known = oldest - 1;
	printf("proven: records %" PRIu64 " to %" PRIu64
	       " are a chain without a gap\n",
	    oldest, newest);
	if (sealed != 0)
		printf("proven: records %" PRIu64 " to %" PRIu64
		       "%s are as they were sealed\n",
		    sealed, newest,
		    stubs_count() > 0 ? ", but for those that stand as erased,"
				      : "");
	print_stubs();
	witness_print(stdout);
	if (sealed == 0)
		not_proven(known + 1, newest, "their seals were not checked");
	else
		not_proven(known + 1, sealed - 1,
		    "they were sealed with another key");
	printf("not proven: that record %" PRIu64 " was the newest: a later "
	       "checkpoint or receipt would show it\n",
	    newest);
}
