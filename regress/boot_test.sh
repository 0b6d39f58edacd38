#!/usr/bin/env atf-sh
# A machine that is started with the packages in it (regress/machine).  It runs
# beside other tests; what became of each of its checks, booted_test says.
. "$(atf_get_srcdir)/lib.sh"

atf_test_case a_machine_is_made_and_started_three_times
a_machine_is_made_and_started_three_times_head() {
    atf_set require.user root
    atf_set timeout 1200
}
a_machine_is_made_and_started_three_times_body() {
    "$regress/machine" "$BUILD/boot" "$(this_run)" || atf_fail "see its output"
}

atf_init_test_cases() {
    atf_add_test_case a_machine_is_made_and_started_three_times
}
