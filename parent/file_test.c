#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

static char err[ERR_MAX];

static void
make_file(const char *name, mode_t mode, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), write(fd, text, strlen(text)));
	ATF_REQUIRE_EQ(0, fchmod(fd, mode));
	ATF_REQUIRE_EQ(0, close(fd));
}

static void
check_refused(const char *name, mode_t forbid, const char *reason)
{
	ATF_CHECK_EQ(-1, file_open(name, forbid, err, sizeof(err)));
	ATF_CHECK_MSG(strstr(err, reason) != NULL, "%s", err);
	ATF_CHECK_MSG(strncmp(err, name, strlen(name)) == 0, "%s", err);
}

ATF_TC(only_a_file_of_roots_is_believed);
ATF_TC_HEAD(only_a_file_of_roots_is_believed, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(only_a_file_of_roots_is_believed, tc)
{
	int fd;

	make_file("good", 0600, "x");
	fd = file_open("good", 077, err, sizeof(err));
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, close(fd));

	check_refused("none", 077, "No such file");
	ATF_CHECK_EQ(-1, file_open("none", 077, err, sizeof(err)));
	ATF_CHECK_EQ(ENOENT, errno);
	make_file("readable", 0640, "x");
	check_refused("readable", 077, "may read");
	make_file("writable", 0620, "x");
	check_refused("writable", 022, "may write");
	make_file("everybody's", 0602, "x");
	check_refused("everybody's", 022, "may write");
	make_file("another", 0600, "x");
	ATF_REQUIRE_EQ(0, chown("another", 65534, 65534));
	check_refused("another", 077, "not owned by root");
	ATF_REQUIRE_EQ(0, symlink("good", "link"));
	check_refused("link", 077, "symbolic link");
	/* Must not wait for a writer. */
	ATF_REQUIRE_EQ(0, mkfifo("fifo", 0600));
	check_refused("fifo", 077, "not a regular file");
	ATF_REQUIRE_EQ(0, mkdir("folder", 0700));
	check_refused("folder", 077, "not a regular file");
}

ATF_TC(a_policy_may_be_readable);
ATF_TC_HEAD(a_policy_may_be_readable, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(a_policy_may_be_readable, tc)
{
	int fd;

	make_file("policy", 0644, "x");
	fd = file_open("policy", 022, err, sizeof(err));
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, close(fd));
}

ATF_TC_WITHOUT_HEAD(a_file_is_read_whole_or_not_at_all);
ATF_TC_BODY(a_file_is_read_whole_or_not_at_all, tc)
{
	char buf[8];
	int fd;

	make_file("f", 0600, "1234567");
	fd = open("f", O_RDONLY);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK_EQ(7, file_read(fd, buf, 8));
	/* The offset has not moved. */
	ATF_CHECK_EQ(7, file_read(fd, buf, 8));
	ATF_CHECK_EQ(0, memcmp(buf, "1234567", 7));
	ATF_CHECK_EQ(-1, file_read(fd, buf, 7));
	ATF_CHECK_EQ(EFBIG, errno);
	ATF_REQUIRE_EQ(0, close(fd));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, only_a_file_of_roots_is_believed);
	ATF_TP_ADD_TC(tp, a_policy_may_be_readable);
	ATF_TP_ADD_TC(tp, a_file_is_read_whole_or_not_at_all);
	return atf_no_error();
}
