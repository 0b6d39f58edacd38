#include "audit/audit.h"

#include <atf-c.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(names_come_back);
ATF_TC_BODY(names_come_back, tc)
{
	static const uint64_t rows[] = {1, 42, UINT64_MAX};
	char name[AUDIT_SEGMENT_NAME_LEN + 1];
	uint64_t first;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		segment_name(name, rows[i]);
		ATF_CHECK_EQ(AUDIT_SEGMENT_NAME_LEN, strlen(name));
		ATF_CHECK_EQ(0, segment_name_parse(name, &first));
		ATF_CHECK_EQ(rows[i], first);
	}
	segment_name(name, 42);
	ATF_CHECK_STREQ("00000000000000000042.log", name);
}

ATF_TC_WITHOUT_HEAD(other_names_are_refused);
ATF_TC_BODY(other_names_are_refused, tc)
{
	static const char *const bad[] = {"", "lock", "seed", ".new",
	    "00000000000000000000.log", "0000000000000000042.log",
	    "000000000000000000042.log", "00000000000000000042.lo",
	    "00000000000000000042.logx", "0000000000000000004x.log",
	    "18446744073709551616.log", "99999999999999999999.log",
	    "00000000000000000042.LOG", "+0000000000000000042.log",
	    " 0000000000000000042.log"};
	uint64_t first;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, segment_name_parse(bad[i], &first), "%s",
		    bad[i]);
}

ATF_TC_WITHOUT_HEAD(packed_names_and_heads_come_back);
ATF_TC_BODY(packed_names_and_heads_come_back, tc)
{
	static const char *const bad[] = {"00000000000000000042.log",
	    "00000000000000000042.log.zs", "00000000000000000042.log.zstx",
	    "00000000000000000000.log.zst", "0000000000000000004x.log.zst",
	    "00000000000000000042.log.ZST", ".zst.new"};
	uint8_t head[AUDIT_PACKED_HEAD];
	char name[AUDIT_PACKED_NAME_LEN + 1];
	uint64_t first;
	size_t i;

	packed_name(name, 42);
	ATF_CHECK_STREQ("00000000000000000042.log.zst", name);
	ATF_CHECK_EQ(0, packed_name_parse(name, &first));
	ATF_CHECK_EQ(42, first);
	ATF_CHECK_EQ(-1, segment_name_parse(name, &first));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, packed_name_parse(bad[i], &first), "%s",
		    bad[i]);
	packed_head(head, 0x10203);
	ATF_CHECK_EQ(0, memcmp(head, "\x50\x2a\x4d\x18\x03\x02\x01", 8));
	ATF_CHECK_EQ(0x10203, packed_head_parse(head));
	head[0]++;
	ATF_CHECK_EQ(-1, packed_head_parse(head));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, packed_names_and_heads_come_back);
	ATF_TP_ADD_TC(tp, names_come_back);
	ATF_TP_ADD_TC(tp, other_names_are_refused);
	return atf_no_error();
}
