#!/usr/bin/env atf-sh
# A poller, and the executor, in the hands of whoever has taken them over: with
# their real user, sandbox and channels they say whatever there is to be said
# (regress/puppet.c, regress/puppeteer).  vm1's poller is ours, and vm1 is
# served meanwhile.
. "$(atf_get_srcdir)/lib.sh"
. "$regress/puppets.sh"

# What came is looked at when it cannot change any more.  64 KiB: as much as
# is hashed at once.
bed_test what_grows_after_it_came_does_not_run
what_grows_after_it_came_does_not_run_body() {
    puppets 2
    grows="
opened()
id = forger.new_id()
def grown(kind, data, more):
    slot = memfd(data, 0)
    send(packet(kind, len(data)), slot)
    until('go')
    order('put %s %d' % (slot, len(more)), more)
    order('seal %s %d' % (slot, SEALED))
def padded(data):
    return data + b'#' * (65535 - len(data)) + b'\\n'
"
    orders "$grows
body = padded(b'echo signed >>$BED/ran\\n')
grown('BODY', body, b'echo unsigned >>$BED/ran\\n')
send(request(id, forge(body.decode(), id), len(body)))
told(done()[1])"
    orders "$grows
body, text = b'cat >>$BED/ran', padded(b'signed\\n')
send(packet('BODY', len(body)), memfd(body))
grown('INPUT', text, b'unsigned\\n')
send(request(id, forge(body.decode(), id, input=text.decode()), len(body),
             len(text)))
told(done()[1])"
    atf_check "$regress/bed" start
    verifier=$(role_pid verifier)
    wait_for '[ "$(find "/proc/$verifier/fd" -lname "/memfd:puppet*" |
        wc -l)" = 3 ]'
    for vm in vm2 vm3; do
        touch "$BED/vms/$vm/home/go"
        wait_for "grep -qs ^mac $BED/vms/$vm/home/said"
        atf_check -o match:'^status rejected$' \
            -o match:'^reason the command is not what was signed$' \
            cat "$BED/vms/$vm/home/said"
    done
    atf_check test ! -e "$BED/ran"
}

# What the parent has refused of pollers: types, each once.
refused_by_the_parent() {
    sed -n 's/.*parent: poller \[[^]]*\]: \([A-Z_]*\) refused: .*/\1/p' \
        "$BED/daemon.log" | sort -u
}

# broken RULE CODE: what ends the session of a poller that does this, as a
# record or as a line of the daemon's says it.
broken() {
    orders "$2
told('first: over\n' if is_over() else 'first: goes on\n')
next_session('sweep($((puppet - 1)), $puppets)')"
    printf '%s %s\n' "$vm" "$1" >>want
}

bed_test who_breaks_the_channels_rules_loses_its_session_alone
who_breaks_the_channels_rules_loses_its_session_alone_body() {
    puppets 40
    broken 'a bad opening' "opened(); send(packet('OPEN', b'puppet/1', 1))"
    broken 'a bad opening' "send(packet('OPEN', b'p' * 65, 1))"
    broken 'a bad opening' "send(packet('OPEN', b'p' * 68, 1))"
    broken 'a bad opening' "send(packet('OPEN', b'\\x1b[2J', 1))"
    other='a descriptor of another size'
    broken "$other" "opened(); send(packet('BODY', 3), memfd(b'echo'))"
    for kind in p s d n; do
        broken "$other" "opened(); send(packet('BODY', 4), '$kind')"
    done
    broken "$other" "opened(); send(packet('BODY', length('o') + 1), 'o')"
    other='a descriptor that was not asked for'
    broken "$other" "opened()
for i in range(2): send(packet('BODY', 4), memfd(b'echo'))"
    broken "$other" "opened()
for i in range(2): send(packet('INPUT', 4), memfd(b'text'))"
    broken "$other" "opened()
send(packet('BODY', 1048577), memfd(bytes(1048577)))"
    broken "$other" "opened()
send(packet('INPUT', 16 << 20), memfd(bytes(16 << 20)))"
    broken 'something kept that was not done' \
        "opened(); [send(packet('KEPT', id=i)) for i in range(100)]"
    broken 'something kept that was not done' \
        "opened(); ask('sleep 60'); send(packet('KEPT', id=wait('STATE')[1]))"
    for how in "'../../etc/x', b''" "'A' * 72, b''" "'', b''" \
        "new_id(), b'', clock=-1" "new_id(), b'', clock=(1 << 63) - 1"; do
        broken 'a bad request' "new_id = forger.new_id; opened()
send(request(*(lambda id, token, **more: (id, token, 1, 0, more.get('clock')))($how)))"
    done
    # What it was asked for is a cancel alone.
    broken 'a bad request' "opened(); ask('true')
while not fields('NEXT', wait('NEXT')[2])[1]: pass
ask('true')"
    echo 'rate = 1/h' >>"$BED/etc/qubes/remote.d/$vm.conf"
    broken 'a bad cancel' "opened(); send(packet('CANCEL', b'*', 17, 0))"
    broken 'a bad cancel' \
        "opened(); send(packet('CANCEL', forger.new_id().encode(), -1, 0))"
    broken 'a bad cancel' "opened(); send(packet('BODY', 4), memfd(b'echo'))
send(packet('CANCEL', forger.new_id().encode(), 17, 0))"
    broken 'a bad report' "send(packet('PROBLEM', 3))"
    broken 'a bad report' "send(packet('PROBLEM', 0, 0, b'\\n'))"
    broken 'a bad report' "send(packet('PROBLEM', 0, 0, b'', b'\\x1b[2J'))"
    # What it says after its last is heard by nobody.
    broken 'its last' "for rule in b'its last', b'one more':
    send(packet('PROBLEM', 0, -1, rule))"
    broken 'packet refused: shorter than a header' "send(b'\\0' * 4)"
    broken "NONE refused: its length is not the packet's" \
        "opened(); send(packet('NONE', length=13))"
    broken 'packet refused: unknown type' "send(packet('NONE', number=65535))"
    broken 'NONE refused: not in this state' "send(packet('NONE'))"
    broken 'NONE refused: wrong size' "opened(); send(packet('NONE', payload=b' '))"
    broken 'NONE refused: with a descriptor' \
        "opened(); send(packet('NONE'), 's')"
    broken 'BODY refused: without its descriptor' \
        "opened(); send(packet('BODY', 4))"
    broken 'BODY refused: more than one descriptor, or none to be had' \
        "opened(); slot = memfd(b'echo'); send(packet('BODY', 4), slot * 16)"
    broken 'PROBLEM refused: larger than a message may be' \
        "send(packet('PROBLEM', payload=bytes(16400)))"
    for log in "0, b'\\x1b[2J'" "9, b'line'"; do
        broken 'bad message' "opened()
try: send(packet('LOG', $log), end='p')
except Over: pass"
    done
    meanwhile '[ "$(ends | wc -l)" -ge "$(wc -l <want)" ]'
    ends | sort >got
    sort want >wanted
    atf_check diff -u wanted got
    wait_for '[ "$(cat "$BED"/vms/*/home/said | grep -c "^first: ")" = \
        "$puppets" ]'
    atf_check -s exit:1 -o inline:'0\n' count_log '"rule":"one more"'
    atf_check -s exit:1 grep 'first: goes on' "$BED"/vms/*/home/said
    [ "$(wc -l <want)" = "$puppets" ] || atf_fail "not as many cases"
    # Then each message of the table that is not a poller's to send.
    sed -n 's/^\tX(\([A-Z_]*\), .*/\1/p' "$TREE/imsg/messages.h" | sort >types
    grep -vx LOG types >wanted
    wait_for 'refused_by_the_parent | cmp - wanted'
    grep -vxE 'OPEN|BODY|INPUT|REQUEST|CANCEL|NONE|KEPT|PROBLEM' types >wanted
    wait_for '[ "$(cat "$BED"/vms/*/home/said | grep -c "^[A-Z]")" -ge \
        "$(wc -l <wanted)" ]'
    sed -n 's/^\([A-Z_]*\) over$/\1/p' "$BED"/vms/*/home/said | sort >got
    atf_check diff -u wanted got
    nobody_else_is_hurt
}

# It stays, with the channel closed by it or by the verifier: in its VM's way.
bed_test a_poller_that_outlives_its_session_is_killed
a_poller_that_outlives_its_session_is_killed_body() {
    puppets 2
    orders "opened(); order('close'); hold()"
    orders "opened(); send(packet('NONE', number=65535)); hold()"
    atf_check "$regress/bed" start
    for vm in vm2 vm3; do
        atf_check -o inline:'honest\n' -e ignore \
            timeout 30 "$regress/bed" run $vm qvm-remote 'echo honest'
        atf_check -o inline:'1\n' grep -c \
            "poller \[$vm\]: not ended in time" "$BED/daemon.log"
    done
    bed_verify
}

# Though it has delivered: the next session, else, comes at once.
bed_test a_refused_packet_holds_the_next_session
a_refused_packet_holds_the_next_session_body() {
    puppets 3
    for last in "packet('NONE', number=65535)" \
        "packet('NONE', number=65535), end='p'" "packet('OPEN', b'again', 1)"; do
        orders "opened(); ask('true'); serial, _ = done()
send(packet('KEPT', id=serial))
told('kept'); until('go')
send($last); is_over(); until('gone')"
    done
    atf_check "$regress/bed" start -v
    # What is answered in a later turn: the parent has been told.
    for vm in vm2 vm3 vm4; do
        wait_for "[ -e $BED/vms/$vm/home/said ]"
        wait_for "count_log '\"event\":\"delivered\",\"vm\":\"$vm\"' | grep 1"
        atf_check -o ignore in_dom0 qvm-remote-dom0 status
        : >"$BED/vms/$vm/home/go"
        wait_for "grep -E 'poller .$vm.: (packet refused: unknown|a bad opening)' \
            $BED/daemon.log"
        atf_check -o ignore in_dom0 qvm-remote-dom0 status
        : >"$BED/vms/$vm/home/gone"
        wait_for "grep 'VM $vm: next session in' $BED/daemon.log"
        atf_check -o match:"VM $vm: next session in [1-9]" cat "$BED/daemon.log"
    done
    bed_verify
}

# As the last of --once, and with its key taken away.
bed_test a_poller_that_ignores_bye_is_cut_and_killed
a_poller_that_ignores_bye_is_cut_and_killed_body() {
    puppets 2
    orders "opened(); send(packet('NONE')); wait('BYE'); told('bye'); hold()"
    orders "opened(); told('open'); wait('BYE'); told('bye'); hold()"
    timeout 40 "$regress/bed" once &
    once=$!
    wait_for '[ -e "$BED/vms/vm3/home/said" ]'
    atf_check -o ignore in_dom0 qvm-remote-dom0 revoke vm3 --drain
    wait $once
    atf_check_equal 1 $?
    for vm in vm2 vm3; do
        atf_check -o match:'bye$' cat "$BED/vms/$vm/home/said"
    done
    printf 'vm%d no end after bye\n' 2 3 >want
    ends | sort >got
    atf_check diff -u want got
    atf_check -o match:'VM vm2 was not served to the end' cat "$BED/daemon.log"
    bed_verify
}

# What is asked in vain: how each was answered, in the order of the questions.
bed_test what_is_not_signed_does_not_run
what_is_not_signed_does_not_run_body() {
    puppets 3
    orders "
opened()
body = 'echo ran >>$BED/ran\n'
def vain(id, data, slot, length):
    send(packet('BODY', length), slot)
    send(request(id, forge(data, id), length))
    serial, receipt = done()
    told(receipt)
    send(packet('KEPT', id=serial))
for seal in (SEAL, SHRINK, GROW, WRITE):
    vain(forger.new_id(), body, memfd(body.encode(), SEALED & ~seal),
         len(body))
vain(forger.new_id(), 'x' * length('f'), 'f', length('f'))
other = body.replace('ran', 'mud').encode()
vain(forger.new_id(), body, memfd(other), len(other))
"
    # With vm1's own key, for what vm1 runs and for something new.
    orders "
opened()
until('stolen')
key, running = open(os.path.join(home, 'stolen')).read().split()
key = bytes.fromhex(key)
for own in (None, key):
    token = forge('', running, key=own, kind='cancel')
    send(packet('CANCEL', running.encode(), int(time.time()), len(token),
                token))
    wait('NEXT')
ask('echo ran >>$BED/ran\n', key=key)
told(done()[1])
"
    # Without the input that was signed, or with one that was not.  Of an empty
    # one, no length and no digest says it.
    orders "
opened()
body = 'echo ran >>$BED/ran\n'
def vain(signed, input=None):
    id = forger.new_id()
    send(packet('BODY', len(body)), memfd(body.encode()))
    if input is not None:
        send(packet('INPUT', len(input)), memfd(input))
    send(request(id, forge(body, id, input=signed), len(body),
                 len(signed or '')))
    told(done()[1])
vain('signed')
vain(None, b'')
"
    atf_check "$regress/bed" start
    in_vm vm1 qvm-remote "$(witness); until [ -e $BED/go ]; do sleep 0.05
        done; echo whole" >out &
    client=$!
    wait_for '[ -s "$BED/witness" ]'
    cat "$BED/vms/vm1/home/.qvm-remote/auth.key" "$BED/witness" >stolen
    cp stolen "$BED/vms/vm3/home/half"
    mv "$BED/vms/vm3/home/half" "$BED/vms/vm3/home/stolen"
    wait_for '[ "$(grep -c ^reason "$BED/vms/vm2/home/said")" = 6 ]'
    wait_for 'grep -qs ^reason "$BED/vms/vm3/home/said"'
    wait_for '[ "$(grep -c ^reason "$BED/vms/vm4/home/said")" = 2 ]'
    : >"$BED/go"
    wait $client || atf_fail "vm1's command was ended"
    atf_check -o inline:'whole\n' cat out
    cat "$BED/vms/vm2/home/said" "$BED/vms/vm4/home/said" >said
    atf_check -o inline:'8\n' grep -c \
        '^reason the command is not what was signed$' said
    atf_check -o match:'^reason token not accepted$' -o match:'^log -$' \
        cat "$BED/vms/vm3/home/said"
    atf_check test ! -e "$BED/ran"
    served=1
    nobody_else_is_hurt
}

# A bed whose executor is a puppet for as long as there are orders.
executor_puppet() {
    bed_up "$1"
    bed_seed
    atf_check "$regress/bed" stop
    install_puppet executor
    ln -s "$BED/orders" "$libexec/hands.executor"
    forged=0
}

# lies WHAT CODE: an executor that is given a request, and does this, ends the
# daemon, which says what was wrong; the request is answered truly by the next.
lies() {
    printf '%s\n' "$2" 'until_over()' >"$BED/orders"
    atf_check "$regress/bed" start
    forge vm1 --body "$(witness)" >>ids || atf_fail forge
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    tail -n 12 "$BED/daemon.log" >said
    atf_check -o match:"$1" cat said
}

run="seq = given('RUN')[0];"
bed_test an_executor_that_lies_ends_the_daemon_and_changes_no_answer
an_executor_that_lies_ends_the_daemon_and_changes_no_answer_body() {
    executor_puppet 1
    none='executor: the end of what does not run'
    impossible='executor: an end that cannot be'
    lies "$none" "$run end(seq + 1)"
    lies "$none" "$run end(seq); end(seq)"
    lies 'executor: the start of what' "$run tell('STARTED', seq + 1)"
    sizes='executor: sizes that cannot be'
    lies "$sizes" "$run tell('GROWN', seq, 9); tell('GROWN', seq, 8)"
    lies "$sizes" "$run tell('GROWN', seq, 1 << 63)"
    big='10 << 20'
    lies "$impossible" "$run end(seq, out=(1 << 63, 1 << 63, b''))"
    lies "$impossible" "$run end(seq, err=($big + 1, $big + 1, b''))"
    lies "$impossible" "$run tell('GROWN', seq, 2); end(seq, out=(1, 1, b''))"
    lies "$impossible" "$run end(seq, started=-1)"
    lies "$impossible" "$run end(seq, started=1 << 54, ended=1 << 54)"
    lies "$impossible" "$run end(seq, how=1, value=0)"
    lies "$impossible" "$run end(seq, value=256)"
    # Of what is not kept, none is sealed.
    lies "$impossible" "$run end(seq, sealed=(1, 12))"
    lies "$impossible" "$run end(seq, sealed=(0, 13))"
    lies 'executor: bad outputs' "$run tell('OUTPUTS', b'\x1b', 0, 0)"
    for heads in '(513, 0)' '(0, 513)'; do
        lies 'executor: a bad end' "$run end(seq, heads=$heads)"
    done
    for stream in 0 3; do
        lies 'executor: a bad spool' \
            "$run tell('SPOOL', seq, b'', $stream, fds=[os.pipe()[0]])"
    done
    lies 'executor: REQUEST refused: not from this role' \
        "$run tell('REQUEST')"
    lies 'executor: is gone' "$run verifier.send(b'')"
    lies 'executor: bad message' "$run tell('LOG', 0, b'\x1b[2J', to=parent)"
    # Each was answered by the start that followed it.
    atf_check "$regress/bed" start
    for id in $(cat ids); do
        wait_result vm1 "$id"
        meta_of vm1 "$id" >>metas
    done
    # The one that had an end before the lie, too.
    atf_check -o inline:"$(($(wc -l <ids) - 1))\n" \
        grep -c '^status interrupted$' metas
    no_witness
    atf_check -o inline:'honest\n' in_vm vm1 qvm-remote 'echo honest'
    bed_verify
}

# Whatever it says of what it was given is what the record says; it cannot say
# it of anything else, and who needs no executor is answered without.
bed_test a_silent_executor_holds_up_what_it_was_given_alone
a_silent_executor_holds_up_what_it_was_given_alone_body() {
    executor_puppet 2
    cat >"$BED/orders" <<'END'
given("OUTPUT_LOOK")
tell("OUTPUTS", b"vm2", 1, 0)
tell("OUTPUTS", b"vm2", 1, 1)
seq = given("RUN")[0]
until("go")
tell("STARTED", seq, time.time_ns() // 1000)
tell("GROWN", seq, 5)
given("SPOOL_OPEN")
for stream in (1, 2):
    tell("SPOOL", seq, b"", stream, fds=[os.pipe()[0]])
end(seq, out=(5, 5, b"\1" * 32))
until_over()
END
    echo 'record-keep = 2' >>"$BED/etc/qubes/remote.d/vm2.conf"
    atf_check "$regress/bed" start
    in_vm vm1 qvm-remote -q "$(witness)" 2>err &
    client=$!
    wait_for "ls $BED/vms/vm1/home/.qvm-remote/queue/running/*.auth \
        >/dev/null 2>&1"
    atf_check -o match:'dom0' timeout 5 "$regress/bed" run vm2 qvm-remote ping
    forge vm2 --key "$(other_key)" --wait 5 >meta || atf_fail 'no answer'
    atf_check -o match:'^reason token not accepted$' cat meta
    : >"$BED/go"
    wait $client
    atf_check_equal 255 $?
    atf_check -o match:'dom0 lost output: 5 of 5 bytes' cat err
    # Of what it was not asked about, no record says that it is too old.
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"outputs-removed"'
    atf_check -o match:'dom0' timeout 5 "$regress/bed" run vm2 qvm-remote ping
    no_witness
}

# It may hold up all VMs: whoever waits is told why, and nothing is lost.
bed_test an_executor_that_says_its_disk_is_full_holds_up_requests_until_it_is_not
an_executor_that_says_its_disk_is_full_holds_up_requests_until_it_is_not_body() {
    executor_puppet 2
    cat >"$BED/orders" <<'END'
tell("SPOOL_DISK", 1)
until("go")
tell("SPOOL_DISK", 0)
seq = given("RUN")[0]
tell("STARTED", seq, time.time_ns() // 1000)
end(seq)
until_over()
END
    atf_check "$regress/bed" start
    wait_for 'cat_log | grep -q "\"where\":\"spool\",\"low\":true"'
    in_vm vm1 timeout 60 qvm-remote true 2>run &
    run=$!
    in_vm vm2 timeout 60 qvm-remote ping >ping 2>&1 &
    ping=$!
    for said in run ping; do
        wait_for "grep -q 'no request at the moment .disk.' $said"
    done
    atf_check -o match:'[0-9] MiB free' in_dom0 qvm-remote-dom0 status
    atf_check -s exit:1 -o inline:'0\n' \
        count_log '"event":"\(intent\|result\)"'
    : >"$BED/go"
    wait $run || atf_fail "it did not run: $(cat run)"
    wait $ping || atf_fail "no answer to ping: $(cat ping)"
    atf_check -o inline:'1\n' count_log '"event":"intent"'
    atf_check -o inline:'1\n' \
        count_log '"event":"disk","where":"spool","low":false'
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
