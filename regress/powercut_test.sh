#!/usr/bin/env atf-sh
# The power is cut: on whatever the disk may then have, the daemon starts, what
# was said is in the log, and nothing runs again.  See regress/powercut, and
# `make powercut` for all of it.
. "$(atf_get_srcdir)/lib.sh"
unset BED_CLOCK # the daemon is traced here

# powercut_test NAME SESSION NUMBER
powercut_test() {
    bed_test "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 280
    }
    $1_body() {
        bed_up 1
        \"\$regress/powercut\" \"\$BED\" $2 $3 ||
            atf_fail \"a state came out wrong: see above\"
    }"
}

powercut_test a_first_start_may_lose_power_anywhere first 36
powercut_test a_day_may_lose_power_anywhere day 56
powercut_test a_change_of_segments_may_lose_power_anywhere full 4

atf_init_test_cases() {
    bed_add_tests
}
