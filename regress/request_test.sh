#!/usr/bin/env atf-sh
# A request through the installed programs: what a person in the VM sees.
. "$(atf_get_srcdir)/lib.sh"

bed_test streams_and_status_come_back_apart
streams_and_status_come_back_apart_body() {
    bed_up 1
    atf_check -s exit:3 -o inline:'out\n' -e inline:'err\n' \
        in_vm vm1 qvm-remote 'echo out; echo err >&2; exit 3'
}

bed_test words_are_joined_and_options_end_at_the_first
words_are_joined_and_options_end_at_the_first_body() {
    bed_up 1
    atf_check -o inline:'a -v b\n' in_vm vm1 qvm-remote -q echo a -v b
    atf_check -o inline:'-x\n' in_vm vm1 qvm-remote -- echo -x
}

bed_test a_script_of_1_MiB_on_standard_input_runs
a_script_of_1_MiB_on_standard_input_runs_body() {
    bed_up 1
    python3 -c 'import sys
tail = "\necho end of it\n"
sys.stdout.write("#" * (1024 * 1024 - len(tail)) + tail)' >script
    atf_check -o inline:'end of it\n' in_vm vm1 qvm-remote <script
}

bed_test a_script_over_1_MiB_is_refused_before_it_is_sent
a_script_over_1_MiB_is_refused_before_it_is_sent_body() {
    bed_up 1
    head -c 1048577 /dev/zero | tr '\0' '#' >script
    atf_check -s not-exit:0 -e not-empty in_vm vm1 qvm-remote <script
    atf_check -o not-match:'"event":"(intent|refused)"' cat_log
}

bed_test the_command_finds_a_clean_fixed_environment
the_command_finds_a_clean_fixed_environment_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'env | cut -d= -f1 | sort; pwd; ls /proc/self/fd |
        wc -l; id -u' >out || atf_fail "env"
    # PWD, SHLVL and _ are bash's own; ls has its folder open besides 0 to 3.
    printf '%s\n' HOME LANG LC_ALL LOGNAME PATH PWD QVM_REMOTE_ID \
        QVM_REMOTE_VM SHLVL USER _ >expected
    head -n 11 out | sort >names
    atf_check -o file:expected sort names
    atf_check -o match:"^$BED/run/qvm-remote/work/[0-9]+$" sed -n 12p out
    atf_check -o inline:'5\n0\n' sed -n '13,14p' out
    atf_check -o inline:'' find "$BED/run/qvm-remote/work" -mindepth 1
}

bed_test output_arrives_while_the_command_runs
output_arrives_while_the_command_runs_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'for i in 1 2 3; do echo $i; sleep 1; done' |
        python3 -c 'import sys, time
for line in iter(sys.stdin.readline, ""):
    print(line.strip(), time.monotonic())' >arrivals
    atf_check -o inline:'good\n' python3 -c '
import sys
rows = [line.split() for line in open("arrivals")]
assert [r[0] for r in rows] == ["1", "2", "3"], rows
times = [float(r[1]) for r in rows]
gaps = [b - a for a, b in zip(times, times[1:])]
assert all(0.3 < g < 2.0 for g in gaps), gaps
print("good")'
}

bed_test ten_MiB_of_output_arrive_whole_and_more_is_counted
ten_MiB_of_output_arrive_whole_and_more_is_counted_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'head -c 10485760 /dev/zero | tr "\0" x' >whole ||
        atf_fail "10 MiB"
    head -c 10485760 /dev/zero | tr '\0' x >expected
    atf_check cmp whole expected
    in_vm vm1 qvm-remote 'head -c 10485860 /dev/zero | tr "\0" x' \
        >"cut" 2>said
    atf_check cmp cut expected
    atf_check -o match:'100' cat said
}

bed_test ping_is_answered_and_recorded
ping_is_answered_and_recorded_body() {
    bed_up 1
    atf_check -o match:'mode shell' in_vm vm1 qvm-remote ping
    atf_check -o match:'"kind":"ping"' cat_log
}

bed_test a_wrong_key_is_refused_answered_and_recorded
a_wrong_key_is_refused_answered_and_recorded_body() {
    bed_up 2
    in_vm vm2 qvm-remote 'echo start' || atf_fail "vm2"
    forge vm1 --key "$(other_key)" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o inline:'status rejected\nlog -\n' \
        grep -E '^(status|log|mac)' meta
    key=$(in_vm vm2 sh -c 'cat ~/.qvm-remote/auth.key')
    forge vm1 --key "$key" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o inline:'status rejected\nlog -\n' \
        grep -E '^(status|log|mac)' meta
    atf_check -o inline:'2\n' count_log '"event":"refused"'
    no_witness
}

bed_test a_body_changed_after_signing_is_refused_and_recorded
a_body_changed_after_signing_is_refused_and_recorded_body() {
    bed_up 1
    forge vm1 --signed-body 'echo good' --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o match:'^mac ' cat meta
    atf_check -o match:'"event":"result".*"status":"rejected"' cat_log
    no_witness
}

bed_test an_empty_command_is_refused
an_empty_command_is_refused_body() {
    bed_up 1
    forge vm1 --body '' --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o match:'^mac ' cat meta
    atf_check -o not-match:'"event":"intent"' cat_log
}

bed_test a_command_with_control_bytes_is_refused
a_command_with_control_bytes_is_refused_body() {
    bed_up 1
    forge vm1 --body "$(printf '%s\033' "$(witness)")" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o match:'^mac ' cat meta
    no_witness
}

bed_test a_wrong_mac_is_refused_as_a_wrong_key_is
a_wrong_mac_is_refused_as_a_wrong_key_is_body() {
    bed_up 1
    forge vm1 --mac "$(printf '%064d' 0)" --body "$(witness)" --wait 20 \
        >meta || atf_fail "no answer"
    atf_check -o match:'^reason token not accepted$' -o not-match:'^mac' \
        cat meta
    no_witness
}

bed_test more_than_ten_refusals_a_minute_end_the_session
more_than_ten_refusals_a_minute_end_the_session_body() {
    bed_up 2
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        forge vm1 --key "$(other_key)" >>ids
    done
    wait_for '[ "$(count_log "\"event\":\"refused-summary\"")" = 1 ]'
    atf_check -o inline:'10\n' count_log '"event":"refused"'
    atf_check -o inline:'ok\n' in_vm vm2 qvm-remote 'echo ok'
}

bed_test a_time_out_above_the_policy_is_denied_and_names_the_limit
a_time_out_above_the_policy_is_denied_and_names_the_limit_body() {
    bed_up 1
    atf_check -s exit:126 -e match:300 in_vm vm1 qvm-remote -t 301 true
}

bed_test two_clients_at_once_are_both_answered
two_clients_at_once_are_both_answered_body() {
    bed_up 1
    for i in 1 2 3 4 5 6 7 8; do
        in_vm vm1 qvm-remote "$(witness); echo $i" >"out.$i" &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || atf_fail "a client failed"
    done
    for i in 1 2 3 4 5 6 7 8; do
        atf_check -o inline:"$i\n" cat "out.$i"
    done
    atf_check -o inline:'8\n' count_witness
}

atf_init_test_cases() {
    bed_add_tests
}
