#include <atf-c.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parent/parent.h"

#define HYBRID                                                                \
	"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"                   \
	"35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw\n" \
	"41 31 0:38 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 none rw\n"
#define UNIFIED "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
#define PART	"30 23 0:26 /a/b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"

ATF_TC_WITHOUT_HEAD(own_path_is_the_one_of_version_2);
ATF_TC_BODY(own_path_is_the_one_of_version_2, tc)
{
	char own[64];

	ATF_REQUIRE_EQ(0,
	    cgroup_own("4:memory:/x\n1:cpu:/\n0::/system.slice/q.service\n",
		own, sizeof(own)));
	ATF_CHECK_STREQ("/system.slice/q.service", own);
	ATF_REQUIRE_EQ(0, cgroup_own("0::/\n", own, sizeof(own)));
	ATF_CHECK_STREQ("/", own);
}

ATF_TC_WITHOUT_HEAD(without_version_2_there_is_no_path);
ATF_TC_BODY(without_version_2_there_is_no_path, tc)
{
	char own[8];

	ATF_CHECK_EQ(-1, cgroup_own("4:memory:/x\n", own, sizeof(own)));
	ATF_CHECK_EQ(-1, cgroup_own("", own, sizeof(own)));
	/* Nor one that does not fit. */
	ATF_CHECK_EQ(-1, cgroup_own("0::/1234567\n", own, sizeof(own)));
	ATF_CHECK_EQ(0, cgroup_own("0::/123456\n", own, sizeof(own)));
}

static void
check_found(const char *mountinfo, const char *own, const char *want)
{
	char out[128];

	ATF_REQUIRE_EQ(0, cgroup_find(mountinfo, own, out, sizeof(out)));
	ATF_CHECK_STREQ(want, out);
}

ATF_TC_WITHOUT_HEAD(own_folder_is_found_below_the_mount);
ATF_TC_BODY(own_folder_is_found_below_the_mount, tc)
{
	check_found(HYBRID, "/x", "/sys/fs/cgroup/unified/x");
	check_found(HYBRID, "/", "/sys/fs/cgroup/unified");
	check_found(UNIFIED, "/a/b.service", "/sys/fs/cgroup/a/b.service");
	check_found(PART, "/a/b/c", "/sys/fs/cgroup/c");
	check_found(PART, "/a/b", "/sys/fs/cgroup");
	check_found(PART UNIFIED, "/other", "/sys/fs/cgroup/other");
}

ATF_TC_WITHOUT_HEAD(a_folder_outside_the_mount_is_refused);
ATF_TC_BODY(a_folder_outside_the_mount_is_refused, tc)
{
	char out[128];

	ATF_CHECK_EQ(-1, cgroup_find(PART, "/a/bc", out, sizeof(out)));
	ATF_CHECK_EQ(-1, cgroup_find(PART, "/a", out, sizeof(out)));
	ATF_CHECK_EQ(-1, cgroup_find(UNIFIED, "/../x", out, sizeof(out)));
	ATF_CHECK_EQ(-1, cgroup_find("", "/x", out, sizeof(out)));
	ATF_CHECK_EQ(-1, cgroup_find(UNIFIED, "/x", out, 5));
	ATF_CHECK_EQ(-1,
	    cgroup_find("1 2 0:3 / /a\\040b rw - cgroup2 none rw\n", "/x", out,
		sizeof(out)));
	/* A path that only looks like the type. */
	ATF_CHECK_EQ(-1,
	    cgroup_find("1 2 0:3 / /m rw - tmpfs cgroup2 rw\n", "/x", out,
		sizeof(out)));
}

ATF_TC_WITHOUT_HEAD(only_names_that_we_make_are_ours);
ATF_TC_BODY(only_names_that_we_make_are_ours, tc)
{
	ATF_CHECK(cgroup_ours("poller.1", false));
	ATF_CHECK(cgroup_ours("command.18446744073709551615", false));
	ATF_CHECK(cgroup_ours("daemon", true));
	ATF_CHECK(!cgroup_ours("daemon", false));
	ATF_CHECK(!cgroup_ours("daemon.1", true));
	ATF_CHECK(!cgroup_ours("poller.", true));
	ATF_CHECK(!cgroup_ours("poller.1x", true));
	ATF_CHECK(!cgroup_ours("command", true));
	ATF_CHECK(!cgroup_ours("command.1.scope", true));
	ATF_CHECK(!cgroup_ours("system.slice", true));
	ATF_CHECK(!cgroup_ours("", true));
}

/* A folder stands for the cgroup, a file in it for the controller's. */
ATF_TC_WITHOUT_HEAD(a_poller_has_at_most_128_mib);
ATF_TC_BODY(a_poller_has_at_most_128_mib, tc)
{
	ATF_REQUIRE_EQ(0, mkdir("poller.1", 0755));
	ATF_REQUIRE_EQ(0, cgroup_limit("poller.1"));
	ATF_CHECK(!atf_utils_file_exists("poller.1/memory.max"));
	atf_utils_create_file("poller.1/memory.max", "%s", "");
	ATF_REQUIRE_EQ(0, cgroup_limit("poller.1"));
	ATF_CHECK(atf_utils_compare_file("poller.1/memory.max", "134217728"));
	/* A limit that is there and cannot be set is told. */
	ATF_REQUIRE_EQ(0, unlink("poller.1/memory.max"));
	ATF_REQUIRE_EQ(0, mkdir("poller.1/memory.max", 0755));
	ATF_CHECK_EQ(-1, cgroup_limit("poller.1"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, own_path_is_the_one_of_version_2);
	ATF_TP_ADD_TC(tp, without_version_2_there_is_no_path);
	ATF_TP_ADD_TC(tp, own_folder_is_found_below_the_mount);
	ATF_TP_ADD_TC(tp, a_folder_outside_the_mount_is_refused);
	ATF_TP_ADD_TC(tp, only_names_that_we_make_are_ours);
	ATF_TP_ADD_TC(tp, a_poller_has_at_most_128_mib);
	return atf_no_error();
}
