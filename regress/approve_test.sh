#!/usr/bin/env atf-sh
# What no line decides under `mode = ask`: it waits for a person in dom0.
. "$(atf_get_srcdir)/lib.sh"

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

ask_up() {
    bed_up "${1:-1}"
    policy vm1 'mode = ask' 'allow = echo *' 'deny = id'
}

# asks WORD...: vm1's qvm-remote in the background, until it is asked about.
asks() {
    _asked=$(count_log '"event":"asked"')
    { in_vm vm1 qvm-remote -v "$@" >said.out 2>said.err
      echo $? >said.status; } &
    wait_for '[ "$(count_log "\"event\":\"asked\"")" -gt '"$_asked"' ]'
    waiting=$(cat_log | sed -n 's/.*"event":"asked".*"id":"\([^"]*\)".*/\1/p' |
        tail -n 1)
}

# ends STATUS REGEX: what asks began.
ends() {
    wait_for '[ -e said.status ]'
    atf_check -o inline:"$1\n" cat said.status
    atf_check -o match:"$2" cat said.err
    rm said.status
}

bed_test what_no_line_decides_waits
what_no_line_decides_waits_body() {
    ask_up
    atf_check -o inline:'a\n' in_vm vm1 qvm-remote 'echo a'
    atf_check -s exit:126 -e match:'line 3 of its policy denies it' \
        in_vm vm1 qvm-remote id
    atf_check -o match:'^would ask a person in dom0: then in bash, as root' \
        in_vm vm1 qvm-remote --check 'echo a; id'
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"asked"'
    asks "$(witness)"
    wait_for 'grep -q "waiting for approval in dom0" said.err'
    atf_check -o match:"^vm1 +$waiting  waits for approval, for at most 3" \
        dom0 queue
    atf_check -o match:'1 wait' dom0 status
    # Side by side with it, what may runs.
    atf_check -o inline:'b\n' in_vm vm1 qvm-remote 'echo b'
    atf_check -o match:'^vm1: 1 refused' dom0 queue clean
    ends 255 'taken out of the queue'
    no_witness
    atf_check -o inline:'2\n' count_log '"event":"intent"'
    atf_check -o match:'"event":"asked","vm":"vm1","id":"'"$waiting"'",'\
'"request":"[0-9a-f]{64}","kind":"run",.*"body_sha256":' cat_log
}

bed_test after_a_restart_it_is_looked_at_anew
after_a_restart_it_is_looked_at_anew_body() {
    ask_up
    asks "$(witness)"
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
    wait_for '[ "$(count_log "\"event\":\"asked\"")" = 2 ]'
    no_witness
    # What another policy allows then runs.
    atf_check "$regress/bed" stop
    sed -i 's/ask/shell/; /=.*[^l]$/d' "$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" start
    ends 0 'waiting for approval'
    atf_check_equal 1 "$(count_witness)"
}

bed_test another_policy_decides_about_what_waits
another_policy_decides_about_what_waits_body() {
    ask_up
    asks "$(witness)"
    policy vm1 'mode = ask' 'deny = id'
    atf_check -o match:"$waiting  waits for approval" dom0 queue
    policy vm1 'mode = deny'
    ends 126 'its policy allows no command'
    policy vm1 'mode = ask'
    asks "$(witness)"
    policy vm1 'mode = ask' 'timeout = 10'
    atf_check -o match:"$waiting  waits for approval" dom0 queue
    policy vm1 'mode = shell'
    ends 0 'waiting for approval'
    atf_check_equal 1 "$(count_witness)"
    policy vm1 'mode = ask'
    asks "$(witness)"
    atf_check -o ignore dom0 revoke vm1
    ends 255 'served no more|revoked'
    atf_check_equal 1 "$(count_witness)"
}

# approver CASE...: see regress/approver.
approver() {
    for _case; do
        "$regress/approver" "$BED" "$_case" || atf_fail "$_case"
    done
}

bed_test a_person_answers_what_was_shown
a_person_answers_what_was_shown_body() {
    ask_up 2
    policy vm2 'mode = ask'
    approver denied one_id_of_two what_was_shown
}

bed_test a_person_approves_what_was_read
a_person_approves_what_was_read_body() {
    ask_up 2
    policy vm2 'mode = ask'
    echo red >"$BED/vms/vm1/label"
    approver approved old too_early too_late hostile in_turn changed
}

# Its end is told by CLOCK_BOOTTIME.
bed_test a_command_is_approved_for_some_time
a_command_is_approved_for_some_time_body() {
    ask_up
    atf_check "$regress/bed" stop
    echo '0 0' >"$BED/clock"
    atf_check env BED_CLOCK="$BED/clock" "$regress/bed" start
    approver always
    echo '121000000 121000000' >"$BED/.clock"
    mv "$BED/.clock" "$BED/clock"
    approver is_asked taken_back kept_for_a_day
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    approver is_asked kept_for_a_day
    policy vm1 'mode = shell'
    policy vm1 'mode = ask'
    approver is_asked
}

# dom0 takes both keys, and nothing of the policy has changed.
bed_test an_approval_is_for_the_key_that_asked
an_approval_is_for_the_key_that_asked_body() {
    ask_up
    approver kept_for_a_day
    in_vm vm1 qvm-remote key rotate >new.key 2>said || atf_fail "key rotate"
    dom0 rotate vm1 <new.key >said 2>&1 || atf_fail "rotate"
    atf_check -o match:'without being asked about' dom0 queue
    atf_check -e ignore in_vm vm1 qvm-remote key rotate --finish
    approver asked_again
    atf_check -o match:'without being asked about' dom0 queue
}

# What waits for its turn under a policy that does not ask, and comes to it
# under one that does.
bed_test what_has_not_begun_is_asked_about
what_has_not_begun_is_asked_about_body() {
    bed_up 1
    policy vm1 'mode = shell' 'jobs = 1'
    in_vm vm1 qvm-remote "until [ -e $BED/go ]; do sleep 0.05; done" &
    wait_for '[ "$(count_log "\"event\":\"intent\"")" = 1 ]'
    in_vm vm1 qvm-remote "$(witness)" &
    wait_for 'dom0 queue | grep -q "waits, for"'
    policy vm1 'mode = ask' 'jobs = 1'
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"\(asked\|intent\)\"")" = 2 ]'
    atf_check -o inline:'1\n' count_log '"event":"asked"'
    no_witness
    atf_check -o match:'vm1: 1 refused' dom0 queue clean
    wait
}

# A batch's steps count on what came before; what somebody waits for does not.
bed_test a_queue_waits_for_the_one_that_is_asked_about
a_queue_waits_for_the_one_that_is_asked_about_body() {
    ask_up
    in_vm vm1 qvm-remote --detach "$(witness)" || atf_fail "detach"
    wait_for '[ "$(count_log "\"event\":\"asked\"")" = 1 ]'
    in_vm vm1 qvm-remote --detach 'echo a' || atf_fail "detach"
    atf_check -o inline:'b\n' in_vm vm1 qvm-remote 'echo b'
    atf_check -o match:'waits for approval' -o match:'waits, for at most' \
        dom0 queue
    id=$(cat_log | sed -n 's/.*"event":"asked".*"id":"\([^"]*\)".*/\1/p')
    in_vm vm1 qvm-remote cancel "$id" || atf_fail "cancel"
    wait_for '[ "$(count_log "\"event\":\"intent\"")" = 2 ]'
    no_witness
}

# 64 of them are a VM's share: no more is asked for, and others are served.
bed_test a_flood_stays_on_the_vm_s_own_disk
a_flood_stays_on_the_vm_s_own_disk_body() {
    ask_up 2
    # shellcheck disable=SC2016 # the VM's shell expands it
    in_vm vm1 sh -c 'for i in $(seq 70); do
        qvm-remote --detach "$1" >/dev/null; done' sh "$(witness)" ||
        atf_fail "detach"
    wait_for '[ "$(count_log "\"event\":\"asked\"")" = 64 ]'
    atf_check -o inline:'c\n' in_vm vm2 qvm-remote 'echo c'
    dom0 queue >queue || atf_fail queue
    atf_check -o inline:'64\n' grep -c 'waits for approval' queue
    no_witness
}

atf_init_test_cases() {
    bed_add_tests
}
