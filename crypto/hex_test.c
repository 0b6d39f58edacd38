#include "crypto/crypto.h"

#include <atf-c.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(every_byte_has_two_lower_case_digits);
ATF_TC_BODY(every_byte_has_two_lower_case_digits, tc)
{
	uint8_t byte, back;
	char hex[4];
	int c;

	for (c = 0; c < 256; c++) {
		byte = (uint8_t)c;
		memset(hex, '#', sizeof(hex));
		hex_print(hex, &byte, 1);
		ATF_CHECK_EQ('\0', hex[2]);
		ATF_CHECK_EQ('#', hex[3]);
		ATF_REQUIRE_EQ(0, hex_parse(&back, hex, 1));
		ATF_CHECK_EQ(byte, back);
	}
	hex_print(hex, (const uint8_t *)"\x9f", 1);
	ATF_CHECK_STREQ("9f", hex);
	hex_print(hex, NULL, 0);
	ATF_CHECK_STREQ("", hex);
}

ATF_TC_WITHOUT_HEAD(only_lower_case_digits_are_read);
ATF_TC_BODY(only_lower_case_digits_are_read, tc)
{
	uint8_t out[2];
	char hex[4];
	bool digit;
	size_t at;
	int c;

	for (at = 0; at < sizeof(hex); at++) {
		for (c = 0; c < 256; c++) {
			memset(hex, '0', sizeof(hex));
			hex[at] = (char)c;
			digit =
			    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
			ATF_CHECK_MSG(hex_parse(out, hex, 2) ==
				(digit ? 0 : -1),
			    "0x%02x at %zu", c, at);
		}
	}
}

ATF_TC_WITHOUT_HEAD(a_text_that_ends_early_is_not_read_on);
ATF_TC_BODY(a_text_that_ends_early_is_not_read_on, tc)
{
	uint8_t out[SHA256_LEN];

	ATF_CHECK_EQ(-1, hex_parse(out, "", SHA256_LEN));
	ATF_CHECK_EQ(-1, hex_parse(out, "0", SHA256_LEN));
	ATF_CHECK_EQ(-1, hex_parse(out, "00", SHA256_LEN));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_byte_has_two_lower_case_digits);
	ATF_TP_ADD_TC(tp, only_lower_case_digits_are_read);
	ATF_TP_ADD_TC(tp, a_text_that_ends_early_is_not_read_on);
	return (atf_no_error());
}
