#!/usr/bin/env atf-sh
# The audit log as an administrator reads it.
. "$(atf_get_srcdir)/lib.sh"

bed_test one_block_a_request_with_the_command_escaped
one_block_a_request_with_the_command_escaped_body() {
    bed_up 2
    in_vm vm1 qvm-remote 'echo one
echo two' >/dev/null || atf_fail "vm1"
    in_vm vm2 qvm-remote 'exit 7'
    printf 'echo "\302\233 \360\237\230\200"\n' >script
    in_vm vm1 qvm-remote <script >/dev/null || atf_fail "vm1"
    in_dom0 qvm-remote-dom0 log >out || atf_fail "log"
    atf_check -o inline:'3\n' grep -c '^2' out
    atf_check -o match:'^2.*  vm1  ' -o match:'^  CMD  *echo one$' \
        -o match:'^  *echo two$' -o match:'^  DONE-FAIL  exited 7; took ' \
        -o match:'^  DONE  *exited 0; took .*; output 8 bytes; error output 0 '\
'bytes$' cat out
    atf_check -o inline:'0\n' -s exit:1 env LC_ALL=C grep -c '[^ -~]' out
    in_dom0 qvm-remote-dom0 log --vm vm2 >out || atf_fail "log --vm"
    atf_check -o inline:'1\n' grep -c '^2' out
    in_dom0 qvm-remote-dom0 log -n 1 >out || atf_fail "log -n"
    atf_check -o inline:'1\n' grep -c '^2' out
    in_dom0 qvm-remote-dom0 log --json >out || atf_fail "log --json"
    atf_check -o ignore python3 -c 'import json
for line in open("out"): json.loads(line)'
}

# By which line, as whom, what for, and how much of its output was kept.
bed_test a_block_says_what_the_policy_has_said
a_block_says_what_the_policy_has_said_body() {
    bed_up 1
    cat >"$BED/etc/qubes/remote.d/vm1.conf" <<END
mode = allow
output-limit = 4K
user = nobody
allow = seq **
END
    reload
    atf_check -o ignore -e match:'19797 of them are missing' \
        in_vm vm1 qvm-remote --note backup seq 5000
    in_dom0 qvm-remote-dom0 log >out || atf_fail "log"
    atf_check -o match:'^  AUTH-OK  *allowed by line 4 of its policy: '\
'/usr/bin/seq, as nobody$' -o match:'^  INFO  *the VM claims: backup$' \
        -o match:'^  TRUNC  *of the output, 4096 bytes were kept$' \
        -o match:'; output 23893 bytes; ' cat out
    in_vm vm1 qvm-remote id && atf_fail "id ran"
    in_dom0 qvm-remote-dom0 log --status denied >out || atf_fail "denied"
    atf_check -o match:'^  REJECT  *denied 126: ' cat out
}

# A new segment, and a new run; each block once, and no timer in between.
bed_test requests_are_followed_across_segments_and_runs
requests_are_followed_across_segments_and_runs_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'echo before' >/dev/null || atf_fail "before"
    in_dom0 qvm-remote-dom0 log follow >out 2>err &
    keeper=$!
    # Where it waits: two descriptors, and for ever (poll, -1, which a newer libc
    # widens).
    waits() {
        reader=$(cat "/proc/$keeper/task/$keeper/children") &&
            awk '{ print $1, $3, $4 }' "/proc/${reader% }/syscall" |
            grep -qE '^7 0x2 0xf{8}(f{8})?$'
    }
    wait_for waits
    in_vm vm1 qvm-remote "until [ -e $BED/go ]; do sleep 0.05; done" &
    wait_for 'grep -q "INFO       running" out'
    atf_check -o inline:'1\n' grep -c '^2' out
    : >"$BED/go"
    wait_for 'grep -q "DONE       exited 0" out'
    atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
    in_vm vm1 qvm-remote 'exit 3'
    wait_for 'grep -q "DONE-FAIL  exited 3" out'
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    in_vm vm1 qvm-remote 'exit 4'
    wait_for 'grep -q "DONE-FAIL  exited 4" out'
    wait_for waits
    kill "$keeper"
    wait "$keeper"
    # Each was announced, and then shown: nothing from before.
    atf_check -o inline:'6\n' grep -c '^2' out
    atf_check -o inline:'3\n' grep -c running out
    atf_check -o not-match:before -o match:'exit 3$' cat out
    atf_check cat err
}

# on_terminal WORD...: what a person with colours and no pager sees, in screen.
on_terminal() {
    TERM=xterm PAGER=cat python3 -c 'import os, pty, sys
os.environ.pop("NO_COLOR", None)
screen = open("screen", "wb")
def read(fd):
    data = os.read(fd, 65536)
    screen.write(data)
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read)))
' "$regress/bed" dom0 qvm-remote-dom0 "$@" >/dev/null </dev/null ||
        atf_fail "$*"
}

# What can be said without a control character that the content rules know.
bed_test what_vms_send_is_printable_on_a_terminal
what_vms_send_is_printable_on_a_terminal_body() {
    bed_up 1
    for text in '\342\200\256\342\201\246 \342\200\213 \357\273\277' \
        '\302\2332J \302\205 \302\255' '\377\376 \300\200 \355\240\200' \
        '</script><script>alert(1)</script>' '<img src=x onerror=alert(1)>' \
        '\314\201\314\201\314\201 \363\240\201\201 \360\237\230\200'; do
        printf "echo ok # $text" | in_vm vm1 qvm-remote >out ||
            atf_fail "$text"
    done
    { printf 'true #'; head -c 1048000 /dev/zero | tr '\0' x; } |
        in_vm vm1 qvm-remote || atf_fail "1 MiB"
    in_vm vm1 qvm-remote 'printf "\033]0;title\007\033[2J\233\r\010"' >out ||
        atf_fail "printf"
    for words in 'log' 'log show -n 100' 'log stat' 'log --grep alert'; do
        # shellcheck disable=SC2086
        on_terminal $words
        grep -q "$(printf '\033')" screen || echo "$words: no colour" >>plain
        # Colours are ours: SGR with two digits at most.
        LC_ALL=C sed -E "s/$(printf '\033')\\[([0-9]{1,2}(;[0-9]{1,2})?)?m//g" \
            screen | tr -d '\r' >seen
        no_raw seen
    done
    atf_check -o inline:'log stat: no colour\n' cat plain
    on_terminal log --grep alert
    atf_check -o match:'onerror=alert' -o not-match:'title' cat screen
}

# By hand or by the hour: what was shown is not shown again.
bed_test a_cursor_goes_on_while_the_daemon_runs
a_cursor_goes_on_while_the_daemon_runs_body() {
    bed_up 1
    for i in 1 2 3; do
        in_vm vm1 qvm-remote "echo number-$i" >/dev/null || atf_fail "$i"
        [ $i != 2 ] || atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
        in_dom0 qvm-remote-dom0 log --cursor "$PWD/at" >out || atf_fail "log"
        atf_check -o inline:"number-$i\n" grep -o 'number-[0-9]' out
    done
    in_dom0 qvm-remote-dom0 log stat >out || atf_fail "stat"
    atf_check -o match:'^vm1  *3  *0 ' cat out
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
