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
    atf_check -o match:'^verifier .* [1-9][0-9]* KiB  seccomp, .*; cgroup daemon$' \
        -o match:'^poller .*seccomp, (landlock ABI [1-9]|no landlock)' \
        -o match:"^log's disk: [0-9]+ of [1-9][0-9]* MiB free" \
        -o match:'^    policy shell; 0 refused; key ' \
        -o match:'^executor .*seccomp deny-list' \
        -o match:'^VM vm1: session since .*qvm-remote/' \
        -o match:'^VM vm2: served, no session' -o match:'last request' cat out
    dom0 status --json >out || atf_fail "status --json"
    atf_check -o ignore python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
assert {r["vm"] for r in rows if "vm" in r} == {"vm1", "vm2"}
assert {r["policy"] for r in rows if "vm" in r} == {"shell"}
assert all(r["memory"] > 0 and r["cgroup"] for r in rows if "process" in r)
assert [r for r in rows if "disk" in r and r["size"] > r["free"]]'
    atf_check "$regress/bed" stop
    atf_check -s exit:3 -e match:'no daemon runs' dom0 status
    atf_check test ! -e "$BED/run/qvm-remote/control"
}

bed_test status_names_who_is_not_served
status_names_who_is_not_served_body() {
    bed_up 1
    keys=$BED/etc/qubes/remote.d
    wait_for 'dom0 status >out && grep -q "^VM vm1: session since " out'
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

bed_test clients_that_say_nothing_hold_up_nothing
clients_that_say_nothing_hold_up_nothing_body() {
    bed_up 1
    client 'line = []
for i in range(40):    # more than are kept
    line.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    line[-1].connect(sys.argv[1])
open("there", "w")
while not os.path.exists("enough"):
    time.sleep(0.1)' &
    silent=$!
    wait_for '[ -e there ]'
    status_within 2
    status_within 2
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
    status_within 2
    : >enough
    wait $mute
}

bed_test who_asks_for_a_long_queue_and_never_reads_holds_up_nothing
who_asks_for_a_long_queue_and_never_reads_holds_up_nothing_body() {
    bed_up 6
    for vm in vm1 vm2 vm3 vm4 vm5 vm6; do
        in_vm $vm sh -c 'for i in $(seq 60); do
            qvm-remote --detach "sleep 60" >/dev/null || exit
        done' &
    done
    wait
    wait_for '[ "$(in_dom0 qvm-remote-dom0 queue | grep -c .)" -ge 350 ]'
    client 'import struct
kinds = [line.split("(")[1].split(",")[0]
         for line in open("'"$TREE"'/imsg/messages.h")
         if line.startswith("\tX(")]
line = []
for i in range(3):
    line.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    line[-1].connect(sys.argv[1])
    line[-1].send(struct.pack("=HHII", kinds.index("QUEUE"), 44, 0, 0)
                  + bytes(32))    # of all VMs
open("there", "w")
while not os.path.exists("enough"):
    time.sleep(0.1)' &
    mute=$!
    wait_for '[ -e there ]'
    status_within 2
    : >enough
    wait $mute
}

bed_test two_clients_at_once_are_both_answered
two_clients_at_once_are_both_answered_body() {
    bed_up 1
    wait_for 'dom0 status >out && grep -q "^VM vm1: session since " out'
    parent=$(role_pid parent) verifier=$(role_pid verifier)
    alone=$(find "/proc/$parent/fd" | wc -l)
    kill -STOP "$verifier"
    dom0 status >first &
    one=$!
    dom0 status >second &
    two=$!
    # The verifier has one of them, and the other waits.
    wait_for '[ "$(find "/proc/$parent/fd" | wc -l)" -gt "$alone" ]'
    kill -CONT "$verifier"
    wait $one || atf_fail "the first"
    wait $two || atf_fail "the second"
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

descriptors() {
    for role in parent verifier executor; do
        find "/proc/$(role_pid $role)/fd" -mindepth 1 | wc -l
    done
}

# Each again and again, all at once: nonsense, half a message, descriptors,
# questions whose answer nobody or a part of it is read, and nothing at all.
bed_test many_clients_that_misbehave_hold_up_no_request
many_clients_that_misbehave_hold_up_no_request_body() {
    bed_up 1
    status_within 2
    descriptors >before
    client 'import array, itertools, random, struct, threading
kinds = [line.split("(")[1].split(",")[0]
         for line in open("'"$TREE"'/imsg/messages.h")
         if line.startswith("\tX(")]
null = os.open("/dev/null", os.O_RDONLY)
ask = struct.pack("=HHII", kinds.index("STATUS"), 12, 0, 0)
queue = struct.pack("=HHII", kinds.index("QUEUE"), 44, 0, 0) + bytes(32)
def fds(n):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * n))]
ways = [lambda s: s.send(os.urandom(random.randint(1, 60000))),
        lambda s: s.send(ask[:random.randint(1, 11)]),
        lambda s: s.send(queue[:43]),
        lambda s: s.sendmsg([ask], fds(1)),
        lambda s: s.sendmsg([ask], fds(250)),
        lambda s: s.sendmsg([b"x"], fds(2)),
        lambda s: [s.send(ask) for _ in range(50)],
        lambda s: (s.send(queue), s.recv(9)),
        lambda s: (s.send(ask), s.shutdown(socket.SHUT_RD)),
        lambda s: s.send(ask),
        lambda s: None]
done = [0] * len(ways)
def misbehave(i):
    while not os.path.exists("enough"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(10)
            try:
                s.connect(sys.argv[1])
                ways[i](s)
            except (ConnectionError, BlockingIOError):
                pass
            done[i] += 1
            if i % 2:    # the others vanish
                s.settimeout(0.1)
                try:
                    while s.recv(65536):
                        pass
                except (ConnectionError, TimeoutError):
                    pass
threads = [threading.Thread(target=misbehave, args=(i,))
           for i in range(len(ways))]
for t in threads:
    t.start()
while not all(done):
    time.sleep(0.01)
open("there", "w")
for t in threads:
    t.join()
print(*done)' >rounds &
    clients=$!
    wait_for '[ -e there ]'
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        atf_check -o inline:'still\n' \
            timeout 2 "$regress/bed" run vm1 qvm-remote 'echo still'
    done
    : >enough
    wait $clients || atf_fail "a client failed"
    cat rounds
    status_within 2
    wait_for 'descriptors >after; cmp -s before after'
    atf_check -o inline:'1\n' count_log '"event":"start"'
    no_raw "$BED/daemon.log"
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

# held: a request of vm1's that has begun, its id in $id.
held() {
    id=$(forge vm1 --order queue --body "$(witness)
until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for "grep -q '$id' '$BED/witness'"
}

# waiting: one more that waits behind it, its id in $waits.
waiting() {
    waits=$(forge vm1 --order queue --body "$(witness)")
    wait_for "dom0 queue vm1 | grep -q '$waits  waits'"
}

killed() {
    wait_result "$1" "$2"
    atf_check -o match:'^status cancelled$' -o match:'^exit 130$' \
        -o match:'^reason killed in dom0$' -o match:'^mac ' meta_of "$1" "$2"
}

bed_test what_runs_or_waits_is_killed_by_its_id
what_runs_or_waits_is_killed_by_its_id_body() {
    bed_up 1
    held
    waiting
    atf_check -o inline:"$waits of vm1 is killed.\n" dom0 kill "$waits"
    killed vm1 "$waits"
    atf_check -o inline:"$id of vm1 is killed.\n" dom0 kill "vm1:$id"
    killed vm1 "$id"
    atf_check -o inline:'2\n' count_log '"event":"kill"'
    atf_check -o inline:'2\n' \
        count_log '"status":"cancelled","exit":130,"reason":"killed in dom0"'
    atf_check -s exit:1 -e match:"no request $id runs or waits" dom0 kill "$id"
    atf_check -s exit:1 -e match:'no request' dom0 kill "vm9:$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test the_client_of_a_killed_command_ends_with_130
the_client_of_a_killed_command_ends_with_130_body() {
    bed_up 1
    in_vm vm1 qvm-remote 'echo "$QVM_REMOTE_ID" >>'"$BED"'/witness
        exec sleep 100' >out 2>said &
    client=$!
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check -o match:killed dom0 kill "$(cat "$BED/witness")"
    wait $client
    atf_check_equal 130 $?
    atf_check -o match:'killed in dom0' cat said
}

bed_test an_id_that_two_vms_have_kills_nothing
an_id_that_two_vms_have_kills_nothing_body() {
    bed_up 2
    held
    forge vm2 --id "$id" --body "until [ -e $BED/go ]; do sleep 0.05; done" \
        >said || atf_fail "forge"
    wait_for "dom0 queue vm2 | grep -q '$id  runs'"
    atf_check -s exit:1 -e match:'nothing is killed: more than one VM' \
        -e match:"kill vm1:$id\$" -e match:"kill vm2:$id\$" dom0 kill "$id"
    atf_check -o inline:'2\n' sh -c \
        "'$regress/bed' dom0 qvm-remote-dom0 queue | grep -c '$id  runs'"
    atf_check -o ignore dom0 kill "vm2:$id"
    killed vm2 "$id"
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' meta_of vm1 "$id"
}

bed_test what_is_no_id_reaches_no_daemon
what_is_no_id_reaches_no_daemon_body() {
    bed_up 1
    for id in x '' ../x 'vm1:' "vm1:$(printf 'a\033b')"; do
        atf_check -s exit:1 -e match:'is no request.s id' dom0 kill "$id"
    done
    atf_check -s exit:1 -e match:'is no VM.s name' dom0 kill :x
    atf_check -s exit:1 -e match:'is no VM.s name' dom0 queue ../x
    atf_check -s exit:2 -e match:'one request' dom0 kill
    atf_check -s exit:2 -e match:'queue: ' dom0 queue clean vm1 vm2
    atf_check "$regress/bed" stop
    atf_check -s exit:3 -e match:'no daemon runs' \
        dom0 kill 20260218-143022-1234-a1b2c3d4
    atf_check -s exit:3 -e match:'no daemon runs' dom0 queue
}

bed_test the_queue_shows_what_waits_runs_and_is_owed
the_queue_shows_what_waits_runs_and_is_owed_body() {
    bed_up 2
    atf_check -o inline:'Nothing waits, runs or is owed.\n' dom0 queue
    held
    waiting
    dom0 queue status >out || atf_fail "queue"
    atf_check -o match:"^vm1 +$id  runs since [0-9]+ s\$" \
        -o match:"^vm1 +$waits  waits, for at most 3[0-9]+ s more\$" cat out
    atf_check -o inline:'Nothing waits, runs or is owed.\n' dom0 queue vm2
    atf_check -o match:"$id  runs" -o match:'^verifier ' -o match:'^VM vm2: ' \
        dom0 queue debug
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"result\"")" = 2 ]'
    dom0 queue --json >out || atf_fail "queue --json"
    atf_check -o inline:'owed owed\n' python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
assert all(r["vm"] == "vm1" and len(r["key"]) == 16 for r in rows)
assert all(86000 < r["seconds"] <= 86400 for r in rows), rows
print(*(r["state"] for r in rows))'
    # What a crash leaves is settled by the start, not by hand.
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$waits"
    rm "$BED/go"
    held
    atf_check "$regress/bed" halt vm1
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
    atf_check -o match:'nothing to do by hand' -o match:"$id  has an answer" \
        dom0 queue recover
}

bed_test a_cleaned_queue_has_answered_what_waited
a_cleaned_queue_has_answered_what_waited_body() {
    bed_up 2
    held
    waiting
    atf_check -o inline:'Nothing waited.\n' dom0 queue clean vm2
    atf_check -o inline:'vm1: 1 refused that waited.\n' \
        env SUDO_USER=alice "$regress/bed" dom0 qvm-remote-dom0 queue clean
    atf_check -o inline:'1\n' count_log \
        '"event":"kill","vm":"vm1","id":"'"$waits"'",.*"who":"alice","tty":"-"'
    wait_result vm1 "$waits"
    atf_check -o match:'^status rejected$' -o match:'^exit 255$' \
        -o match:'^reason taken out of the queue in dom0$' -o match:'^mac ' \
        meta_of vm1 "$waits"
    # What runs is left alone.
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test revoke_has_taken_effect_when_it_returns
revoke_has_taken_effect_when_it_returns_body() {
    bed_up 1
    held
    waiting
    atf_check -o match:'vm1 is revoked' dom0 revoke vm1
    atf_check -s exit:1 -o match:'^VM vm1: not served' dom0 status
    wait_result vm1 "$waits"
    atf_check -o match:'^status rejected$' -o match:'^log -$' \
        meta_of vm1 "$waits"
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^log -$' meta_of vm1 "$id"
    wait_for '! role_pid "poller \[vm1\]"'
    atf_check -o inline:'1\n' count_witness
}

bed_test a_drained_vm_ends_what_it_has_begun
a_drained_vm_ends_what_it_has_begun_body() {
    bed_up 1
    held
    waiting
    atf_check -o match:'What runs may end, and is answered: 1' \
        -o match:'vm1 is revoked' dom0 revoke vm1 --drain
    wait_result vm1 "$waits"
    atf_check -o match:'^status rejected$' -o match:'^reason its key was' \
        -o match:'^mac ' meta_of vm1 "$waits"
    # Another reload changes nothing in that.
    reload
    late=$(forge vm1 --body "$(witness)")
    atf_check -o match:"$id  runs" dom0 queue
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    wait_for '! role_pid "poller \[vm1\]"'
    wait_result vm1 "$late"
    atf_check -o match:'^status rejected$' -o match:'^log -$' \
        meta_of vm1 "$late"
    atf_check -o inline:'1\n' count_witness
    # The key is gone: the same VM must be authorised again.
    atf_check -s exit:1 -e match:'has no key' dom0 revoke vm1 --drain
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -s exit:1 -o match:'vm1: not served' dom0 status
}

bed_test what_is_being_drained_can_be_killed
what_is_being_drained_can_be_killed_body() {
    bed_up 1
    held
    atf_check -o match:'may end' dom0 revoke vm1 --drain
    atf_check -o match:'is killed' dom0 kill "$id"
    killed vm1 "$id"
}

bed_test what_is_being_drained_is_ended_by_a_revocation_at_once
what_is_being_drained_is_ended_by_a_revocation_at_once_body() {
    bed_up 1
    id=$(forge vm1 --body "$(witness); exec sleep 60")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check -o match:'may end' dom0 revoke vm1 --drain
    atf_check -s exit:1 -e match:'has no key' dom0 revoke vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' meta_of vm1 "$id"
}

bed_test a_drained_vm_that_comes_back_is_served
a_drained_vm_that_comes_back_is_served_body() {
    bed_up 1
    held
    cp "$BED/etc/qubes/remote.d/vm1.key" key
    atf_check -o match:'may end' dom0 revoke vm1 --drain
    dom0 authorize vm1 <key >said 2>&1 || atf_fail "authorize"
    wait_for 'in_vm vm1 qvm-remote true'
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    # What was begun since is revoked as ever.
    rm "$BED/go"
    held
    atf_check -o match:'is revoked' dom0 revoke vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^log -$' meta_of vm1 "$id"
}

bed_test what_a_drained_vm_ended_without_a_session_is_owed
what_a_drained_vm_ended_without_a_session_is_owed_body() {
    bed_up 1
    held
    cp "$BED/etc/qubes/remote.d/vm1.key" key
    atf_check "$regress/bed" halt vm1
    atf_check -o match:'may end' dom0 revoke vm1 --drain
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"result\".*\"exit\":0")" = 1 ]'
    atf_check -s exit:1 -o match:'^VM vm1: not served' dom0 status
    dom0 authorize vm1 <key >said 2>&1 || atf_fail "authorize"
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_command_with_nonsense_in_it_is_closed
a_command_with_nonsense_in_it_is_closed_body() {
    bed_up 1
    held
    client 'import struct
kinds = [line.split("(")[1].split(",")[0]
         for line in open("'"$TREE"'/imsg/messages.h")
         if line.startswith("\tX(")]
def talk(kind, payload):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    s.settimeout(10)
    s.send(struct.pack("=HHII", kinds.index(kind), 12 + len(payload), 0, 0)
           + payload)
    try:
        while True:
            got = s.recv(65536)
            if not got:
                break
            assert kinds[struct.unpack("=H", got[:2])[0]] not in (
                "COUNTED", "ROW", "CONTROL_END"), kind
    except ConnectionResetError:
        pass
for kind, size in (("QUEUE", 32), ("QUEUE_CLEAN", 32), ("REQUEST_KILL", 104),
                   ("REVOKE", 36)):
    talk(kind, b"x" * size)                    # no end
    talk(kind, b"\033[2J".ljust(size, b"\0"))  # not printable
    talk(kind, b"\0" * (size - 1))             # short
    talk(kind, b"\0" * (size + 1))' || atf_fail "not closed"
    status_within 2
    atf_check -o match:"$id  runs" dom0 queue
    : >"$BED/go"
    wait_result vm1 "$id"
}

atf_init_test_cases() {
    bed_add_tests
}
