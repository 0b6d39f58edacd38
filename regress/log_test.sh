#!/usr/bin/env atf-sh
# The audit log as an administrator reads it.
. "$(atf_get_srcdir)/lib.sh"

bed_test one_line_a_request_with_the_first_line_escaped
one_line_a_request_with_the_first_line_escaped_body() {
    bed_up 2
    in_vm vm1 qvm-remote 'echo one
echo two' >/dev/null || atf_fail "vm1"
    in_vm vm2 qvm-remote 'exit 7'
    printf 'echo "\302\233 \360\237\230\200"\n' >script
    in_vm vm1 qvm-remote <script >/dev/null || atf_fail "vm1"
    in_dom0 qvm-remote-dom0 log >out || atf_fail "log"
    atf_check -o inline:'3\n' grep -c . out
    atf_check -o match:'vm1.*echo one' -o match:'vm2.*7.*exit 7' cat out
    atf_check -o inline:'0\n' -s exit:1 env LC_ALL=C grep -c '[^ -~]' out
    in_dom0 qvm-remote-dom0 log --vm vm2 >out || atf_fail "log --vm"
    atf_check -o inline:'1\n' grep -c . out
    in_dom0 qvm-remote-dom0 log -n 1 >out || atf_fail "log -n"
    atf_check -o inline:'1\n' grep -c . out
    in_dom0 qvm-remote-dom0 log --json >out || atf_fail "log --json"
    atf_check -o ignore python3 -c 'import json
for line in open("out"): json.loads(line)'
}

bed_test the_log_verifies_while_the_daemon_runs_and_after_it
the_log_verifies_while_the_daemon_runs_and_after_it_body() {
    bed_up 1
    in_vm vm1 qvm-remote true || atf_fail "true"
    atf_check -o match:'end not proven' -e ignore \
        in_dom0 qvm-remote-dom0 log verify
    atf_check "$regress/bed" stop
    atf_check -o not-match:'end not proven' -e ignore \
        in_dom0 qvm-remote-dom0 log verify
}

bed_test a_line_changed_by_hand_is_found_by_number
a_line_changed_by_hand_is_found_by_number_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'echo innocent' >/dev/null || atf_fail "echo"
    atf_check "$regress/bed" stop
    seq=$(cat_log | python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["event"] == "intent": print(r["seq"])')
    sed -i 's/echo innocent/echo innOcent/' "$BED"/var/log/qvm-remote/*.log
    atf_check -s exit:1 -o match:"$seq" -e ignore \
        in_dom0 qvm-remote-dom0 log verify
    bed_altered
}

bed_test a_crash_is_told_from_a_clean_stop
a_crash_is_told_from_a_clean_stop_body() {
    bed_up 1
    in_vm vm1 qvm-remote true || atf_fail "true"
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check -s exit:3 -o not-empty -e ignore \
        in_dom0 qvm-remote-dom0 log verify
    atf_check "$regress/bed" start
    atf_check -o inline:'after\n' -e ignore in_vm vm1 qvm-remote 'echo after'
    atf_check "$regress/bed" stop
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 log verify
}

atf_init_test_cases() {
    bed_add_tests
}
