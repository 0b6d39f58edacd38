#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "verifier/memory.h"

static const uint8_t token_a[32] = {1}, token_b[32] = {2};

static int
served_key(unsigned n)
{
	char fingerprint[FINGERPRINT_HEX + 1];
	int key;

	snprintf(fingerprint, sizeof(fingerprint), "%016x", n);
	key = memory_key_add(fingerprint, 1000);
	ATF_REQUIRE(key != -1);
	memory_key_serve(key, (int)n);
	return (key);
}

static const char *
id_of(unsigned n)
{
	static char id[32];

	snprintf(id, sizeof(id), "id-%u", n);
	return (id);
}

static int
add(int key, unsigned n, int64_t expires)
{
	return (memory_add(key, id_of(n), token_a, expires, 500));
}

static void
fill(int key, unsigned n)
{
	while (n-- > 0)
		ATF_REQUIRE(add(key, n, 2000) != -1);
}

ATF_TC_WITHOUT_HEAD(an_id_is_found_with_its_token_and_no_other);
ATF_TC_BODY(an_id_is_found_with_its_token_and_no_other, tc)
{
	int key, e;

	ATF_REQUIRE_EQ(memory_init(), 0);
	key = served_key(1);
	ATF_REQUIRE_EQ(memory_find(key, "a"), -1);
	e = memory_add(key, "a", token_a, 2000, 500);
	ATF_REQUIRE(e != -1);
	ATF_REQUIRE_EQ(memory_find(key, "a"), e);
	ATF_CHECK(memory_same_token(e, token_a));
	ATF_CHECK(!memory_same_token(e, token_b));
}

ATF_TC_WITHOUT_HEAD(keys_do_not_share_ids);
ATF_TC_BODY(keys_do_not_share_ids, tc)
{
	int a, b;

	ATF_REQUIRE_EQ(memory_init(), 0);
	a = served_key(1);
	b = served_key(2);
	ATF_REQUIRE(memory_add(a, "x", token_a, 2000, 500) != -1);
	ATF_CHECK_EQ(memory_find(b, "x"), -1);
}

ATF_TC_WITHOUT_HEAD(forgetting_needs_both_clocks_and_no_pin);
ATF_TC_BODY(forgetting_needs_both_clocks_and_no_pin, tc)
{
	int key, e;

	ATF_REQUIRE_EQ(memory_init(), 0);
	key = served_key(1);
	e = memory_add(key, "x", token_a, 2000, 500);
	memory_sweep(9999, 9999);
	ATF_CHECK_EQ(memory_find(key, "x"), e);
	memory_unpin(e);
	memory_sweep(2000 + MEMORY_KEEP, 9999);
	ATF_CHECK_EQ(memory_find(key, "x"), e);
	memory_sweep(9999, 500);
	ATF_CHECK_EQ(memory_find(key, "x"), e);
	memory_sweep(2001 + MEMORY_KEEP, 501);
	ATF_CHECK_EQ(memory_find(key, "x"), -1);
}

ATF_TC_WITHOUT_HEAD(forgetting_raises_the_floor_and_never_lowers_it);
ATF_TC_BODY(forgetting_raises_the_floor_and_never_lowers_it, tc)
{
	int key;

	ATF_REQUIRE_EQ(memory_init(), 0);
	key = served_key(1);
	ATF_CHECK_EQ(memory_floor(key), INT64_MIN);
	memory_unpin(add(key, 1, 2000));
	memory_sweep(9999, 9999);
	ATF_CHECK_EQ(memory_floor(key), 2000);
	memory_unpin(add(key, 2, 1500));
	memory_sweep(9999, 9999);
	ATF_CHECK_EQ(memory_floor(key), 2000);
}

ATF_TC_WITHOUT_HEAD(a_full_memory_leaves_each_served_vm_its_own);
ATF_TC_BODY(a_full_memory_leaves_each_served_vm_its_own, tc)
{
	int a, b, c;

	ATF_REQUIRE_EQ(memory_init(), 0);
	a = served_key(1);
	b = served_key(2);
	c = served_key(3);
	fill(a, MEMORY_PER_VM);
	ATF_CHECK(!memory_room(a));
	ATF_CHECK_EQ(add(a, 99999, 2000), -1);
	fill(b, MEMORY_PER_VM);
	/* Both took 2,048 of their own: 4,096 of the common ones are left. */
	fill(c, MEMORY_OWN + 2 * MEMORY_OWN);
	ATF_CHECK(!memory_room(c));
	fill(served_key(4), MEMORY_OWN);
	ATF_CHECK(memory_find(a, "id-7") != -1);
}

/* In a rotation it has no more than before, and no less. */
ATF_TC_WITHOUT_HEAD(both_keys_of_a_vm_have_one_share);
ATF_TC_BODY(both_keys_of_a_vm_have_one_share, tc)
{
	int a, b, full;

	ATF_REQUIRE_EQ(memory_init(), 0);
	a = served_key(1);
	b = served_key(2);
	memory_key_serve(b, 1);
	fill(served_key(3), MEMORY_PER_VM);
	full = served_key(4);
	fill(full, MEMORY_PER_VM);
	fill(served_key(5), 3 * MEMORY_OWN);
	ATF_CHECK(!memory_room(full));
	fill(a, MEMORY_OWN - 1);
	ATF_CHECK(memory_room(b));
	fill(b, 1);
	ATF_CHECK(!memory_room(a));
	ATF_CHECK(!memory_room(b));
	/* One that goes leaves it to the other. */
	memory_key_serve(b, -1);
	ATF_CHECK(memory_room(a));
}

ATF_TC_WITHOUT_HEAD(both_keys_of_a_vm_share_its_limit);
ATF_TC_BODY(both_keys_of_a_vm_share_its_limit, tc)
{
	int a, b;

	ATF_REQUIRE_EQ(memory_init(), 0);
	a = served_key(1);
	b = served_key(2);
	memory_key_serve(b, 1);
	fill(a, MEMORY_PER_VM - 1);
	fill(b, 1);
	ATF_CHECK(!memory_room(a));
	ATF_CHECK(!memory_room(b));
}

ATF_TC_WITHOUT_HEAD(a_key_outlives_revocation_until_it_falls_out_whole);
ATF_TC_BODY(a_key_outlives_revocation_until_it_falls_out_whole, tc)
{
	char fingerprint[FINGERPRINT_HEX + 1];
	unsigned i;
	int key;

	ATF_REQUIRE_EQ(memory_init(), 0);
	key = served_key(1);
	fill(key, 10);
	memory_key_serve(key, -1);
	ATF_CHECK_EQ(memory_key_find("0000000000000001"), key);
	ATF_CHECK(memory_find(key, "id-3") != -1);
	for (i = 0; i < 9; i++)
		memory_unpin(memory_find(key, id_of(i)));
	for (i = 2; i <= MEMORY_KEYS; i++) {
		snprintf(fingerprint, sizeof(fingerprint), "%016x", i);
		ATF_REQUIRE((key = memory_key_add(fingerprint, 1)) != -1);
		memory_unpin(add(key, i, 2000));
	}
	key = memory_key_find("0000000000000001");
	ATF_CHECK(key != -1);
	/* While a request of it is there, another falls out. */
	ATF_REQUIRE((i = (unsigned)memory_key_add("fffffffffffffffe", 1)) <
	    MEMORY_KEYS);
	memory_unpin(add((int)i, 1, 2000));
	ATF_CHECK_EQ(memory_key_find("0000000000000001"), key);
	memory_unpin(memory_find(key, id_of(9)));
	ATF_REQUIRE(memory_key_add("ffffffffffffffff", 1) != -1);
	ATF_CHECK_EQ(memory_key_find("0000000000000001"), -1);
	key = memory_key_find("ffffffffffffffff");
	ATF_CHECK_EQ(memory_find(key, "id-3"), -1);
}

ATF_TC_WITHOUT_HEAD(a_key_that_fell_out_comes_back_with_a_floor);
ATF_TC_BODY(a_key_that_fell_out_comes_back_with_a_floor, tc)
{
	char fingerprint[FINGERPRINT_HEX + 1];
	unsigned i;
	int key;

	ATF_REQUIRE_EQ(memory_init(), 0);
	for (i = 1; i <= MEMORY_KEYS; i++) {
		snprintf(fingerprint, sizeof(fingerprint), "%016x", i);
		key = memory_key_add(fingerprint, 1);
		ATF_REQUIRE(key != -1);
		ATF_REQUIRE_EQ(memory_floor(key), INT64_MIN);
		memory_unpin(add(key, i, 5000 - i));
	}
	ATF_CHECK_EQ(memory_fallen(), INT64_MIN);
	/* One without entries goes first. */
	memory_sweep(4000 + MEMORY_KEEP, 9999);
	key = memory_key_find("0000000000000400");
	ATF_CHECK_EQ(memory_floor(key), 5000 - 1024);
	ATF_CHECK_EQ(memory_floor(memory_key_find("0000000000000001")),
	    INT64_MIN);
	ATF_REQUIRE(memory_key_add("fffffffffffffff0", 1) != -1);
	ATF_CHECK_EQ(memory_key_find("00000000000003e9"), -1);
	ATF_CHECK_EQ(memory_fallen(), 5000 - 1001);
	for (i = 0; i < MEMORY_KEYS; i++) {
		snprintf(fingerprint, sizeof(fingerprint), "ff%014x", i);
		ATF_REQUIRE((key = memory_key_add(fingerprint, 1)) != -1);
		memory_unpin(add(key, i, 4100));
	}
	ATF_REQUIRE_EQ(memory_key_find("0000000000000001"), -1);
	key = memory_key_add("0000000000000001", 1);
	ATF_CHECK_EQ(memory_fallen(), 4999);
	ATF_CHECK_EQ(memory_floor(key), 4999);
	memory_clear();
	ATF_CHECK_EQ(memory_fallen(), INT64_MIN);
	memory_raise_fallen(77);
	ATF_CHECK_EQ(memory_floor(memory_key_add("0000000000000001", 1)), 77);
}

/* Three keys change places: none falls out before all is told. */
ATF_TC_WITHOUT_HEAD(what_is_too_much_falls_out_when_all_is_told);
ATF_TC_BODY(what_is_too_much_falls_out_when_all_is_told, tc)
{
	int key[3], i, n;

	ATF_REQUIRE_EQ(memory_init(), 0);
	for (i = 0; i < 3; i++) {
		key[i] = served_key((unsigned)i + 1);
		fill(key[i], i < 2 ? MEMORY_PER_VM : 2 * MEMORY_OWN);
		for (n = 0; n < MEMORY_PER_VM; n++)
			if (memory_find(key[i], id_of((unsigned)n)) != -1)
				memory_unpin(
				    memory_find(key[i], id_of((unsigned)n)));
	}
	for (i = 0; i < 3; i++)
		memory_key_serve(key[i], -1);
	for (i = 0; i < 3; i++)
		memory_key_serve(key[i], i + 1);
	memory_trim();
	for (i = 0; i < 3; i++)
		ATF_CHECK(memory_find(key[i], "id-7") != -1);
	for (i = 0; i < 3; i++)
		memory_key_serve(key[i], -1);
	memory_trim();
	/* The one that was served longest ago: it refuses what it forgot. */
	ATF_CHECK_EQ(memory_find(key[0], "id-7"), -1);
	ATF_CHECK_EQ(memory_floor(key[0]), 2000);
	ATF_CHECK_EQ(memory_fallen(), INT64_MIN);
	ATF_CHECK(memory_find(key[1], "id-7") != -1);
	ATF_CHECK(memory_find(key[2], "id-7") != -1);
}

/* The state that a snapshot takes over: all of it, in its order. */
ATF_TC_WITHOUT_HEAD(what_is_read_is_restored);
ATF_TC_BODY(what_is_read_is_restored, tc)
{
	static struct memory_entry entries[MEMORY_CHUNK];
	static uint16_t of[MEMORY_CHUNK];
	int a, b, order[MEMORY_KEYS];
	uint32_t from = 0;
	unsigned i;

	ATF_REQUIRE_EQ(memory_init(), 0);
	a = served_key(1);
	b = served_key(2);
	memory_key_serve(a, 1);
	memory_recorded(add(a, 1, 2000));
	memory_recorded(add(b, 1, 2000));
	/* What is only waiting has no record. */
	ATF_REQUIRE(add(a, 2, 2000) != -1);
	memory_raise_floor(b, 77);
	ATF_REQUIRE_EQ(memory_keys(order), 2);
	ATF_CHECK_EQ(order[0], b);
	ATF_CHECK_EQ(order[1], a);
	ATF_CHECK_STREQ("0000000000000002", memory_fingerprint(b));
	ATF_REQUIRE_EQ(memory_read(&from, entries, of), 2);
	ATF_CHECK_EQ(memory_read(&from, &entries[2], &of[2]), 0);
	memory_clear();
	ATF_CHECK_EQ(memory_key_find("0000000000000001"), -1);
	a = served_key(1);
	b = served_key(2);
	for (i = 0; i < 2; i++) {
		ATF_CHECK_EQ(memory_restore(of[i], &entries[i]), 0);
		ATF_CHECK_EQ(memory_restore(of[i], &entries[i]), 0);
	}
	ATF_CHECK(memory_same_token(memory_find(a, "id-1"), token_a));
	ATF_CHECK(memory_find(b, "id-1") != -1);
	ATF_CHECK_EQ(memory_find(a, "id-2"), -1);
	/* Nothing pins what came from a snapshot. */
	memory_sweep(3000, 3000);
	ATF_CHECK_EQ(memory_find(a, "id-1"), -1);
	ATF_CHECK_EQ(memory_floor(a), 2000);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_too_much_falls_out_when_all_is_told);
	ATF_TP_ADD_TC(tp, what_is_read_is_restored);
	ATF_TP_ADD_TC(tp, a_key_that_fell_out_comes_back_with_a_floor);
	ATF_TP_ADD_TC(tp, an_id_is_found_with_its_token_and_no_other);
	ATF_TP_ADD_TC(tp, keys_do_not_share_ids);
	ATF_TP_ADD_TC(tp, forgetting_needs_both_clocks_and_no_pin);
	ATF_TP_ADD_TC(tp, forgetting_raises_the_floor_and_never_lowers_it);
	ATF_TP_ADD_TC(tp, a_full_memory_leaves_each_served_vm_its_own);
	ATF_TP_ADD_TC(tp, both_keys_of_a_vm_have_one_share);
	ATF_TP_ADD_TC(tp, both_keys_of_a_vm_share_its_limit);
	ATF_TP_ADD_TC(tp, a_key_outlives_revocation_until_it_falls_out_whole);
	return (atf_no_error());
}
