#include <atf-c.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "verifier/journal.h"

#define RUNNING 16 /* commands whose results are to come */

static void
snapshot(void)
{
	(void)journal_begin("snapshot", NULL, NULL);
	journal_end_quietly();
}

static void
no_more(struct record *r)
{
	(void)r;
}

static void
seen(const struct line_head *h, const char *line, size_t len, uint64_t size)
{
	(void)h;
	(void)line;
	(void)len;
	(void)size;
}

static void
forget(void)
{
}

static void
append(struct msg_status_log *log)
{
	static char text[12000];
	struct msg_newest newest;
	struct record *r;

	memset(text, 'x', sizeof(text) - 1);
	ATF_REQUIRE(journal_room(JOURNAL_RESULT));
	r = journal_begin("violation", "work", NULL);
	record_str(r, "rule", text);
	journal_end_quietly();
	journal_status(log, &newest);
}

/* What others append takes nothing of the room for what has begun. */
ATF_TC_WITHOUT_HEAD(every_result_to_come_has_room_in_the_segment);
ATF_TC_BODY(every_result_to_come_has_room_in_the_segment, tc)
{
	static const char boot[] = "00000000-0000-0000-0000-000000000000";
	struct msg_status_log log;
	uint64_t first;
	int folder, i;

	folder = open(".", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(folder != -1);
	journal_read(folder, boot, seen, forget);
	journal_start(snapshot, no_more);
	for (i = 0; i < RUNNING; i++)
		journal_reserve();
	append(&log);
	for (first = log.segment; log.segment == first; append(&log))
		ATF_REQUIRE(log.used + RUNNING * JOURNAL_RESULT <= log.size);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_result_to_come_has_room_in_the_segment);
	return (atf_no_error());
}
