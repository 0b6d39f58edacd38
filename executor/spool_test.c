#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "executor/rig.h"
#include "wire/limits.h"

/* What is in the spool when it starts, and how full its disk is. */

static void
put_file(const char *path)
{
	int fd;

	ATF_REQUIRE((fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600)) != -1);
	close(fd);
}

ROOT_TC(the_spool_is_swept_of_what_is_not_owed, "");
ATF_TC_BODY(the_spool_is_swept_of_what_is_not_owed, tc)
{
	static const char *const names[] = {"/7.out", "/7.err", "/8.out",
	    "/07.out", "/7.outs", "/x"};
	char path[IMSG_PATH_MAX + 64];
	struct rig r;
	size_t i;

	rig_prepare(&r);
	r.unswept = true;
	rig_start(&r, tc);
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s%s",
		    rig_path(&r, "/var/lib/qvm-remote/spool"), names[i]);
		put_file(path);
	}
	ATF_REQUIRE(
	    mkdir(rig_path(&r, "/var/lib/qvm-remote/spool/9.out"), 0700) == 0);
	put_file(rig_path(&r, "/var/lib/qvm-remote/spool/9.out/x"));
	rig_send_seq(&r, IMSG_SPOOL_KEEP, 7);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_SPOOL_SWEEP, 0, NULL, 0, -1) == 0);
	ATF_CHECK_STREQ("0\n", rig_output(&r, 1, "echo 0\n"));
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s%s",
		    rig_path(&r, "/var/lib/qvm-remote/spool"), names[i]);
		ATF_CHECK_EQ_MSG(i < 2 ? 0 : -1, access(path, F_OK), "%s",
		    names[i]);
	}
	ATF_CHECK_EQ(-1,
	    access(rig_path(&r, "/var/lib/qvm-remote/spool/9.out"), F_OK));
}

ROOT_TC(a_run_before_the_sweep_is_a_mistake, "");
ATF_TC_BODY(a_run_before_the_sweep_is_a_mistake, tc)
{
	struct msg_run run = rig_msg(1);
	struct rig r;

	rig_prepare(&r);
	r.unswept = true;
	rig_start(&r, tc);
	rig_send_run(&r, &run, rig_memfd("echo ran\n", 9), -1);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
}

ROOT_TC(a_second_sweep_is_a_mistake, "");
ATF_TC_BODY(a_second_sweep_is_a_mistake, tc)
{
	struct rig r;

	rig_prepare(&r);
	rig_start(&r, tc);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_SPOOL_SWEEP, 0, NULL, 0, -1) == 0);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
}

/* A spool of 1 MiB with a disk of its own, in a mount namespace. */
static void
setup_small_spool(struct rig *r)
{
	const char *spool;

	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	rig_prepare(r);
	r->unswept = true;
	spool = rig_path(r, "/var/lib/qvm-remote");
	ATF_REQUIRE(mkdir(spool, 0700) == 0);
	spool = rig_path(r, "/var/lib/qvm-remote/spool");
	ATF_REQUIRE(mkdir(spool, 0700) == 0);
	ATF_REQUIRE(
	    mount("tmpfs", spool, "tmpfs", 0, "size=1m,mode=0700") == 0);
}

static void
fill(const char *path, off_t bytes)
{
	int fd;

	ATF_REQUIRE((fd = open(path, O_CREAT | O_WRONLY, 0600)) != -1);
	ATF_REQUIRE_EQ(0, posix_fallocate(fd, 0, bytes));
	close(fd);
}

ROOT_TC(a_spool_disk_that_fills_up_is_told_and_so_is_room, "");
ATF_TC_BODY(a_spool_disk_that_fills_up_is_told_and_so_is_room, tc)
{
	struct msg_seq keep = {.seq = 7};
	struct rig r;

	setup_small_spool(&r);
	fill(rig_path(&r, "/var/lib/qvm-remote/spool/7.out"), 1000 * 1024);
	fill(rig_path(&r, "/var/lib/qvm-remote/spool/8.out"), 16 * 1024);
	rig_start(&r, tc);
	ATF_REQUIRE(r.ready);
	ATF_REQUIRE(imsg_send(&r.verifier, IMSG_SPOOL_KEEP, 0, &keep,
			sizeof(keep), -1) == 0);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_SPOOL_SWEEP, 0, NULL, 0, -1) == 0);
	/* At the start. */
	rig_wait_disk(&r, true, 30000);
	rig_output(&r, 1, "echo 0\n");
	ATF_CHECK(r.disk_low);
	rig_send_seq(&r, IMSG_SPOOL_REMOVE, 7);
	rig_wait_disk(&r, false, 5000);
	rig_output(&r, 3, "echo 0\n");
	ATF_CHECK_EQ(2, r.disks);
	/* At a command's end. */
	rig_output(&r, 4, "head -c 1000000 /dev/zero\n");
	rig_wait_disk(&r, true, 5000);
}

ROOT_TC(room_on_the_spool_disk_is_found_within_a_minute, "");
ATF_TC_BODY(room_on_the_spool_disk_is_found_within_a_minute, tc)
{
	struct rig r;

	setup_small_spool(&r);
	rig_start(&r, tc);
	ATF_REQUIRE(r.ready);
	ATF_REQUIRE(
	    imsg_send(&r.verifier, IMSG_SPOOL_SWEEP, 0, NULL, 0, -1) == 0);
	rig_run(&r, 1, "head -c 1010000 /dev/zero\n");
	rig_wait_ended(&r, 1);
	rig_wait_disk(&r, true, 30000);
	ATF_REQUIRE(
	    unlink(rig_path(&r, "/var/lib/qvm-remote/spool/1.out")) == 0);
	rig_wait_disk(&r, false, 65000);
}

/* More than can be owed; exactly so many are none too many. */
ROOT_TC(more_to_keep_than_can_be_owed_is_a_mistake, "");
ATF_TC_BODY(more_to_keep_than_can_be_owed_is_a_mistake, tc)
{
	struct pollfd p = {.events = POLLOUT};
	struct rig r;
	uint64_t i;

	rig_prepare(&r);
	r.unswept = true;
	rig_start(&r, tc);
	for (i = 1; i <= 2 * VMS_MAX * 64 + 1; i++) {
		p.fd = r.verifier.fd;
		ATF_REQUIRE(poll(&p, 1, 30000) == 1 && p.revents == POLLOUT);
		rig_send_seq(&r, IMSG_SPOOL_KEEP, i);
	}
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	ATF_CHECK_MSG(strstr(r.log, "SPOOL_KEEP") != NULL, "%s", r.log);
}

ROOT_TC(a_keep_after_the_sweep_is_a_mistake, "");
ATF_TC_BODY(a_keep_after_the_sweep_is_a_mistake, tc)
{
	struct rig r;

	rig_setup(&r, tc);
	rig_send_seq(&r, IMSG_SPOOL_KEEP, 7);
	ATF_CHECK_EQ(1, rig_wait_exit(&r));
	ATF_CHECK_MSG(strstr(r.log, "SPOOL_KEEP") != NULL, "%s", r.log);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, the_spool_is_swept_of_what_is_not_owed);
	ATF_TP_ADD_TC(tp, a_run_before_the_sweep_is_a_mistake);
	ATF_TP_ADD_TC(tp, a_second_sweep_is_a_mistake);
	ATF_TP_ADD_TC(tp, a_spool_disk_that_fills_up_is_told_and_so_is_room);
	ATF_TP_ADD_TC(tp, room_on_the_spool_disk_is_found_within_a_minute);
	ATF_TP_ADD_TC(tp, more_to_keep_than_can_be_owed_is_a_mistake);
	ATF_TP_ADD_TC(tp, a_keep_after_the_sweep_is_a_mistake);
	return atf_no_error();
}
