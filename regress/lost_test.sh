#!/usr/bin/env atf-sh
# What a power loss does to the spool, which is not synced: the receipt stands,
# what is left of the output is delivered, and what is lost is said.
. "$(atf_get_srcdir)/lib.sh"

# A command that writes 6 bytes, and 6 more when the test lets it go on.
held() {
    printf '%s; echo begun; until [ -e %s/go ]; do sleep 0.05; done; echo ended' \
        "$(witness)" "$BED"
}

spool() {
    echo "$BED"/var/lib/qvm-remote/spool/*.out
}

# away HOW: a VM that is away while its command ends and its spool is changed.
away() {
    bed_up 1
    id=$(forge vm1 --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    # What the VM had of it is on its disk; here it has lost that, too.
    rm -f "$BED/vms/vm1/home/.qvm-remote/queue/results/$id.out"
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    "$1" "$(spool)" || atf_fail "$1"
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^out 12 12 ' -o match:'^mac ' \
        meta_of vm1 "$id"
    in_vm vm1 cat ".qvm-remote/queue/results/$id.out" >got
    # The line goes on, and the spool is empty when all was kept.
    atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
    wait_for '[ -z "$(ls "$BED/var/lib/qvm-remote/spool")" ]'
    atf_check -o inline:'1\n' count_witness
}

cut() {
    truncate -s 8 "$1"
}

zeros() {
    truncate -s 0 "$1" && truncate -s 12 "$1"
}

bed_test of_a_spool_file_that_is_gone_the_receipt_is_delivered
of_a_spool_file_that_is_gone_the_receipt_is_delivered_body() {
    away rm
    atf_check cat got
    atf_check -o match:'12 of 12 bytes of its output are lost' \
        cat "$BED/daemon.log"
}

bed_test of_a_spool_file_that_is_cut_the_rest_is_delivered
of_a_spool_file_that_is_cut_the_rest_is_delivered_body() {
    away cut
    atf_check -o inline:'begun\nen' cat got
    atf_check -o match:'4 of 12 bytes of its output are lost' \
        cat "$BED/daemon.log"
}

bed_test of_a_spool_file_of_zeros_the_zeros_are_delivered
of_a_spool_file_of_zeros_the_zeros_are_delivered_body() {
    away zeros
    atf_check -o inline:'000000000000000000000000' sh -c 'od -An -v -tx1 got |
        tr -d " \n"'
}

# told HOW: the client waits while the daemon dies with the power.
told() {
    bed_up 1
    in_vm vm1 qvm-remote "$(held)" >out 2>err &
    client=$!
    wait_for 'grep -q begun out'
    kill -STOP "$(role_pid 'poller \[vm1\]')"
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    "$1" "$(spool)" || atf_fail "$1"
    atf_check "$regress/bed" start
    status=0
    wait $client || status=$?
    [ $status = 255 ] || atf_fail "the client says $status"
}

bed_test a_client_says_how_much_of_its_output_is_lost
a_client_says_how_much_of_its_output_is_lost_body() {
    told cut
    atf_check -o inline:'begun\nen' cat out
    atf_check -o inline:'qvm-remote: error: standard output: the receipt is valid, but dom0 lost output: 4 of 12 bytes are missing\n' \
        cat err
}

# The 6 bytes that it had before are what the command wrote.
bed_test a_client_says_that_the_rest_of_its_output_is_gone
a_client_says_that_the_rest_of_its_output_is_gone_body() {
    told rm
    atf_check -o inline:'begun\n' cat out
    atf_check -o match:'the receipt is valid, but dom0 lost output: 6 of 12 bytes are missing' \
        cat err
}

bed_test a_client_says_that_its_output_is_not_what_was_signed
a_client_says_that_its_output_is_not_what_was_signed_body() {
    told zeros
    atf_check -o match:'the bytes do not match the signed digest' cat err
}

atf_init_test_cases() {
    bed_add_tests
}
