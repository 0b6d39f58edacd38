#include "crypto/crypto.h"

#include <atf-c.h>
#include <string.h>

static void
check_hex(const char *expected, const uint8_t digest[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, digest, SHA256_LEN);
	ATF_CHECK_STREQ(expected, hex);
}

static void
check_sha256(const char *expected, const char *text)
{
	uint8_t digest[SHA256_LEN];

	sha256(text, strlen(text), digest);
	check_hex(expected, digest);
}

/* FIPS 180-4, with NIST's examples. */
ATF_TC_WITHOUT_HEAD(sha256_has_the_digests_of_its_standard);
ATF_TC_BODY(sha256_has_the_digests_of_its_standard, tc)
{
	check_sha256("e3b0c44298fc1c149afbf4c8996fb924"
		     "27ae41e4649b934ca495991b7852b855",
	    "");
	check_sha256("ba7816bf8f01cfea414140de5dae2223"
		     "b00361a396177a9cb410ff61f20015ad",
	    "abc");
	check_sha256("248d6a61d20638b8e5c026930c3e6039"
		     "a33ce45964ff2167f6ecedd419db06c1",
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
}

ATF_TC_WITHOUT_HEAD(sha256_does_not_depend_on_the_pieces);
ATF_TC_BODY(sha256_does_not_depend_on_the_pieces, tc)
{
	uint8_t data[300], whole[SHA256_LEN], pieces[SHA256_LEN];
	struct sha256 s;
	size_t i, first;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	sha256(data, sizeof(data), whole);
	for (first = 0; first <= sizeof(data); first++) {
		sha256_init(&s);
		sha256_update(&s, data, first);
		sha256_update(&s, data + first, sizeof(data) - first);
		sha256_final(&s, pieces);
		ATF_CHECK(memcmp(whole, pieces, sizeof(whole)) == 0);
	}
}

ATF_TC_WITHOUT_HEAD(zeros_are_hashed_as_if_they_were_there);
ATF_TC_BODY(zeros_are_hashed_as_if_they_were_there, tc)
{
	static const uint8_t zeros[10000];
	uint8_t expected[SHA256_LEN], out[SHA256_LEN];
	struct sha256 s;
	size_t n;

	for (n = 0; n < sizeof(zeros); n += 1999) {
		sha256(zeros, n, expected);
		sha256_init(&s);
		sha256_zeros(&s, n);
		sha256_final(&s, out);
		ATF_CHECK(memcmp(out, expected, sizeof(out)) == 0);
	}
}

ATF_TC_WITHOUT_HEAD(a_digest_can_be_read_on_the_way_and_copied);
ATF_TC_BODY(a_digest_can_be_read_on_the_way_and_copied, tc)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 s, copy;

	sha256_init(&s);
	sha256_update(&s, "ab", 2);
	copy = s;
	sha256_final(&s, digest);
	sha256_update(&s, "c", 1);
	sha256_final(&s, digest);
	check_hex("ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad",
	    digest);
	sha256_update(&copy, "c", 1);
	sha256_final(&copy, digest);
	check_hex("ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad",
	    digest);
}

static void
check_hmac(const char *expected, const void *key, size_t keylen,
    const void *data, size_t len)
{
	uint8_t mac[SHA256_LEN];
	struct hmac h, copy;

	hmac_init(&h, key, keylen);
	hmac_update(&h, data, len / 2);
	copy = h;
	hmac_update(&h, (const char *)data + len / 2, len - len / 2);
	hmac_final(&h, mac);
	check_hex(expected, mac);
	hmac_update(&copy, (const char *)data + len / 2, len - len / 2);
	hmac_final(&copy, mac);
	check_hex(expected, mac);
}

/* RFC 4231, test cases 1, 2, 3, 6 and 7. */
ATF_TC_WITHOUT_HEAD(hmac_has_the_values_of_rfc_4231);
ATF_TC_BODY(hmac_has_the_values_of_rfc_4231, tc)
{
	const char *larger = "Test Using Larger Than Block-Size Key - "
			     "Hash Key First";
	const char *both = "This is a test using a larger than block-size "
			   "key and a larger than block-size data. The key "
			   "needs to be hashed before being used by the HMAC "
			   "algorithm.";
	uint8_t key[131], data[50];

	memset(key, 0x0b, sizeof(key));
	check_hmac("b0344c61d8db38535ca8afceaf0bf12b"
		   "881dc200c9833da726e9376c2e32cff7",
	    key, 20, "Hi There", 8);
	check_hmac("5bdcc146bf60754e6a042426089575c7"
		   "5a003f089d2739839dec58b964ec3843",
	    "Jefe", 4, "what do ya want for nothing?", 28);
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	check_hmac("773ea91e36800e46854db8ebd09181a7"
		   "2959098b3ef8c122d9635514ced565fe",
	    key, 20, data, sizeof(data));
	check_hmac("60e431591ee0b67f0d8a26aacbf5b77f"
		   "8e0bc6213728c5140546040f0ee37f54",
	    key, sizeof(key), larger, strlen(larger));
	check_hmac("9b09ffa71b942fcb27635fbcd5b0e944"
		   "bfdc63644f0713938a7f51535c3a35e2",
	    key, sizeof(key), both, strlen(both));
}

ATF_TC_WITHOUT_HEAD(every_bit_counts_in_a_comparison);
ATF_TC_BODY(every_bit_counts_in_a_comparison, tc)
{
	uint8_t a[SHA256_LEN], b[SHA256_LEN];
	size_t i;

	for (i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)i;
	ATF_CHECK(ct_equal(a, b, sizeof(a)));
	ATF_CHECK(ct_equal(a, "", 0));
	for (i = 0; i < 8 * sizeof(a); i++) {
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		ATF_CHECK_MSG(!ct_equal(a, b, sizeof(a)), "bit %zu", i);
		b[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	b[31] ^= 1;
	ATF_CHECK(ct_equal(a, b, 31));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sha256_has_the_digests_of_its_standard);
	ATF_TP_ADD_TC(tp, sha256_does_not_depend_on_the_pieces);
	ATF_TP_ADD_TC(tp, zeros_are_hashed_as_if_they_were_there);
	ATF_TP_ADD_TC(tp, a_digest_can_be_read_on_the_way_and_copied);
	ATF_TP_ADD_TC(tp, hmac_has_the_values_of_rfc_4231);
	ATF_TP_ADD_TC(tp, every_bit_counts_in_a_comparison);
	return (atf_no_error());
}
