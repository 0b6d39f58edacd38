#!/usr/bin/env atf-sh
# What ends, ends whole: commands with all that they started, and our own
# processes with each other.
. "$(atf_get_srcdir)/lib.sh"

# A command that starts what tries to stay: its marks are sleeps of a length
# that nothing else here sleeps.
runaway() {
    mark=$1
    cat <<EOF2
trap '' TERM
setsid sleep $mark &
nohup sleep $mark >/dev/null 2>&1 &
( ( sleep $mark & ) & )
bash -c 'trap "" TERM; sleep $mark; sleep $mark' &
: >$BED/started
EOF2
}

# No process with this mark in its command line.
none_left() {
    wait_for "! pgrep -xf 'sleep $1' >/dev/null"
}

new_mark() {
    echo "77$(od -An -N4 -tu4 /dev/urandom | tr -d ' ').5"
}

bed_test a_time_out_ends_the_whole_tree_and_exits_124
a_time_out_ends_the_whole_tree_and_exits_124_body() {
    bed_up 1
    mark=$(new_mark)
    atf_check -s exit:124 -e not-empty in_vm vm1 qvm-remote -t 1 \
        "$(runaway "$mark"); sleep $mark; sleep $mark"
    atf_check test -e "$BED/started"
    none_left "$mark"
    atf_check -o match:'"status":"timeout"' cat_log
}

bed_test the_end_of_a_command_ends_what_it_left_behind
the_end_of_a_command_ends_what_it_left_behind_body() {
    bed_up 1
    mark=$(new_mark)
    atf_check in_vm vm1 qvm-remote "$(runaway "$mark")"
    atf_check test -e "$BED/started"
    none_left "$mark"
}

bed_test ctrl_c_ends_the_whole_tree_and_exits_130
ctrl_c_ends_the_whole_tree_and_exits_130_body() {
    bed_up 1
    mark=$(new_mark)
    in_vm vm1 sh -c 'env --default-signal=INT qvm-remote "$1" & client=$!
        until [ -e "$2" ]; do sleep 0.05; done
        kill -INT $client; wait $client' sh \
        "$(runaway "$mark"); sleep $mark; sleep $mark" "$BED/started"
    [ $? -eq 130 ] || atf_fail "not 130"
    none_left "$mark"
    wait_for "cat_log | grep -q '\"status\":\"cancelled\"'"
}

bed_test a_cancel_that_comes_before_its_request_cancels_it
a_cancel_that_comes_before_its_request_cancels_it_body() {
    bed_up 1
    id=$(forge vm1 --only-save --body "$(witness)")
    forge vm1 --kind cancel --id "$id"
    wait_for "cat_log | grep -q 'before its request'"
    forge vm1 --id "$id" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status cancelled$' -o match:'^exit 130$' \
        -o match:'^mac ' cat meta
    no_witness
}

bed_test output_held_open_outside_the_cgroup_does_not_delay_the_end
output_held_open_outside_the_cgroup_does_not_delay_the_end_body() {
    bed_up 1
    mark=$(new_mark)
    cgroup=$(bed_cgroup)
    # The holder is moved out of the command's cgroup, and is ours to end.
    atf_check -o inline:'held\n' timeout 20 "$regress/bed" run vm1 \
        qvm-remote "sleep $mark & echo \$! >$BED/holder
            echo \$! >$cgroup/daemon/cgroup.procs; echo held"
    atf_check test -d "/proc/$(cat "$BED/holder")"
    kill "$(cat "$BED/holder")"
}

# Starts a command that runs until it is killed.
long_command() {
    mark=$(new_mark)
    in_vm vm1 qvm-remote -q "$(witness); $(runaway "$mark"); sleep $mark" &
    wait_for "[ -e $BED/started ]"
}

all_gone() {
    none_left "$mark"
    wait_for '[ -z "$(bed_processes)" ]'
}

for role in verifier executor parent; do
    bed_test "kill_9_of_the_${role}_leaves_nothing_running"
    eval "kill_9_of_the_${role}_leaves_nothing_running_body() {
        bed_up 1
        long_command
        kill -9 \"\$(role_pid $role)\"
        all_gone
        bed_expect_crash
    }"
done

# Its end is seen when there is already something to say to it: a signal is
# before it, or room in its channel is.
bed_test a_reload_that_a_dead_verifier_is_told_of_ends_the_daemon
a_reload_that_a_dead_verifier_is_told_of_ends_the_daemon_body() {
    bed_up 1
    parent=$(role_pid parent)
    verifier=$(role_pid verifier)
    kill -STOP "$parent"
    kill -HUP "$parent"
    kill -9 "$verifier"
    wait_for "grep -q '^State:.Z' /proc/$verifier/status"
    kill -CONT "$parent"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check -o ignore grep -E \
        'verifier: (killed by signal 9|is gone): the daemon ends' \
        "$BED/daemon.log"
    bed_expect_crash
}

bed_test a_full_channel_of_a_dead_verifier_ends_the_daemon
a_full_channel_of_a_dead_verifier_ends_the_daemon_body() {
    bed_up 1
    parent=$(role_pid parent)
    verifier=$(role_pid verifier)
    strace -qq -o calls -e trace=sendmsg -e signal=none -p "$parent" &
    tracer=$!
    wait_for "grep -q '^TracerPid:.*[1-9]' /proc/$parent/status"
    kill -STOP "$verifier"
    wait_for 'kill -HUP "$parent"; grep -q EAGAIN calls'
    kill "$tracer"
    kill -9 "$verifier"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check -o ignore grep -E \
        'verifier: (killed by signal 9|is gone): the daemon ends' \
        "$BED/daemon.log"
    bed_expect_crash
}

# The parent is stopped, so that it sees nothing of the others' end.  The next
# start is in another cgroup.
bed_test what_dead_processes_left_is_killed_by_the_next_start
what_dead_processes_left_is_killed_by_the_next_start_body() {
    bed_up 1
    long_command
    parent=$(role_pid parent)
    verifier=$(role_pid verifier)
    kill -STOP "$parent"
    kill -9 "$(role_pid executor)"
    wait_for "! kill -0 $verifier || grep -q '^State:.Z' /proc/$verifier/status"
    kill -9 "$parent"
    bed_expect_crash
    atf_check -o not-empty pgrep -xf "sleep $mark"
    mkdir "$(bed_cgroup)/other"
    atf_check "$BED/usr/libexec/bed/supervise" start -g "$(bed_cgroup)/other" \
        -l "$BED/daemon.log" "$BED/run/bed/daemon" \
        "$BED/usr/bin/qvm-remote-dom0" --root "$BED"
    none_left "$mark"
    atf_check "$regress/bed" stop
    rmdir "$(bed_cgroup)/other"
    atf_check -o inline:'1\n' count_witness
}

bed_test kill_9_of_a_poller_costs_its_vm_two_seconds_at_most
kill_9_of_a_poller_costs_its_vm_two_seconds_at_most_body() {
    bed_up 2
    atf_check -o inline:'a\n' in_vm vm1 qvm-remote 'echo a'
    in_vm vm2 qvm-remote "$(witness); sleep 1; echo whole" >beside &
    beside=$!
    wait_for '[ "$(count_witness)" = 1 ]'
    kill -9 "$(role_pid 'poller \[vm1\]')"
    before=$(date +%s%N)
    atf_check -o inline:'b\n' -e ignore in_vm vm1 qvm-remote 'echo b'
    after=$(date +%s%N)
    [ $((after - before)) -lt 2000000000 ] ||
        atf_fail "took $(((after - before) / 1000000)) ms"
    wait "$beside" || atf_fail "vm2's command was not answered"
    atf_check -o inline:'whole\n' cat beside
    atf_check -o match:'poller \[vm1\]: killed by signal 9$' \
        cat "$BED/daemon.log"
}

# Each new session asks for the spool anew; a stopped executor answers them all
# at once.
bed_test sessions_that_end_while_the_executor_stalls_end_nothing_else
sessions_that_end_while_the_executor_stalls_end_nothing_else_body() {
    bed_up 1
    in_vm vm1 qvm-remote "$(witness); echo hi; until [ -e $BED/go ]; do
        sleep 0.05; done; echo there" >out &
    client=$!
    wait_for 'grep -q hi out'
    executor=$(role_pid executor)
    kill -STOP "$executor"
    for n in 2 3; do
        kill -9 "$(role_pid 'poller \[vm1\]')"
        wait_for "[ \$(count_log '\"event\":\"session\"') = $n ]"
    done
    kill -CONT "$executor"
    : >"$BED/go"
    wait "$client" || atf_fail "the client failed"
    atf_check -o inline:'hi\nthere\n' cat out
    atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
}

bed_test a_stop_ends_commands_and_says_so
a_stop_ends_commands_and_says_so_body() {
    bed_up 1
    mark=$(new_mark)
    in_vm vm1 qvm-remote "$(witness); : >$BED/started; exec sleep $mark" \
        >out 2>said &
    client=$!
    wait_for "[ -e $BED/started ]"
    atf_check "$regress/bed" stop
    wait "$client"
    [ $? -eq 130 ] || atf_fail "not 130"
    atf_check -o match:'the daemon was stopped' cat said
    none_left "$mark"
}

bed_test what_waits_at_a_stop_runs_after_the_next_start
what_waits_at_a_stop_runs_after_the_next_start_body() {
    bed_up 1
    first=$(forge vm1 --order queue --body "$(witness); exec sleep 60")
    wait_for '[ "$(count_witness)" = 1 ]'
    second=$(forge vm1 --order queue --body "$(witness)")
    third=$(forge vm1 --order queue --body "$(witness)")
    wait_for 'in_dom0 qvm-remote-dom0 status | grep -q " 2 waiting"'
    atf_check "$regress/bed" stop
    atf_check -o match:'^status cancelled$' meta_of vm1 "$first"
    atf_check "$regress/bed" start
    wait_result vm1 "$second"
    wait_result vm1 "$third"
    atf_check -o match:'^status exited$' meta_of vm1 "$second"
    atf_check -o match:'^status exited$' meta_of vm1 "$third"
    printf '%s\n' "$first" "$second" "$third" >want
    atf_check cmp want "$BED/witness"
}

bed_test a_client_that_was_killed_leaves_a_queue_that_works
a_client_that_was_killed_leaves_a_queue_that_works_body() {
    bed_up 1
    in_vm vm1 sh -c 'qvm-remote "$1" & client=$!
        until [ -e "$2" ]; do sleep 0.05; done
        kill -9 $client; wait $client' sh \
        "$(witness); : >$BED/started; sleep 1" "$BED/started"
    atf_check -o inline:'next\n' in_vm vm1 qvm-remote 'echo next'
    wait_for "cat_log | grep -q '\"event\":\"result\".*\"status\":\"exited\"'"
    atf_check -o inline:'again\n' in_vm vm1 qvm-remote 'echo again'
    wait_for '[ -z "$(in_vm vm1 sh -c \
        "find .qvm-remote/queue/pending .qvm-remote/queue/running -type f")" ]'
}

atf_init_test_cases() {
    bed_add_tests
}
