#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/finish.h"
#include "client/interrupt.h"
#include "client/key.h"
#include "client/say.h"
#include "wire/receipt.h"

/* What is said of an answer that is not a command's own end. */
static const char *const meanings[RECEIPT_STATUS_COUNT] = {
    [RECEIPT_TIMEOUT] = "time-out: the command was killed",
    [RECEIPT_CANCELLED] = "cancelled",
    [RECEIPT_DRY_RUN] = "dry run: nothing was run",
    [RECEIPT_REJECTED] = "rejected",
    [RECEIPT_DENIED] = "denied",
    [RECEIPT_EXPIRED] = "expired before it could run",
    [RECEIPT_REPLAYED] = "replayed",
    [RECEIPT_INTERRUPTED] = "interrupted in dom0: the outcome is not known",
};

/* The receipt is of this request and of the key that it was signed with. */
static int
check_receipt(const struct request *q, const char *text, size_t len,
    const struct receipt *r)
{
	uint8_t mac[SHA256_LEN];

	if (strcmp(r->id, q->id) != 0) {
		say_error("the receipt is of another request");
		return (-1);
	}
	if (!r->has_log)
		return (0);
	receipt_mac(q->keys.receipt, text, len - RECEIPT_MAC_LINE, mac);
	if (!ct_equal(mac, r->mac, sizeof(mac))) {
		say_error("the receipt does not verify: it was not made with "
			  "this VM's key");
		return (-1);
	}
	if (!r->has_request || !ct_equal(r->request, q->digest, SHA256_LEN)) {
		say_error("the receipt is of another token");
		return (-1);
	}
	return (0);
}

static int
read_receipt(const struct wait *w, struct receipt *r)
{
	char text[RECEIPT_MAX];
	const char *why;
	ssize_t len;

	len =
	    entry_read(w->home, w->request->id, PART_META, text, sizeof(text));
	if (len == -1) {
		say_errno("cannot read the receipt");
		return (-1);
	}
	if (receipt_parse(text, (size_t)len, r, &why) == -1) {
		say_error("the answer is not a receipt: %s", why);
		return (-1);
	}
	return (check_receipt(w->request, text, (size_t)len, r));
}

/* All that was printed is what dom0 kept of what the command wrote. */
static int
check_stream(const struct stream *s, const struct receipt_stream *kept)
{
	uint8_t digest[SHA256_LEN];

	sha256_final(&s->sha, digest);
	if (s->printed < kept->kept) {
		say_error("%s: the receipt is valid, but dom0 lost output: "
			  "%" PRIu64 " of %" PRIu64 " bytes are missing",
		    s->name, kept->kept - s->printed, kept->kept);
		return (-1);
	}
	if (s->printed > kept->kept ||
	    !ct_equal(digest, kept->sha256, SHA256_LEN)) {
		say_error("%s: the receipt is valid, but what was printed is "
			  "not what the command wrote: the bytes do not match "
			  "the signed digest",
		    s->name);
		return (-1);
	}
	if (kept->kept < kept->written)
		say_error("%s: the command wrote %" PRIu64 " bytes, %" PRIu64
			  " of them are missing: dom0 did not keep them",
		    s->name, kept->written, kept->written - kept->kept);
	return (0);
}

/* Neither a command's own end nor a dry run is an error, if it is signed. */
static void
say_status(const struct receipt *r)
{
	const char *between = r->reason[0] == '\0' ? "" : ": ";
	const char *meaning = meanings[r->status];
	bool error =
	    !r->has_log || (meaning != NULL && r->status != RECEIPT_DRY_RUN);

	if (meaning == NULL && r->reason[0] == '\0')
		return;
	if (meaning == NULL)
		meaning = receipt_status_name(r->status);
	if (error)
		say_error("%s%s%s", meaning, between, r->reason);
	else
		say_note("%s%s%s", meaning, between, r->reason);
}

static void
say_details(const struct receipt *r)
{
	if (r->has_times)
		say_detail("%s, %" PRId64 " ms, record %" PRIu64
			   " of dom0's log",
		    receipt_status_name(r->status),
		    (r->ended_us - r->started_us) / 1000, r->log_seq);
	else
		say_detail("%s, record %" PRIu64 " of dom0's log",
		    receipt_status_name(r->status), r->log_seq);
}

/* Its receipt vouches for no output: what came before the end was shown. */
static int
check_streams(const struct wait *w, const struct receipt *r)
{
	int bad;

	if (r->status == RECEIPT_INTERRUPTED) {
		if (w->out.printed > 0 || w->err.printed > 0)
			say_error("what was printed is not all, and nothing "
				  "vouches for it");
		return (0);
	}
	bad = check_stream(&w->out, &r->out);
	bad |= check_stream(&w->err, &r->err);
	return (bad);
}

/* What to look at first when dom0 does not know our signature. */
static void
say_remedy(const struct wait *w, const struct receipt *r)
{
	if (strcmp(r->reason, "token not accepted") != 0)
		return;
	say_error("is it the right key?  `qvm-remote key show --fingerprint` "
		  "here and `qvm-remote-dom0 keys` in dom0 must agree");
	if (key_exists(w->home, KEY_FILE_NEXT))
		say_error("if dom0 has the next key already: `qvm-remote key "
			  "rotate --finish`");
}

static void
judge(struct wait *w)
{
	struct outcome *o = &w->outcome;
	struct receipt *r = &o->receipt;
	bool whole;

	if (read_receipt(w, r) == -1) {
		outcome_set(o, "unverified", EXIT_OTHER,
		    "the receipt does not verify");
		return;
	}
	if (!r->has_log) {
		say_status(r);
		say_error("the answer is not signed, so the outcome is not "
			  "known");
		say_remedy(w, r);
		outcome_set(o, "unsigned", EXIT_OTHER, r->reason);
		return;
	}
	/* What was not printed to its end cannot be judged; what is held can. */
	whole = (!interrupted() || w->out.to == -1) && w->out.error == 0 &&
	    w->err.error == 0;
	if (whole && check_streams(w, r) != 0) {
		outcome_set(o, "unverified", EXIT_OTHER,
		    "the output does not verify");
		return;
	}
	if (!interrupted())
		say_status(r);
	say_details(r);
	o->verified = whole;
	outcome_set(o, receipt_status_name(r->status), r->exit, r->reason);
}

void
finish(struct wait *w)
{
	stream_pump(&w->out, w->home, w->request->id);
	stream_pump(&w->err, w->home, w->request->id);
	judge(w);
}
