#include "crypto/crypto.h"

#include <atf-c.h>
#include <string.h>

#include "wire/vectors.h"

static void
check_hex(const char *expected, const uint8_t digest[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, digest, SHA256_LEN);
	ATF_CHECK_STREQ(expected, hex);
}

static void
vector_keys(struct derived_keys *keys)
{
	uint8_t k[KEY_LEN];

	ATF_REQUIRE_EQ(0, key_parse(V_KEY, strlen(V_KEY), k));
	derive_keys(k, keys);
}

ATF_TC_WITHOUT_HEAD(keys_and_fingerprint_are_those_of_the_vectors);
ATF_TC_BODY(keys_and_fingerprint_are_those_of_the_vectors, tc)
{
	struct derived_keys keys;

	vector_keys(&keys);
	check_hex(V_K_REQUEST, keys.request);
	check_hex(V_K_RECEIPT, keys.receipt);
	ATF_CHECK_STREQ(V_FINGERPRINT, keys.fingerprint);
}

ATF_TC_WITHOUT_HEAD(the_token_of_version_1_is_that_of_the_vectors);
ATF_TC_BODY(the_token_of_version_1_is_that_of_the_vectors, tc)
{
	uint8_t mac[SHA256_LEN];
	struct hmac h;

	hmac_init(&h, V_KEY, strlen(V_KEY));
	hmac_update(&h, V_ID, strlen(V_ID));
	hmac_final(&h, mac);
	check_hex(V_TOKEN_V1, mac);
}

static void
check_request_mac(const char *expected, const char *id, const char *covered)
{
	struct derived_keys keys;
	uint8_t mac[SHA256_LEN];

	vector_keys(&keys);
	request_mac(keys.request, id, covered, strlen(covered), mac);
	check_hex(expected, mac);
}

ATF_TC_WITHOUT_HEAD(tokens_have_the_macs_of_the_vectors);
ATF_TC_BODY(tokens_have_the_macs_of_the_vectors, tc)
{
	check_request_mac(V_TOKEN_MAC, V_ID, V_TOKEN_COVERED);
	check_request_mac(V_CANCEL_MAC, V_ID, V_CANCEL_COVERED);
	check_request_mac(V_TOKEN_INPUT_MAC, V_ID_INPUT, V_TOKEN_INPUT_COVERED);
}

ATF_TC_WITHOUT_HEAD(the_receipt_has_the_mac_of_the_vector);
ATF_TC_BODY(the_receipt_has_the_mac_of_the_vector, tc)
{
	struct derived_keys keys;
	uint8_t mac[SHA256_LEN];

	vector_keys(&keys);
	receipt_mac(keys.receipt, V_RECEIPT_COVERED, strlen(V_RECEIPT_COVERED),
	    mac);
	check_hex(V_RECEIPT_MAC, mac);
}

ATF_TC_WITHOUT_HEAD(tokens_have_the_digests_of_the_vectors);
ATF_TC_BODY(tokens_have_the_digests_of_the_vectors, tc)
{
	uint8_t digest[SHA256_LEN];

	sha256(V_TOKEN, strlen(V_TOKEN), digest);
	check_hex(V_TOKEN_SHA, digest);
	sha256(V_TOKEN_INPUT, strlen(V_TOKEN_INPUT), digest);
	check_hex(V_TOKEN_INPUT_SHA, digest);
}

/* Neither id, text nor key can be exchanged, nor a byte be moved. */
ATF_TC_WITHOUT_HEAD(a_mac_covers_id_and_text);
ATF_TC_BODY(a_mac_covers_id_and_text, tc)
{
	uint8_t key[SHA256_LEN] = {1}, mac[SHA256_LEN], other[SHA256_LEN];

	request_mac(key, "id", "text", 4, mac);
	request_mac(key, "ie", "text", 4, other);
	ATF_CHECK(!ct_equal(mac, other, sizeof(mac)));
	request_mac(key, "id", "tex", 3, other);
	ATF_CHECK(!ct_equal(mac, other, sizeof(mac)));
	request_mac(key, "idt", "ext", 3, other);
	ATF_CHECK(!ct_equal(mac, other, sizeof(mac)));
	receipt_mac(key, "id\ntext", 7, other);
	ATF_CHECK(!ct_equal(mac, other, sizeof(mac)));
	key[31] ^= 1;
	request_mac(key, "id", "text", 4, other);
	ATF_CHECK(!ct_equal(mac, other, sizeof(mac)));
}

ATF_TC_WITHOUT_HEAD(key_files_are_64_digits_and_at_most_one_lf);
ATF_TC_BODY(key_files_are_64_digits_and_at_most_one_lf, tc)
{
	static const struct {
		const char *text;
		size_t len;
		int result;
	} samples[] = {
	    {V_KEY, 64, 0},
	    {V_KEY "\n", 65, 0},
	    {V_KEY "\n\n", 66, -1},
	    {V_KEY "\r\n", 66, -1},
	    {V_KEY "\0", 65, -1},
	    {V_KEY " ", 65, -1},
	    {V_KEY "0", 65, -1},
	    {V_KEY, 63, -1},
	    {V_KEY, 0, -1},
	    {"\n" V_KEY, 65, -1},
	    {" " V_KEY, 64, -1},
	    {"g" V_KEY, 64, -1},
	    {"G" V_KEY, 64, -1},
	    {"\0" V_KEY, 64, -1},
	    {"x" V_KEY "\n", 66, -1},
	};
	uint8_t k[KEY_LEN];
	size_t i;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		ATF_CHECK_MSG(key_parse(samples[i].text, samples[i].len, k) ==
			samples[i].result,
		    "sample %zu", i);
}

ATF_TC_WITHOUT_HEAD(upper_case_makes_the_same_key);
ATF_TC_BODY(upper_case_makes_the_same_key, tc)
{
	const char *lower = "0123456789abcdef0123456789abcdef"
			    "0123456789abcdef0123456789abcdef";
	const char *mixed = "0123456789ABCDEF0123456789abcdef"
			    "0123456789aBcDeF0123456789AbCdEf";
	uint8_t a[KEY_LEN], b[KEY_LEN];

	ATF_REQUIRE_EQ(0, key_parse(lower, 64, a));
	ATF_REQUIRE_EQ(0, key_parse(mixed, 64, b));
	ATF_CHECK(memcmp(a, b, sizeof(a)) == 0);
	ATF_CHECK_EQ(0x01, a[0]);
	ATF_CHECK_EQ(0xef, a[31]);
}

ATF_TC_WITHOUT_HEAD(a_refused_key_leaves_no_bytes);
ATF_TC_BODY(a_refused_key_leaves_no_bytes, tc)
{
	static const uint8_t none[KEY_LEN];
	uint8_t k[KEY_LEN] = {0};
	char text[] = V_KEY;

	text[63] = 'x';
	ATF_REQUIRE_EQ(-1, key_parse(text, 64, k));
	ATF_CHECK(memcmp(k, none, sizeof(none)) == 0);
}

ATF_TC_WITHOUT_HEAD(equal_and_counting_keys_are_weak);
ATF_TC_BODY(equal_and_counting_keys_are_weak, tc)
{
	uint8_t k[KEY_LEN];
	size_t i;
	int step;

	for (step = 0; step < 256; step++) {
		for (i = 0; i < sizeof(k); i++)
			k[i] = (uint8_t)(200 + (int)i * step);
		ATF_CHECK_MSG(key_is_weak(k), "step %d", step);
		for (i = 0; i < sizeof(k); i++) {
			k[i] ^= 1;
			ATF_CHECK_MSG(!key_is_weak(k), "step %d, byte %zu",
			    step, i);
			k[i] ^= 1;
		}
	}
	ATF_REQUIRE_EQ(0, key_parse(V_KEY, strlen(V_KEY), k));
	ATF_CHECK(key_is_weak(k));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys_and_fingerprint_are_those_of_the_vectors);
	ATF_TP_ADD_TC(tp, the_token_of_version_1_is_that_of_the_vectors);
	ATF_TP_ADD_TC(tp, tokens_have_the_macs_of_the_vectors);
	ATF_TP_ADD_TC(tp, the_receipt_has_the_mac_of_the_vector);
	ATF_TP_ADD_TC(tp, tokens_have_the_digests_of_the_vectors);
	ATF_TP_ADD_TC(tp, a_mac_covers_id_and_text);
	ATF_TP_ADD_TC(tp, key_files_are_64_digits_and_at_most_one_lf);
	ATF_TP_ADD_TC(tp, upper_case_makes_the_same_key);
	ATF_TP_ADD_TC(tp, a_refused_key_leaves_no_bytes);
	ATF_TP_ADD_TC(tp, equal_and_counting_keys_are_weak);
	return (atf_no_error());
}
