#include "crypto/crypto.h"

#include <atf-c.h>
#include <string.h>

/* A byte that stays 0 in 64 draws is not filled: by chance in 2^-512. */
ATF_TC_WITHOUT_HEAD(every_byte_is_filled_and_none_behind_the_end);
ATF_TC_BODY(every_byte_is_filled_and_none_behind_the_end, tc)
{
	uint8_t bytes[1025], seen[1024] = {0};
	size_t i;
	int n;

	bytes[1024] = 0xa5;
	for (n = 0; n < 64; n++) {
		memset(bytes, 0, 1024);
		random_bytes(bytes, 1024);
		for (i = 0; i < sizeof(seen); i++)
			seen[i] |= bytes[i];
	}
	for (i = 0; i < sizeof(seen); i++)
		ATF_CHECK_MSG(seen[i] != 0, "byte %zu", i);
	ATF_CHECK_EQ(0xa5, bytes[1024]);
}

ATF_TC_WITHOUT_HEAD(two_draws_differ);
ATF_TC_BODY(two_draws_differ, tc)
{
	uint8_t a[KEY_LEN], b[KEY_LEN];

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	ATF_CHECK(memcmp(a, b, sizeof(a)) != 0);
}

ATF_TC_WITHOUT_HEAD(no_bytes_are_none);
ATF_TC_BODY(no_bytes_are_none, tc)
{
	uint8_t byte = 0xa5;

	random_bytes(&byte, 0);
	ATF_CHECK_EQ(0xa5, byte);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_byte_is_filled_and_none_behind_the_end);
	ATF_TP_ADD_TC(tp, two_draws_differ);
	ATF_TP_ADD_TC(tp, no_bytes_are_none);
	return (atf_no_error());
}
