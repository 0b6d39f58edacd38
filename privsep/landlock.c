/* landlock(7), by its system calls: no library, no header newer than 5.13. */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/landlock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "privsep/landlock.h"
#include "privsep/log.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP	(1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL		    (1ULL << 1)
#endif

/* As the newest kernel has it; an older one takes zeros for what it lacks. */
struct ruleset {
	uint64_t fs, net, scoped;
};

#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What each version of the ABI added. */
static const struct {
	int abi;
	struct ruleset adds;
} versions[] = {
    {1, {FS_ABI_1, 0, 0}},
    {2, {LANDLOCK_ACCESS_FS_REFER, 0, 0}},
    {3, {LANDLOCK_ACCESS_FS_TRUNCATE, 0, 0}},
    {4, {0, LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, 0}},
    {5, {LANDLOCK_ACCESS_FS_IOCTL_DEV, 0, 0}},
    {6, {0, 0, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL}},
};

/* What the verifier does with the files of its log. */
#define FS_WRITES                                                         \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |     \
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

static struct ruleset
all_that_abi_has(int abi)
{
	struct ruleset all = {0, 0, 0};
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i].abi > abi)
			continue;
		all.fs |= versions[i].adds.fs;
		all.net |= versions[i].adds.net;
		all.scoped |= versions[i].adds.scoped;
	}
	return all;
}

static void
allow_root_folder(int ruleset, uint64_t access)
{
	struct landlock_path_beneath_attr beneath;

	memset(&beneath, 0, sizeof(beneath));
	beneath.allowed_access = access;
	beneath.parent_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd == -1)
		fatal("landlock: open /");
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&beneath, 0) == -1)
		fatal("landlock: add a rule");
	close(beneath.parent_fd);
}

/* Something that only Landlock forbids here: the read-back. */
static void
check(bool writes)
{
	static const char probe[] = "/.landlock";
	int fd;

	if (writes) {
		if (mkdir(probe, 0) == -1 && errno == EACCES)
			return;
		rmdir(probe);
		fatalx("landlock: a folder could be made");
	}
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 || errno != EACCES)
		fatalx("landlock: the root folder could be opened");
}

bool
landlock_enter(bool writes)
{
	struct ruleset rules;
	long abi;
	int fd;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi == -1 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return false;
	if (abi < 1)
		fatal("landlock: version");
	rules = all_that_abi_has((int)abi);
	fd =
	    (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd == -1)
		fatal("landlock: create a ruleset");
	if (writes)
		allow_root_folder(fd, FS_WRITES & rules.fs);
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		fatal("landlock: restrict");
	close(fd);
	check(writes);
	return true;
}
