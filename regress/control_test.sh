#!/usr/bin/env atf-sh
# The control socket: status, clock accept, log checkpoint; and who misuses it.
. "$(atf_get_srcdir)/lib.sh"

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

# client PYTHON: s is a socket that is connected.
client() {
    python3 - "$BED/run/qvm-remote/control" <<END
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
$1
END
}

bed_test status_shows_what_is_there
status_shows_what_is_there_body() {
    bed_up 2
    in_vm vm1 qvm-remote true || atf_fail "true"
    atf_check "$regress/bed" halt vm2
    wait_for '! role_pid "poller \[vm2\]"'
    dom0 status >out || atf_fail "status"
    for role in parent verifier executor 'poller \[vm1\]'; do
        atf_check -o match:"^$role +$(role_pid "$role") " cat out
    done
    atf_check -o match:'^verifier .*seccomp, ' \
        -o match:'^executor .*seccomp deny-list' \
        -o match:'^VM vm1: session since .*qvm-remote/' \
        -o match:'^VM vm2: served, no session' -o match:'last request' cat out
    dom0 status --json >out || atf_fail "status --json"
    atf_check -o ignore python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
assert {r["vm"] for r in rows if "vm" in r} == {"vm1", "vm2"}'
    atf_check "$regress/bed" stop
    atf_check -s exit:3 -e match:'no daemon runs' dom0 status
    atf_check test ! -e "$BED/run/qvm-remote/control"
}

bed_test status_names_who_is_not_served
status_names_who_is_not_served_body() {
    bed_up 1
    keys=$BED/etc/qubes/remote.d
    atf_check -o ignore dom0 status
    printf '%064d\n' 1 >"$keys/keyed.key"
    printf 'mode = shell\n' >"$keys/ruled.conf"
    printf 'mode = none\n' >"$keys/wrong.conf"
    printf '%064d\n' 2 >"$keys/wrong.key"
    chmod 600 "$keys"/*.key
    kill -HUP "$(role_pid parent)"
    wait_for 'dom0 status >out; [ $? = 1 ] && grep -q "VM ruled" out'
    atf_check -o match:'^VM vm1: session since ' \
        -o match:'^VM keyed: not served: it has no policy' \
        -o match:'^VM ruled: not served: it has no key' \
        -o match:'^VM wrong: not served: .*wrong\.conf:1: ' cat out
    atf_check -s exit:1 -o save:out dom0 status --json
    atf_check -o inline:'keyed ruled wrong\n' python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
print(*sorted(r["vm"] for r in rows if "vm" in r and not r["served"]))'
    # One that was served, and is no more.
    rm "$keys"/keyed.* "$keys"/ruled.* "$keys"/wrong.* "$keys/vm1.conf"
    kill -HUP "$(role_pid parent)"
    wait_for 'dom0 status >out; grep -q "VM vm1: not served: it has no" out'
    atf_check -o inline:'1\n' grep -c '^VM ' out
}

bed_test status_names_a_vm_with_another_uuid
status_names_a_vm_with_another_uuid_body() {
    bed_up 1
    sed -i 's/^uuid.*/uuid = 01234567-89ab-cdef-0123-456789abcdef/' \
        "$BED/etc/qubes/remote.d/vm1.conf"
    kill -HUP "$(role_pid parent)"
    wait_for 'dom0 status >out; [ $? = 1 ]'
    atf_check -o match:'^VM vm1: not served: .* another UUID' cat out
    atf_check -o inline:'1\n' grep -c '^VM ' out
}

bed_test a_checkpoint_is_the_newest_record
a_checkpoint_is_the_newest_record_body() {
    bed_up 1
    in_vm vm1 qvm-remote true || atf_fail "true"
    wait_for 'cat_log | tail -n 1 | grep -q delivered'
    dom0 log checkpoint >running || atf_fail "checkpoint"
    newest=$(cat_log | tail -n 1 |
        sed -E 's/^\{"seq":([0-9]+),"time":"([^"]*)".*"hash":"([0-9a-f]*)".*/\2 \1 \3/')
    atf_check -o inline:"qvm-remote-checkpoint 1 $newest\n" cat running
    atf_check "$regress/bed" stop
    dom0 log checkpoint >stopped || atf_fail "checkpoint"
    atf_check -o match:'^qvm-remote-checkpoint 1 ' cat stopped
    cmp -s running stopped && atf_fail "the closing record is missing"
    sed -i 's/"event":"stop"/"event":"stoq"/' "$BED"/var/log/qvm-remote/*.log
    bed_altered
    atf_check -s exit:1 -e match:'altered' dom0 log checkpoint
}

bed_test who_is_not_root_is_refused
who_is_not_root_is_refused_body() {
    bed_up 1
    atf_check -o inline:'refused\n' client 'os.setuid(65534)
try:
    s.connect(sys.argv[1])
except PermissionError:
    print("refused")'
    # Whoever opens the door: the one who comes through is looked at.
    chmod 666 "$BED/run/qvm-remote/control"
    atf_check -o inline:'0\n' client 'os.setuid(65534)
s.connect(sys.argv[1])
print(len(s.recv(4096)))'
    atf_check -o ignore dom0 status
}

# status_within SECONDS: the next client is served, and requests meanwhile.
status_within() {
    atf_check -o inline:'still\n' in_vm vm1 qvm-remote 'echo still'
    atf_check -o ignore timeout "$1" "$regress/bed" dom0 qvm-remote-dom0 status
}

bed_test a_client_that_says_nothing_holds_up_nothing
a_client_that_says_nothing_holds_up_nothing_body() {
    bed_up 1
    client 's.connect(sys.argv[1]); open("there", "w")
while not os.path.exists("enough"):
    time.sleep(0.1)' &
    silent=$!
    wait_for '[ -e there ]'
    status_within 7
    : >enough
    wait $silent
}

bed_test a_client_that_never_reads_holds_up_nothing
a_client_that_never_reads_holds_up_nothing_body() {
    bed_up 1
    client 'import struct
kinds = [line.split("(")[1].split(",")[0]
         for line in open("'"$TREE"'/imsg/messages.h")
         if line.startswith("\tX(")]
s.connect(sys.argv[1])
s.send(struct.pack("=HHII", kinds.index("STATUS"), 12, 0, 0))
open("there", "w")
while not os.path.exists("enough"):
    time.sleep(0.1)' &
    mute=$!
    wait_for '[ -e there ]'
    status_within 7
    : >enough
    wait $mute
}

bed_test two_clients_at_once_are_both_answered
two_clients_at_once_are_both_answered_body() {
    bed_up 1
    dom0 status >first &
    one=$!
    dom0 status >second &
    wait $one || atf_fail "the first"
    wait $! || atf_fail "the second"
    atf_check -o match:'^VM vm1: ' cat first
    atf_check -o match:'^VM vm1: ' cat second
}

bed_test who_finds_a_full_line_does_not_wait_for_ever
who_finds_a_full_line_does_not_wait_for_ever_body() {
    bed_up 1
    parent=$(role_pid parent)
    kill -STOP "$parent"
    client 'line = []
try:
    while True:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.setblocking(False)
        s.connect(sys.argv[1])
        line.append(s)
except BlockingIOError:
    open("full", "w")
    while not os.path.exists("enough"):
        time.sleep(0.1)' &
    line=$!
    wait_for '[ -e full ]'
    atf_check -s exit:1 -e match:'too many wait' \
        timeout 25 "$regress/bed" dom0 qvm-remote-dom0 status
    : >enough
    wait $line
    kill -CONT "$parent"
    atf_check -o ignore dom0 status
}

bed_test a_client_that_says_nonsense_is_closed
a_client_that_says_nonsense_is_closed_body() {
    bed_up 1
    client 'import struct
def talk(*packets):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    s.settimeout(10)
    try:
        for p in packets:
            s.send(p)
        while s.recv(65536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass
talk(b"nonsense")
talk(b"x" * 60000)
talk(struct.pack("=HHII", 0xffff, 12, 0, 0))
for kind in range(80):    # whatever the table does not let a client say
    talk(struct.pack("=HHII", kind, 12, 0, 0),
         struct.pack("=HHII", kind, 12, 0, 0))' ||
        atf_fail "not closed"
    status_within 2
}

bed_test a_client_that_goes_at_once_holds_up_nothing
a_client_that_goes_at_once_holds_up_nothing_body() {
    bed_up 1
    client 'for i in range(50):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    s.close()'
    status_within 2
}

bed_test a_socket_that_was_left_hinders_no_start
a_socket_that_was_left_hinders_no_start_body() {
    bed_up 1
    kill -9 "$(role_pid parent)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check test -S "$BED/run/qvm-remote/control"
    atf_check "$regress/bed" start
    atf_check -o ignore dom0 status
}

bed_test status_says_that_nobody_is_served
status_says_that_nobody_is_served_body() {
    bed_up 1
    chmod 0722 "$BED/etc/qubes/remote.d"
    kill -HUP "$(role_pid parent)"
    wait_for "grep -q 'only root may write' '$BED/daemon.log'"
    atf_check -s exit:1 -o match:'VM \*: not served: .*remote.d: must be' \
        in_dom0 qvm-remote-dom0 status
}

atf_init_test_cases() {
    bed_add_tests
}
