#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/aside.h"
#include "admin/seals.h"
#include "crypto/seal.h"

#define BATCH 256

/* seq 0: mac is the key of a run's first step. */
struct item {
	uint64_t seq, step;
	uint8_t hash[SHA256_LEN], mac[SHA256_LEN];
};

static struct {
	struct item items[BATCH];
	uint8_t key[SHA256_LEN]; /* of the present step */
} secret;
static size_t used; /* items that were not sent yet */
static int channel = -1;
static pid_t other;

/* Whether its seal holds; a key has none. */
static bool
holds(const struct item *i)
{
	static uint64_t step;
	uint8_t mac[SHA256_LEN];

	if (i->seq == 0) {
		memcpy(secret.key, i->mac, sizeof(secret.key));
		step = 0;
		return true;
	}
	for (; step < i->step; step++)
		seal_next_step(secret.key);
	seal_mac(secret.key, i->hash, mac);
	return ct_equal(mac, i->mac, sizeof(mac));
}

/* As many as there are, at most a batch; 0: there are no more. */
static size_t
take_items(void)
{
	char *p = (char *)secret.items;
	size_t len = 0;
	ssize_t n;

	do {
		n = recv(channel, p + len, sizeof(secret.items) - len, 0);
		if (n == -1)
			_exit(1);
		len += (size_t)n;
	} while (n > 0 && len % sizeof(*secret.items) != 0);
	return len / sizeof(*secret.items);
}

/* What follows the first bad one is of no interest. */
static void __attribute__((noreturn)) check_all(void)
{
	uint64_t bad = 0;
	size_t i, count;

	while ((count = take_items()) > 0)
		for (i = 0; i < count; i++)
			if (bad == 0 && !holds(&secret.items[i]))
				bad = secret.items[i].seq;
	explicit_bzero(&secret, sizeof(secret));
	_exit(write(channel, &bad, sizeof(bad)) != sizeof(bad));
}

void
aside_start(void)
{
	pid_t parent = getpid();
	int pair[2];

	finish_output();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 ||
	    (other = fork()) == -1)
		fail_errno("a process for the seals");
	channel = pair[other == 0];
	close(pair[other != 0]);
	if (other == 0) {
		/* It is handed the keys that it needs. */
		seals_wipe();
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    getppid() != parent)
			_exit(1);
	}
	/* Of each process. */
	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the keys");
	if (other == 0)
		check_all();
}

/* False where it takes no more: what it found is missed at the end. */
static bool
hand_over(void)
{
	const char *p = (const char *)secret.items;
	size_t left = used * sizeof(*secret.items);
	ssize_t n = 0;

	for (; left > 0 && n != -1; p += n, left -= (size_t)n)
		n = send(channel, p, left, MSG_NOSIGNAL);
	explicit_bzero(secret.items, used * sizeof(*secret.items));
	used = 0;
	return n != -1;
}

static struct item *
next_item(void)
{
	if (used == BATCH)
		(void)hand_over();
	return &secret.items[used++];
}

void
aside_key(const uint8_t key[SHA256_LEN])
{
	memcpy(next_item()->mac, key, SHA256_LEN);
}

void
aside_check(uint64_t seq, uint64_t step, const uint8_t hash[SHA256_LEN],
    const uint8_t mac[SHA256_LEN])
{
	struct item *i = next_item();

	i->seq = seq;
	i->step = step;
	memcpy(i->hash, hash, sizeof(i->hash));
	memcpy(i->mac, mac, sizeof(i->mac));
}

bool
aside_found(uint64_t *seq)
{
	bool heard;

	*seq = 0;
	if (channel == -1)
		return true;
	heard = hand_over() && shutdown(channel, SHUT_WR) == 0 &&
	    read(channel, seq, sizeof(*seq)) == sizeof(*seq);
	close(channel);
	channel = -1;
	(void)waitpid(other, NULL, 0);
	return heard;
}
