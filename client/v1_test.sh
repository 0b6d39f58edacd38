#! /usr/bin/env atf-sh
# QVM_REMOTE_PROTOCOL=1: a dom0 that speaks version 1 alone, in a few lines of
# sh and openssl.

home_make() {
    export HOME="$PWD" QVM_REMOTE_PROTOCOL=1
    program=$(atf_get_srcdir)/qvm-remote
    queue=$HOME/.qvm-remote/queue
    atf_check -o ignore -e ignore "$program" key gen
}

# wait_for CONDITION: a command line that becomes true within 20 s.
wait_for() {
    tries=1000
    until eval "$1"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || atf_fail "in vain: $1"
        sleep 0.02
    done
}

# What dom0 lists: nothing that begins with a dot or ends as tokens do.
seen() {
    for file in "$queue"/pending/*; do
        case $file in
        *.auth | *.cmd | *'*') ;;
        *) id=${file##*/} && return ;;
        esac
    done
    return 1
}

# start ARG...: a client, whose request dom0 takes: $id.
start() {
    "$program" "$@" >out 2>err <"${input:-/dev/null}" &
    client=$!
    wait_for seen
    printf %s "$id" | openssl dgst -r -sha256 \
        -hmac "$(cat .qvm-remote/auth.key)" | cut -c 1-64 | tr -d '\n' >mac
    cmp mac "$queue/pending/$id.auth" || atf_fail "the token is wrong"
    rm "$queue/pending/$id.auth"
    mv "$queue/pending/$id" "$queue/running/$id"
}

# result OUT ERR EXIT: written in place, as version 1 does.
result() {
    printf %b "$1" >"$queue/results/$id.out"
    printf %b "$2" >"$queue/results/$id.err"
    printf %s "$3" >"$queue/results/$id.exit"
}

meta() {
    printf 'id=%s\nstarted=2026-02-18T14:30:22\nduration_ms=3\nexit_code=0\n' \
        "$id" >"$queue/results/$id.meta"
    rm -f "$queue/running/$id"
}

# ends STATUS: the client that was started.
ends() {
    status=0
    wait "$client" || status=$?
    [ $status = "$1" ] || atf_fail "status $status, not $1: $(cat err)"
}

queue_is_empty() {
    atf_check -o empty find "$queue" -type f
}

stored() {
    echo ".qvm-remote/history/$(date +%Y-%m-%d)/$id/$1"
}

atf_test_case words_and_scripts_run_as_with_the_python_client
words_and_scripts_run_as_with_the_python_client_body() {
    home_make
    start -v -t 20 echo 'a  b' '&&' c
    atf_check -o inline:'echo a  b && c\n' cat "$queue/running/$id"
    result 'out\n' 'err\0033\n' 7
    meta
    ends 7
    atf_check -o inline:'out\n' cat out
    atf_check -o inline:"qvm-remote: request $id\nerr\0033\n" cat err
    queue_is_empty
    atf_check -o inline:'echo a  b && c\n' cat "$(stored command)"
    atf_check -o inline:'out\n' cat "$(stored out)"
    atf_check -o inline:'7' cat "$(stored exit)"
    atf_check -o match:'^duration_ms=3$' cat "$(stored meta)"
    atf_check -o match:"SUBMIT id=$id size=15B cmd=echo a" \
        -o match:"DONE id=$id exit=7" cat .qvm-remote/audit.log
    atf_check -o match:'^0 verified, 1 without a signed answer, 0 wrong$' \
        -o match:"^$id: it was not sent with a token of this version$" \
        "$program" history verify

    printf 'one\ntwo' >script
    input=script start -q
    atf_check -o inline:'one\ntwo' cat "$queue/running/$id"
    result '' '' 0
    meta
    ends 0
    start --no-shell tee "a b"
    atf_check -o inline:"'tee' 'a b'\n" cat "$queue/running/$id"
    result '' '' -9 # as Python has what a signal ended
    meta
    ends 247
    atf_check -o match:"DONE id=$id exit=247" cat .qvm-remote/audit.log
}

atf_test_case the_token_is_there_before_the_body
the_token_is_there_before_the_body_head() {
    atf_set require.progs strace
}
the_token_is_there_before_the_body_body() {
    home_make
    atf_check -s exit:124 -e ignore strace -o trace \
        -e trace=renameat,linkat "$program" -t 1 true
    atf_check -o match:'^renameat.*\.auth"' sed 1!d trace
    atf_check -o match:'^linkat.*-[0-9a-f]{8}", 0' sed 2!d trace
}

atf_test_case an_answer_is_awaited_whole
an_answer_is_awaited_whole_body() {
    home_make
    start true
    result 'late\n' '' ''
    # While another one waits a second, it looks.
    atf_check -s exit:124 -e ignore "$program" -t 1 true
    printf 3 >"$queue/results/$id.exit"
    wait_for '[ -s out ]'
    meta
    ends 3
    atf_check -o inline:'late\n' cat out
    atf_check -s exit:0 test -s "$(stored meta)"
    atf_check -o empty find "$queue/results" -type f
}

atf_test_case what_version_1_cannot_say_is_refused
what_version_1_cannot_say_is_refused_body() {
    home_make
    for wrong in '-i x' '--input=err x' '--wait=5 x' '--note=why x' \
        '--check x' '--detach x' '--idempotency-key=k x' '--json x' \
        '--status-fd=1 x' '--no-shell' 'policy' 'key rotate' 'wait x' \
        'result x' 'cancel x'; do
        # shellcheck disable=SC2086
        atf_check -s exit:2 -e match:'^qvm-remote: error: .* --help\)$' \
            "$program" $wrong
    done
    for QVM_REMOTE_PROTOCOL in '' 0 3 01 v1 '1 '; do
        atf_check -s exit:2 -e match:'QVM_REMOTE_PROTOCOL' "$program" true
    done
    queue_is_empty
    # 2 is what it does without it.
    QVM_REMOTE_PROTOCOL=2
    atf_check -s exit:1 -e match:'has not taken' "$program" -t 1 ping
}

atf_test_case without_a_key_nothing_is_sent
without_a_key_nothing_is_sent_body() {
    home_make
    rm .qvm-remote/auth.key
    atf_check -s exit:255 -e match:'key gen' "$program" true
    queue_is_empty
}

atf_test_case a_request_without_an_answer_times_out
a_request_without_an_answer_times_out_body() {
    home_make
    atf_check -s exit:124 -e match:'after 1 s: dom0 has not taken' \
        "$program" -t 1 true
    start -t 1 true
    ends 124
    atf_check -o match:'may still run in dom0' cat err
    atf_check -o empty find "$queue/pending" "$queue/running" -type f
    # An answer that comes later is not lost.
    result 'late\n' '' 0
    meta
    atf_check -o match:"$id" "$program" history
    atf_check -o inline:'late\n' cat "$(stored out)"
}

atf_test_case a_request_that_dom0_drops_is_not_waited_for
a_request_that_dom0_drops_is_not_waited_for_body() {
    home_make
    # 1.0.0 leaves the token of what it refuses.
    start true
    : >"$queue/pending/$id.auth"
    rm "$queue/running/$id"
    ends 255
    atf_check -o match:'has dropped the request' cat err
    atf_check -o empty find "$queue/pending" -type f
    # 1.1.0 says so.
    start true
    result '' 'auth-fail-bad-token\n' 126
    meta
    ends 126
    atf_check -o inline:'auth-fail-bad-token\n' cat err
}

atf_test_case a_signal_or_a_broken_pipe_ends_it
a_signal_or_a_broken_pipe_ends_it_body() {
    home_make
    start true
    kill -TERM "$client"
    ends 130
    atf_check -o match:'interrupted' cat err
    atf_check -o empty find "$queue/pending" "$queue/running" -type f

    mkfifo pipe
    { "$program" true; echo $? >status; } >pipe &
    client=$!
    exec 3<pipe
    wait_for seen
    exec 3<&-
    result 'nobody reads it\n' '' 0
    meta
    rm "$queue/pending/$id"
    wait "$client"
    atf_check -o inline:'141\n' cat status

    # Nor does one who does not read keep it.
    "$program" true >pipe 2>err &
    client=$!
    exec 3<pipe
    wait_for seen
    result "$(head -c 100000 /dev/zero | tr '\0' x)" '' 0
    meta
    rm "$queue/pending/$id"
    atf_check -o inline:x dd bs=1 count=1 status=none <&3
    kill -TERM $client
    ends 130
    exec 3<&-
}

# hostile SUFFIX: what stands in the place of a result's file is no answer.
hostile() {
    meta
    ends 255
    atf_check -o empty cat out
    atf_check -o match:"^qvm-remote: error: results/$id$1 is not what a dom0" \
        cat err
    atf_check -o match:'^1 ' wc -l err
}

atf_test_case hostile_results_are_no_answer
hostile_results_are_no_answer_body() {
    home_make
    echo 0 >zero
    for make in "ln -s $HOME/zero" mkfifo mkdir; do
        start true
        result shown '' ''
        rm "$queue/results/$id.exit"
        # shellcheck disable=SC2086
        $make "$queue/results/$id.exit"
        hostile .exit
        rm -rf "$queue/results/$id".*
        for suffix in .out .err; do
            start true
            # shellcheck disable=SC2086
            $make "$queue/results/$id$suffix"
            printf 0 >"$queue/results/$id.exit"
            hostile "$suffix"
        done
    done
    for text in abc 1000 256 0x1 ' 1' 1.0 -- 00000000000 '0
1'; do
        start true
        result shown '' "$text"
        hostile .exit
    done
    start true
    printf '0\0000' >"$queue/results/$id.exit"
    hostile .exit
    for suffix in .out .err; do
        start true
        truncate -s 10485825 "$queue/results/$id$suffix"
        printf 0 >"$queue/results/$id.exit"
        hostile "$suffix"
        # As much as dom0 keeps, and its line.
        start true
        truncate -s 10485792 "$queue/results/$id$suffix"
        printf 0 >"$queue/results/$id.exit"
        meta
        ends 0
    done
}

atf_test_case control_characters_do_not_reach_a_terminal
control_characters_do_not_reach_a_terminal_body() {
    home_make
    python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
        "$program" -q x >seen </dev/null &
    client=$!
    wait_for seen
    mv "$queue/pending/$id" "$queue/running/$id"
    result 'a\tb\0033[2J\0233\r\n' '\0033]0;title\a\n' 0
    meta
    ends 0
    tr -d '\r' <seen >plain
    atf_check -o match:'^a	b\\x1b\[2J\\x9b\\x0d$' \
        -o match:'^\\x1b\]0;title\\x07$' cat plain
}

atf_test_case ping_and_status_ask_dom0
ping_and_status_ask_dom0_body() {
    home_make
    start ping
    atf_check -o inline:'true\n' cat "$queue/running/$id"
    result '' '' 0
    meta
    ends 0
    atf_check -o inline:'qvm-remote-dom0 is responding.\n' cat out
    start ping -c 2
    result '' no 126
    meta
    ends 1
    atf_check -o empty cat out
    start status
    result '' '' 0
    meta
    ends 0
    atf_check -o match:'^dom0 +answers' cat out
    atf_check -s exit:1 -e match:'timed out' "$program" -t 1 ping
}

atf_init_test_cases() {
    atf_add_test_case words_and_scripts_run_as_with_the_python_client
    atf_add_test_case the_token_is_there_before_the_body
    atf_add_test_case an_answer_is_awaited_whole
    atf_add_test_case what_version_1_cannot_say_is_refused
    atf_add_test_case without_a_key_nothing_is_sent
    atf_add_test_case a_request_without_an_answer_times_out
    atf_add_test_case a_request_that_dom0_drops_is_not_waited_for
    atf_add_test_case a_signal_or_a_broken_pipe_ends_it
    atf_add_test_case hostile_results_are_no_answer
    atf_add_test_case control_characters_do_not_reach_a_terminal
    atf_add_test_case ping_and_status_ask_dom0
}
