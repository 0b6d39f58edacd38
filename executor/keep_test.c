#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "audit/piece.h"
#include "executor/keep.h"
#include "executor/rig.h"
#include "privsep/path.h"
#include "wire/limits.h"

/* Outputs that stay: what is in their files, and when they come and go. */

static uint8_t bytes[1 << 20];

static const char *
kept_path(const struct rig *r, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PATH_OUTPUT "/work/%s", name);
	return rig_path(r, path);
}

/* What a file has: its length. */
static size_t
slurp(const struct rig *r, const char *name)
{
	int fd = open(kept_path(r, name), O_RDONLY);
	ssize_t n;

	ATF_REQUIRE_MSG(fd != -1, "%s: %s", name, strerror(errno));
	n = read(fd, bytes, sizeof(bytes));
	ATF_REQUIRE(n >= 0);
	close(fd);
	return (size_t)n;
}

static void
check_digest(const struct rig *r, const char *name, const uint8_t want[32])
{
	uint8_t digest[SHA256_LEN];

	sha256(bytes, slurp(r, name), digest);
	ATF_CHECK_MSG(memcmp(digest, want, sizeof(digest)) == 0, "%s", name);
}

static bool
is_there(const struct rig *r, const char *name)
{
	return access(kept_path(r, name), F_OK) == 0;
}

/* RUN of a text whose output stays. */
static void
keep_run(struct rig *r, uint64_t seq, const char *text, uint64_t limit)
{
	struct msg_run run = rig_msg(seq);

	run.keep = 1;
	run.output_limit = limit;
	rig_send_run(r, &run, rig_memfd(text, strlen(text)), -1);
}

ROOT_TC(what_is_kept_is_what_was_written_in_its_order, "");
ATF_TC_BODY(what_is_kept_is_what_was_written_in_its_order, tc)
{
	static const uint32_t streams[] = {1, 2, 1, 2}, lens[] = {2, 3, 1, 1};
	const struct msg_ended *end;
	struct piece p, before = {0};
	struct rig r;
	struct stat st;
	size_t i;

	rig_setup(&r, tc);
	keep_run(&r, 1,
	    "w() { sleep 0.05; }\n"
	    "echo a; w; echo bb >&2; w; printf c; w; printf d >&2\n",
	    1000);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(1, end->sealed);
	ATF_CHECK_EQ(sizeof(streams) / 4 * PIECE_LEN, end->timing_len);
	ATF_CHECK_STREQ("a\nc", rig_spool_text(&r, 1, 1));
	ATF_CHECK_STREQ("bb\nd", rig_spool_text(&r, 1, 2));
	check_digest(&r, "1.out", end->out.sha256);
	check_digest(&r, "1.err", end->err.sha256);
	check_digest(&r, "1.time", end->timing_sha256);
	ATF_REQUIRE_EQ(end->timing_len, slurp(&r, "1.time"));
	for (i = 0; i < 4; i++, before = p) {
		piece_read(bytes + i * PIECE_LEN, &p);
		ATF_CHECK_EQ(streams[i], p.stream);
		ATF_CHECK_EQ(lens[i], p.len);
		ATF_CHECK(p.ms >= before.ms && p.ms >= i * 50);
	}
	/* What goes by age goes by the time that the log has. */
	ATF_REQUIRE(stat(kept_path(&r, "1.out"), &st) == 0);
	ATF_CHECK_EQ(end->ended_us,
	    st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000);
	ATF_CHECK_EQ(0640, st.st_mode & 07777);
	/* Delivered, it stays. */
	rig_send_seq(&r, IMSG_SPOOL_REMOVE, 1);
	rig_output(&r, 2, "echo on\n");
	ATF_CHECK(is_there(&r, "1.out") && !is_there(&r, "2.out"));
}

ROOT_TC(more_than_the_limit_is_not_kept, "");
ATF_TC_BODY(more_than_the_limit_is_not_kept, tc)
{
	const struct msg_ended *end;
	struct rig r;

	rig_setup(&r, tc);
	keep_run(&r, 1, "head -c 5000 /dev/zero; echo x >&2\n", 100);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(1, end->sealed);
	ATF_CHECK_EQ(5000, end->out.written);
	ATF_CHECK_EQ(100, end->out.kept);
	ATF_CHECK_EQ(100, slurp(&r, "1.out"));
	check_digest(&r, "1.out", end->out.sha256);
}

/* The room is there before it begins, and what it does not need is not after. */
ROOT_TC(room_is_reserved_until_the_end, "");
ATF_TC_BODY(room_is_reserved_until_the_end, tc)
{
	struct stat st;
	struct rig r;

	rig_setup(&r, tc);
	keep_run(&r, 2, "echo on; sleep 60\n", 1 << 20);
	rig_wait_output(&r, 2, 3);
	ATF_REQUIRE(stat(kept_path(&r, "2.err"), &st) == 0);
	ATF_CHECK_EQ(0, st.st_size);
	ATF_CHECK(st.st_blocks * 512 >= 1 << 20);
	ATF_REQUIRE(stat(kept_path(&r, "2.time"), &st) == 0);
	ATF_CHECK(st.st_blocks * 512 >= TIMING_MAX);
	rig_send_seq(&r, IMSG_KILL, 2);
	ATF_CHECK_EQ(1, rig_wait_ended(&r, 2)->sealed);
	ATF_REQUIRE(stat(kept_path(&r, "2.err"), &st) == 0);
	ATF_CHECK(st.st_blocks * 512 <= 4096);
}

static void
small_disk(struct rig *r)
{
	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	rig_prepare(r);
	ATF_REQUIRE(mkdir(rig_path(r, PATH_LOG), 0700) == 0);
	ATF_REQUIRE(mkdir(rig_path(r, PATH_OUTPUT), 0700) == 0);
	ATF_REQUIRE(mount("tmpfs", rig_path(r, PATH_OUTPUT), "tmpfs", 0,
			"size=5m,mode=0700") == 0);
}

ROOT_TC(without_room_it_does_not_run, "");
ATF_TC_BODY(without_room_it_does_not_run, tc)
{
	const struct msg_ended *end;
	struct rig r;

	small_disk(&r);
	rig_start(&r, tc);
	ATF_REQUIRE(r.ready);
	keep_run(&r, 1, "echo ran\n", 2 << 20);
	end = rig_wait_ended(&r, 1);
	ATF_CHECK_EQ(END_UNKEPT, end->how);
	ATF_CHECK_EQ(ENOSPC, end->value);
	ATF_CHECK_EQ(0, end->sealed + end->out.written);
	ATF_CHECK(!is_there(&r, "1.out") && !is_there(&r, "1.err") &&
	    !is_there(&r, "1.time"));
	/* One that needs less has all the room. */
	keep_run(&r, 2, "echo ran\n", 512 << 10);
	ATF_CHECK_EQ(1, rig_wait_ended(&r, 2)->sealed);
}

ROOT_TC(of_what_never_began_nothing_stays, "");
ATF_TC_BODY(of_what_never_began_nothing_stays, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;

	rig_setup(&r, tc);
	run.keep = 1;
	memcpy(run.user, "no-such-user", 12);
	rig_send_run(&r, &run, rig_memfd("echo x\n", 7), -1);
	ATF_CHECK_EQ(END_FAILED, rig_wait_ended(&r, 1)->how);
	ATF_CHECK(!is_there(&r, "1.out") && !is_there(&r, "1.time"));
}

/* No second command gets the files of a first one, which stay as they are. */
ROOT_TC(a_kept_output_that_exists_is_not_written, "");
ATF_TC_BODY(a_kept_output_that_exists_is_not_written, tc)
{
	struct rig r;
	int fd;

	rig_setup(&r, tc);
	keep_run(&r, 1, "echo first\n", 100);
	rig_wait_ended(&r, 1);
	fd = open(kept_path(&r, "2.err"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	ATF_REQUIRE(fd != -1 && write(fd, "old", 3) == 3);
	close(fd);
	keep_run(&r, 2, "echo second >&2\n", 100);
	ATF_CHECK_EQ(END_UNKEPT, rig_wait_ended(&r, 2)->how);
	ATF_CHECK_EQ(3, slurp(&r, "2.err"));
	ATF_CHECK(!is_there(&r, "2.out"));
}

ROOT_TC(a_keeper_that_is_no_vm_is_mistrusted, "");
ATF_TC_BODY(a_keeper_that_is_no_vm_is_mistrusted, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;

	rig_setup(&r, tc);
	run.keep = 1;
	memcpy(run.vm, "../x", 5);
	rig_send_run(&r, &run, rig_memfd("echo x\n", 7), -1);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	ATF_CHECK_MSG(strstr(r.log, "of no VM") != NULL, "%s", r.log);
}

static void
look(struct rig *r, int64_t before)
{
	struct msg_look m = {.vm = "work", .before = before};
	unsigned int kepts = r->kepts;

	ATF_REQUIRE(imsg_send(&r->verifier, IMSG_OUTPUT_LOOK, 0, &m, sizeof(m),
			-1) == 0);
	while (r->kepts == kepts)
		rig_step(r);
	ATF_CHECK_STREQ("work", r->kept.vm);
}

ROOT_TC(what_is_too_old_goes_and_the_rest_is_counted, "");
ATF_TC_BODY(what_is_too_old_goes_and_the_rest_is_counted, tc)
{
	const struct timespec old[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	static const char *const names[] = {"1.out", "1.err", "1.time"};
	struct rig r;
	size_t i;

	rig_setup(&r, tc);
	look(&r, 0);
	ATF_CHECK_EQ(0, r.kept.bytes + (uint64_t)r.kept.oldest);
	keep_run(&r, 1, "echo one\n", 100);
	rig_wait_ended(&r, 1);
	keep_run(&r, 2, "head -c 100000 /dev/zero\n", 1 << 20);
	rig_wait_ended(&r, 2);
	/* What runs has no say in it. */
	keep_run(&r, 3, "echo on; sleep 60\n", 1 << 20);
	rig_wait_output(&r, 3, 3);
	for (i = 0; i < 3; i++)
		ATF_REQUIRE(
		    utimensat(AT_FDCWD, kept_path(&r, names[i]), old, 0) == 0);
	look(&r, 1000);
	ATF_CHECK(is_there(&r, "1.out"));
	ATF_CHECK_EQ(1000, r.kept.oldest);
	ATF_CHECK(r.kept.bytes >= 100000 && r.kept.bytes < 1 << 20);
	look(&r, 1001);
	for (i = 0; i < 3; i++)
		ATF_CHECK(!is_there(&r, names[i]));
	ATF_CHECK_EQ(rig_wait_ended(&r, 2)->ended_us / 1000000, r.kept.oldest);
	look(&r, INT64_MAX);
	ATF_CHECK_EQ(0, r.kept.bytes);
	ATF_CHECK(is_there(&r, "3.out") && !is_there(&r, "2.out"));
}

static void
put(const struct rig *r, const char *name)
{
	int fd = open(kept_path(r, name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20) == 0);
	close(fd);
}

ROOT_TC(a_sweep_leaves_what_the_log_knows_and_no_room_of_a_crash, "");
ATF_TC_BODY(a_sweep_leaves_what_the_log_knows_and_no_room_of_a_crash, tc)
{
	struct msg_seq from = {.seq = 7};
	struct stat st;
	struct rig r;

	rig_setup(&r, tc);
	keep_run(&r, 1, "echo one\n", 100);
	rig_wait_ended(&r, 1);
	put(&r, "6.out");
	put(&r, "7.out");
	put(&r, "70.time");
	put(&r, "7.txt");
	ATF_REQUIRE(imsg_send(&r.verifier, IMSG_OUTPUT_SWEEP, 0, &from,
			sizeof(from), -1) == 0);
	look(&r, 0);
	ATF_CHECK(is_there(&r, "1.out") && is_there(&r, "6.out"));
	ATF_CHECK(!is_there(&r, "7.out") && !is_there(&r, "70.time"));
	ATF_CHECK(is_there(&r, "7.txt"));
	ATF_REQUIRE(stat(kept_path(&r, "6.out"), &st) == 0);
	ATF_CHECK_EQ(0, st.st_blocks);
}

/* What has no room in the time file comes without a time; it is no fault. */
ATF_TC_WITHOUT_HEAD(the_time_file_has_its_limit);
ATF_TC_BODY(the_time_file_has_its_limit, tc)
{
	struct keep k;
	uint64_t i;

	keep_init(&k);
	k.fd[OUTPUT_TIME] = open("time", O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE(k.fd[OUTPUT_TIME] != -1);
	for (i = 1; i <= TIMING_MAX / PIECE_LEN + 1; i++)
		keep_note(&k, i, 0);
	ATF_CHECK_EQ(TIMING_MAX, k.timing_len);
	ATF_CHECK_EQ(TIMING_MAX, lseek(k.fd[OUTPUT_TIME], 0, SEEK_CUR));
	ATF_CHECK(!k.bad);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_kept_is_what_was_written_in_its_order);
	ATF_TP_ADD_TC(tp, more_than_the_limit_is_not_kept);
	ATF_TP_ADD_TC(tp, room_is_reserved_until_the_end);
	ATF_TP_ADD_TC(tp, without_room_it_does_not_run);
	ATF_TP_ADD_TC(tp, of_what_never_began_nothing_stays);
	ATF_TP_ADD_TC(tp, a_kept_output_that_exists_is_not_written);
	ATF_TP_ADD_TC(tp, a_keeper_that_is_no_vm_is_mistrusted);
	ATF_TP_ADD_TC(tp, what_is_too_old_goes_and_the_rest_is_counted);
	ATF_TP_ADD_TC(tp,
	    a_sweep_leaves_what_the_log_knows_and_no_room_of_a_crash);
	ATF_TP_ADD_TC(tp, the_time_file_has_its_limit);
	return atf_no_error();
}
