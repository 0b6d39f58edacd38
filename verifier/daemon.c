#include "verifier/verifier.h"

#include <string.h>
#include <unistd.h>

#include "privsep/log.h"
#include "verifier/journal.h"

/*
 * What the log says of the daemon itself: by which remote.conf it goes, and
 * which sandboxes are in force.
 */

#define NO_CONF "none"

static struct msg_begin sandboxes;
static char conf[SHA256_HEX + 1]; /* or NO_CONF; "" : not known yet */

void
daemon_sandboxes(const struct msg_begin *m)
{
	sandboxes = *m;
}

static void
digest_of(int fd, char hex[SHA256_HEX + 1])
{
	uint8_t buf[4096], digest[SHA256_LEN];
	struct sha256 sha;
	off_t at = 0;
	ssize_t n;

	sha256_init(&sha);
	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		sha256_update(&sha, buf, (size_t)n);
		at += n;
	}
	if (n == -1)
		fatal("remote.conf");
	sha256_final(&sha, digest);
	hex_print(hex, digest, sizeof(digest));
	hex[SHA256_HEX] = '\0';
}

/* False: it has no room. */
static bool
record_conf(const char *was, const char *now)
{
	uint8_t hash[SHA256_LEN];
	struct record *rec;

	if (strcmp(was, now) == 0)
		return (true);
	if (!journal_room(JOURNAL_RESULT))
		return (false);
	rec = journal_begin("conf", NULL, NULL);
	record_str(rec, "conf_sha256", now);
	record_str(rec, "conf_before", was);
	journal_end(hash);
	copy_event("", "", "conf", now);
	return (true);
}

void
daemon_conf(bool there, int fd)
{
	char now[SHA256_HEX + 1] = NO_CONF;

	if (there)
		digest_of(fd, now);
	/* Where it has no room, the next reload says it. */
	if (conf[0] == '\0' || record_conf(conf, now))
		memcpy(conf, now, sizeof(conf));
}

const char *
daemon_layers(uint32_t sandbox)
{
	static const char *const layers[] = {"none", "seccomp", "landlock",
	    "seccomp landlock"};

	return (layers[sandbox & (SANDBOX_SECCOMP | SANDBOX_LANDLOCK)]);
}

void
daemon_start_fields(struct record *rec)
{
	if (conf[0] == '\0')
		fatalx("parent: begins without saying of remote.conf");
	record_str(rec, "conf_sha256", conf);
	record_str(rec, "sandbox_parent", daemon_layers(sandboxes.parent));
	record_str(rec, "sandbox_verifier", daemon_layers(sandboxes.verifier));
	record_str(rec, "sandbox_executor", daemon_layers(sandboxes.executor));
}
