#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "executor/cgroup.h"

static int dir;

/* A folder stands for the cgroup, files in it for the controllers'. */
static void
make_cgroup(void)
{
	ATF_REQUIRE_EQ(0, mkdir("cgroup", 0755));
	dir = open("cgroup", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(dir != -1);
}

static void
make_controllers(void)
{
	atf_utils_create_file("cgroup/pids.max", "%s", "");
	atf_utils_create_file("cgroup/memory.max", "%s", "");
	atf_utils_create_file("cgroup/memory.swap.max", "%s", "");
}

static void
check_limit(const char *file, const char *want)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "cgroup/%s", file);
	ATF_CHECK_MSG(atf_utils_compare_file(path, want), "%s", file);
}

ATF_TC_WITHOUT_HEAD(a_command_has_1024_tasks);
ATF_TC_BODY(a_command_has_1024_tasks, tc)
{
	make_cgroup();
	make_controllers();
	ATF_REQUIRE_EQ(0, cgroup_confine(dir, 0, 0));
	check_limit("pids.max", "1024");
	check_limit("memory.max", "");
}

ATF_TC_WITHOUT_HEAD(a_policy_says_otherwise);
ATF_TC_BODY(a_policy_says_otherwise, tc)
{
	make_cgroup();
	make_controllers();
	ATF_REQUIRE_EQ(0, cgroup_confine(dir, 64, 1 << 22));
	check_limit("pids.max", "64");
	check_limit("memory.max", "4194304");
	check_limit("memory.swap.max", "0");
}

ATF_TC_WITHOUT_HEAD(what_a_policy_names_is_not_left_out);
ATF_TC_BODY(what_a_policy_names_is_not_left_out, tc)
{
	make_cgroup();
	/* No controller is there. */
	ATF_CHECK_EQ(0, cgroup_confine(dir, 0, 0));
	ATF_CHECK_EQ(-1, cgroup_confine(dir, 64, 0));
	ATF_CHECK_EQ(-1, cgroup_confine(dir, 0, 1 << 22));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_command_has_1024_tasks);
	ATF_TP_ADD_TC(tp, a_policy_says_otherwise);
	ATF_TP_ADD_TC(tp, what_a_policy_names_is_not_left_out);
	return atf_no_error();
}
