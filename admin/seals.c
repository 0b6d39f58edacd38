#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/aside.h"
#include "admin/seals.h"
#include "crypto/seal.h"

#define LINES_MAX  16
#define RUNS_MAX   (1u << 24) /* that one first seed is followed through */
#define STEPS_SAID 100000000  /* some 100 s: who waits is told why */

/* A line of seeds, from its first one. */
struct seed_line {
	char name[FINGERPRINT_HEX + 1];
	uint8_t first[SEED_LEN];
	/* The run that `now` is for: it only moves forward. */
	uint64_t first_run, run;
	uint8_t now[SEED_LEN];
};

static struct {
	struct seed_line lines[LINES_MAX];
	uint8_t key[SHA256_LEN]; /* of a run's first step */
	/* One more than there may be: what is longer is seen to be. */
	char text[LINES_MAX * (SEED_HEX + FINGERPRINT_HEX + 2) + 2];
} secret;
static size_t line_count;

/* What a start says of its seed. */
struct start {
	uint64_t run;
	char name[FINGERPRINT_HEX + 1]; /* of its line's first one, or "" */
	uint64_t line_run;		/* that it was for */
	char next[FINGERPRINT_HEX + 1]; /* the next run's new line, or "" */
	bool seen;
};

static struct start before;	/* the newest one */
static bool covered;		/* its run has a key */
static uint64_t step;		/* of the newest record */
static uint64_t first_run;	/* whose seals were checked, 0: none yet */
static uint64_t first_seq;	/* of that run */
static uint64_t oldest_run = 1; /* that has a record */
static bool pruned;		/* there were others before it */
static char why[192];
static char unseen[FINGERPRINT_HEX + 1]; /* the last line that was noted */

static struct seed_line *
find_line(const char *name)
{
	size_t i;

	for (i = 0; i < line_count; i++) {
		if (strcmp(secret.lines[i].name, name) == 0)
			return &secret.lines[i];
	}
	return NULL;
}

static void
add_line(const char *file, unsigned number, const char *text)
{
	struct seed_line *l;
	const char *check = text + SEED_HEX;

	if (line_count == LINES_MAX)
		fail("%s: more than %d keys", file, LINES_MAX);
	l = &secret.lines[line_count];
	if (strlen(text) < SEED_HEX ||
	    hex_parse(l->first, text, SEED_LEN) == -1 ||
	    (*check != '\0' && *check != ' '))
		fail("%s: line %u: not a key: 64 hex digits are, and 16 that "
		     "check them",
		    file, number);
	seed_fingerprint(l->first, l->name);
	if (*check == ' ' && strcmp(check + 1, l->name) != 0)
		fail("%s: line %u: the last 16 digits do not fit the 64 before "
		     "them: one was copied wrongly",
		    file, number);
	if (find_line(l->name) == NULL)
		line_count++;
}

static size_t
read_text(const char *file)
{
	size_t used = 0;
	ssize_t n;
	int fd;

	if (strcmp(file, "-") == 0 && isatty(STDIN_FILENO))
		return secret_input("First seed of the log, not shown: ",
		    secret.text, sizeof(secret.text) - 1);
	fd = strcmp(file, "-") == 0 ? STDIN_FILENO
				    : open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_errno("%s", file);
	do {
		n = read(fd, secret.text + used,
		    sizeof(secret.text) - 1 - used);
		if (n == -1)
			fail_errno("%s", file);
		used += (size_t)n;
	} while (n > 0 && used < sizeof(secret.text) - 1);
	if (fd != STDIN_FILENO)
		close(fd);
	return used;
}

void
seals_add(const char *file)
{
	unsigned number = 0, keys = 0;
	char *rest, *line;
	size_t len;

	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the keys");
	len = read_text(file);
	if (len == sizeof(secret.text) - 1)
		fail("%s: more than %d keys", file, LINES_MAX);
	if (memchr(secret.text, '\0', len) != NULL)
		fail("%s: not a text", file);
	secret.text[len] = '\0';
	for (rest = secret.text; (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (*line == '\0')
			continue;
		add_line(file, number, line);
		keys++;
	}
	explicit_bzero(secret.text, sizeof(secret.text));
	if (keys == 0)
		fail("%s: holds no key", file);
}

bool
seals_given(void)
{
	return line_count > 0;
}

/*
 * K of the run's first step: false where its number cannot be.  The first run
 * that a seed vouches for is its own: who holds a later one could number it as
 * he likes.  Of a pruned log's oldest that is not known: it cannot be of an
 * earlier run than what he holds.
 */
static bool
take_key(struct seed_line *l, uint64_t line_run, uint64_t run, bool first)
{
	if (line_run == 0 || run < line_run || run - line_run > RUNS_MAX ||
	    (l->first_run != 0 && l->first_run != line_run))
		return false;
	if (l->first_run == 0) {
		if (run != line_run && !(first && pruned))
			return false;
		memcpy(l->now, l->first, SEED_LEN);
		l->first_run = l->run = line_run;
	}
	for (; l->run < run; l->run++)
		seal_next_seed(l->now);
	seal_run_key(l->now, secret.key);
	aside_key(secret.key);
	step = 0;
	return true;
}

/* A run whose key was not given. */
static const char *
not_covered(const struct start *s)
{
	covered = false;
	if (first_run == 0)
		return NULL;
	snprintf(why, sizeof(why),
	    "run %" PRIu64 " is sealed with another seed (%s): give its key "
	    "too, or the log was begun anew by somebody else",
	    s->run, s->name[0] != '\0' ? s->name : "none");
	return why;
}

/*
 * Whether a line of seeds is where it was from its beginning.  Who holds a
 * run's seed holds those after it: without this he could number them as those
 * before it, or say that what stood there was sealed by somebody else.
 */
static const char *
check_place(const struct start *s)
{
	if (strcmp(s->name, before.name) != 0) {
		if (s->line_run > before.run)
			return NULL;
		snprintf(why, sizeof(why),
		    "its seed (%s) began with run %" PRIu64 ", and run %" PRIu64
		    " has another: the runs since then were replaced",
		    s->name, s->line_run, before.run);
		return why;
	}
	if (s->line_run != before.line_run) {
		snprintf(why, sizeof(why),
		    "it says that its seed (%s) began with run %" PRIu64
		    ", and run %" PRIu64 " that it was run %" PRIu64,
		    s->name, s->line_run, before.run, before.line_run);
		return why;
	}
	if (before.next[0] == '\0')
		return NULL;
	snprintf(why, sizeof(why),
	    "run %" PRIu64 " announces a new seed (%s), and another follows",
	    before.run, before.next);
	return why;
}

static void
note_start(const struct start *s, FILE *words)
{
	if (!s->seen && strcmp(unseen, s->name) != 0) {
		memcpy(unseen, s->name, sizeof(unseen));
		fprintf(words,
		    "note: run %" PRIu64 ": its seed (%s) was made by the "
		    "daemon, unseen: nobody can check its seals\n",
		    s->run, s->name);
	}
	if (before.name[0] == '\0' || strcmp(s->name, before.name) == 0)
		return;
	fprintf(words,
	    "note: run %" PRIu64 " begins with a new seed (%s), %s\n", s->run,
	    s->name,
	    strcmp(s->name, before.next) == 0
		? "as the run before announces"
		: "which the run before does not announce");
}

/* A seed's fingerprint, or "": what is none is not to be shown. */
static void
read_name(const char *line, size_t len, const char *field,
    char name[FINGERPRINT_HEX + 1])
{
	if (line_str(line, len, field, name, FINGERPRINT_HEX + 1) !=
		FINGERPRINT_HEX ||
	    strspn(name, "0123456789abcdef") != FINGERPRINT_HEX)
		name[0] = '\0';
}

static int
read_start(const char *line, size_t len, uint64_t run, struct start *s)
{
	memset(s, 0, sizeof(*s));
	s->run = run;
	read_name(line, len, "seed", s->name);
	read_name(line, len, "next_seed", s->next);
	return s->name[0] == '\0' ||
		line_u64(line, len, "seed_run", &s->line_run) == -1 ||
		line_bool(line, len, "seed_seen", &s->seen) == -1
	    ? -1
	    : 0;
}

const char *
seals_start(const char *line, size_t len, const struct line_head *h,
    FILE *words)
{
	bool first = before.run == 0;
	struct seed_line *l;
	const char *wrong;
	struct start s;

	if (read_start(line, len, h->run, &s) == -1)
		return "it does not say which seed its run has";
	l = find_line(s.name);
	if (l != NULL)
		wrong = check_place(&s);
	else
		wrong = seals_given() ? not_covered(&s) : NULL;
	if (wrong != NULL)
		return wrong;
	note_start(&s, words);
	before = s;
	if (l == NULL)
		return NULL;
	if (!take_key(l, s.line_run, s.run, first))
		return "its run cannot be one of its seed, or the first run "
		       "of its seed is not there: what stood before it was "
		       "taken out";
	covered = true;
	if (first_run == 0) {
		first_run = s.run;
		first_seq = h->seq;
	}
	return NULL;
}

const char *
seals_check(const struct line_head *h)
{
	if (!covered)
		return NULL;
	if (!h->has_mac)
		return "it has no seal";
	if (h->step - step >= STEPS_SAID)
		warn("record %" PRIu64 ": to make its key from its run's takes "
		     "%" PRIu64 " steps: one or two minutes for 100000000",
		    h->seq, h->step - step);
	step = h->step;
	aside_check(h->seq, step, h->hash, h->mac);
	return NULL;
}

void
seals_pruned(uint64_t run)
{
	oldest_run = run;
	pruned = true;
}

bool
seals_print(void)
{
	size_t i;

	if (!seals_given())
		printf("the seals were not checked\n");
	else if (first_run > oldest_run)
		printf("the seals hold from run %" PRIu64 " on; those before "
		       "were not checked\n",
		    first_run);
	else if (first_run != 0)
		printf("the seals hold\n");
	else
		printf("no run was sealed with the key that was given\n");
	for (i = 0; first_run != 0 && i < line_count; i++) {
		if (secret.lines[i].first_run == 0)
			printf("note: no run was sealed with the key %s\n",
			    secret.lines[i].name);
	}
	return !seals_given() || first_run != 0;
}

uint64_t
seals_from(void)
{
	return first_seq;
}

void
seals_wipe(void)
{
	explicit_bzero(&secret, sizeof(secret));
}
