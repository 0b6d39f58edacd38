#!/usr/bin/env atf-sh
# What restarts, crashes and a new boot of the VM leave: one run, one answer.
. "$(atf_get_srcdir)/lib.sh"

# The daemon's end without a word; then its start.
crash() {
    kill -9 "$(role_pid "$1")"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
}

restart() {
    atf_check "$regress/bed" start
}

# A command that runs until the test lets it go on.
held() {
    printf '%s; echo begun; until [ -e %s/go ]; do sleep 0.05; done; echo done' \
        "$(witness)" "$BED"
}

wait_begun() {
    wait_for '[ "$(count_witness)" = '"$1"' ]'
}

bed_test one_token_runs_once_over_restarts_crashes_and_keys
one_token_runs_once_over_restarts_crashes_and_keys_body() {
    bed_up 2
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    meta_of vm1 "$id" >first
    atf_check -o match:'^mac ' cat first

    atf_check "$regress/bed" stop
    restart
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' \
        meta_of vm1 "$id"

    crash verifier
    restart
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' \
        meta_of vm1 "$id"

    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    in_dom0 qvm-remote-dom0 authorize vm1 >said 2>&1 \
        <"$BED/vms/vm1/home/.qvm-remote/auth.key" || atf_fail "authorize"
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' \
        meta_of vm1 "$id"

    # The key, and all of the VM's files, in a VM of another name.
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm2
    atf_check "$regress/bed" halt vm1
    rm -r "$BED/vms/vm2/home/.qvm-remote"
    cp -a "$BED/vms/vm1/home/.qvm-remote" "$BED/vms/vm1/home/saved" \
        "$BED/vms/vm2/home/"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/.qvm-remote" \
        "$BED/vms/vm2/home/saved"
    in_dom0 qvm-remote-dom0 authorize vm2 >said 2>&1 \
        <"$BED/vms/vm2/home/.qvm-remote/auth.key" || atf_fail "authorize"
    forget vm2
    again vm2
    wait_result vm2 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' \
        meta_of vm2 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_result_waits_for_its_vm_over_a_stop
a_result_waits_for_its_vm_over_a_stop_body() {
    bed_up 1
    id=$(forge vm1 --body "$(held)")
    wait_begun 1
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    atf_check "$regress/bed" stop
    restart
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'begun\ndone\n' \
        in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_result_waits_for_its_vm_over_a_crash
a_result_waits_for_its_vm_over_a_crash_body() {
    bed_up 1
    id=$(forge vm1 --body "$(held)")
    wait_begun 1
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    crash verifier
    restart
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'begun\ndone\n' \
        in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
    atf_check -o inline:'1\n' count_witness
}

# The result record is on disk, and its client has not been told.
bed_test a_client_that_still_waits_gets_its_result_over_a_crash
a_client_that_still_waits_gets_its_result_over_a_crash_body() {
    bed_up 1
    in_vm vm1 qvm-remote "$(held)" >out 2>err &
    client=$!
    wait_begun 1
    wait_for 'grep -q begun out'
    kill -STOP "$(role_pid 'poller \[vm1\]')"
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    crash verifier
    restart
    wait $client || atf_fail "the client says $?"
    atf_check -o inline:'begun\ndone\n' cat out
    atf_check cat err
    atf_check -o inline:'1\n' count_witness
}

# interrupted_by ROLE: a request that runs when it dies.
interrupted_by() {
    bed_up 1
    in_vm vm1 qvm-remote "$(held)" >out 2>err &
    client=$!
    wait_begun 1
    wait_for 'grep -q begun out'
    crash "$1"
    atf_check -s exit:3 -o match:'no closing record' \
        in_dom0 qvm-remote-dom0 log verify
    segment=$(ls "$BED"/var/log/qvm-remote/*.log)
    # What a crash of the machine may leave behind the good end.
    python3 - "$segment" <<'END'
import sys
f = open(sys.argv[1], "r+b")
end = len(f.read().rstrip(b"\0"))
f.seek(end)
f.write(b'{"seq":torn')
END
    cp "$segment" before
    : >"$BED/go"
    restart
    wait $client
    [ $? -eq 255 ] || atf_fail "not 255"
    atf_check -o match:'interrupted in dom0: the outcome is not known' \
        -o match:'nothing vouches for it' cat err
    atf_check -o inline:'1\n' count_witness
    # All but the zeros that were reserved.
    atf_check truncate -s "$(wc -c <"$segment")" before
    atf_check cmp before "$segment"
    atf_check -o match:'torn$' tail -c 20 "$segment"
    atf_check -o match:'"tail_length":11' cat_log
    atf_check -o match:'"status":"interrupted","exit":255' cat_log
    atf_check -o match:'11 bytes behind' in_dom0 qvm-remote-dom0 log verify
    atf_check -o inline:'after\n' in_vm vm1 qvm-remote 'echo after'
}

bed_test kill_of_the_verifier_interrupts
kill_of_the_verifier_interrupts_body() {
    interrupted_by verifier
}

bed_test kill_of_the_executor_interrupts
kill_of_the_executor_interrupts_body() {
    interrupted_by executor
}

bed_test kill_of_the_parent_interrupts
kill_of_the_parent_interrupts_body() {
    interrupted_by parent
}

# An agent that ends its session instead of saying `kept`.
keeps_nothing() {
    in_vm "$1" cp "$BED/usr/bin/qvm-remote" honest
    in_vm "$1" sh -c 'cat >liar && chmod +x liar' <<'END'
#!/usr/bin/env python3
import os, subprocess, sys
honest = "/home/user/honest"
if sys.argv[1:2] != ["agent"]:
    os.execv(honest, [honest] + sys.argv[1:])
agent = subprocess.Popen([honest] + sys.argv[1:], stdout=subprocess.PIPE)
while True:
    data = os.read(agent.stdout.fileno(), 65536)
    if not data or b"kept " in data:
        break
    os.write(1, data)
agent.kill()
END
    BED_USER=root in_vm "$1" mount --bind /home/user/liar \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
}

bed_test an_interrupted_one_is_answered_the_same_until_it_is_kept
an_interrupted_one_is_answered_the_same_until_it_is_kept_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(held)")
    wait_begun 1
    crash verifier
    keeps_nothing vm1
    : >"$BED/go"
    restart
    for n in 1 2 3; do
        wait_result vm1 "$id"
        meta_of vm1 "$id" >"meta.$n"
        [ $n = 3 ] || { forget vm1; again vm1; }
        [ $n != 2 ] || { atf_check "$regress/bed" stop; restart; }
    done
    atf_check -o match:'^status interrupted$' -o match:'^exit 255$' \
        -o match:'^out 0 0 ' -o match:'^mac ' cat meta.1
    atf_check cmp meta.1 meta.2
    atf_check cmp meta.1 meta.3
    BED_USER=root in_vm vm1 umount "$BED/usr/bin/qvm-remote"
    wait_for "cat_log | grep -q '\"event\":\"delivered\"'"
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' \
        meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test what_was_taken_and_not_begun_runs_after_a_crash
what_was_taken_and_not_begun_runs_after_a_crash_body() {
    bed_up 1
    for n in 1 2 3 4; do
        forge vm1 --body "$(held)" >/dev/null
    done
    wait_begun 4
    id=$(forge vm1 --body "$(witness)")
    wait_for "in_vm vm1 test -e .qvm-remote/queue/running/$id"
    crash verifier
    restart
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'5\n' count_witness
}

bed_test a_cancel_that_came_first_is_remembered_over_a_crash
a_cancel_that_came_first_is_remembered_over_a_crash_body() {
    bed_up 1
    id=$(forge vm1 --only-save --body "$(witness)")
    forge vm1 --kind cancel --id "$id"
    wait_for "cat_log | grep -q 'before its request'"
    crash verifier
    restart
    atf_check "$regress/bed" stop
    restart
    forge vm1 --id "$id" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status cancelled$' -o match:'^mac ' cat meta
    no_witness
}

bed_test text_that_no_command_wrote_is_delivered_after_a_crash
text_that_no_command_wrote_is_delivered_after_a_crash_body() {
    bed_up 1
    keeps_nothing vm1
    atf_check "$regress/bed" stop
    restart
    id=$(forge vm1 --kind ping)
    wait_result vm1 "$id"
    meta_of vm1 "$id" >first
    crash verifier
    BED_USER=root in_vm vm1 umount "$BED/usr/bin/qvm-remote"
    in_vm vm1 sh -c 'rm -rf .qvm-remote/queue/results/*'
    restart
    wait_result vm1 "$id"
    meta_of vm1 "$id" >second
    atf_check cmp first second
    atf_check -o match:'VM vm1: mode shell' \
        in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
}

bed_test a_spool_file_that_no_record_names_is_swept
a_spool_file_that_no_record_names_is_swept_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    echo left >"$BED/var/lib/qvm-remote/spool/99.out"
    restart
    wait_for '[ ! -e "$BED/var/lib/qvm-remote/spool/99.out" ]'
}

# A segment that is full: the next one begins with all that is known.
bed_test a_segment_that_is_full_is_followed_by_the_next
a_segment_that_is_full_is_followed_by_the_next_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    python3 -c 'print(": \n" + "#" * 1048000)' >big
    for _ in $(seq 70); do
        in_vm vm1 qvm-remote <big || atf_fail "big"
    done
    set -- "$BED"/var/log/qvm-remote/*.log
    [ $# = 2 ] || atf_fail "no second segment"
    atf_check -o match:'end not proven' in_dom0 qvm-remote-dom0 log verify
    crash verifier
    restart
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

# keep_lines N FILE: what a disk that lied has of a segment.
keep_lines() {
    head -n "$1" "$2" >kept
    cat kept >"$2"
}

bed_test a_snapshot_that_is_not_whole_leads_to_the_one_before
a_snapshot_that_is_not_whole_leads_to_the_one_before_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    restart
    atf_check "$regress/bed" stop
    set -- "$BED"/var/log/qvm-remote/*.log
    keep_lines 2 "$2"
    restart
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
    # Without either, nothing is known of what has run: nothing runs.
    atf_check "$regress/bed" stop
    set -- "$BED"/var/log/qvm-remote/*.log
    keep_lines 1 "$3"
    bed_altered
    atf_check -s exit:1 -e match:'has a whole snapshot' "$regress/bed" start
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
}

# With a signal in each of its turns, the parent sees the end before the words.
bed_test why_a_start_fails_is_said_however_late_the_parent_looks
why_a_start_fails_is_said_however_late_the_parent_looks_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
why_a_start_fails_is_said_however_late_the_parent_looks_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    atf_check "$regress/bed" stop
    restart
    atf_check "$regress/bed" stop
    set -- "$BED"/var/log/qvm-remote/*.log
    keep_lines 1 "$1"
    keep_lines 1 "$2"
    bed_altered
    late='epoll_wait,epoll_pwait'
    strace -D -qq -e trace=$late -o calls -e inject=$late:delay_exit=500000 \
        "$regress/bed" once &
    parent=$!
    while kill -CHLD $parent 2>/dev/null; do
        sleep 0.1
    done
    status=0
    wait $parent || status=$?
    [ $status = 1 ] || atf_fail "it ended with $status"
    atf_check -o match:'verifier: .*has a whole snapshot' cat "$BED/daemon.log"
}

# undelivered_when ROLE dies: the result record is on disk, and the VM's agent
# has answered nothing since before it was.
undelivered_when() {
    bed_up 1
    id=$(forge vm1 --body "$(held)")
    wait_begun 1
    out=.qvm-remote/queue/results/$id.out
    wait_for 'in_vm vm1 grep -qs begun "$out"'
    agent=$(in_vm vm1 pgrep -f 'qvm-remote agent')
    in_vm vm1 kill -STOP "$agent"
    wait_for 'in_vm vm1 grep -q "^State:.T" "/proc/$agent/status"'
    : >"$BED/go"
    wait_for 'cat_log | grep -q "\"event\":\"result\""'
    crash "$1"
    # What was on its way to the VM is lost with its agent.
    in_vm vm1 kill -9 "$agent" 2>/dev/null
    wait_for '! in_vm vm1 test -e "/proc/$agent"'
    atf_check -o inline:'begun\n' in_vm vm1 cat "$out"
    atf_check -s exit:1 in_vm vm1 test -e ".qvm-remote/queue/results/$id.exit"
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"delivered"'
    restart
    wait_result vm1 "$id"
    meta_of vm1 "$id" >meta
    atf_check -o match:'^status exited$' -o match:'^exit 0$' \
        -o match:'^out 11 11 ' -o match:'^mac ' cat meta
    atf_check -o inline:'begun\ndone\n' in_vm vm1 cat "$out"
    wait_for '[ "$(count_log "\"event\":\"delivered\"")" = 1 ]'
    # The receipt is of the run that died.
    seq=$(sed -n 's/^log \([0-9]*\) .*/\1/p' meta)
    atf_check -o match:'"run":1,.*"event":"result"' \
        sh -c 'cat "$1"/*.log | tr -d "\000" | grep "^{\"seq\":$2,"' sh \
        "$BED/var/log/qvm-remote" "$seq"
    wait_for '[ -z "$(ls "$BED/var/lib/qvm-remote/spool")" ]'
    atf_check -o inline:'1\n' count_witness
}

for role in verifier executor parent; do
    bed_test "kill_of_the_${role}_before_delivery_delivers_after_it"
    eval "kill_of_the_${role}_before_delivery_delivers_after_it_body() {
        undelivered_when $role
    }"
done

# after_sync FILE N: the time in the file is after the Nth sync's end.
after_sync() {
    awk -v n="$2" -v delay=0.7 'NR == FNR { at = $1 }
        NR > FNR && FNR == n { after = at >= $1 + delay }
        END { exit !after }' "$1" calls && return
    cat "$1" calls >&2
    atf_fail "before the end of sync $2"
}

bed_test nothing_runs_and_nothing_is_answered_before_its_record_is_on_disk
nothing_runs_and_nothing_is_answered_before_its_record_is_on_disk_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
nothing_runs_and_nothing_is_answered_before_its_record_is_on_disk_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    atf_check in_vm vm1 qvm-remote true
    verifier=$(role_pid verifier)
    strace -qq -ttt -e trace=fdatasync -o calls -p "$verifier" \
        -e inject=fdatasync:delay_enter=700000 &
    tracer=$!
    wait_for "grep -q '^TracerPid:.*[1-9]' /proc/$verifier/status"
    atf_check in_vm vm1 qvm-remote "$(witness); date +%s.%N >$BED/ran"
    date +%s.%N >answered
    kill $tracer
    wait $tracer
    after_sync "$BED/ran" 1
    after_sync answered 2
}

atf_init_test_cases() {
    bed_add_tests
}
