#include "policy/find.h"

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
make_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(fchmod(fd, mode), 0);
	ATF_REQUIRE_EQ(close(fd), 0);
}

static int outside;

/* A dom0 of its own, in which nothing else is. */
static void
enter_root(void)
{
	static const char *const made[] = {"root", "root/usr", "root/usr/sbin",
	    "root/usr/bin", "root/sbin", "root/closed", "root/usr/local"};
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		ATF_REQUIRE_EQ(mkdir(made[i], 0755), 0);
	ATF_REQUIRE_EQ(symlink("usr/bin", "root/bin"), 0);
	outside = open("/", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(outside != -1);
	ATF_REQUIRE_EQ(chroot("root"), 0);
	ATF_REQUIRE_EQ(chdir("/"), 0);
}

/* Where the results are written. */
static void
leave_root(void)
{
	ATF_REQUIRE_EQ(fchdir(outside), 0);
	ATF_REQUIRE_EQ(chroot("."), 0);
}

static void
is(const char *name, const char *want)
{
	char path[POLICY_PATH_MAX];

	ATF_REQUIRE_EQ_MSG(policy_find(NULL, name, path), 0, "%s", name);
	ATF_CHECK_STREQ(path, want);
}

static void
is_none(const char *name, int why)
{
	char path[POLICY_PATH_MAX];

	ATF_CHECK_EQ_MSG(policy_find(NULL, name, path), -1, "%s", name);
	ATF_CHECK_EQ_MSG(errno, why, "%s: errno %d", name, errno);
}

#define ROOT_TEST(name)                                        \
	ATF_TC(name);                                          \
	ATF_TC_HEAD(name, tc)                                  \
	{                                                      \
		atf_tc_set_md_var(tc, "require.user", "root"); \
	}                                                      \
	ATF_TC_BODY(name, tc)

ROOT_TEST(a_name_is_looked_up_in_one_path)
{
	(void)tc;
	enter_root();
	make_file("/usr/bin/both", 0755);
	is("both", "/usr/bin/both");
	make_file("/usr/sbin/both", 0755);
	is("both", "/usr/sbin/both");
	make_file("/sbin/last", 0755);
	is("last", "/sbin/last");
	make_file("/usr/local/own", 0755);
	is_none("own", ENOENT);
	/* The environment's PATH is nobody's. */
	ATF_REQUIRE_EQ(setenv("PATH", "/usr/local", 1), 0);
	is_none("own", ENOENT);
	is("last", "/sbin/last");
	leave_root();
}

ROOT_TEST(what_cannot_be_executed_is_no_command)
{
	(void)tc;
	enter_root();
	make_file("/usr/sbin/tool", 0644);
	ATF_REQUIRE_EQ(mkdir("/usr/sbin/folder", 0755), 0);
	ATF_REQUIRE_EQ(mkfifo("/usr/sbin/fifo", 0755), 0);
	ATF_REQUIRE_EQ(symlink("gone", "/usr/sbin/dangling"), 0);
	is_none("tool", ENOENT);
	is_none("folder", ENOENT);
	is_none("fifo", ENOENT);
	is_none("dangling", ENOENT);
	make_file("/usr/bin/tool", 0711);
	is("tool", "/usr/bin/tool");
	leave_root();
}

ROOT_TEST(a_program_has_one_name)
{
	(void)tc;
	enter_root();
	make_file("/usr/bin/tool", 0755);
	is("/bin/tool", "/usr/bin/tool");
	is("/usr/bin/tool", "/usr/bin/tool");
	/* Only the folder: a link is a name of its own. */
	ATF_REQUIRE_EQ(symlink("tool", "/usr/bin/link"), 0);
	is("/bin/link", "/usr/bin/link");
	is("link", "/usr/bin/link");
	is("/top", "/top");
	leave_root();
}

ROOT_TEST(of_a_path_the_folder_must_be_there)
{
	char name[POLICY_PATH_MAX + 1];

	(void)tc;
	enter_root();
	make_file("/usr/bin/file", 0755);
	is("/bin/later", "/usr/bin/later");
	is_none("/none/tool", ENOENT);
	is_none("/usr/bin/file/tool", ENOTDIR);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	is_none(name, ENOENT);
	memcpy(name, "/bin/", 5);
	is_none(name, ENAMETOOLONG);
	/* Short enough as it is written, and not as it is. */
	name[POLICY_PATH_MAX - 1] = '\0';
	is_none(name, ENAMETOOLONG);
	name[POLICY_PATH_MAX - 5] = '\0';
	ATF_CHECK_EQ(policy_find(NULL, name, (char[POLICY_PATH_MAX]){""}), 0);
	leave_root();
}

ROOT_TEST(a_closed_folder_is_told_from_none)
{
	(void)tc;
	enter_root();
	ATF_REQUIRE_EQ(mkdir("/closed/in", 0755), 0);
	ATF_REQUIRE_EQ(chmod("/closed", 0700), 0);
	is("/closed/in/tool", "/closed/in/tool");
	ATF_REQUIRE_EQ(seteuid(65534), 0);
	is_none("/closed/in/tool", EACCES);
	ATF_REQUIRE_EQ(seteuid(0), 0);
	leave_root();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_name_is_looked_up_in_one_path);
	ATF_TP_ADD_TC(tp, what_cannot_be_executed_is_no_command);
	ATF_TP_ADD_TC(tp, a_program_has_one_name);
	ATF_TP_ADD_TC(tp, of_a_path_the_folder_must_be_there);
	ATF_TP_ADD_TC(tp, a_closed_folder_is_told_from_none);
	return atf_no_error();
}
