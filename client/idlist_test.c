#include <atf-c.h>
#include <stdio.h>

#include "client/idlist.h"

static struct idlist list;

static void
add(int n)
{
	char id[ID_MAX + 1];

	snprintf(id, sizeof(id), "20260218-%06d-1-00000000", n);
	idlist_add(&list, id);
}

ATF_TC_WITHOUT_HEAD(the_oldest_comes_first);
ATF_TC_BODY(the_oldest_comes_first, tc)
{
	char id[ID_MAX + 1];

	add(3);
	add(1);
	add(2);
	ATF_CHECK(idlist_take(&list, id));
	ATF_CHECK_STREQ("20260218-000001-1-00000000", id);
	ATF_CHECK(idlist_take(&list, id));
	ATF_CHECK_STREQ("20260218-000002-1-00000000", id);
	ATF_CHECK(idlist_take(&list, id));
	ATF_CHECK(!idlist_take(&list, id));
}

ATF_TC_WITHOUT_HEAD(pings_of_version_1_come_before_all);
ATF_TC_BODY(pings_of_version_1_come_before_all, tc)
{
	char id[ID_MAX + 1];

	add(1);
	idlist_add(&list, "ping-1771425022000000000-7");
	ATF_CHECK(idlist_take(&list, id));
	ATF_CHECK_STREQ("ping-1771425022000000000-7", id);
}

ATF_TC_WITHOUT_HEAD(the_same_id_is_there_once);
ATF_TC_BODY(the_same_id_is_there_once, tc)
{
	add(1);
	add(1);
	ATF_CHECK_EQ(1, list.n);
	ATF_CHECK(idlist_has(&list, "20260218-000001-1-00000000"));
	idlist_remove(&list, "20260218-000001-1-00000000");
	ATF_CHECK_EQ(0, list.n);
	ATF_CHECK(!idlist_has(&list, "20260218-000001-1-00000000"));
	idlist_remove(&list, "20260218-000001-1-00000000");
	ATF_CHECK_EQ(0, list.n);
}

ATF_TC_WITHOUT_HEAD(beyond_the_bound_the_youngest_is_left_out);
ATF_TC_BODY(beyond_the_bound_the_youngest_is_left_out, tc)
{
	int i;

	for (i = IDLIST_MAX; i > 0; i--)
		add(2 * i);
	ATF_CHECK(!list.more);
	add(1000);
	ATF_CHECK(list.more);
	ATF_CHECK(!idlist_has(&list, "20260218-001000-1-00000000"));
	list.more = false;
	add(3);
	ATF_CHECK(list.more);
	ATF_CHECK_EQ(IDLIST_MAX, list.n);
	ATF_CHECK(idlist_has(&list, "20260218-000003-1-00000000"));
	ATF_CHECK(!idlist_has(&list, "20260218-000512-1-00000000"));
	ATF_CHECK(idlist_has(&list, "20260218-000510-1-00000000"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, the_oldest_comes_first);
	ATF_TP_ADD_TC(tp, pings_of_version_1_come_before_all);
	ATF_TP_ADD_TC(tp, the_same_id_is_there_once);
	ATF_TP_ADD_TC(tp, beyond_the_bound_the_youngest_is_left_out);
	return (atf_no_error());
}
