#!/usr/bin/env atf-sh
# kill -9 at each system call between a request and its acknowledgement: it ran
# at most once, has one true answer, and the log is whole.  See regress/points.
. "$(atf_get_srcdir)/lib.sh"
unset BED_CLOCK # the daemon is traced here

LEAST=200 # different calls of verifier and executor
sum=0

# points ROLE NUMBER KIND...
points() {
    bed_up 1
    bed_seed
    role=$1 number=$2
    shift 2
    "$regress/points" "$BED" "$role" "$number" --key "$PWD/seed" \
        --kind "$@" ||
        atf_fail "a point came out wrong, or too few were reached: see above"
    bed_verify
}

# points_test NAME ROLE NUMBER KIND...: a case of its own: each has its time.
points_test() {
    name=$1
    shift
    bed_test "$name"
    eval "${name}_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 280
    }
    ${name}_body() { points $*; }"
    case $1 in parent | poller) return ;; esac
    sum=$((sum + $2))
}

points_test killed_verifier_answers_short_ones_once \
    verifier 60 run ping check early content v1
points_test killed_verifier_answers_long_ones_once \
    verifier 60 streams cancel queue timeout
points_test killed_executor_answers_run_or_cancelled_once \
    executor 60 run cancel
points_test killed_executor_answers_large_or_queued_once \
    executor 60 streams queue
points_test killed_parent_answers_once parent 10 run
points_test killed_poller_answers_once poller 8 run cancel

atf_test_case the_points_are_enough
the_points_are_enough_body() {
    echo "$sum different calls, each of which its case has to reach"
    [ "$sum" -ge "$LEAST" ] || atf_fail "fewer than $LEAST"
}

atf_init_test_cases() {
    bed_add_tests
    atf_add_test_case the_points_are_enough
}
