#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "crypto/crypto.h"
#include "executor/rig.h"
#include "wire/limits.h"

/* What a command is given, and what is kept of what it writes. */

static void
check_digest(const struct msg_ended_stream *s, const void *data, size_t len)
{
	uint8_t want[SHA256_LEN];

	sha256(data, len, want);
	ATF_CHECK_EQ(0, memcmp(want, s->sha256, sizeof(want)));
}

ROOT_TC(two_streams_and_the_exit_status_are_kept_apart, "");
ATF_TC_BODY(two_streams_and_the_exit_status_are_kept_apart, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, "echo out; echo err >&2; exit 3\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK(r.commands[1].started);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(3, end->value);
	ATF_CHECK(end->started_us > 0 && end->ended_us >= end->started_us);
	ATF_CHECK_EQ(4, end->out.written);
	ATF_CHECK_EQ(4, end->out.kept);
	check_digest(&end->out, "out\n", 4);
	check_digest(&end->err, "err\n", 4);
	ATF_CHECK_EQ(4, end->out_head_len);
	ATF_CHECK_EQ(0, memcmp("out\n", end->out_head, 4));
	ATF_CHECK_EQ(0, memcmp("err\n", end->err_head, 4));
	ATF_CHECK_STREQ("out\n", rig_spool_text(&r, 1, 1));
	ATF_CHECK_STREQ("err\n", rig_spool_text(&r, 1, 2));
	rig_check_clean(&r, 1);
}

/* How often a process has slept. */
static unsigned long
sleeps(pid_t pid)
{
	char path[32], line[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ATF_REQUIRE((f = fopen(path, "r")) != NULL);
	while (n == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
			n = strtoul(line + 24, NULL, 10);
	fclose(f);
	return n;
}

/* As rig_setup; the spool is a disk of its own. */
static void
spool_in_memory(struct rig *r, const atf_tc_t *tc, const char *options)
{
	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	rig_prepare(r);
	ATF_REQUIRE(mkdir(rig_path(r, "/var/lib/qvm-remote"), 0700) == 0);
	ATF_REQUIRE(mkdir(rig_path(r, "/var/lib/qvm-remote/spool"), 0700) == 0);
	ATF_REQUIRE(mount("none", rig_path(r, "/var/lib/qvm-remote/spool"),
			"tmpfs", 0, options) == 0);
	rig_start(r, tc);
	ATF_REQUIRE(r->ready);
}

ROOT_TC(many_small_pieces_wake_it_once_a_millisecond, "");
ATF_TC_BODY(many_small_pieces_wake_it_once_a_millisecond, tc)
{
	const struct msg_ended *end;
	unsigned long before;
	struct rig r;

	/* A disk that others use would have it sleep, too. */
	spool_in_memory(&r, tc, "mode=0700");
	before = sleeps(r.pid);
	rig_run(&r, 1, "for ((i = 0; i < 50000; i++)); do echo; done\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(50000, end->out.kept);
	/* And what a start and an end take. */
	ATF_CHECK(sleeps(r.pid) - before <
	    (unsigned long)(end->ended_us - end->started_us) / 1000 + 50);
}

ROOT_TC(a_signal_is_told_as_one, "");
ATF_TC_BODY(a_signal_is_told_as_one, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	rig_run(&r, 1, "kill -SEGV $$\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_SIGNALED, end->how);
	ATF_CHECK_EQ(SIGSEGV, end->value);
}

ROOT_TC(environment_is_fixed_and_exact, "");
ATF_TC_BODY(environment_is_fixed_and_exact, tc)
{
	struct rig r;

	ATF_REQUIRE(setenv("LEAKS", "yes", 1) == 0);
	rig_setup(&r, tc);
	/* Bash itself adds PWD, SHLVL and _. */
	ATF_CHECK_STREQ("HOME=/root\n"
			"LANG=C.UTF-8\n"
			"LC_ALL=C.UTF-8\n"
			"LOGNAME=root\n"
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			"/usr/bin:/sbin:/bin\n"
			"QVM_REMOTE_ID=20260218-143022-1-00000001\n"
			"QVM_REMOTE_VM=work\n"
			"USER=root\n",
	    rig_output(&r, 1,
		"env | grep -Ev '^(PWD|SHLVL|_)=' | LC_ALL=C sort\n"));
}

ROOT_TC(descriptors_are_0_to_3_and_no_other, "");
ATF_TC_BODY(descriptors_are_0_to_3_and_no_other, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	/* The fourth is the folder that ls reads. */
	ATF_CHECK_STREQ("0\n1\n2\n3\n4\n",
	    rig_output(&r, 1, "exec ls /proc/self/fd\n"));
	ATF_CHECK_STREQ("/dev/null\n",
	    rig_output(&r, 2, "readlink /proc/self/fd/0\n"));
}

ROOT_TC(a_command_has_its_own_session_folder_and_cgroup, "");
ATF_TC_BODY(a_command_has_its_own_session_folder_and_cgroup, tc)
{
	char want[IMSG_PATH_MAX * 2];
	const char *path;
	struct rig r;

	rig_setup(&r, tc);
	snprintf(want, sizeof(want), "%s\n700\n0077\n",
	    rig_path(&r, "/run/qvm-remote/work/1"));
	ATF_CHECK_STREQ(want, rig_output(&r, 1, "pwd; stat -c %a .; umask\n"));
	path = strstr(r.cgroup, "/qvm-remote-test");
	ATF_REQUIRE(path != NULL);
	snprintf(want, sizeof(want), "0::%s/command.2\n", path);
	ATF_CHECK_STREQ(want,
	    rig_output(&r, 2, "grep ^0:: /proc/self/cgroup\n"));
	ATF_CHECK_STREQ("leader\n0\n0\n",
	    rig_output(&r, 3,
		"read -r _ _ _ _ _ sid _ < /proc/$$/stat\n"
		"[ $sid = $$ ] && echo leader\n"
		"ulimit -c; ulimit -Hc\n"));
}

ROOT_TC(signals_are_at_their_defaults, "");
ATF_TC_BODY(signals_are_at_their_defaults, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	ATF_CHECK_STREQ("SigBlk:\t0000000000000000\n"
			"SigIgn:\t0000000000000000\n",
	    rig_output(&r, 1,
		"exec grep -E '^Sig(Blk|Ign)' /proc/self/status\n"));
}

ROOT_TC(input_is_read_from_its_beginning, "");
ATF_TC_BODY(input_is_read_from_its_beginning, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;
	int input;

	rig_setup(&r, tc);
	/* Its offset is at the end: the writer's. */
	input = rig_memfd("abc", 3);
	rig_send_run(&r, &run, rig_memfd("cat; wc -c < /dev/stdin\n", 24),
	    input);
	rig_wait_ended(&r, 1);
	ATF_CHECK_STREQ("abc3\n", rig_spool_text(&r, 1, 1));
}

ROOT_TC(body_and_input_cannot_be_written_by_the_command, "");
ATF_TC_BODY(body_and_input_cannot_be_written_by_the_command, tc)
{
	static const char body[] = "for i in 0 3; do\n"
				   "stat -Lc %a /proc/self/fd/$i\n"
				   "grep ^flags /proc/self/fdinfo/$i\n"
				   "done\n"
				   "echo >> /proc/self/fd/3 && echo written\n";
	struct msg_run run = rig_msg(1);
	struct rig r;

	rig_setup(&r, tc);
	rig_send_run(&r, &run, rig_memfd(body, sizeof(body) - 1),
	    rig_memfd("x", 1));
	rig_wait_ended(&r, 1);
	ATF_CHECK_STREQ("444\nflags:\t0100000\n444\nflags:\t0100000\n",
	    rig_spool_text(&r, 1, 1));
}

static void
send_with_seals(struct rig *r, uint64_t seq, int seals, bool as_input)
{
	struct msg_run run = rig_msg(seq);
	int fd;

	ATF_REQUIRE((fd = memfd_create("test", MFD_ALLOW_SEALING)) != -1);
	ATF_REQUIRE(write(fd, "echo ran\n", 9) == 9);
	ATF_REQUIRE(fcntl(fd, F_ADD_SEALS, seals) == 0);
	if (as_input)
		rig_send_run(r, &run, rig_memfd("echo ran\n", 9), fd);
	else
		rig_send_run(r, &run, fd, -1);
}

ROOT_TC(what_lacks_a_seal_does_not_run, "");
ATF_TC_BODY(what_lacks_a_seal_does_not_run, tc)
{
	static const int seals[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW,
	    F_SEAL_WRITE};
	const int all =
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct msg_run run = rig_msg(6);
	const struct msg_ended *end;
	struct rig r;
	uint64_t seq;

	rig_setup(&r, tc);
	for (seq = 1; seq <= 5; seq++) {
		if (seq <= 4)
			send_with_seals(&r, seq, all & ~seals[seq - 1], false);
		else
			send_with_seals(&r, seq, 0, true);
		end = rig_wait_ended(&r, seq);
		ATF_CHECK_EQ(END_FAILED, end->how);
		ATF_CHECK_EQ(EPERM, end->value);
		ATF_CHECK(!r.commands[seq].started);
		ATF_CHECK_EQ(0, end->out.written);
		rig_check_clean(&r, seq);
	}
	/* A file is no memfd. */
	rig_send_run(&r, &run, open("/bin/true", O_RDONLY), -1);
	ATF_CHECK_EQ(END_FAILED, rig_wait_ended(&r, 6)->how);
}

ROOT_TC(what_cannot_start_is_told_with_its_reason, "");
ATF_TC_BODY(what_cannot_start_is_told_with_its_reason, tc)
{
	const struct msg_ended *end;
	struct rig r;
	char path[IMSG_PATH_MAX + 16];

	rig_setup(&r, tc);
	ATF_REQUIRE(mkdir(rig_path(&r, "/run/qvm-remote/work/1"), 0700) == 0);
	rig_run(&r, 1, "echo ran\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_FAILED, end->how);
	ATF_CHECK_EQ(EEXIST, end->value);
	ATF_CHECK(strstr(r.log, "work folder: File exists") != NULL);
	ATF_CHECK_STREQ("", rig_spool_text(&r, 1, 1));

	snprintf(path, sizeof(path), "%s/command.2", r.cgroup);
	ATF_REQUIRE(mkdir(path, 0755) == 0);
	rig_run(&r, 2, "echo ran\n");
	ATF_CHECK_EQ(EEXIST, rig_wait_ended(&r, 2)->value);
	ATF_CHECK_EQ(0, r.commands[2].end.out.written);
}

ROOT_TC(a_spool_file_that_exists_is_not_written, "");
ATF_TC_BODY(a_spool_file_that_exists_is_not_written, tc)
{
	const struct msg_ended *end;
	struct rig r;
	struct stat st;
	const char *path;
	int fd;

	rig_setup(&r, tc);
	/* After the sweep. */
	ATF_CHECK_STREQ("0\n", rig_output(&r, 3, "echo 0\n"));
	path = rig_path(&r, "/var/lib/qvm-remote/spool/1.err");
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ATF_REQUIRE(fd != -1);
	rig_run(&r, 1, "echo out; echo err >&2\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(4, end->out.written);
	ATF_CHECK_EQ(0, end->out.kept);
	ATF_CHECK_EQ(4, end->err.written);
	ATF_CHECK_EQ(0, end->err.kept);
	ATF_REQUIRE(fstat(fd, &st) == 0);
	ATF_CHECK_EQ(0, st.st_size);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 2, "echo 0\n"));
}

ROOT_TC(output_beyond_the_limit_is_counted_and_dropped, "");
ATF_TC_BODY(output_beyond_the_limit_is_counted_and_dropped, tc)
{
	static const size_t mib = 1024 * 1024;
	const struct msg_ended *end;
	struct sha256 digest;
	uint8_t want[SHA256_LEN];
	char line[64];
	struct stat st;
	struct rig r;
	size_t i;

	rig_setup(&r, tc);
	/* 11 MiB of numbered lines of 64 bytes; the other stream is whole. */
	rig_run(&r, 1,
	    "awk 'BEGIN { for (i = 0; i < %zu; i++)"
	    " printf \"%%063d\\n\", i }'; echo end >&2\n",
	    11 * mib / 64);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(0, end->value);
	ATF_CHECK_EQ(11 * mib, end->out.written);
	ATF_CHECK_EQ(10 * mib, end->out.kept);
	sha256_init(&digest);
	for (i = 0; i < 10 * mib / 64; i++) {
		snprintf(line, sizeof(line), "%063zu", i);
		line[63] = '\n';
		sha256_update(&digest, line, sizeof(line));
	}
	sha256_final(&digest, want);
	ATF_CHECK_EQ(0, memcmp(want, end->out.sha256, sizeof(want)));
	ATF_CHECK_EQ(512, end->out_head_len);
	ATF_CHECK_EQ('7', end->out_head[7 * 64 + 62]);
	check_digest(&end->err, "end\n", 4);
	rig_open_spool(&r, 1);
	ATF_REQUIRE(fstat(r.commands[1].spool[0], &st) == 0);
	ATF_CHECK_EQ(10 * mib, (size_t)st.st_size);
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	ATF_CHECK(r.commands[1].growns > 1);
}

ROOT_TC(limit_of_nothing_keeps_nothing, "");
ATF_TC_BODY(limit_of_nothing_keeps_nothing, tc)
{
	struct msg_run run = rig_msg(1);
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	run.output_limit = 0;
	rig_send_run(&r, &run, rig_memfd("echo out\n", 9), -1);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(4, end->out.written);
	ATF_CHECK_EQ(0, end->out.kept);
	ATF_CHECK_EQ(0, end->out_head_len);
	check_digest(&end->out, "", 0);
	ATF_CHECK_EQ(0, r.commands[1].growns);
}

/*
 * The spool on a disk of 64 KiB, in a mount namespace that ends with the
 * test.
 */
ROOT_TC(a_full_disk_loses_output_and_not_the_command, "");
ATF_TC_BODY(a_full_disk_loses_output_and_not_the_command, tc)
{
	static char zeros[65536];
	const struct msg_ended *end;
	struct rig r;

	spool_in_memory(&r, tc, "size=64k,mode=0700");
	rig_run(&r, 1, "head -c 1000000 /dev/zero; exit 5\n");
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_EXITED, end->how);
	ATF_CHECK_EQ(5, end->value);
	ATF_CHECK_EQ(1000000, end->out.written);
	ATF_CHECK(end->out.kept > 0 && end->out.kept <= sizeof(zeros));
	check_digest(&end->out, zeros, end->out.kept);
}

ROOT_TC(output_is_seen_while_the_command_runs, "");
ATF_TC_BODY(output_is_seen_while_the_command_runs, tc)
{
	struct rig r;
	int fd;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	rig_run(&r, 1, "echo one; read -r line < %s/../gate; echo $line\n",
	    r.root);
	rig_wait_output(&r, 1, 4);
	ATF_CHECK(r.commands[1].started);
	ATF_CHECK(!r.commands[1].ended);
	ATF_CHECK_STREQ("one\n", rig_spool_text(&r, 1, 1));
	ATF_REQUIRE((fd = open("gate", O_WRONLY)) != -1);
	ATF_REQUIRE(write(fd, "two\n", 4) == 4);
	close(fd);
	rig_wait_ended(&r, 1);
	ATF_CHECK_STREQ("one\ntwo\n", rig_spool_text(&r, 1, 1));
}

/*
 * The executor is stopped until bash has ended: all that the pipe holds, which
 * is more than is read at once, is to be read then.
 */
ROOT_TC(what_the_pipe_holds_at_the_end_is_kept, "");
ATF_TC_BODY(what_the_pipe_holds_at_the_end_is_kept, tc)
{
	const struct msg_ended *end;
	struct rig r;
	pid_t pid;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	rig_run(&r, 1,
	    "echo $$; read -r _ < %s/../gate\n"
	    "exec python3 -c 'import fcntl, os\n"
	    "fcntl.fcntl(1, 1031, 1 << 20)\n" /* F_SETPIPE_SZ */
	    "os.write(1, bytes(1000000))'\n",
	    r.root);
	rig_wait_output(&r, 1, 2);
	pid = (pid_t)strtol(rig_spool_text(&r, 1, 1), NULL, 10);
	ATF_REQUIRE(kill(r.pid, SIGSTOP) == 0);
	close(open("gate", O_WRONLY));
	rig_wait_gone(pid);
	ATF_REQUIRE(kill(r.pid, SIGCONT) == 0);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK(end->out.written > 1000000);
	ATF_CHECK_EQ(end->out.written, end->out.kept);
}

ROOT_TC(a_command_without_output_has_no_spool, "");
ATF_TC_BODY(a_command_without_output_has_no_spool, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	ATF_CHECK_STREQ("there\n", rig_output(&r, 1, "echo there\n"));
	rig_run(&r, 2, "true\n");
	rig_wait_ended(&r, 2);
	ATF_CHECK(
	    access(rig_path(&r, "/var/lib/qvm-remote/spool/1.out"), F_OK) == 0);
	ATF_CHECK(
	    access(rig_path(&r, "/var/lib/qvm-remote/spool/1.err"), F_OK) == 0);
	ATF_CHECK(access(rig_path(&r, "/var/lib/qvm-remote/spool/2.out"),
		      F_OK) == -1);
	ATF_CHECK(access(rig_path(&r, "/var/lib/qvm-remote/spool/2.err"),
		      F_OK) == -1);
}

ROOT_TC(spool_descriptors_are_read_only_and_independent, "");
ATF_TC_BODY(spool_descriptors_are_read_only_and_independent, tc)
{
	struct rig r;
	char c;
	int first;

	rig_setup(&r, tc);
	rig_output(&r, 1, "echo out\n");
	ATF_REQUIRE((first = dup(r.commands[1].spool[0])) != -1);
	ATF_CHECK_EQ(O_RDONLY, fcntl(first, F_GETFL) & O_ACCMODE);
	ATF_CHECK_EQ(1, read(first, &c, 1));
	rig_open_spool(&r, 1);
	ATF_CHECK_EQ(0, lseek(r.commands[1].spool[0], 0, SEEK_CUR));
}

ROOT_TC(removed_spool_is_gone, "");
ATF_TC_BODY(removed_spool_is_gone, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_output(&r, 1, "echo out\n");
	rig_send_seq(&r, IMSG_SPOOL_REMOVE, 1);
	/* Who asks all the same is answered, with nothing. */
	ATF_CHECK_STREQ("", rig_spool_text(&r, 1, 1));
	ATF_CHECK_EQ(-1,
	    access(rig_path(&r, "/var/lib/qvm-remote/spool/1.out"), F_OK));
	ATF_CHECK_EQ(-1,
	    access(rig_path(&r, "/var/lib/qvm-remote/spool/1.err"), F_OK));
}

ROOT_TC(commands_run_side_by_side, "");
ATF_TC_BODY(commands_run_side_by_side, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	ATF_REQUIRE(mkfifo("gate", 0600) == 0);
	/* Each waits for the other. */
	rig_run(&r, 1, "echo from 1 > %s/../gate\n", r.root);
	rig_run(&r, 2, "cat %s/../gate\n", r.root);
	ATF_CHECK_EQ(0, rig_wait_ended(&r, 1)->value);
	ATF_CHECK_EQ(0, rig_wait_ended(&r, 2)->value);
	ATF_CHECK_STREQ("from 1\n", rig_spool_text(&r, 2, 1));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, two_streams_and_the_exit_status_are_kept_apart);
	ATF_TP_ADD_TC(tp, a_signal_is_told_as_one);
	ATF_TP_ADD_TC(tp, many_small_pieces_wake_it_once_a_millisecond);
	ATF_TP_ADD_TC(tp, environment_is_fixed_and_exact);
	ATF_TP_ADD_TC(tp, descriptors_are_0_to_3_and_no_other);
	ATF_TP_ADD_TC(tp, a_command_has_its_own_session_folder_and_cgroup);
	ATF_TP_ADD_TC(tp, signals_are_at_their_defaults);
	ATF_TP_ADD_TC(tp, input_is_read_from_its_beginning);
	ATF_TP_ADD_TC(tp, body_and_input_cannot_be_written_by_the_command);
	ATF_TP_ADD_TC(tp, what_lacks_a_seal_does_not_run);
	ATF_TP_ADD_TC(tp, what_cannot_start_is_told_with_its_reason);
	ATF_TP_ADD_TC(tp, a_spool_file_that_exists_is_not_written);
	ATF_TP_ADD_TC(tp, output_beyond_the_limit_is_counted_and_dropped);
	ATF_TP_ADD_TC(tp, limit_of_nothing_keeps_nothing);
	ATF_TP_ADD_TC(tp, a_full_disk_loses_output_and_not_the_command);
	ATF_TP_ADD_TC(tp, output_is_seen_while_the_command_runs);
	ATF_TP_ADD_TC(tp, what_the_pipe_holds_at_the_end_is_kept);
	ATF_TP_ADD_TC(tp, a_command_without_output_has_no_spool);
	ATF_TP_ADD_TC(tp, spool_descriptors_are_read_only_and_independent);
	ATF_TP_ADD_TC(tp, removed_spool_is_gone);
	ATF_TP_ADD_TC(tp, commands_run_side_by_side);
	return atf_no_error();
}
