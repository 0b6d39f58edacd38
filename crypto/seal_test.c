#include "crypto/seal.h"

#include <atf-c.h>
#include <string.h>

/* Vectors: HMAC and SHA-256 of Python's hmac and hashlib. */

static void
first_seed(uint8_t seed[SEED_LEN])
{
	uint8_t i;

	for (i = 0; i < SEED_LEN; i++)
		seed[i] = i;
}

static void
check_hex(const char *expected, const uint8_t digest[SHA256_LEN])
{
	char hex[SHA256_HEX + 1];

	hex_print(hex, digest, SHA256_LEN);
	ATF_CHECK_STREQ(expected, hex);
}

ATF_TC_WITHOUT_HEAD(keys_and_seeds_move_forward);
ATF_TC_BODY(keys_and_seeds_move_forward, tc)
{
	uint8_t seed[SEED_LEN], key[SHA256_LEN];

	first_seed(seed);
	seal_run_key(seed, key);
	check_hex("9e01ecdf5d87e7721e5ce99c8c6038e7"
		  "63a7a5fdb964af37aeff1e7947227cb5",
	    key);
	seal_next_step(key);
	check_hex("60a6a76efd9764f7952e5706a1737f6a"
		  "04d39c61082211bc49042f5f699e0c33",
	    key);
	seal_next_seed(seed);
	check_hex("a81838676c9ce69da1eb01b5f64ac7fd"
		  "fe4c1f02459568ff72038d1191710efa",
	    seed);
}

ATF_TC_WITHOUT_HEAD(a_mac_is_over_the_hash);
ATF_TC_BODY(a_mac_is_over_the_hash, tc)
{
	uint8_t seed[SEED_LEN], key[SHA256_LEN], hash[SHA256_LEN];
	uint8_t mac[SHA256_LEN];

	first_seed(seed);
	seal_run_key(seed, key);
	sha256("abc", 3, hash);
	seal_mac(key, hash, mac);
	check_hex("1e5592c8df1a9d312bb511b052158f15"
		  "75e23cf23bc418f86a86c6bc34e2aa98",
	    mac);
}

ATF_TC_WITHOUT_HEAD(a_seed_has_a_name);
ATF_TC_BODY(a_seed_has_a_name, tc)
{
	char name[FINGERPRINT_HEX + 1];
	uint8_t seed[SEED_LEN];

	first_seed(seed);
	seed_fingerprint(seed, name);
	ATF_CHECK_STREQ("772f97606c1d7655", name);
}

static void
some_seed(struct seed *s)
{
	memset(s, 0, sizeof(*s));
	s->run = 7;
	s->first_run = 3;
	s->seen = true;
	first_seed(s->seed);
	seed_fingerprint(s->seed, s->first);
}

ATF_TC_WITHOUT_HEAD(a_slot_is_read_as_it_was_printed);
ATF_TC_BODY(a_slot_is_read_as_it_was_printed, tc)
{
	char slot[SEED_SLOT], again[SEED_SLOT];
	struct seed s, read;

	some_seed(&s);
	seed_print(slot, &s);
	ATF_REQUIRE_EQ(0, seed_parse(slot, &read));
	seed_print(again, &read);
	ATF_CHECK(memcmp(slot, again, sizeof(slot)) == 0);
	ATF_CHECK_EQ(7, read.run);
	ATF_CHECK_EQ(3, read.first_run);
	ATF_CHECK(read.seen && !read.has_then);
	check_hex("000102030405060708090a0b0c0d0e0f"
		  "101112131415161718191a1b1c1d1e1f",
	    read.seed);
	s.has_then = true;
	memset(s.then, 0x5a, sizeof(s.then));
	seed_print(slot, &s);
	ATF_REQUIRE_EQ(0, seed_parse(slot, &read));
	ATF_CHECK(read.has_then && read.then[31] == 0x5a);
}

ATF_TC_WITHOUT_HEAD(a_changed_slot_is_none);
ATF_TC_BODY(a_changed_slot_is_none, tc)
{
	char slot[SEED_SLOT];
	struct seed s, read;
	size_t i;

	memset(slot, 0, sizeof(slot));
	ATF_CHECK_EQ(-1, seed_parse(slot, &read));
	some_seed(&s);
	for (i = 0; i < SEED_SLOT; i++) {
		seed_print(slot, &s);
		slot[i] ^= 1;
		ATF_CHECK_EQ_MSG(-1, seed_parse(slot, &read), "byte %zu", i);
	}
	memset(slot, 'f', sizeof(slot));
	ATF_CHECK_EQ(-1, seed_parse(slot, &read));
}

ATF_TC_WITHOUT_HEAD(what_follows_is_the_next_run_or_a_new_line);
ATF_TC_BODY(what_follows_is_the_next_run_or_a_new_line, tc)
{
	char name[FINGERPRINT_HEX + 1];
	struct seed s;

	some_seed(&s);
	seed_advance(&s);
	ATF_CHECK_EQ(8, s.run);
	ATF_CHECK_EQ(3, s.first_run);
	check_hex("a81838676c9ce69da1eb01b5f64ac7fd"
		  "fe4c1f02459568ff72038d1191710efa",
	    s.seed);
	s.has_then = true;
	memset(s.then, 0x5a, sizeof(s.then));
	seed_fingerprint(s.then, name);
	seed_advance(&s);
	ATF_CHECK_EQ(9, s.run);
	ATF_CHECK_EQ(9, s.first_run);
	ATF_CHECK_STREQ(name, s.first);
	ATF_CHECK(!s.has_then);
	ATF_CHECK_EQ(0x5a, s.seed[31]);
	ATF_CHECK_EQ(0, s.then[31]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys_and_seeds_move_forward);
	ATF_TP_ADD_TC(tp, a_mac_is_over_the_hash);
	ATF_TP_ADD_TC(tp, a_seed_has_a_name);
	ATF_TP_ADD_TC(tp, a_slot_is_read_as_it_was_printed);
	ATF_TP_ADD_TC(tp, a_changed_slot_is_none);
	ATF_TP_ADD_TC(tp, what_follows_is_the_next_run_or_a_new_line);
	return (atf_no_error());
}
