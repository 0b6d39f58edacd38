#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "executor/rig.h"
#include "wire/limits.h"

/* How commands end, and what is left of them: nothing. */

/*
 * What is hard to end: a tree with sessions of its own, one that ignores what
 * it is asked, one whose parent is gone.  Each says its number first.
 */
#define HARD_TREE                                                    \
	"setsid sh -c 'echo $$; exec sleep 1000' &\n"                \
	"nohup sh -c 'echo $$; exec sleep 1000' 2>/dev/null &\n"     \
	"(setsid sh -c 'echo $$; exec sleep 1000' & ) &\n"           \
	"sh -c 'trap \"\" TERM HUP INT; echo $$; sleep 1000 & wait;" \
	" sleep 1000' &\n"                                           \
	"sh -c 'trap \"\" TERM; echo $$; kill -STOP $$' &\n"
#define HARD_TREE_SIZE 5

/* The process numbers that command 1 has written, a line each. */
static unsigned int
read_pids(struct rig *r, pid_t *pids, unsigned int max)
{
	const char *p = rig_spool_text(r, 1, 1);
	unsigned int n = 0;
	char *end;

	while (n < max && *p != '\0') {
		pids[n++] = (pid_t)strtol(p, &end, 10);
		ATF_REQUIRE_EQ_MSG('\n', *end, "%s", p);
		p = end + 1;
	}
	return n;
}

/* Waits until that many lines are whole. */
static void
await_pids(struct rig *r, pid_t *pids, unsigned int want)
{
	uint64_t bytes = 0;

	while (read_pids(r, pids, want) < want) {
		rig_wait_output(r, 1, bytes + 1);
		bytes = r->commands[1].grown_out;
	}
}

static void
check_gone(const pid_t *pids, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_wait_gone(pids[i]);
}

ROOT_TC(what_is_left_when_bash_ends_is_killed, "");
ATF_TC_BODY(what_is_left_when_bash_ends_is_killed, tc)
{
	pid_t pids[HARD_TREE_SIZE];
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	rig_run(&r, 1, HARD_TREE "read -r _ < %s/../gate; exit 7\n", r.root);
	await_pids(&r, pids, HARD_TREE_SIZE);
	close(open("gate", O_WRONLY));
	rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, r.commands[1].end.how);
	ATF_CHECK_EQ(7, r.commands[1].end.value);
	check_gone(pids, HARD_TREE_SIZE);
	rig_check_clean(&r, 1);
}

ROOT_TC(a_timeout_ends_the_whole_tree, "");
ATF_TC_BODY(a_timeout_ends_the_whole_tree, tc)
{
	static const char body[] = HARD_TREE "trap '' TERM; sleep 1000; "
					     "sleep 1000\n";
	struct msg_run run = rig_msg(1);
	const struct msg_ended *end;
	pid_t pids[HARD_TREE_SIZE];
	struct rig r;

	rig_setup(&r, tc);
	run.timeout = 1;
	rig_send_run(&r, &run, rig_memfd(body, sizeof(body) - 1), -1);
	await_pids(&r, pids, HARD_TREE_SIZE);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_TIMEOUT, end->how);
	/* One second, and five of grace. */
	ATF_CHECK(end->ended_us - end->started_us >= 6000000);
	ATF_CHECK(end->ended_us - end->started_us < 9000000);
	check_gone(pids, HARD_TREE_SIZE);
	rig_check_clean(&r, 1);
}

ROOT_TC(a_kill_ends_the_whole_tree, "");
ATF_TC_BODY(a_kill_ends_the_whole_tree, tc)
{
	pid_t pids[HARD_TREE_SIZE];
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, HARD_TREE "wait\n");
	await_pids(&r, pids, HARD_TREE_SIZE);
	rig_send_seq(&r, IMSG_KILL, 1);
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_CHECK_EQ(END_KILLED, rig_wait_ended(&r, 1)->how);
	check_gone(pids, HARD_TREE_SIZE);
	rig_check_clean(&r, 1);
}

/*
 * Says that it is there once it is ready for SIGTERM, and waits for that
 * without a child: one could get the signal between its fork and its exec.
 */
#define TERM_SHELL(first, on_term)                                         \
	"bash -c '" first "; trap \"" on_term "; echo clean; exit\" TERM;" \
	" exec 5<> %s/../nothing; echo; read -r _ <&5'; echo bash\n"

ROOT_TC(a_kill_gives_the_tree_time_to_clean_up, "");
ATF_TC_BODY(a_kill_gives_the_tree_time_to_clean_up, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	ATF_REQUIRE(mkfifo("nothing", 0600) == 0);
	/* The outer bash is gone at once; the inner one takes a while. */
	rig_run(&r, 1, TERM_SHELL(":", "read -r _ < %s/../gate"), r.root,
	    r.root);
	rig_wait_output(&r, 1, 1);
	rig_send_seq(&r, IMSG_KILL, 1);
	close(open("gate", O_WRONLY));
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_KILLED, end->how);
	ATF_CHECK_STREQ("\nclean\n", rig_spool_text(&r, 1, 1));
	ATF_CHECK(end->ended_us - end->started_us < 4000000);
}

ROOT_TC(term_reaches_cgroups_that_the_command_made, "");
ATF_TC_BODY(term_reaches_cgroups_that_the_command_made, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("nothing", 0600) == 0);
	rig_run(&r, 1,
	    "mkdir -p %s/command.1/a/b %s/command.1/c\n" TERM_SHELL(
		"echo $$ > %s/command.1/a/b/cgroup.procs", ":"),
	    r.cgroup, r.cgroup, r.cgroup, r.root);
	rig_wait_output(&r, 1, 1);
	rig_send_seq(&r, IMSG_KILL, 1);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_KILLED, end->how);
	ATF_CHECK_STREQ("\nclean\n", rig_spool_text(&r, 1, 1));
	ATF_CHECK(end->ended_us - end->started_us < 4000000);
	rig_check_clean(&r, 1);
}

ROOT_TC(what_ended_by_itself_is_not_killed, "");
ATF_TC_BODY(what_ended_by_itself_is_not_killed, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_output(&r, 1, "exit 4\n");
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 2, "echo 0\n"));
	ATF_CHECK_EQ(END_EXITED, r.commands[1].end.how);
	ATF_CHECK_EQ(4, r.commands[1].end.value);
}

ROOT_TC(a_kill_before_the_input_runs_nothing, "");
ATF_TC_BODY(a_kill_before_the_input_runs_nothing, tc)
{
	struct msg_run run = rig_msg(1);
	struct msg_seq seq = {.seq = 1};
	struct rig r;
	int body, input;

	rig_setup(&r, tc);
	run.has_input = 1;
	body = rig_memfd("echo ran\n", 9);
	input = rig_memfd("x", 1);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_RUN, 0, &run, sizeof(run), body) == 0);
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_REQUIRE(imsg_send(&r.verifier, IMSG_RUN_INPUT, 0, &seq, sizeof(seq),
			input) == 0);
	ATF_CHECK_EQ(END_KILLED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK(!r.commands[1].started);
	ATF_CHECK_EQ(0, r.commands[1].end.out.written);
}

/* Sends RUN, and waits for what there is before GO: a process that waits. */
static pid_t
send_unstarted(struct rig *r)
{
	struct msg_run run = rig_msg(1);
	char path[IMSG_PATH_MAX + 64], text[IMSG_PATH_MAX + 64], line[32];
	pid_t pid = 0;
	FILE *f;
	int body;

	snprintf(text, sizeof(text), "echo ran >%s/ran\n", r->root);
	body = rig_memfd(text, strlen(text));
	ATF_REQUIRE(
	    imsg_send(&r->verifier, IMSG_RUN, 0, &run, sizeof(run), body) == 0);
	close(body);
	snprintf(path, sizeof(path), "%s/command.1/cgroup.procs", r->cgroup);
	while (pid == 0) {
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fgets(line, sizeof(line), f) != NULL)
			pid = (pid_t)strtol(line, NULL, 10);
		fclose(f);
	}
	return pid;
}

static bool
has_run(const struct rig *r)
{
	return access(rig_path(r, "/ran"), F_OK) == 0;
}

ROOT_TC(nothing_runs_before_it_is_told_to_go, "");
ATF_TC_BODY(nothing_runs_before_it_is_told_to_go, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	send_unstarted(&r);
	/* Longer than it takes to run something else. */
	ATF_CHECK_STREQ("0\n", rig_output(&r, 2, "sleep 0.1; echo 0\n"));
	ATF_CHECK(!has_run(&r));
	ATF_CHECK(!r.commands[1].started && !r.commands[1].ended);
	rig_send_seq(&r, IMSG_GO, 1);
	ATF_CHECK_EQ(END_EXITED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK(r.commands[1].started);
	ATF_CHECK(has_run(&r));
}

ROOT_TC(a_kill_before_it_is_told_to_go_runs_nothing, "");
ATF_TC_BODY(a_kill_before_it_is_told_to_go_runs_nothing, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	send_unstarted(&r);
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_CHECK_EQ(END_KILLED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK(!r.commands[1].started);
	ATF_CHECK(!has_run(&r));
	/* The messages may cross. */
	rig_send_seq(&r, IMSG_GO, 1);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 2, "echo 0\n"));
}

ROOT_TC(a_verifier_that_dies_before_it_says_go_runs_nothing, "");
ATF_TC_BODY(a_verifier_that_dies_before_it_says_go_runs_nothing, tc)
{
	struct rig r;
	pid_t pid;

	rig_setup(&r, tc);
	pid = send_unstarted(&r);
	rig_close(&r.verifier);
	rig_wait_exit(&r);
	rig_wait_gone(pid);
	ATF_CHECK(!has_run(&r));
}

ROOT_TC(an_executor_that_is_killed_before_it_says_go_runs_nothing, "");
ATF_TC_BODY(an_executor_that_is_killed_before_it_says_go_runs_nothing, tc)
{
	char path[IMSG_PATH_MAX + 16];
	struct rig r;
	pid_t pid;

	rig_setup(&r, tc);
	pid = send_unstarted(&r);
	ATF_REQUIRE(kill(r.pid, SIGKILL) == 0);
	ATF_REQUIRE_EQ(r.pid, waitpid(r.pid, NULL, 0));
	r.pid = 0;
	rig_wait_gone(pid);
	ATF_CHECK(!has_run(&r));
	/* The next life would. */
	snprintf(path, sizeof(path), "%s/command.1", r.cgroup);
	ATF_CHECK_EQ(0, rmdir(path));
}

/* By another command of its user, say. */
ROOT_TC(what_is_killed_while_it_waits_is_told_of_after_go, "");
ATF_TC_BODY(what_is_killed_while_it_waits_is_told_of_after_go, tc)
{
	struct rig r;
	pid_t pid;

	rig_setup(&r, tc);
	pid = send_unstarted(&r);
	ATF_REQUIRE(kill(pid, SIGKILL) == 0);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 2, "sleep 0.1; echo 0\n"));
	ATF_CHECK(!r.commands[1].started && !r.commands[1].ended);
	rig_send_seq(&r, IMSG_GO, 1);
	ATF_CHECK_EQ(END_SIGNALED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK_EQ(SIGKILL, r.commands[1].end.value);
	ATF_CHECK(!has_run(&r));
}

/* It waits for GO, and is done with all that comes before. */
static void
wait_asleep(pid_t pid)
{
	char path[32], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S') {
		ATF_REQUIRE((f = fopen(path, "r")) != NULL);
		ATF_REQUIRE_EQ(1, fscanf(f, "%*d %*s %c", &state));
		fclose(f);
	}
}

/* A client that cancels at once: GO is sent, and not read yet. */
ROOT_TC(what_is_cancelled_before_it_is_bash_is_cancelled, "");
ATF_TC_BODY(what_is_cancelled_before_it_is_bash_is_cancelled, tc)
{
	struct rig r;
	pid_t pid;

	rig_setup(&r, tc);
	pid = send_unstarted(&r);
	wait_asleep(pid);
	ATF_REQUIRE(kill(pid, SIGSTOP) == 0);
	rig_send_seq(&r, IMSG_GO, 1);
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_CHECK_EQ(END_KILLED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK(!has_run(&r));
}

ROOT_TC(background_child_with_the_pipe_does_not_delay_the_end, "");
ATF_TC_BODY(background_child_with_the_pipe_does_not_delay_the_end, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, "sleep 1000 & echo done\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(5, end->out.kept);
	ATF_CHECK(end->ended_us - end->started_us < 5000000);
}

/*
 * A process that has left the cgroup cannot be stopped.  It delays nothing,
 * however much it writes, and when it ends it leaves no zombie.
 */
ROOT_TC(pipe_held_outside_the_cgroup_does_not_delay_the_end, "");
ATF_TC_BODY(pipe_held_outside_the_cgroup_does_not_delay_the_end, tc)
{
	char children[IMSG_PATH_MAX], text[64];
	const struct msg_ended *end;
	struct rig r;
	pid_t pids[4];
	FILE *f;
	int go;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	ATF_REQUIRE(mkfifo("go", 0600) == 0);
	ATF_REQUIRE((go = open("go", O_RDWR)) != -1);
	rig_run(&r, 1,
	    "cd %s/..; for i in 1 2 3 4; do\n"
	    "setsid bash -c 'echo $$ > %s/daemon/cgroup.procs; echo $$;"
	    " read -r _ < go; exec yes' &\n"
	    "done; read -r _ < gate; exit 2\n",
	    r.root, r.cgroup);
	await_pids(&r, pids, 4);
	ATF_REQUIRE(write(go, "\n\n\n\n", 4) == 4);
	rig_wait_output(&r, 1, 1024 * 1024);
	close(open("gate", O_WRONLY));
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(2, end->value);
	rig_check_clean(&r, 1);

	/* Their pipe is closed by now, so they end. */
	check_gone(pids, 4);
	rig_output(&r, 2, "echo 0\n");
	snprintf(children, sizeof(children), "/proc/%d/task/%d/children",
	    (int)r.pid, (int)r.pid);
	ATF_REQUIRE((f = fopen(children, "r")) != NULL);
	ATF_CHECK_MSG(fgets(text, sizeof(text), f) == NULL, "%s", text);
	fclose(f);
}

ROOT_TC(orphans_of_a_command_are_our_children, "");
ATF_TC_BODY(orphans_of_a_command_are_our_children, tc)
{
	char want[32];
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	snprintf(want, sizeof(want), "%d\n", (int)r.pid);
	rig_run(&r, 1,
	    "cd %s/..; (bash -c 'read -r _ < gate;"
	    " read -r _ _ _ parent _ < /proc/$$/stat; echo $parent;"
	    " echo > gate' &)\n"
	    "echo > gate; read -r _ < gate\n",
	    r.root);
	rig_wait_ended(&r, 1);
	ATF_CHECK_STREQ(want, rig_spool_text(&r, 1, 1));
}

ROOT_TC(bash_that_has_left_its_cgroup_is_killed_all_the_same, "");
ATF_TC_BODY(bash_that_has_left_its_cgroup_is_killed_all_the_same, tc)
{
	pid_t pid;
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1,
	    "trap '' TERM; echo $$ > %s/daemon/cgroup.procs; echo $$\n"
	    "while :; do :; done\n",
	    r.cgroup);
	await_pids(&r, &pid, 1);
	rig_send_seq(&r, IMSG_KILL, 1);
	ATF_CHECK_EQ(END_KILLED, rig_wait_ended(&r, 1)->how);
	rig_wait_gone(pid);
}

ROOT_TC(a_tree_that_forks_without_end_is_killed, "");
ATF_TC_BODY(a_tree_that_forks_without_end_is_killed, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1,
	    "for i in 1 2 3 4 5 6 7 8; do\n"
	    "(trap '' TERM; while :; do (:) & done) 2>/dev/null &\n"
	    "done; exit 0\n");
	rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, r.commands[1].end.how);
	rig_check_clean(&r, 1);
}

ROOT_TC(work_folder_is_removed_without_following_anything, "");
ATF_TC_BODY(work_folder_is_removed_without_following_anything, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkdir("victim", 0755) == 0);
	ATF_REQUIRE(close(open("victim/file", O_CREAT | O_WRONLY, 0644)) == 0);
	rig_run(&r, 1,
	    "ln -s %s/../victim link; touch a\n"
	    "mkdir -p b/c; ln -s %s/../victim b/c/link\n"
	    "touch -- -x .hidden \"$(printf 'a\\nb')\"\n"
	    "chmod 0 b/c; mkfifo fifo\n"
	    "long=$(printf 'd/%%.0s' {1..400})\n"
	    "mkdir -p $long; cd $long; mkdir -p $long\n"
	    "touch $long/deep\n",
	    r.root, r.root);
	ATF_CHECK_EQ(0, rig_wait_ended(&r, 1)->value);
	rig_check_clean(&r, 1);
	ATF_CHECK_EQ(0, access("victim/file", F_OK));
}

/* In a mount namespace that ends with the test. */
ROOT_TC(a_mount_in_the_work_folder_is_not_crossed, "");
ATF_TC_BODY(a_mount_in_the_work_folder_is_not_crossed, tc)
{
	struct rig r;

	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	rig_setup(&r, tc);
	ATF_REQUIRE(mkdir("victim", 0755) == 0);
	ATF_REQUIRE(close(open("victim/file", O_CREAT | O_WRONLY, 0644)) == 0);
	rig_run(&r, 1,
	    "mkdir -p m a/b/m; touch a/b/c\n"
	    "mount --bind %s/../victim m\n"
	    "mount --bind %s/../victim a/b/m\n",
	    r.root, r.root);
	ATF_CHECK_EQ(0, rig_wait_ended(&r, 1)->value);
	ATF_CHECK_EQ(0, access("victim/file", F_OK));
	ATF_CHECK(
	    strstr(r.log, "command 1: its work folder is not gone") != NULL);
	ATF_CHECK_EQ(-1,
	    access(rig_path(&r, "/run/qvm-remote/work/1/a/b/c"), F_OK));
}

static unsigned int
count_fds(const struct rig *r)
{
	char path[32];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)r->pid);
	ATF_REQUIRE((d = opendir(path)) != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

ROOT_TC(no_descriptor_of_a_command_stays_open, "");
ATF_TC_BODY(no_descriptor_of_a_command_stays_open, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;
	unsigned int before;

	rig_setup(&r, tc);
	before = count_fds(&r);
	rig_send_run(&r, &run, rig_memfd("cat\n", 4), rig_memfd("x", 1));
	rig_wait_ended(&r, 1);
	run = rig_msg(2);
	rig_send_run(&r, &run, open("/bin/true", O_RDONLY), -1);
	rig_wait_ended(&r, 2);
	rig_run(&r, 3, "sleep 1000\n");
	rig_wait_started(&r, 3);
	rig_send_seq(&r, IMSG_KILL, 3);
	rig_wait_ended(&r, 3);
	rig_run(&r, 4, "mkdir -p a/b; exec >&- 2>&-\n");
	rig_wait_ended(&r, 4);
	ATF_CHECK_EQ(before, count_fds(&r));
}

/* Two commands, and something in a poller's cgroup. */
static void
run_for_ever(struct rig *r, pid_t *pids)
{
	char path[IMSG_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/poller.work", r->cgroup);
	ATF_REQUIRE(mkdir(path, 0755) == 0);
	rig_run(r, 1,
	    HARD_TREE "setsid sh -c '"
		      "echo 0 > %s/poller.work/cgroup.procs;"
		      " echo $$; exec sleep 1000' &\n"
		      "touch file; wait\n",
	    r->cgroup);
	rig_run(r, 2, "trap '' TERM; sleep 1000; sleep 1000\n");
	await_pids(r, pids, HARD_TREE_SIZE + 1);
	rig_wait_started(r, 2);
}

static void
check_all_gone(struct rig *r, const pid_t *pids)
{
	char path[IMSG_PATH_MAX + 16];

	check_gone(pids, HARD_TREE_SIZE + 1);
	rig_check_clean(r, 1);
	rig_check_clean(r, 2);
	snprintf(path, sizeof(path), "%s/poller.work", r->cgroup);
	ATF_CHECK_EQ(-1, access(path, F_OK));
	/* Whether its output is owed, the next life's verifier says. */
	ATF_CHECK_EQ(0,
	    access(rig_path(r, "/var/lib/qvm-remote/spool/1.out"), F_OK));
}

ROOT_TC(end_of_the_parent_ends_everything, "");
ATF_TC_BODY(end_of_the_parent_ends_everything, tc)
{
	pid_t pids[HARD_TREE_SIZE + 1];
	struct rig r;

	rig_setup(&r, tc);
	run_for_ever(&r, pids);
	rig_close(&r.parent);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	check_all_gone(&r, pids);
}

ROOT_TC(end_of_the_verifier_ends_everything, "");
ATF_TC_BODY(end_of_the_verifier_ends_everything, tc)
{
	pid_t pids[HARD_TREE_SIZE + 1];
	struct rig r;

	rig_setup(&r, tc);
	run_for_ever(&r, pids);
	rig_close(&r.verifier);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	check_all_gone(&r, pids);
}

ROOT_TC(end_of_the_parent_with_nothing_running_is_a_success, "");
ATF_TC_BODY(end_of_the_parent_with_nothing_running_is_a_success, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_output(&r, 1, "echo 0\n");
	rig_close(&r.parent);
	ATF_CHECK_EQ(0, rig_wait_exit(&r));
}

ROOT_TC(signals_do_not_end_it, "");
ATF_TC_BODY(signals_do_not_end_it, tc)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct rig r;
	size_t i;

	rig_setup(&r, tc);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		ATF_REQUIRE(kill(r.pid, signals[i]) == 0);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 1, "echo 0\n"));
}

/* Whatever it still runs dies with its trust. */
static void
check_mistrust(struct rig *r, const char *why)
{
	ATF_CHECK_EQ(1, rig_wait_exit(r));
	ATF_CHECK_MSG(strstr(r->log, why) != NULL, "%s", r->log);
	rig_check_clean(r, 1);
}

ROOT_TC(a_verifier_that_repeats_a_run_is_mistrusted, "");
ATF_TC_BODY(a_verifier_that_repeats_a_run_is_mistrusted, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, "sleep 1000\n");
	rig_wait_started(&r, 1);
	rig_run(&r, 1, "sleep 1000\n");
	check_mistrust(&r, "RUN of a command that is there");
}

ROOT_TC(a_verifier_that_sends_input_for_nothing_is_mistrusted, "");
ATF_TC_BODY(a_verifier_that_sends_input_for_nothing_is_mistrusted, tc)
{
	struct msg_seq seq = {.seq = 1};
	struct rig r;
	int input;

	rig_setup(&r, tc);
	rig_run(&r, 1, "sleep 1000\n");
	rig_wait_started(&r, 1);
	input = rig_memfd("x", 1);
	ATF_REQUIRE(imsg_send(&r.verifier, IMSG_RUN_INPUT, 0, &seq, sizeof(seq),
			input) == 0);
	check_mistrust(&r, "RUN_INPUT");
}

ROOT_TC(a_verifier_that_says_go_before_the_input_is_mistrusted, "");
ATF_TC_BODY(a_verifier_that_says_go_before_the_input_is_mistrusted, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;
	int body;

	rig_setup(&r, tc);
	run.has_input = 1;
	body = rig_memfd("echo ran\n", 9);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_RUN, 0, &run, sizeof(run), body) == 0);
	rig_send_seq(&r, IMSG_GO, 1);
	check_mistrust(&r, "GO for a command");
}

ROOT_TC(a_run_with_bad_fields_is_mistrusted, "");
ATF_TC_BODY(a_run_with_bad_fields_is_mistrusted, tc)
{
	struct msg_run run = rig_msg(2);
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, "sleep 1000\n");
	rig_wait_started(&r, 1);
	memset(run.id, 'a', sizeof(run.id)); /* without an end */
	rig_send_run(&r, &run, rig_memfd("echo ran\n", 9), -1);
	check_mistrust(&r, "RUN with a text");
}

ROOT_TC(more_commands_than_the_table_has_are_mistrusted, "");
ATF_TC_BODY(more_commands_than_the_table_has_are_mistrusted, tc)
{
	struct rig r;
	struct msg_run run;
	uint64_t i;
	int body;

	rig_setup(&r, tc);
	body = rig_memfd("echo ran\n", 9);
	/* None runs: each waits for its input. */
	for (i = 0; i <= 32 + 2 * VMS_MAX; i++) {
		run = rig_msg(1000 + i);
		run.has_input = 1;
		while (imsg_send(&r.verifier, IMSG_RUN, 0, &run, sizeof(run),
			   body) == -1)
			ATF_REQUIRE_EQ(EAGAIN, errno);
	}
	check_mistrust(&r, "no room in the table");
}

ROOT_TC(without_a_writable_cgroup_it_is_not_ready, "");
ATF_TC_BODY(without_a_writable_cgroup_it_is_not_ready, tc)
{
	char probe[IMSG_PATH_MAX + 32];
	struct rig r;

	rig_prepare(&r);
	snprintf(r.told_cgroup, sizeof(r.told_cgroup), "%s", r.root);
	rig_start(&r, tc);
	ATF_CHECK(!r.ready);
	snprintf(probe, sizeof(probe), "%s/probe.%d", r.root, (int)r.pid);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	/* What is no cgroup is not touched. */
	ATF_CHECK_EQ(-1, access(probe, F_OK));
	ATF_CHECK_MSG(strstr(r.log, "Delegate=yes") != NULL, "%s", r.log);
}

ROOT_TC(leftovers_of_an_earlier_life_are_removed, "");
ATF_TC_BODY(leftovers_of_an_earlier_life_are_removed, tc)
{
	static const char *const folders[] = {"/run/qvm-remote",
	    "/run/qvm-remote/work", "/run/qvm-remote/work/9",
	    "/run/qvm-remote/work/9/a", "/var/lib/qvm-remote",
	    "/var/lib/qvm-remote/spool"};
	static const char *const files[] = {"/run/qvm-remote/work/9/a/b",
	    "/var/lib/qvm-remote/spool/9.out"};
	char path[IMSG_PATH_MAX + 32], line[16];
	struct rig r;
	pid_t pid;
	size_t i;
	int fd;

	rig_prepare(&r);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		ATF_REQUIRE(mkdir(rig_path(&r, folders[i]), 0700) == 0);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		ATF_REQUIRE(close(open(rig_path(&r, files[i]),
				O_CREAT | O_WRONLY, 0600)) == 0);
	snprintf(path, sizeof(path), "%s/command.9", r.cgroup);
	ATF_REQUIRE(mkdir(path, 0755) == 0);
	if ((pid = fork()) == 0)
		for (;;)
			pause();
	ATF_REQUIRE(pid != -1);
	snprintf(path, sizeof(path), "%s/command.9/cgroup.procs", r.cgroup);
	snprintf(line, sizeof(line), "%d", (int)pid);
	ATF_REQUIRE((fd = open(path, O_WRONLY)) != -1);
	ATF_REQUIRE(write(fd, line, strlen(line)) != -1);
	close(fd);

	rig_start(&r, tc);
	ATF_REQUIRE(r.ready);
	rig_wait_gone(pid);
	ATF_CHECK_EQ(-1, access(rig_path(&r, "/run/qvm-remote/work/9"), F_OK));
	/* After the sweep. */
	ATF_CHECK_STREQ("0\n", rig_output(&r, 1, "echo 0\n"));
	ATF_CHECK_EQ(-1, access(rig_path(&r, files[1]), F_OK));
	rig_check_clean(&r, 9);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_left_when_bash_ends_is_killed);
	ATF_TP_ADD_TC(tp, a_timeout_ends_the_whole_tree);
	ATF_TP_ADD_TC(tp, a_kill_ends_the_whole_tree);
	ATF_TP_ADD_TC(tp, a_kill_gives_the_tree_time_to_clean_up);
	ATF_TP_ADD_TC(tp, term_reaches_cgroups_that_the_command_made);
	ATF_TP_ADD_TC(tp, what_ended_by_itself_is_not_killed);
	ATF_TP_ADD_TC(tp, a_kill_before_the_input_runs_nothing);
	ATF_TP_ADD_TC(tp,
	    background_child_with_the_pipe_does_not_delay_the_end);
	ATF_TP_ADD_TC(tp, nothing_runs_before_it_is_told_to_go);
	ATF_TP_ADD_TC(tp, a_kill_before_it_is_told_to_go_runs_nothing);
	ATF_TP_ADD_TC(tp, a_verifier_that_dies_before_it_says_go_runs_nothing);
	ATF_TP_ADD_TC(tp,
	    an_executor_that_is_killed_before_it_says_go_runs_nothing);
	ATF_TP_ADD_TC(tp, what_is_killed_while_it_waits_is_told_of_after_go);
	ATF_TP_ADD_TC(tp, what_is_cancelled_before_it_is_bash_is_cancelled);
	ATF_TP_ADD_TC(tp, pipe_held_outside_the_cgroup_does_not_delay_the_end);
	ATF_TP_ADD_TC(tp, orphans_of_a_command_are_our_children);
	ATF_TP_ADD_TC(tp, bash_that_has_left_its_cgroup_is_killed_all_the_same);
	ATF_TP_ADD_TC(tp, a_tree_that_forks_without_end_is_killed);
	ATF_TP_ADD_TC(tp, work_folder_is_removed_without_following_anything);
	ATF_TP_ADD_TC(tp, a_mount_in_the_work_folder_is_not_crossed);
	ATF_TP_ADD_TC(tp, no_descriptor_of_a_command_stays_open);
	ATF_TP_ADD_TC(tp, end_of_the_parent_ends_everything);
	ATF_TP_ADD_TC(tp, end_of_the_verifier_ends_everything);
	ATF_TP_ADD_TC(tp, end_of_the_parent_with_nothing_running_is_a_success);
	ATF_TP_ADD_TC(tp, signals_do_not_end_it);
	ATF_TP_ADD_TC(tp, a_verifier_that_repeats_a_run_is_mistrusted);
	ATF_TP_ADD_TC(tp,
	    a_verifier_that_sends_input_for_nothing_is_mistrusted);
	ATF_TP_ADD_TC(tp,
	    a_verifier_that_says_go_before_the_input_is_mistrusted);
	ATF_TP_ADD_TC(tp, a_run_with_bad_fields_is_mistrusted);
	ATF_TP_ADD_TC(tp, more_commands_than_the_table_has_are_mistrusted);
	ATF_TP_ADD_TC(tp, without_a_writable_cgroup_it_is_not_ready);
	ATF_TP_ADD_TC(tp, leftovers_of_an_earlier_life_are_removed);
	return atf_no_error();
}
