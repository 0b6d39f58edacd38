#!/usr/bin/env atf-sh
# A request that is not what its token says, or whose token is none: one answer,
# one record, and nothing runs.
. "$(atf_get_srcdir)/lib.sh"

# refusals_test NAME VMS TABLE: see regress/refusals.  What is right runs.
refusals_test() {
    bed_test "$1"
    eval "$1_body() {
        bed_up $2
        bed_seed
        \"\$regress/refusals\" \"\$BED\" $3 ||
            atf_fail \"see the test's output\"
        atf_check -o inline:'ok\n' in_vm vm1 qvm-remote 'echo ok'
        no_raw_in_dom0
        bed_verify
    }"
}

refusals_test what_is_not_written_as_a_token_is_refused 7 form
refusals_test what_is_changed_after_signing_is_refused 2 changed
refusals_test a_command_that_breaks_a_rule_is_refused_by_dom0 1 contents
refusals_test a_command_that_breaks_a_rule_is_refused_before_it_is_written \
    1 client
refusals_test a_cancel_that_is_not_valid_cancels_nothing 1 cancels

# Identity is the channel: a key, and what it has signed, is its VM's alone.
bed_test what_another_vm_has_signed_is_refused
what_another_vm_has_signed_is_refused_body() {
    bed_up 2
    bed_seed
    forge vm2 --key "$(cat "$BED/etc/qubes/remote.d/vm1.key")" \
        --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status rejected$' \
        -o match:'^reason token not accepted$' -o match:'^log -$' cat meta
    no_witness
    atf_check -o inline:'1\n' count_log '"event":"refused","vm":"vm2"'
    bed_verify
}

bed_test what_expires_while_it_waits_does_not_run
what_expires_while_it_waits_does_not_run_body() {
    bed_up 1
    first=$(forge vm1 --order queue --body "$(witness); : >$BED/started
        until [ -e $BED/go ]; do sleep 0.05; done") || atf_fail "forge"
    wait_for "[ -e $BED/started ]"
    second=$(forge vm1 --order queue --expires $(($(date +%s) + 2)) \
        --body "$(witness)") || atf_fail "forge"
    wait_result vm1 "$second"
    atf_check -o match:'^status expired$' -o match:'^mac ' meta_of vm1 "$second"
    : >"$BED/go"
    wait_result vm1 "$first"
    atf_check -o inline:'1\n' count_witness
}

# answered_with STATUS [FORGE-OPTION...]: of a request of vm1; see `meta`.
answered_with() {
    _status=$1
    _ran=$(count_witness)
    shift
    forge vm1 --body "$(witness)" --wait 20 "$@" >meta || atf_fail "no answer"
    atf_check -o match:"^status $_status\$" cat meta
    [ "$_status" != exited ] || _ran=$((_ran + 1))
    [ "$(count_witness)" = $_ran ] || atf_fail "$(count_witness), not $_ran"
}

# ten_minutes SECONDS AHEAD-OR-BEHIND: who waits is told which way, and how far.
ten_minutes() {
    vm_clock "$1"
    _issued=$(($(date +%s) + $1))
    shift
    atf_check -s exit:255 -o empty \
        -e match:"the VM's clock is (59[5-9]|60[0-5]) s $1 dom0's" \
        -e match:'outcome .*not known' in_vm vm1 qvm-remote "$(witness)"
    answered_with rejected --issued $_issued
    atf_check -o match:"^reason the VM's clock is [0-9]+ s $1 dom0's\$" \
        -o match:'^log -$' -o not-match:'^mac ' cat meta
    atf_check -o inline:'2\n' count_log \
        "\"event\":\"refused\".*the VM's clock is [0-9]* s $1 dom0's"
}

bed_test a_vm_whose_clock_is_ten_minutes_off_is_told_how_far
a_vm_whose_clock_is_ten_minutes_off_is_told_how_far_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    vm_clock 0
    move_agent
    atf_check "$regress/bed" start
    ten_minutes -600 behind
    ten_minutes 600 'ahead of'
    # Nearly five minutes are none that matter.
    vm_clock -290
    answered_with exited
    vm_clock 290
    answered_with exited --issued $(($(date +%s) + 290))
    vm_clock 0
    answered_with exited
    bed_verify
}

bed_test a_token_that_has_expired_is_told_how_long_ago
a_token_that_has_expired_is_told_how_long_ago_body() {
    bed_up 1
    bed_seed
    now=$(date +%s)
    wait_for "[ \$(date +%s) -gt $((now + 2)) ]"
    answered_with expired --issued $((now + 1)) --expires $((now + 1))
    atf_check -o match:'^reason expired [1-9][0-9]? s ago$' \
        -o match:'^log -$' -o not-match:'^mac ' cat meta
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
