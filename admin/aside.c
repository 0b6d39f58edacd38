#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/aside.h"
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

/* Whether its seal holds, or it has none. */
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

/* What follows the first bad one is of no interest. */
static void __attribute__((noreturn)) check_all(void)
{
	uint64_t bad = 0;
	ssize_t n;
	size_t i;

	do {
		n = recv(channel, secret.items, sizeof(secret.items),
		    MSG_WAITALL);
		if (n == -1)
			_exit(1);
		for (i = 0; i < (size_t)n / sizeof(*secret.items); i++)
			if (bad == 0 && !holds(&secret.items[i]))
				bad = secret.items[i].seq;
	} while (n > 0);
	explicit_bzero(&secret, sizeof(secret));
	_exit(write(channel, &bad, sizeof(bad)) != sizeof(bad));
}

void
aside_start(void)
{
	int pair[2];
	pid_t pid;

	finish_output();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 ||
	    (pid = fork()) == -1)
		fail_errno("a process for the seals");
	channel = pair[pid == 0];
	close(pair[pid != 0]);
	/* Of each process. */
	if (mlock(&secret, sizeof(secret)) == -1)
		fail_errno("memory for the keys");
	if (pid == 0)
		check_all();
}

static void
hand_over(void)
{
	const char *p = (const char *)secret.items;
	size_t left = used * sizeof(*secret.items);
	ssize_t n;

	for (; left > 0; p += n, left -= (size_t)n)
		if ((n = send(channel, p, left, MSG_NOSIGNAL)) == -1)
			fail_errno("the process that checks the seals");
	explicit_bzero(secret.items, used * sizeof(*secret.items));
	used = 0;
}

static struct item *
next_item(void)
{
	if (used == BATCH)
		hand_over();
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

uint64_t
aside_found(void)
{
	uint64_t bad;

	if (channel == -1)
		return 0;
	hand_over();
	if (shutdown(channel, SHUT_WR) == -1 ||
	    read(channel, &bad, sizeof(bad)) != sizeof(bad))
		fail("the process that checks the seals has ended");
	close(channel);
	channel = -1;
	return bad;
}
