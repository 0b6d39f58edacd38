#include "verifier/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/log.h"

#define SEED_NAME     "seed"
#define SEED_NEW_NAME ".seed"

/* All that is secret here. */
static struct {
	uint8_t key[SHA256_LEN];
	struct seed slots[2], next;
	char text[SEED_SLOT];
} secret;

void
seal_init(void)
{
	if (mlock(&secret, sizeof(secret)) == -1)
		fatal("memory for the log's seal");
}

static void
write_slot(int fd, int slot)
{
	if (pwrite(fd, secret.text, SEED_SLOT, slot * SEED_SLOT) != SEED_SLOT ||
	    fdatasync(fd) == -1)
		fatal("log: %s", SEED_NAME);
}

/*
 * A first seed that nobody has seen: the log says so.  Its name is on the disk
 * with that of the segment, before anything is said that it seals: a start that
 * loses it makes another one that nobody has seen.
 */
static int
seed_create(int folder, uint64_t run)
{
	struct seed *s = &secret.next;
	int fd;

	fd = openat(folder, SEED_NEW_NAME,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		fatal("log: %s", SEED_NEW_NAME);
	memset(s, 0, sizeof(*s));
	s->run = s->first_run = run;
	random_bytes(s->seed, SEED_LEN);
	seed_fingerprint(s->seed, s->first);
	memset(secret.text, 0, SEED_SLOT);
	write_slot(fd, 1);
	seed_print(secret.text, s);
	write_slot(fd, 0);
	if (linkat(folder, SEED_NEW_NAME, folder, SEED_NAME, 0) == -1 ||
	    unlinkat(folder, SEED_NEW_NAME, 0) == -1)
		fatal("log: %s", SEED_NAME);
	log_warn("log: its first seed was made unseen: nobody can check its "
		 "seals (qvm-remote-dom0 log init shows one)");
	return (fd);
}

static int
seed_open(int folder, uint64_t run)
{
	struct stat st;
	int fd;

	/* Of a start that ended while it made one: it may be its second name. */
	if (unlinkat(folder, SEED_NEW_NAME, 0) == -1 && errno != ENOENT)
		fatal("log: %s", SEED_NEW_NAME);
	fd = openat(folder, SEED_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return (seed_create(folder, run));
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("log: %s", SEED_NAME);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_size != 2 * SEED_SLOT || (st.st_mode & 077) != 0)
		fatalx("log: %s is no seed file: move it away; the next start "
		       "then makes a seed that nobody has seen, and records it",
		    SEED_NAME);
	return (fd);
}

/* The slot that counts: the higher run, where both are whole. */
static int
seed_choose(int fd)
{
	bool whole[2];
	int i;

	for (i = 0; i < 2; i++) {
		if (pread(fd, secret.text, SEED_SLOT, i * SEED_SLOT) !=
		    SEED_SLOT)
			fatal("log: %s: read", SEED_NAME);
		whole[i] = seed_parse(secret.text, &secret.slots[i]) == 0;
	}
	if (!whole[0] && !whole[1])
		fatalx("log: %s is damaged: move it away; the next start then "
		       "makes a seed that nobody has seen, and records it",
		    SEED_NAME);
	if (!whole[0] || !whole[1])
		return (whole[0] ? 0 : 1);
	return (secret.slots[1].run > secret.slots[0].run ? 1 : 0);
}

void
seal_take(int folder, uint64_t last_run, struct seal_line *line)
{
	struct seed *s;
	int fd, slot;

	fd = seed_open(folder, last_run + 1);
	slot = seed_choose(fd);
	s = &secret.slots[slot];
	if (s->run == 0)
		s->run = s->first_run = last_run + 1;
	if (s->run <= last_run)
		fatalx("log: %s is of run %llu, and the log of run %llu: an "
		       "older copy was put back; move it away to begin anew",
		    SEED_NAME, (unsigned long long)s->run,
		    (unsigned long long)last_run);
	memset(line, 0, sizeof(*line));
	line->run = s->run;
	line->first_run = s->first_run;
	line->seen = s->seen;
	memcpy(line->first, s->first, sizeof(line->first));
	seal_run_key(s->seed, secret.key);
	secret.next = *s;
	seed_advance(&secret.next);
	if (secret.next.first_run != s->first_run)
		memcpy(line->next, secret.next.first, sizeof(line->next));
	seed_print(secret.text, &secret.next);
	write_slot(fd, 1 - slot);
	/* In place: a new file would leave the old one's blocks as they are. */
	memset(secret.text, 0, SEED_SLOT);
	write_slot(fd, slot);
	close(fd);
	explicit_bzero(secret.slots, sizeof(secret.slots));
	explicit_bzero(&secret.next, sizeof(secret.next));
}

void
seal_record(const uint8_t hash[SHA256_LEN], uint8_t mac[SHA256_LEN])
{
	seal_mac(secret.key, hash, mac);
}

void
seal_step(void)
{
	seal_next_step(secret.key);
}
