#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/seals.h"
#include "crypto/seal.h"

#define LINES_MAX 16
#define RUNS_MAX  (1u << 24) /* that one first seed is followed through */

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
	uint8_t key[SHA256_LEN]; /* of the present step */
	char text[LINES_MAX * (SEED_HEX + FINGERPRINT_HEX + 2) + 1];
} secret;
static size_t line_count;

static bool covered;	   /* the present run has a key */
static uint64_t step;	   /* that `key` is for */
static uint64_t first_run; /* whose seals were checked, 0: none yet */
static char why[128];
static char announced[FINGERPRINT_HEX + 1]; /* the next run's new line */
static char unseen[FINGERPRINT_HEX + 1];    /* the last line that was noted */

static void
add_line(const char *file, unsigned number, const char *text)
{
	struct seed_line *l = &secret.lines[line_count];
	const char *check = text + SEED_HEX;

	if (line_count == LINES_MAX)
		fail("%s: more than %d keys", file, LINES_MAX);
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
	unsigned number = 0;
	char *rest, *line;
	size_t len;

	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the keys");
	len = read_text(file);
	if (memchr(secret.text, '\0', len) != NULL)
		fail("%s: not a text", file);
	secret.text[len] = '\0';
	for (rest = secret.text; (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (*line != '\0')
			add_line(file, number, line);
	}
	explicit_bzero(secret.text, sizeof(secret.text));
	if (line_count == 0)
		fail("%s: holds no key", file);
}

bool
seals_given(void)
{
	return line_count > 0;
}

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

/* K of the run's first step: false where its number cannot be. */
static bool
take_key(struct seed_line *l, uint64_t line_run, uint64_t run)
{
	if (line_run == 0 || run < line_run || run - line_run > RUNS_MAX)
		return false;
	if (l->first_run != line_run || run < l->run) {
		memcpy(l->now, l->first, SEED_LEN);
		l->first_run = l->run = line_run;
	}
	for (; l->run < run; l->run++)
		seal_next_seed(l->now);
	seal_run_key(l->now, secret.key);
	step = 0;
	return true;
}

/* A run whose key was not given. */
static const char *
not_covered(const char *name, uint64_t run)
{
	covered = false;
	if (first_run == 0)
		return NULL;
	snprintf(why, sizeof(why),
	    "run %" PRIu64 " is sealed with another seed (%s): give its key "
	    "too, or the log was begun anew by somebody else",
	    run, name);
	return why;
}

static void
note_line(const char *line, size_t len, const char *name,
    const struct line_head *h, uint64_t line_run, FILE *words)
{
	if (h->run == line_run && first_run != 0 &&
	    strcmp(announced, name) != 0)
		fprintf(words,
		    "note: run %" PRIu64 " begins with a new seed (%s), "
		    "which the run before does not announce\n",
		    h->run, name);
	announced[0] = '\0';
	(void)line_str(line, len, "next_seed", announced, sizeof(announced));
}

const char *
seals_start(const char *line, size_t len, const struct line_head *h,
    FILE *words)
{
	char name[FINGERPRINT_HEX + 1] = "none";
	uint64_t line_run = 0;
	struct seed_line *l;
	bool seen = true;

	(void)line_str(line, len, "seed", name, sizeof(name));
	(void)line_u64(line, len, "seed_run", &line_run);
	(void)line_bool(line, len, "seed_seen", &seen);
	if (!seen && strcmp(unseen, name) != 0) {
		memcpy(unseen, name, sizeof(unseen));
		fprintf(words,
		    "note: run %" PRIu64 ": its seed (%s) was made by the "
		    "daemon, unseen: nobody can check its seals\n",
		    h->run, name);
	}
	note_line(line, len, name, h, line_run, words);
	if (!seals_given())
		return NULL;
	l = find_line(name);
	if (l == NULL)
		return not_covered(name, h->run);
	if (!take_key(l, line_run, h->run))
		return "its run cannot be one of its seed";
	covered = true;
	if (first_run == 0)
		first_run = h->run;
	return NULL;
}

const char *
seals_check(const struct line_head *h)
{
	uint8_t mac[SHA256_LEN];

	if (!covered)
		return NULL;
	if (!h->has_mac)
		return "it has no seal";
	for (; step < h->step; step++)
		seal_next_step(secret.key);
	seal_mac(secret.key, h->hash, mac);
	return ct_equal(mac, h->mac, sizeof(mac)) ? NULL
						  : "its seal does not hold";
}

bool
seals_print(void)
{
	if (!seals_given())
		printf("the seals were not checked\n");
	else if (first_run > 1)
		printf("the seals hold from run %" PRIu64 " on; those before "
		       "were not checked\n",
		    first_run);
	else if (first_run == 1)
		printf("the seals hold\n");
	else
		printf("no run was sealed with the key that was given\n");
	return !seals_given() || first_run != 0;
}

void
seals_wipe(void)
{
	explicit_bzero(&secret, sizeof(secret));
}
