#!/usr/bin/env atf-sh
# kill -9 at each system call between a request and its acknowledgement: it ran
# at most once, has one true answer, and the log is whole.  See regress/points.
. "$(atf_get_srcdir)/lib.sh"

# points ROLE FIRST LAST OF
points() {
    bed_up 1
    bed_seed
    "$regress/points" "$BED" "$@" --key "$PWD/seed" ||
        atf_fail "a point came out wrong: see the test's output"
    bed_verify
}

# points_test NAME ROLE FIRST LAST OF: a case of its own, so that each has time.
points_test() {
    bed_test "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 280
    }
    $1_body() { points $2 $3 $4 $5; }"
}

points_test killed_verifier_answers_once_first_half verifier 1 45 90
points_test killed_verifier_answers_once_second_half verifier 46 90 90
points_test killed_executor_answers_once_first_half executor 1 55 110
points_test killed_executor_answers_once_second_half executor 56 110 110
points_test killed_parent_answers_once parent 1 10 10

atf_init_test_cases() {
    bed_add_tests
}
