#include "admin/witness.h"

#include <inttypes.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/claims.h"
#include "admin/stubs.h"

#define TOLD_MAX 10 /* receipts that disagree, of a file */

static bool
same_text(struct line_fields *f, const char *name, const char *want)
{
	char text[REASON_MAX + 1];
	ssize_t n = field_str(f, name, text, sizeof(text));

	/* What is not there is "". */
	return n <= 0 ? *want == '\0' : strcmp(text, want) == 0;
}

static bool
same_digest(struct line_fields *f, const char *name,
    const uint8_t want[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, want, SHA256_LEN);
	return same_text(f, name, hex);
}

static bool
same_number(struct line_fields *f, const char *name, uint64_t want)
{
	uint64_t value;

	return field_u64(f, name, &value) == 0 && value == want;
}

static bool
same_times(struct line_fields *f, const struct receipt *r)
{
	uint64_t none;

	if (!r->has_times)
		return field_u64(f, "started", &none) == -1;
	return same_number(f, "started", (uint64_t)r->started_us) &&
	    same_number(f, "ended", (uint64_t)r->ended_us);
}

static bool
same_stream(struct line_fields *f, const char *name,
    const struct receipt_stream *s)
{
	char written[16], kept[16], sha256[16];

	snprintf(written, sizeof(written), "%s_written", name);
	snprintf(kept, sizeof(kept), "%s_kept", name);
	snprintf(sha256, sizeof(sha256), "%s_sha256", name);
	return same_number(f, written, s->written) &&
	    same_number(f, kept, s->kept) && same_digest(f, sha256, s->sha256);
}

/* NULL, or in what a receipt and the record that it names differ. */
static const char *
difference(const struct receipt *r, const struct line_head *h, const char *line,
    size_t len)
{
	struct line_fields f = {.line = line, .len = len};

	if (memcmp(r->log_hash, h->hash, SHA256_LEN) != 0)
		return "names another hash";
	/* It was right, since it has the hash of what was there. */
	if (is_stub(h))
		return NULL;
	if (strcmp(h->event, "result") != 0)
		return "names what is no result";
	if (strcmp(r->id, h->id) != 0)
		return "has another id";
	if (!same_digest(&f, "request", r->request))
		return "is of another request";
	if (!same_text(&f, "status", receipt_status_name(r->status)))
		return "has another status";
	if (!same_number(&f, "exit", r->exit))
		return "has another exit status";
	if (!same_text(&f, "reason", r->reason))
		return "has another reason";
	if (!same_times(&f, r))
		return "has other times";
	if (!same_stream(&f, "out", &r->out) ||
	    !same_stream(&f, "err", &r->err))
		return "has other output";
	return NULL;
}

static void
fits(const struct claim *c, const char *time)
{
	c->source->fits++;
	c->source->newest = c->seq;
	snprintf(c->source->newest_time, sizeof(c->source->newest_time), "%s",
	    time);
}

/* Its id has been checked: it can be shown. */
static void
disagrees(const struct claim *c, const struct receipt *r, const char *how,
    FILE *words)
{
	if (++c->source->disagrees <= TOLD_MAX)
		fprintf(words,
		    "disagrees: record %" PRIu64
		    ": the receipt of %s (%s, line %" PRIu32 ") %s\n",
		    c->seq, r->id, c->source->name, c->line, how);
}

static void
take_receipt(const struct claim *c, struct receipt *r)
{
	char text[RECEIPT_MAX];
	const char *why;

	claim_read(c, text);
	if (receipt_parse(text, c->len, r, &why) == -1)
		fail("%s: it has changed while it was read", c->source->name);
}

static void
take_checkpoint(const struct claim *c, struct checkpoint *checkpoint)
{
	char text[RECEIPT_MAX];

	claim_read(c, text);
	if (checkpoint_parse(text, c->len, checkpoint) == -1)
		fail("%s: it has changed while it was read", c->source->name);
}

static void
check_receipt(const struct claim *c, const struct line_head *h,
    const char *line, size_t len, FILE *words)
{
	struct receipt r;
	const char *how;

	take_receipt(c, &r);
	how = c->seq < h->seq ? "names a record that there cannot be"
			      : difference(&r, h, line, len);
	if (how != NULL)
		disagrees(c, &r, how, words);
	else
		fits(c, "");
}

static const char *
check_checkpoint(const struct claim *c, const struct line_head *h)
{
	static char why[sizeof(c->source->name) + 160];
	struct checkpoint checkpoint;

	take_checkpoint(c, &checkpoint);
	if (memcmp(checkpoint.hash, h->hash, SHA256_LEN) == 0) {
		fits(c, checkpoint.time);
		return NULL;
	}
	snprintf(why, sizeof(why),
	    "the checkpoint of %s (%s, line %" PRIu32 ") names another hash: "
	    "a record from %" PRIu64 " on was replaced",
	    checkpoint.time, c->source->name, c->line, witness_newest() + 1);
	return why;
}

const char *
witness_check(const struct line_head *h, const char *line, size_t len,
    FILE *words)
{
	const char *why = NULL;
	struct claim *c;

	while (why == NULL && (c = claim_upto(h->seq)) != NULL) {
		if (c->source->receipts)
			check_receipt(c, h, line, len, words);
		else
			why = check_checkpoint(c, h);
	}
	return why;
}

void
witness_pruned(uint64_t last)
{
	struct claim *c;

	while ((c = claim_upto(last)) != NULL)
		c->source->pruned++;
}

bool
witness_end(uint64_t newest, FILE *words)
{
	struct checkpoint checkpoint;
	bool whole = true;
	struct receipt r;
	struct claim *c;

	while ((c = claim_upto(UINT64_MAX)) != NULL) {
		if (c->source->receipts) {
			take_receipt(c, &r);
			disagrees(c, &r, "names a record behind the end",
			    words);
			continue;
		}
		take_checkpoint(c, &checkpoint);
		if (whole)
			fprintf(words,
			    "cut: the checkpoint of %s (%s, line %" PRIu32
			    ") says that record %" PRIu64 " was there; "
			    "the log ends with record %" PRIu64 "\n",
			    checkpoint.time, c->source->name, c->line, c->seq,
			    newest);
		whole = false;
	}
	return whole;
}

static void
print_checkpoints(const struct source *s, FILE *words)
{
	if (s->fits > 0)
		fprintf(words,
		    "proven: up to record %" PRIu64 " all is as it was at the "
		    "checkpoint of %s (%s)\n",
		    s->newest, s->newest_time, s->name);
}

static void
print_receipts(const struct source *s, FILE *words)
{
	if (s->fits > 0)
		fprintf(words,
		    "proven: up to record %" PRIu64 " all is as it was when "
		    "the VM got its receipt (%s), unless the VM lies too\n",
		    s->newest, s->name);
	fprintf(words,
	    "note: %s: receipts: %" PRIu64 " fit, %" PRIu64 " disagree, "
	    "%" PRIu64 " are not signed, and say nothing of the log\n",
	    s->name, s->fits, s->disagrees, s->silent);
	if (s->disagrees > 0)
		fprintf(words,
		    "not proven: which is wrong, the log or what disagrees "
		    "with it in %s: a VM can forge its receipts\n",
		    s->name);
}

void
witness_print(FILE *words)
{
	const struct source *s;
	size_t i;

	for (i = 0; (s = claims_source(i)) != NULL; i++) {
		if (s->receipts)
			print_receipts(s, words);
		else
			print_checkpoints(s, words);
		if (s->pruned > 0)
			fprintf(words,
			    "note: %s: %" PRIu64 " cannot be checked: the "
			    "record that it names was pruned\n",
			    s->name, s->pruned);
	}
}

bool
witness_disagrees(void)
{
	const struct source *s;
	size_t i;

	for (i = 0; (s = claims_source(i)) != NULL; i++) {
		if (s->disagrees > 0)
			return true;
	}
	return false;
}

uint64_t
witness_newest(void)
{
	const struct source *s;
	uint64_t newest = 0;
	size_t i;

	for (i = 0; (s = claims_source(i)) != NULL; i++) {
		if (s->newest > newest)
			newest = s->newest;
	}
	return newest;
}
