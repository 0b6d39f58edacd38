#!/usr/bin/env atf-sh
# Sessions over qrexec-client: the scenarios of the other tests that a transport
# could break, and what is its own.
for file in request_test kill_test serve_test sandbox_test; do
    . "$(atf_get_srcdir)/$file"
done
export BED_TRANSPORT=qrexec-client

BED_TESTS="streams_and_status_come_back_apart
    a_script_of_1_MiB_on_standard_input_runs
    output_arrives_while_the_command_runs
    ten_MiB_of_output_arrive_whole_and_more_is_counted
    two_clients_at_once_are_both_answered
    a_wrong_key_is_refused_answered_and_recorded
    a_time_out_ends_the_whole_tree_and_exits_124
    ctrl_c_ends_the_whole_tree_and_exits_130
    kill_9_of_the_parent_leaves_nothing_running
    kill_9_of_a_poller_costs_its_vm_two_seconds_at_most
    a_stop_ends_commands_and_says_so
    a_halted_vm_costs_nothing_and_a_booted_one_is_served
    qvm_run_has_no_capability_and_three_descriptors"

# The command line of what reaches vm1.
transport() {
    tr '\0' ' ' <"/proc/$(pgrep -P "$(role_pid 'poller \[vm1\]')")/cmdline"
}

# next_session: after this one.
next_session() {
    before=$(count_log '"event":"session"')
    kill -9 "$(role_pid 'poller \[vm1\]')"
    wait_for "[ \$(count_log '\"event\":\"session\"') -gt $before ]"
}

bed_test a_reload_names_the_transport_of_the_next_session
a_reload_names_the_transport_of_the_next_session_body() {
    BED_TRANSPORT='' bed_up 1
    atf_check in_vm vm1 qvm-remote true
    atf_check -o match:'^ user:QUBESRPC' transport
    echo QVM_REMOTE_TRANSPORT=qrexec-client >>"$BED/etc/qubes/remote.conf"
    reload
    atf_check -o match:'^ user:QUBESRPC' transport
    next_session
    atf_check -o match:'^qrexec-client -d vm1 user:exec /bin/sh -c ' transport
    atf_check -o inline:'ok\n' in_vm vm1 qvm-remote 'echo ok'
}

bed_test what_a_login_shell_says_comes_before_the_session
what_a_login_shell_says_comes_before_the_session_body() {
    bed_up 1
    in_vm vm1 sh -c 'echo "echo Welcome; echo careful >&2" >.profile'
    next_session
    atf_check -o inline:'ok\n' in_vm vm1 qvm-remote 'echo ok'
}

bed_test a_login_shell_need_not_be_a_posix_one
a_login_shell_need_not_be_a_posix_one_body() {
    [ -x /usr/bin/fish ] || atf_skip "there is no fish"
    bed_up 1
    atf_check "$regress/bed" halt vm1
    sed -i '/^user:/s/[^:]*$/\/usr\/bin\/fish/' "$BED/vms/vm1/etc/passwd"
    atf_check "$regress/bed" boot vm1
    atf_check -o inline:'ok\n' -e ignore in_vm vm1 qvm-remote 'echo ok'
    rm "$BED/usr/bin/qvm-remote"
    next_session
    atf_check -o match:'"program":"qvm-remote-sh/1"' cat_log
    atf_check -o match:'^status exited$' forge vm1 --wait 20
}

bed_test a_command_outlives_its_vm_and_its_answer_waits
a_command_outlives_its_vm_and_its_answer_waits_body() {
    bed_up 1
    id=$(forge vm1 --body "$(witness); until [ -e $BED/go ]; do
        sleep 0.05; done; echo whole")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    wait_for 'cat_log | grep -q "\"event\":\"session-end\".*\"exit\":255"'
    : >"$BED/go"
    wait_for 'cat_log | grep -q "\"event\":\"result\""'
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o inline:'whole\n' \
        in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
    atf_check -o inline:'1\n' count_witness
}

bed_test an_agent_that_fails_is_recorded_with_what_it_said
an_agent_that_fails_is_recorded_with_what_it_said_body() {
    bed_up 1
    rm "$BED/usr/bin/qvm-remote"
    printf '%s\n' '#!/bin/sh' 'echo "protocol 2"; echo broken >&2' 'exit 127' \
        >"$BED/usr/bin/qvm-remote"
    chmod 755 "$BED/usr/bin/qvm-remote"
    kill -9 "$(role_pid 'poller \[vm1\]')"
    wait_for 'cat_log | grep "\"event\":\"session-end\".*\"exit\":127" >ends'
    atf_check -o match:'"stderr":"[^"]*broken' cat ends
}

bed_test a_user_that_the_vm_does_not_have_is_recorded
a_user_that_the_vm_does_not_have_is_recorded_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    sed -i 's/^\(QVM_REMOTE_VM_USER=\).*/\1nobody-here/' \
        "$BED/etc/qubes/remote.conf"
    atf_check "$regress/bed" start
    wait_for 'cat_log | grep -q "\"event\":\"session-end\".*\"exit\":125"'
}

atf_init_test_cases() {
    bed_add_tests
}
