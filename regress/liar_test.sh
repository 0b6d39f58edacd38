#!/usr/bin/env atf-sh
# An agent that lies: what PROTOCOL.md says of frames and limits, broken by the
# VM, one VM for each sentence.  Each VM pays for its own lie, with a record
# that names the rule, and alone: vm1 is served meanwhile.  Limits that need no
# liar have their cases elsewhere: output in request_test, the log and the disk
# in full_test, memory in full_memory_test, time-outs in kill_test, forged
# requests in request_test; --once in once_test.
. "$(atf_get_srcdir)/lib.sh"

# liars N: a bed of vm1 and N more.  Where a VM's home has a lie, that is the
# next session's agent, once.
liars() {
    bed_up $(($1 + 1))
    # An agent that starts late would tell its lie to nobody.
    sessions=$(($1 + 1))
    wait_for '[ "$(count_log "\"event\":\"session\"")" = "$sessions" ]'
    atf_check "$regress/bed" stop
    mv "$BED/usr/bin/qvm-remote" "$BED/usr/libexec/bed/honest"
    install -m 755 "$regress/liar" "$BED/usr/libexec/bed/liar"
    install -m 644 "$regress/forge" "$BED/usr/libexec/bed/forge.py"
    cat >"$BED/usr/bin/qvm-remote" <<END
#!/bin/sh
cd "$BED/usr/libexec/bed" || exit 1
if [ "\$1" = agent ] && [ -e "\$HOME/lie" ]; then
    lie=\$(cat "\$HOME/lie")
    mv "\$HOME/lie" "\$HOME/told"
    exec ./liar "\$lie"
fi
cd "\$HOME" && exec "$BED/usr/libexec/bed/honest" "\$@"
END
    chmod 755 "$BED/usr/bin/qvm-remote"
    liar=1
}

# lie CODE: what the next VM's agent does; vm is that VM.
lie() {
    liar=$((liar + 1))
    vm=vm$liar
    printf '%s\n' "$1" >"$BED/vms/$vm/home/lie"
}

# breaks RULE CODE: a lie that ends its session with this record.
breaks() {
    lie "$2"
    printf '%s violation %s\n' "$vm" "$1" >>want
}

# How sessions ended, of all VMs.
ends() {
    cat_log | sed -En 's/.*"event":"(violation|silent)","vm":"([^"]*)","rule":"([^"]*)".*/\2 \1 \3/p'
}

# answered VM: what its liar was answered, and whether it was signed.
answered() {
    cat >wanted
    sed -n 's/^reason //p; s/^\(status .*\|mac\).*/\1/p' \
        "$BED/vms/$1/home/heard" >got
    atf_check diff -u wanted got
}

# The lies are told.
tell() {
    atf_check "$regress/bed" start
}

# vm1 is served, again and again, until the condition holds: within
# 30 s, or so many.
meanwhile() {
    until=$(($(date +%s) + ${2:-30}))
    until eval "$1"; do
        [ "$(date +%s)" -lt $until ] || {
            grep -v ' vm1: ' "$BED/daemon.log" >&2
            atf_fail "in vain: $(echo "$1" | tr '\n' ' ')"
        }
        atf_check -o inline:'served\n' timeout 5 "$regress/bed" run vm1 \
            qvm-remote 'echo served'
        sleep 0.1
    done
}

# stalls WHAT CODE: a lie whose session ends because this does not come.
stalls() {
    lie "$2"
    printf '%s silent silent: waited for %s\n' "$vm" "$1" >>want
}

# Each has its record.
all_broken() {
    tell
    n=$(wc -l <want)
    meanwhile '[ "$(grep -c "broke a rule" "$BED/daemon.log")" -ge "$n" ]'
    ends | sort >got
    sort want >wanted
    atf_check diff -u wanted got
}

# Each waits its second, and is served; but for one.
all_again() {
    for i in $(seq 2 "$liar"); do
        [ "vm$i" != "${1:-}" ] || continue
        atf_check -o inline:'again\n' in_vm "vm$i" qvm-remote -q 'echo again'
    done
}

bed_test a_line_is_a_frame
a_line_is_a_frame_body() {
    liars 21
    id='20260218-143022-1234-a1b2c3d4'
    breaks 'a line of more than 256 bytes' 'ready(); say("x" * 256 + "\n")'
    breaks 'a line of more than 256 bytes' 'ready(); say("x" * 256)'
    breaks 'no frame that this side sends' 'ready(); say("x" * 255 + "\n")'
    for byte in 00 1f 0d 7f 80 09; do
        breaks 'a byte outside 0x20-0x7E in a line' \
            "ready(); say(b'none\\x$byte\\n')"
    done
    breaks 'no frame that this side sends' 'ready(); say("\n")'
    breaks 'no frame that this side sends' "ready(); say('take $id\n')"
    breaks 'more than the fields of the frame' 'ready(); say("none \n")'
    breaks 'id: not a request'"'"'s id' \
        'ready(); say("request ../../etc/x 17 3 5 2\n")'
    breaks 'clock: seconds' "ready(); say('request $id -17 3 5 2\n')"
    breaks 'token length: a number' "ready(); say('request $id 17 03 5 2\n')"
    breaks 'body length: a number' \
        "ready(); say('request $id 17 3 18446744073709551616 2\n')"
    breaks 'input length: a number' "ready(); say('request $id 17 3 5\n')"
    breaks 'more than the fields of the frame' \
        "ready(); say('request $id 17 3 5 2 1\n')"
    breaks 'id: not a request'"'"'s id' \
        'ready(); say("cancel ping-1771425022000000000-17 17 3\n")'
    breaks 'id: not a request'"'"'s id' 'ready(); say("kept *\n")'
    breaks 'results: a number' 'ready(); say("counts 1 2 -\n")'
    all_broken
    all_again
}

bed_test what_was_not_asked_for_ends_the_session
what_was_not_asked_for_ends_the_session_body() {
    liars 18
    id='20260218-143022-1234-a1b2c3d4'
    # One answer for each `next`.
    breaks 'none: not asked for' \
        'say("ready 2 liar/1 wait\nnone\n")'
    breaks 'none: not asked for' 'ready(); say("none\nnone\n")'
    breaks 'request: not asked for' \
        'ready(); say(request("true") + request("true"))'
    breaks 'request: not asked for' 'ready(); say(b"none\n" + request("true"))'
    breaks 'cancel: not asked for' \
        'ready(); say(b"none\n" + cancel(new_id()))'
    breaks 'request: only a cancel was asked for' \
        'ready(); say(request("true")); wait("next"); say(request("true"))'
    echo 'rate = 1/h' >>"$BED/etc/qubes/remote.d/$vm.conf"
    rate=$vm
    # One `ready`; one `kept` for each `done`, and no other.
    breaks 'ready: a second time' 'ready(); say("ready 2 liar/1 wait\n")'
    breaks 'kept: an id that is not owed' "ready(); say('kept $id\n')"
    breaks 'kept: an id that is not owed' \
        'ready(); say("kept %s\n" % answer("true")[1])'
    breaks 'kept: an id that is not owed' "ready()
say(request('until [ -e $BED/go ]; do sleep 0.05; done'))
say('kept %s\\n' % wait('take')[1])"
    # dom0 counts nothing.
    breaks 'counts: not asked for' 'ready(); say("counts 0 0 0\n")'
    # As many bytes as its lengths say.
    breaks 'no frame that this side sends' \
        'ready(); say(request("true") + b"more\n")'
    breaks 'no frame that this side sends' \
        'ready(); say(cancel(new_id()) + b"more\n")'
    # Where a length is over its limit, none of the bytes.
    breaks 'a line of more than 256 bytes' \
        'ready(); say(request("", lengths=(300, 1048577, 0)) + b"#" * 1048577)'
    breaks 'a line of more than 256 bytes' \
        'ready(); say(request("", lengths=(4097, 5, 0)) + b"#" * 4097)'
    breaks 'a line of more than 256 bytes' \
        'ready(); say(request("", lengths=(300, 5, 16777217)) + b"#" * 300)'
    # Before `ready`, 4 KiB: the longest greeting, and one byte more.
    breaks 'more than 4096 bytes before ready' 'say("x" * 4096 + "\n")'
    breaks 'ready: a second time' \
        'say("x" * 4095 + "\n"); ready(); say("ready 2 liar/1 wait\n")'
    all_broken
    : >"$BED/go"
    atf_check -o match:'^[0-9.]* next cancel rate$' \
        cat "$BED/vms/$rate/home/heard"
    sed -i '/^rate/d' "$BED/etc/qubes/remote.d/$rate.conf"
    reload
    all_again
}

bed_test a_cancel_said_again_costs_nothing
a_cancel_said_again_costs_nothing_body() {
    liars 1
    lie 'ready(); id = new_id()
for _ in range(30): say(cancel(id)); wait("next")
answer("true")'
    tell
    meanwhile '[ "$(count_log "\"event\":\"delivered\",\"vm\":\"vm2\"")" = 1 ]'
    atf_check -o inline:'1\n' count_log '"event":"cancel","vm":"vm2"'
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"refused"'
}

# late ROLE US: all of a session is over before that process looks again, which
# it does so late.
late() {
    unset BED_CLOCK # the daemon is traced here
    liars 1
    tell
    wait_for '[ "$(count_log "\"event\":\"session\"")" = 4 ]'
    role=$(role_pid "$1")
    strace -qq -e trace=epoll_wait,epoll_pwait -o calls -p "$role" \
        -e "inject=epoll_wait,epoll_pwait:delay_exit=$2" &
    tracer=$!
    wait_for "grep -q '^TracerPid:.*[1-9]' /proc/$role/status"
    breaks 'more than 4096 bytes before ready' 'say("x" * 4096 + "\n")'
    kill -9 "$(role_pid "poller \[$vm\]")"
    # With a signal in each of its turns, the parent sees ends before words.
    wait_for 'kill -CHLD "$(role_pid parent)"; ends >got; [ -s got ]'
    kill $tracer
    wait $tracer
    atf_check diff -u want got
    all_again
}

# The process has nothing to do.
is_still() {
    _was=$(cat "/proc/$1/schedstat") && sleep 0.3 &&
        [ "$_was" = "$(cat "/proc/$1/schedstat")" ]
}

# The verifier's channel is full until all of the session is over.
bed_test what_was_said_while_the_verifiers_channel_is_full_is_recorded
what_was_said_while_the_verifiers_channel_is_full_is_recorded_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
what_was_said_while_the_verifiers_channel_is_full_is_recorded_body() {
    unset BED_CLOCK # the daemon is traced here
    liars 1
    tell
    wait_for '[ "$(count_log "\"event\":\"session\"")" = 4 ]'
    parent=$(role_pid parent)
    wait_for 'is_still "$parent"'
    # Three are the new poller's; the fourth is its channel, for the verifier.
    strace -qq -e trace=sendmsg -o calls -p "$parent" \
        -e inject=sendmsg:error=EAGAIN:when=4+ &
    tracer=$!
    wait_for "grep -q '^TracerPid:.*[1-9]' /proc/$parent/status"
    breaks 'more than 4096 bytes before ready' 'say("x" * 4096 + "\n")'
    kill -9 "$(role_pid "poller \[$vm\]")"
    wait_for '[ -e "$BED/vms/$vm/home/told" ] && grep -q EAGAIN calls'
    wait_for '! role_pid "poller \[$vm\]"'
    sleep 2 # time for the next one, which would take its place
    atf_check -s exit:1 -o empty role_pid "poller \[$vm\]"
    let_go $tracer "$parent"
    wait_for 'ends >got; [ -s got ]'
    atf_check diff -u want got
    all_again
}

# STOP comes to the verifier with the channel of a session that is over.
bed_test once_knows_of_a_rule_that_was_broken_before_it_looks
once_knows_of_a_rule_that_was_broken_before_it_looks_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
once_knows_of_a_rule_that_was_broken_before_it_looks_body() {
    unset BED_CLOCK # the daemon is traced here
    liars 1
    breaks 'more than 4096 bytes before ready' 'say("x" * 4096 + "\n")'
    atf_check "$regress/bed" halt vm1 # it would take longer
    late='epoll_wait,epoll_pwait'
    strace -D -qq -e trace=$late -o parent -e inject=$late:delay_exit=700000 \
        "$regress/bed" once &
    once=$!
    wait_for 'role_pid verifier >verifier && [ -s verifier ]'
    strace -qq -e trace=$late -o calls -p "$(cat verifier)" \
        -e inject=$late:delay_exit=4000000
    status=0
    wait $once || status=$?
    [ $status = 1 ] || atf_fail "it ended with $status"
    ends >got
    atf_check diff -u want got
}

bed_test what_was_said_before_the_parent_looks_is_recorded
what_was_said_before_the_parent_looks_is_recorded_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
what_was_said_before_the_parent_looks_is_recorded_body() {
    late parent 700000
}

bed_test what_was_said_before_the_verifier_looks_is_recorded
what_was_said_before_the_verifier_looks_is_recorded_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
what_was_said_before_the_verifier_looks_is_recorded_body() {
    late verifier 4000000
}

# The first time shows which message brings the verifier the session's channel.
bed_test once_waits_until_the_verifiers_channel_has_room
once_waits_until_the_verifiers_channel_has_room_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
once_waits_until_the_verifiers_channel_has_room_body() {
    unset BED_CLOCK # the daemon is traced here
    liars 1
    atf_check "$regress/bed" halt vm1 # it would take longer
    rm -f "$BED/vms/vm2/home/lie"
    atf_check -o ignore -e ignore strace -D -qq -e trace=sendmsg -o first \
        "$regress/bed" once
    n=$(grep "^sendmsg" first | grep -n SCM_RIGHTS | tail -n 1 | cut -d: -f1)
    breaks 'more than 4096 bytes before ready' 'say("x" * 4096 + "\n")'
    full=error=EAGAIN:delay_exit=200000:when=$n..$((n + 15))
    atf_check -s exit:1 -o ignore -e ignore strace -D -qq -e trace=sendmsg \
        -o second -e "inject=sendmsg:$full" "$regress/bed" once
    atf_check test "$(grep -c 'EAGAIN.*INJECTED' second)" -ge 16
    ends >got
    atf_check diff -u want got
}

# The token's own rules are the verifier's: request_test and replay_test.
bed_test what_is_over_a_length_is_rejected_and_the_session_goes_on
what_is_over_a_length_is_rejected_and_the_session_goes_on_body() {
    liars 2
    lie 'ready()
answer("", lengths=(4097, 5, 0))
answer("", lengths=(300, 1048577, 0))
answer("", lengths=(300, 5, 1048577))
answer("", lengths=(2**53, 2**53, 2**53))
answer("true", token=b"x" * 4096)
answer("true", token=b"x" * 1025)
say(cancel(new_id(), b"x" * 1025)); wait("next")
say(b"cancel %s 17 4097\n" % new_id().encode()); wait("next")
answer("#" * 1048575 + "\n", "#" * 1048576)
say("kept kept\n")'
    lie 'ready()
answer("true", "#" * 16777216)
answer("", lengths=(300, 5, 16777217))
say("kept kept\n")'
    echo 'input-limit = 16M' >>"$BED/etc/qubes/remote.d/vm3.conf"
    tell
    meanwhile '[ "$(grep -c "broke a rule" "$BED/daemon.log")" -ge 2 ]'
    atf_check -o inline:"vm2 violation id: not a request's id
vm3 violation id: not a request's id\n" sh -c 'sort' <<END
$(ends)
END
    # In one session each: unsigned, and with the rule.
    answered vm2 <<'END'
status rejected
the token has more than 4096 bytes
status rejected
the command has more than 1 MiB
status rejected
input of 1048577 bytes: this VM may send at most 1048576
status rejected
input of 9007199254740992 bytes: this VM may send at most 1048576
status rejected
token not accepted
status rejected
token not accepted
status exited
-
mac
END
    answered vm3 <<'END'
status exited
-
mac
status rejected
input of 16777217 bytes: this VM may send at most 16777216
END
    atf_check -o inline:'2\n' count_log '"reason":"a cancel that is not valid"'
    all_again
}

# The command itself, and what was signed for it.
bed_test a_body_that_breaks_a_rule_is_rejected
a_body_that_breaks_a_rule_is_rejected_body() {
    liars 1
    lie "ready()
answer('')
answer('$(witness)\\0')
answer('$(witness)\\x1b[1m')
answer('$(witness) #1', signed_body='$(witness) #2')
answer('$(witness)', signed_body='true')
answer('$(witness)', kind='ping')
answer('true', kind='cancel')
answer('\t:\xff\r')
say('kept kept\\n')"
    tell
    meanwhile 'grep -q "vm2 broke a rule" "$BED/daemon.log"'
    answered vm2 <<'END'
status rejected
the command is empty
mac
status rejected
the command has a NUL byte in it
mac
status rejected
the command has a control character in it
mac
status rejected
the command is not what was signed
mac
status rejected
the command is not what was signed
mac
status rejected
the command is not what was signed
mac
status rejected
token not accepted
status exited
-
mac
END
    no_witness
    all_again
}

# Not a word of what it was to be, and no rule is broken.
bed_test a_session_that_ends_within_a_frame_has_asked_for_nothing
a_session_that_ends_within_a_frame_has_asked_for_nothing_body() {
    liars 6
    for bytes in 20 at at+1 at+100 -7 -1; do
        lie "ready(); r = request('$(witness)', 'input')
at = r.index(b'\\n'); say(r[:$bytes]); sys.exit()"
    done
    tell
    meanwhile '[ "$(count_log "\"event\":\"session-end\"")" -ge 6 ]'
    no_witness
    atf_check -o empty ends
    all_again
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"refused"'
    for event in intent result; do
        atf_check -o inline:'6\n' count_log \
            "\"event\":\"$event\",\"vm\":\"vm[2-7]\""
    done
}

# What dom0 has of a VM's session: its poller and what reaches the VM.
of_vm() {
    for pid in $(bed_processes); do
        { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null
        echo
    done | grep -cE "poller \[$1\]|^qrexec-client.* $1 |^qvm-run.* $1 "
}

bed_test nothing_is_left_of_a_session_that_broke_a_rule
nothing_is_left_of_a_session_that_broke_a_rule_body() {
    liars 5
    broken="no frame that this side sends"
    # It stays, with all that it has started, and reads nothing.
    breaks "$broken" 'ready(); say("lie\n"); hold()'
    breaks "$broken" 'ready()
if [os.fork() for _ in range(3)][-1]: say("lie\n")
hold()'
    # Standard error without end: while it is served, and after.
    breaks "$broken" 'ready(); say("\x1b[1mloud\n", 2)
if not os.fork():
    while True: say("x" * 65536, 2)
for _ in range(20): answer("head -c 100000 /dev/zero")
say("lie\n"); hold()'
    loud=$vm
    # Output without end.
    breaks "$broken" 'ready()
while True: say("lie\n" * 16384)'
    # More than ten without a valid token in a minute: `bye`, and it stays.
    lie 'ready(); forged = "0" * 64
for _ in range(10): answer("true", key=forged)
say(request("true", key=forged)); wait("bye"); hold()'
    atf_check "$regress/bed" start -v
    meanwhile '[ "$(grep -c "broke a rule" "$BED/daemon.log")" -ge 4 ] &&
        grep -q "VM vm6: next session in" "$BED/daemon.log"'
    ends | sort >got
    atf_check diff -u want got
    # dom0 has let go of it all; the held one is served in a minute.
    all_again vm6
    for i in 2 3 4 5; do
        [ "$(of_vm vm$i)" = 2 ] || atf_fail "vm$i has more than one session"
    done
    [ "$(of_vm vm6)" = 0 ] || atf_fail "vm6 has a session"
    atf_check -o match:'VM vm6: next session in (5[0-9]|60)[0-9]{3} ms' \
        cat "$BED/daemon.log"
    atf_check -o inline:'10\n' count_log '"event":"refused","vm":"vm6"'
    atf_check -o inline:'1\n' count_log '"event":"refused-summary".*"count":1,'
    # Of standard error, a KiB, escaped.
    cat_log | grep "\"violation\",\"vm\":\"$loud\"" |
        sed 's/.*"stderr":"\(\([^"\\]\|\\.\)*\)".*/\1/' >said
    atf_check -o match:'^\\\\x1b\[1mloud\\\\x0axxx*$' cat said
    [ "$(wc -c <said)" -lt 1100 ] || atf_fail "more than a KiB"
}

# 30 s, all at once, and the one that waits for something to do.
bed_test a_silence_ends_the_session_wherever_it_falls
a_silence_ends_the_session_wherever_it_falls_body() {
    liars 18
    for code in '' 'say("Welcome")' 'say("ready 3 liar/1 wait\n")' \
        'say("ready 2 liar/1 maybe\n")' 'say("ready 2 liar wait\n")' \
        'while True: say("."); time.sleep(1)'; do
        stalls 'ready' "$code"
    done
    stalls 'the rest of a frame' 'ready(); say("no")'
    q='id = new_id(); r = request("true", "input", id=id); at = r.index(b"\n")'
    stalls 'the rest of a frame' "ready(); $q; say(r[:at + 100])"
    stalls 'the rest of a frame' "ready(); $q; say(r[:-7])"
    stalls 'the rest of a frame' "ready(); $q; say(r[:-2])"
    stalls 'the rest of a frame' 'ready(); say(cancel(new_id())[:-1])'
    stalls 'the rest of a frame' "ready(); $q
for i in range(len(r)):
    say(r[i:i + 1])
    time.sleep(1)"
    stalls 'an answer to next' 'ready("poll")'
    stalls 'kept' 'ready(); say(request("true"))'
    stalls 'room in the pipe' \
        'ready(); say(request("head -c 10000000 /dev/zero")); hold()'
    stalls 'room in the pipe' \
        'ready(); say(request("head -c 10000000 /dev/zero"))
while True: os.read(0, 65536); time.sleep(10)'
    # A slow one is not silent.
    lie 'ready(); id = new_id(); r = request("wc -c", "x" * 3145728, id=id)
for i in range(0, len(r), 90000): say(r[i:i + 90000]); time.sleep(1)
wait("done"); say("kept %s\n" % id); time.sleep(1); sys.exit(0)'
    slow=$vm
    echo 'input-limit = 4M' >>"$BED/etc/qubes/remote.d/$slow.conf"
    # dom0 waits longer where nothing need come.
    lie 'ready()'
    tell
    meanwhile '[ "$(ends | grep -c " silent ")" -ge 16 ] &&
        [ "$(count_log "\"event\":\"delivered\",\"vm\":\"$slow\"")" = 1 ]' 60
    atf_check -o match:'^status exited$' cat "$BED/vms/$slow/home/heard"
    ends | sort >got
    sort want >wanted
    atf_check diff -u wanted got
    early=$(cat_log | python3 -c '
import json, sys
from datetime import datetime
start = None
for r in map(json.loads, sys.stdin):
    t = datetime.fromisoformat(r["time"].replace("Z", "+00:00")).timestamp()
    if r["event"] == "start":
        start = t
    if r["event"] == "silent" and not 30 <= t - start < 40:
        print(r["vm"], t - start)')
    atf_check_equal "" "$early"
    atf_check -o match:'^it_value: \(2[89]|3[0-2])[0-9], ' cat \
        "/proc/$(role_pid "poller \[$vm\]")/fdinfo/"*
    all_again "$vm"
}

# The gaps in ms between two of dom0's frames, as a VM has heard them: it may be
# late.
gaps() {
    awk -v frame="$2" 'index($0, frame) {
        if (last) printf "%d\n", ($1 - last) * 1000
        last = $1
    }' "$BED/vms/$1/home/heard"
}

bed_test what_comes_at_once_is_asked_for_once_a_second
what_comes_at_once_is_asked_for_once_a_second_body() {
    liars 2
    breaks 'counts: not asked for' 'ready()
for _ in range(3): say("none\n"); wait("next")
say("counts 0 0 0\n")'
    breaks 'counts: not asked for' 'ready("poll")
for _ in range(3): say("none\n"); wait("next")
say("counts 0 0 0\n")'
    all_broken
    for vm in vm2 vm3; do
        gaps $vm 'next any' >got
        [ "$(wc -l <got)" = 3 ] || atf_fail "$vm: not 4 frames"
        [ "$(sort -n got | head -n 1)" -ge 700 ] || atf_fail "$vm: $(tr '\n' ' ' <got)"
    done
}

# Two `next` may stand, and each is answered as it was asked.
bed_test an_answer_is_judged_by_its_own_next
an_answer_is_judged_by_its_own_next_body() {
    liars 3
    two='first = ready(); heard.write("stands\n"); second = wait("next")'
    long='"#" * 1500000'
    # The policy allows less than when it was asked, or more.
    lie "$two; say(request('true', $long)); kept()
say('none\n'); hold()"
    less=$vm
    echo 'input-limit = 2M' >>"$BED/etc/qubes/remote.d/$less.conf"
    lie "$two; say(request('true', lengths=(300, 5, 1500000))); kept()
say(request('true', $long)); kept(); hold()"
    more=$vm
    # A third answer.
    breaks 'none: not asked for' "$two; say('none\n' * 3)"
    third=$vm
    tell
    for i in 2 3 4; do
        meanwhile "grep -qs stands $BED/vms/vm$i/home/heard"
    done
    sed -i '/^input-limit/d' "$BED/etc/qubes/remote.d/$less.conf"
    echo 'input-limit = 2M' | tee -a "$BED/etc/qubes/remote.d/$more.conf" \
        >>"$BED/etc/qubes/remote.d/$third.conf"
    kill -HUP "$(role_pid parent)"
    meanwhile 'grep -q "$third broke a rule" "$BED/daemon.log"'
    meanwhile 'grep -q "^mac" "$BED/vms/$more/home/heard"'
    meanwhile 'grep -q "^reason" "$BED/vms/$less/home/heard"'
    ends | sort >got
    atf_check diff -u want got
    answered "$less" <<'END'
status rejected
input of 1500000 bytes: this VM may send at most 1048576
END
    answered "$more" <<'END'
status rejected
input of 1500000 bytes: this VM may send at most 1048576
status exited
-
mac
END
}

# fills SIZE: a lie that offers as much as is asked for, bodies of at least SIZE
# bytes whose commands wait, and then one more.
fills() {
    breaks 'request: only a cancel was asked for' "n = 0; asked = ready()
while asked[1] == 'any':
    say(request('#' * $1 + '\\nuntil [ -e $BED/go ]; do sleep 1; done',
                order='queue'))
    n += 1; asked = wait('next')
heard.write('took %d, then %s\\n' % (n, asked[2]))
say(request('true'))"
}

# As many as a fills VM took.
took() {
    sed -n 's/^took \(.*\), then full$/\1/p' "$BED/vms/$1/home/heard"
}

bed_test a_vm_has_its_share_of_what_is_accepted
a_vm_has_its_share_of_what_is_accepted_body() {
    liars 2
    fills 0
    # Beside 7 of them, 8 MiB have no room for a maximal request of 2 MiB.
    fills 1048000
    all_broken
    atf_check_equal 64 "$(took vm2)"
    atf_check_equal 7 "$(took vm3)"
    : >"$BED/go"
    all_again
}

# Two outputs of 128 MiB are all of a VM's spool.
bed_test a_command_waits_for_its_spool
a_command_waits_for_its_spool_body() {
    liars 1
    lie "first, second = new_id(), new_id(); ready()
say(request('until [ -e $BED/go ]; do sleep 0.05; done', id=first)); wait('next')
say(request('true', id=second))
while wait('state')[1:3] != [second, 'queued']: pass
heard.write('waits\\n')
assert kept()[1] == first and kept()[1] == second
say('lie\\n')"
    echo 'output-limit = 128M' >>"$BED/etc/qubes/remote.d/vm2.conf"
    tell
    meanwhile 'grep -q waits "$BED/vms/vm2/home/heard"'
    : >"$BED/go"
    meanwhile 'grep -q "vm2 broke a rule" "$BED/daemon.log"'
    all_again
}

# 32 MiB beyond the first 2 MiB of each: all ask at once, none takes more.
bed_test all_vms_have_a_share_of_what_is_accepted
all_vms_have_a_share_of_what_is_accepted_body() {
    liars 10
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        fills 1048000
    done
    all_broken
    sum=0
    for i in 2 3 4 5 6 7 8 9 10 11; do
        n=$(took "vm$i")
        [ "$n" -gt 0 ] || atf_fail "vm$i took nothing"
        [ "$n" -le 2 ] || sum=$((sum + n - 2))
    done
    [ $sum -le 32 ] || atf_fail "took $sum MiB"
    [ $sum -gt 12 ] || atf_fail "took $sum MiB only"
    : >"$BED/go"
    all_again
}

atf_init_test_cases() {
    bed_add_tests
}
