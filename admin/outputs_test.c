#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/kept.h"
#include "admin/requests.h"

#define MANY 50000

static bool there; /* all that is kept */

void
fail_errno(const char *fmt, ...)
{
	perror(fmt);
	abort();
}

uint64_t
intent_of(const char *line, size_t len)
{
	(void)line;
	(void)len;
	return 1;
}

void
kept_open(void)
{
}

bool
kept_record(const char *line, size_t len, struct kept_record *r)
{
	(void)line;
	(void)len;
	memset(r, 0, sizeof(*r));
	return true;
}

const char *
kept_name(const char *vm, uint64_t intent, enum kept_file file)
{
	(void)vm;
	(void)intent;
	(void)file;
	return "work/1.out";
}

const char *
kept_check(const char *vm, uint64_t intent, enum kept_file file,
    const struct kept_record *r, int *fd, uint64_t *len)
{
	(void)vm;
	(void)intent;
	(void)file;
	(void)r;
	(void)fd;
	(void)len;
	return there ? NULL : "it is not there";
}

/* A record of the VM, with all that is looked at. */
static void
seen(const char *event, const char *vm, uint64_t seconds)
{
	struct line_head h = {.seq = 1};
	char line[200];
	int len;

	memcpy(h.event, event, strlen(event));
	memcpy(h.vm, vm, strlen(vm));
	len = snprintf(line, sizeof(line),
	    "{\"seq\":1,\"ended\":%" PRIu64 "000000,\"before\":%" PRIu64
	    ",\"timing_sha256\":\"\"}\n",
	    seconds, seconds);
	outputs_seen(&h, line, (size_t)len);
}

/* In bytes.  A process's peak is at first that of who started it. */
static long
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[200], *second;

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE(fgets(line, sizeof(line), f) != NULL);
	fclose(f);
	second = strchr(line, ' ');
	ATF_REQUIRE(second != NULL);
	return strtol(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* Those that retention has removed are read before the record of it. */
ATF_TC_WITHOUT_HEAD(ever_more_outputs_take_no_more_memory);
ATF_TC_BODY(ever_more_outputs_take_no_more_memory, tc)
{
	uint64_t i;
	long before;

	outputs_begin();
	for (i = 0; i < 1000; i++)
		seen("result", "work", i);
	before = resident();
	for (; i < MANY; i++)
		seen("result", i % 2 == 0 ? "work" : "vault", i);
	ATF_CHECK(resident() - before < 1024 * 1024);
	ATF_CHECK(outputs_are_suspect());
	seen("outputs-removed", "work", MANY);
	ATF_CHECK(outputs_are_suspect());
	seen("outputs-removed", "vault", MANY);
	ATF_CHECK(!outputs_are_suspect());
	ATF_CHECK(outputs_check());
}

ATF_TC_WITHOUT_HEAD(what_no_record_says_is_removed_is_missed);
ATF_TC_BODY(what_no_record_says_is_removed_is_missed, tc)
{
	outputs_begin();
	seen("result", "work", 10);
	seen("outputs-removed", "work", 10);
	seen("outputs-removed", "vault", 11);
	ATF_CHECK(outputs_are_suspect());
	ATF_CHECK(!outputs_check());
	seen("outputs-removed", "work", 11);
	ATF_CHECK(!outputs_are_suspect());
	/* A record says it of what was there before. */
	seen("result", "work", 10);
	ATF_CHECK(!outputs_check());
	/* It was put back meanwhile. */
	there = true;
	ATF_CHECK(outputs_check());
}

ATF_TC_WITHOUT_HEAD(one_of_many_is_missed);
ATF_TC_BODY(one_of_many_is_missed, tc)
{
	uint64_t i;

	outputs_begin();
	for (i = 0; i < 1000; i++)
		seen("result", "work", i);
	seen("outputs-removed", "work", 999);
	ATF_CHECK(outputs_are_suspect());
	/* The latest is there by name, though it came when all had no place. */
	ATF_REQUIRE(freopen("said", "w", stdout) != NULL);
	ATF_CHECK(!outputs_check());
	ATF_REQUIRE(fflush(stdout) == 0);
	ATF_CHECK(
	    atf_utils_grep_file("^altered: the kept output of work:", "said"));
	seen("outputs-removed", "work", 1000);
	ATF_CHECK(outputs_check());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ever_more_outputs_take_no_more_memory);
	ATF_TP_ADD_TC(tp, what_no_record_says_is_removed_is_missed);
	ATF_TP_ADD_TC(tp, one_of_many_is_missed);
	return atf_no_error();
}
