#!/usr/bin/env atf-sh
# The client's options and subcommands, answered by the real dom0.
. "$(atf_get_srcdir)/lib.sh"

bed_test input_and_exact_words_reach_the_command
input_and_exact_words_reach_the_command_body() {
    bed_up 1
    atf_check -o inline:'in\n' sh -c 'echo in | "$0" run vm1 qvm-remote -i cat' \
        "$regress/bed"
    atf_check -o inline:'a  $(b);|if\n' \
        in_vm vm1 qvm-remote --no-shell printf '%s|%s\n' 'a  $(b);' if
    atf_check -o inline:'' in_vm vm1 qvm-remote cat
}

bed_test as_much_input_as_the_policy_says
as_much_input_as_the_policy_says_body() {
    bed_up 1
    head -c 2000000 /dev/urandom >input
    # shellcheck disable=SC2016 # the inner shell's
    atf_check -s exit:255 -e match:'2000000 bytes.* at most 1048576$' \
        sh -c '"$0" run vm1 qvm-remote -qi "$1" <input' \
        "$regress/bed" "$(witness)"
    no_witness
    atf_check "$regress/bed" stop
    echo 'input-limit = 16M' >>"$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" start
    head -c 16777216 /dev/urandom >input
    for file in input /dev/null; do
        # shellcheck disable=SC2016 # the inner shell's
        atf_check -o inline:"$(sha256sum <$file)\n" \
            sh -c '"$0" run vm1 qvm-remote -qi sha256sum <"$1"' \
            "$regress/bed" $file
    done
    echo x >>input
    # shellcheck disable=SC2016 # the inner shell's
    atf_check -s exit:255 -e match:'over 16 MiB' \
        sh -c '"$0" run vm1 qvm-remote -i true <input' "$regress/bed"
}

bed_test a_check_runs_nothing
a_check_runs_nothing_body() {
    bed_up 1
    atf_check -o match:'would run' in_vm vm1 qvm-remote --check "$(witness)"
    atf_check -s exit:126 -o ignore -e match:'300' \
        in_vm vm1 qvm-remote --check -t 301 "$(witness)"
    no_witness
}

bed_test the_end_is_told_in_json
the_end_is_told_in_json_body() {
    bed_up 1
    atf_check -s exit:124 -o save:timeout -e ignore \
        in_vm vm1 qvm-remote --json -t 1 'echo begun; exec sleep 60'
    atf_check -s exit:3 -o save:status -e ignore in_vm vm1 sh -c \
        'qvm-remote --status-fd 3 "exit 3" 3>&1 >&2'
    atf_check -o inline:'good\n' python3 -c '
import json
j = json.load(open("timeout"))
assert (j["status"], j["exit"], j["out"]) == ("timeout", 124, "begun\n"), j
assert j["verified"] and j["log_seq"] > 0 and j["started"] < j["ended"], j
events = [json.loads(line) for line in open("status")]
names = [e["event"] for e in events]
assert names[0] == "queued" and names[-2:] == ["running", "exit"], events
assert (events[-1]["status"], events[-1]["exit"]) == ("exited", 3), events
print("good")'
}

bed_test a_note_is_recorded
a_note_is_recorded_body() {
    bed_up 1
    in_vm vm1 qvm-remote --note 'for the backup' true || atf_fail "note"
    atf_check -o match:'for the backup' cat_log
}

bed_test what_is_detached_runs_in_order_and_is_collected
what_is_detached_runs_in_order_and_is_collected_body() {
    bed_up 1
    for i in 1 2 3; do
        in_vm vm1 qvm-remote --detach "$(witness); echo $i; exit $i" >"id.$i" ||
            atf_fail "detach"
    done
    # shellcheck disable=SC2046
    atf_check -s exit:1 in_vm vm1 qvm-remote wait $(cat id.1 id.2 id.3)
    for i in 1 2 3; do
        atf_check -s exit:"$i" -o inline:"$i\n" \
            in_vm vm1 qvm-remote result "$(cat "id.$i")"
    done
    cat id.1 id.2 id.3 >expected
    cat_log | grep -a '"event":"intent"' |
        grep -oE '[0-9]{8}-[0-9]{6}-[0-9]+-[0-9a-f]{8}' | head -n 3 >ran
    atf_check cmp expected ran
    atf_check -o inline:'3\n' count_witness
}

# until_there FILE: a command's, that waits.
until_there() {
    echo "until [ -e $BED/$1 ]; do read -t 0.05 <> <(:); done; true"
}

bed_test who_waits_is_told_how_many_come_first
who_waits_is_told_how_many_come_first_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    echo 'jobs = 2' >>"$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" start
    for n in 1 2; do
        in_vm vm1 qvm-remote "$(until_there first)" &
        pids="$pids $!"
        wait_for '[ "$(count_log "\"event\":\"intent\"")" = '$n' ]'
    done
    for n in 3 4; do
        in_vm vm1 qvm-remote -v --status-fd 1 true >"out.$n" 2>"err.$n" &
        pids="$pids $!"
        wait_for 'grep -qs running err.'$n' || grep -qs before err.'$n
    done
    : >"$BED/first"
    for pid in $pids; do
        wait "$pid" || atf_fail "a client failed"
    done
    atf_check -o match:'^qvm-remote: queued, 2 before it$' \
        -o match:'^qvm-remote: running$' cat err.3
    atf_check -o match:'^qvm-remote: queued, 3 before it$' cat err.4
    atf_check -o match:'"queued".*"before":3}$' cat out.4
    # Those that are detached wait for each other alone; who comes later is
    # told, too.
    for n in 1 2 3; do
        in_vm vm1 qvm-remote --detach "$(until_there second)" >"id.$n" ||
            atf_fail "detach"
    done
    atf_check in_vm vm1 qvm-remote true
    wait_for '[ "$(count_log "\"event\":\"intent\"")" = 6 ]'
    for n in 1 2 3; do
        in_vm vm1 qvm-remote -v result -f "$(cat "id.$n")" 2>"late.$n" &
        wait_for 'grep -qs running late.'$n' || grep -qs before late.'$n
    done
    : >"$BED/second"
    wait
    atf_check -o not-match:'before it' cat late.1
    atf_check -o match:'^qvm-remote: queued, 1 before it$' cat late.2
    atf_check -o match:'^qvm-remote: queued, 2 before it$' \
        -o match:'^qvm-remote: queued, 1 before it$' cat late.3
}

bed_test what_is_cancelled_ends
what_is_cancelled_ends_body() {
    bed_up 1
    in_vm vm1 qvm-remote --detach 'echo begun; exec sleep 100' >id ||
        atf_fail "detach"
    in_vm vm1 qvm-remote --json result -f "$(cat id)" >json &
    pid=$!
    wait_for '[ "$(count_log "\"event\":\"intent\"")" = 1 ]'
    atf_check -e match:'cancel is written' in_vm vm1 qvm-remote cancel "$(cat id)"
    ! wait $pid || atf_fail "it ended with 0"
    atf_check -o match:'"status":"cancelled","exit":130.*"verified":true' \
        cat json
}

bed_test a_repeated_key_runs_once
a_repeated_key_runs_once_body() {
    bed_up 1
    for i in 1 2 3 4; do
        in_vm vm1 qvm-remote --idempotency-key nightly \
            "$(witness); sleep 1; echo done" >"out.$i" &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid" || atf_fail "a client failed"
    done
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -o inline:'done\n' in_vm vm1 qvm-remote \
        --idempotency-key nightly "$(witness); sleep 1; echo done"
    for i in 1 2 3 4; do
        atf_check -o inline:'done\n' cat "out.$i"
    done
    atf_check -o inline:'1\n' count_witness
}

bed_test ping_policy_and_status_are_dom0s
ping_policy_and_status_are_dom0s_body() {
    bed_up 1
    in_vm vm1 qvm-remote true || atf_fail "true"
    atf_check -o match:'mode shell' -o match:'^round trip [0-9.]+ ms' \
        in_vm vm1 qvm-remote ping -c2
    atf_check -o match:'^VM vm1: mode shell' in_vm vm1 qvm-remote policy
    atf_check -o match:'^session +there is one$' -o match:'^dom0 +answers' \
        -o match:'^last success +[0-9]{8}-' in_vm vm1 qvm-remote status
    atf_check -o match:'^[1-9][0-9]* verified, 0 without .* 0 wrong$' \
        in_vm vm1 qvm-remote history verify
    atf_check "$regress/bed" stop
    atf_check -s exit:1 -o match:'^dom0 +does not answer' \
        in_vm vm1 qvm-remote status
}

atf_init_test_cases() {
    bed_add_tests
}
