#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poller/deliver.h"

#define ID1 "20260218-143022-1234-a1b2c3d4"
#define ID2 "20260218-143022-1235-00000001"

static char frame[FRAME_MAX];

static int
spool(const char *text)
{
	int fd = memfd_create("spool", MFD_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), write(fd, text, strlen(text)));
	return fd;
}

static void
check_frame(const char *want)
{
	ssize_t n = deliver_frame(frame);

	ATF_REQUIRE(n >= 0);
	ATF_CHECK_MSG((size_t)n == strlen(want) &&
		memcmp(frame, want, (size_t)n) == 0,
	    "want %s, got %.*s", want, (int)n, frame);
	if (n > 0)
		deliver_written(7);
}

static const char *
take(const char *id)
{
	struct msg_id m = {0};

	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	return deliver_take(&m);
}

static const char *
state(const char *id, uint32_t word, uint32_t n)
{
	struct msg_state m = {.state = word, .n = n};

	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	return deliver_state(&m);
}

static const char *
output(uint32_t serial, const char *id, uint32_t stream, const char *text)
{
	struct msg_stream m = {.stream = stream};

	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	return deliver_output(serial, &m, spool(text));
}

static const char *
sizes(uint32_t serial, uint64_t out, uint64_t err)
{
	struct msg_sizes m = {.out = out, .err = err};

	return deliver_sizes(serial, &m);
}

static const char *
done(uint32_t serial, const char *id, uint64_t out, uint64_t err)
{
	struct msg_done m = {.out = out,
	    .err = err,
	    .exit = 3,
	    .receipt_len = 4,
	    .receipt = "rec\n"};

	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	return deliver_done(serial, &m);
}

ATF_TC_WITHOUT_HEAD(the_newest_state_is_said_once);
ATF_TC_BODY(the_newest_state_is_said_once, tc)
{
	deliver_init();
	ATF_CHECK(state(ID1, STATE_QUEUED, 2) == NULL);
	ATF_CHECK(take(ID1) == NULL);
	ATF_CHECK(state(ID1, STATE_RUNNING, 5) == NULL);
	check_frame("take " ID1 "\n");
	check_frame("state " ID1 " running 5\n");
	check_frame("");
}

ATF_TC_WITHOUT_HEAD(notices_are_as_many_as_requests);
ATF_TC_BODY(notices_are_as_many_as_requests, tc)
{
	char id[ID_MAX + 1];
	int i;

	deliver_init();
	for (i = 0; i <= NOTICES_MAX; i++) {
		(void)snprintf(id, sizeof(id), "20260218-143022-%d-a1b2c3d4",
		    i + 1);
		ATF_CHECK_EQ(i == NOTICES_MAX, take(id) != NULL);
	}
	ATF_CHECK(deliver_frame(frame) > 0);
	ATF_CHECK(take(id) == NULL);
}

ATF_TC_WITHOUT_HEAD(output_goes_out_as_it_grows);
ATF_TC_BODY(output_goes_out_as_it_grows, tc)
{
	uint32_t serial;

	deliver_init();
	ATF_CHECK(output(9, ID1, 1, "abcdef") == NULL);
	check_frame("");
	ATF_CHECK(sizes(9, 2, 0) == NULL);
	check_frame("out " ID1 " 0 2\nab");
	check_frame("");
	ATF_CHECK(sizes(9, 5, 0) == NULL);
	check_frame("out " ID1 " 2 3\ncde");
	ATF_CHECK(done(9, ID1, 6, 0) == NULL);
	check_frame("out " ID1 " 5 1\nf");
	ATF_CHECK_EQ(-1, deliver_kept(ID1, &serial));
	ATF_CHECK_EQ(-1, deliver_oldest_done());
	check_frame("done " ID1 " 3 4\nrec\n");
	check_frame("");
	ATF_CHECK_EQ(7, deliver_oldest_done());
	ATF_CHECK_EQ(-1, deliver_kept(ID2, &serial));
	ATF_CHECK_EQ(0, deliver_kept(ID1, &serial));
	ATF_CHECK_EQ(9, serial);
	ATF_CHECK_EQ(-1, deliver_kept(ID1, &serial));
	ATF_CHECK_EQ(-1, deliver_oldest_done());
}

ATF_TC_WITHOUT_HEAD(both_streams_and_all_requests_have_their_turn);
ATF_TC_BODY(both_streams_and_all_requests_have_their_turn, tc)
{
	static char big[PIECE_MAX * 2 + 1];
	unsigned seen[2][2] = {{0}};
	ssize_t n;

	deliver_init();
	memset(big, 'x', sizeof(big) - 1);
	ATF_CHECK(output(1, ID1, 1, big) == NULL);
	ATF_CHECK(output(1, ID1, 2, big) == NULL);
	ATF_CHECK(output(2, ID2, 1, big) == NULL);
	ATF_CHECK(output(2, ID2, 2, big) == NULL);
	ATF_CHECK(sizes(1, 2 * PIECE_MAX, 2 * PIECE_MAX) == NULL);
	ATF_CHECK(sizes(2, 2 * PIECE_MAX, 2 * PIECE_MAX) == NULL);
	while ((n = deliver_frame(frame)) > 0) {
		ATF_REQUIRE(n > PIECE_MAX && n <= FRAME_MAX);
		seen[strncmp(frame + 4, ID1, strlen(ID1)) != 0]
		    [frame[0] == 'e']++;
		/* Nobody is more than two pieces behind. */
		ATF_CHECK(
		    seen[0][0] + seen[0][1] <= seen[1][0] + seen[1][1] + 2);
		ATF_CHECK(
		    seen[1][0] + seen[1][1] <= seen[0][0] + seen[0][1] + 2);
	}
	ATF_CHECK_EQ(2, seen[0][0]);
	ATF_CHECK_EQ(2, seen[0][1]);
	ATF_CHECK_EQ(2, seen[1][0]);
	ATF_CHECK_EQ(2, seen[1][1]);
}

ATF_TC_WITHOUT_HEAD(of_one_id_the_first_done_is_kept_first);
ATF_TC_BODY(of_one_id_the_first_done_is_kept_first, tc)
{
	uint32_t serial;

	deliver_init();
	/* 4 has the first place, and ends last. */
	ATF_CHECK(output(4, ID1, 1, "") == NULL);
	ATF_CHECK(done(5, ID1, 0, 0) == NULL);
	check_frame("done " ID1 " 3 4\nrec\n");
	ATF_CHECK(done(4, ID1, 0, 0) == NULL);
	check_frame("done " ID1 " 3 4\nrec\n");
	ATF_CHECK_EQ(0, deliver_kept(ID1, &serial));
	ATF_CHECK_EQ(5, serial);
	ATF_CHECK_EQ(0, deliver_kept(ID1, &serial));
	ATF_CHECK_EQ(4, serial);
}

ATF_TC_WITHOUT_HEAD(what_makes_no_sense_is_refused);
ATF_TC_BODY(what_makes_no_sense_is_refused, tc)
{
	uint32_t i;

	deliver_init();
	ATF_CHECK(sizes(1, 0, 0) != NULL);
	ATF_CHECK(output(1, ID1, 0, "") != NULL);
	ATF_CHECK(output(1, ID1, 3, "") != NULL);
	ATF_CHECK(output(1, "", 1, "") != NULL);
	ATF_CHECK(output(1, ID1, 1, "abc") == NULL);
	ATF_CHECK(output(1, ID1, 1, "abc") != NULL);
	ATF_CHECK(output(1, ID2, 2, "abc") != NULL);
	ATF_CHECK(sizes(1, 3, 0) == NULL);
	ATF_CHECK(sizes(1, 2, 0) != NULL);
	ATF_CHECK(sizes(1, 3, 1) != NULL);
	ATF_CHECK(done(1, ID2, 3, 0) != NULL);
	ATF_CHECK(done(1, ID1, 3, 0) == NULL);
	ATF_CHECK(sizes(1, 4, 0) != NULL);
	ATF_CHECK(state(ID1, STATE_RUNNING + 1, 0) != NULL);
	for (i = 2; i <= DELIVERIES_MAX; i++)
		ATF_CHECK(done(i, ID1, 0, 0) == NULL);
	ATF_CHECK(done(i, ID1, 0, 0) != NULL);
}

ATF_TC_WITHOUT_HEAD(of_a_spool_that_is_cut_the_rest_is_delivered_and_the_end);
ATF_TC_BODY(of_a_spool_that_is_cut_the_rest_is_delivered_and_the_end, tc)
{
	deliver_init();
	ATF_CHECK(output(1, ID1, 1, "abc") == NULL);
	ATF_CHECK(sizes(1, 4, 0) == NULL);
	check_frame("out " ID1 " 0 3\nabc");
	check_frame("");
	ATF_CHECK(sizes(1, 100000, 0) == NULL);
	check_frame("");
	ATF_CHECK(output(1, ID1, 2, "de") == NULL);
	ATF_CHECK(done(1, ID1, 100000, 2) == NULL);
	check_frame("err " ID1 " 0 2\nde");
	check_frame("done " ID1 " 3 4\nrec\n");
	check_frame("");
}

ATF_TC_WITHOUT_HEAD(of_a_spool_that_is_gone_the_end_is_delivered);
ATF_TC_BODY(of_a_spool_that_is_gone_the_end_is_delivered, tc)
{
	struct msg_stream m = {.stream = 1, .id = ID1};
	int fd;

	deliver_init();
	/* What the executor sends where there is no file. */
	ATF_REQUIRE((fd = open("/dev/null", O_RDONLY)) != -1);
	ATF_CHECK(deliver_output(1, &m, fd) == NULL);
	ATF_CHECK(done(1, ID1, 5, 0) == NULL);
	check_frame("done " ID1 " 3 4\nrec\n");
}

ATF_TC_WITHOUT_HEAD(of_a_spool_that_cannot_be_read_the_end_is_delivered);
ATF_TC_BODY(of_a_spool_that_cannot_be_read_the_end_is_delivered, tc)
{
	struct msg_stream m = {.stream = 2, .id = ID1};
	int fd;

	deliver_init();
	ATF_REQUIRE((fd = open("/", O_RDONLY | O_DIRECTORY)) != -1);
	ATF_CHECK(deliver_output(1, &m, fd) == NULL);
	ATF_CHECK(done(1, ID1, 0, 5) == NULL);
	check_frame("done " ID1 " 3 4\nrec\n");
}

ATF_TC_WITHOUT_HEAD(descriptors_are_closed);
ATF_TC_BODY(descriptors_are_closed, tc)
{
	uint32_t serial;
	int before, after;

	deliver_init();
	before = dup(0);
	ATF_REQUIRE(before != -1 && close(before) == 0);
	ATF_CHECK(output(1, ID1, 1, "a") == NULL);
	ATF_CHECK(output(1, ID1, 2, "b") == NULL);
	ATF_CHECK(output(1, ID1, 2, "refused") != NULL);
	ATF_CHECK(done(1, ID1, 1, 1) == NULL);
	while (deliver_frame(frame) > 0)
		deliver_written(0);
	ATF_CHECK_EQ(0, deliver_kept(ID1, &serial));
	after = dup(0);
	ATF_CHECK_EQ(before, after);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, the_newest_state_is_said_once);
	ATF_TP_ADD_TC(tp, notices_are_as_many_as_requests);
	ATF_TP_ADD_TC(tp, output_goes_out_as_it_grows);
	ATF_TP_ADD_TC(tp, both_streams_and_all_requests_have_their_turn);
	ATF_TP_ADD_TC(tp, of_one_id_the_first_done_is_kept_first);
	ATF_TP_ADD_TC(tp, what_makes_no_sense_is_refused);
	ATF_TP_ADD_TC(tp,
	    of_a_spool_that_is_cut_the_rest_is_delivered_and_the_end);
	ATF_TP_ADD_TC(tp, of_a_spool_that_is_gone_the_end_is_delivered);
	ATF_TP_ADD_TC(tp, of_a_spool_that_cannot_be_read_the_end_is_delivered);
	ATF_TP_ADD_TC(tp, descriptors_are_closed);
	return atf_no_error();
}
