#!/usr/bin/env atf-sh
# Keys and VMs that come and go: what they have used is not forgotten, and what
# they leave holds up nobody.
. "$(atf_get_srcdir)/lib.sh"

DOM0=etc/qubes/remote.d

restart() {
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
}

# The log is another one from now on: SCRIPT makes its files in the folder.
log_by() {
    rm -r "$BED/var/log/qvm-remote"
    install -d -m 0700 -o qvm-remote-key -g qvm-remote-key \
        "$BED/var/log/qvm-remote"
    "$@" || atf_fail "no log"
    chown -R qvm-remote-key: "$BED/var/log/qvm-remote"
    chmod 0600 "$BED"/var/log/qvm-remote/*.log
    bed_altered
}

# made_log: Python on standard input, with `log` and how it is written.
made_log() {
    { cat && echo 'log.write(sys.argv[1])'; } >made.py
    PYTHONPATH=$regress python3 -B - "$BED/var/log/qvm-remote" <<END
import base64, os, struct, sys, time
from make_log import Maker
boot = open("/proc/sys/kernel/random/boot_id").read().strip()
log = Maker(os.urandom(32))
log.segment("start", dict(log.now, boot=boot))
$(cat made.py)
END
}

thousand_keys() {
    made_log <<'END'
def b64(data):
    return base64.b64encode(data).decode()
until = int(time.clock_gettime(time.CLOCK_BOOTTIME)) + 3600
for n in range(1024):
    log.add("snapshot-key", fingerprint="%016x" % n, known_since=1000)
log.add("snapshot-memory",
        entries_b64=b64(b"".join(
            os.urandom(24) + struct.pack("=II", int(time.time()) + 3600, until)
            for n in range(1024))),
        keys_b64=b64(struct.pack("=1024H", *range(1024))))
END
}

# What fell out had tokens that expire within the hour: of a key that may be
# one of those, only later ones run.
bed_test a_key_that_may_have_fallen_out_refuses_what_it_may_have_used
a_key_that_may_have_fallen_out_refuses_what_it_may_have_used_body() {
    bed_up 2
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm2
    atf_check "$regress/bed" stop
    log_by thousand_keys
    atf_check "$regress/bed" start
    now=$(date +%s)
    forge vm1 --issued $((now + 200)) --expires $((now + 3000)) \
        --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' cat meta
    no_witness
    atf_check -s exit:1 -o match:'tokens are refused up to .* fell out' \
        in_dom0 qvm-remote-dom0 status
    forge vm1 --expires $((now + 8000)) --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status exited$' cat meta
    # Another key, after a restart: a snapshot keeps it.
    restart
    in_dom0 qvm-remote-dom0 authorize vm2 >said 2>&1 \
        <"$BED/vms/vm2/home/.qvm-remote/auth.key" || atf_fail "authorize"
    forge vm2 --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status replayed$' cat meta
    atf_check -o inline:'1\n' count_witness
}

bed_test two_keys_that_change_places_in_one_reload_both_serve
two_keys_that_change_places_in_one_reload_both_serve_body() {
    bed_up 2
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    for vm in vm1 vm2; do
        cp "$BED/vms/$vm/home/.qvm-remote/auth.key" "key.$vm"
    done
    cat key.vm2 >"$BED/vms/vm1/home/.qvm-remote/auth.key"
    cat key.vm1 >"$BED/vms/vm2/home/.qvm-remote/auth.key"
    cat key.vm2 >"$BED/$DOM0/vm1.key"
    cat key.vm1 >"$BED/$DOM0/vm2.key"
    reload
    wait_for 'in_vm vm1 qvm-remote true 2>/dev/null'
    wait_for 'in_vm vm2 qvm-remote true 2>/dev/null'
    cp -a "$BED/vms/vm1/home/saved" "$BED/vms/vm2/home/"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/saved"
    again vm2
    wait_result vm2 "$id"
    atf_check -o match:'^status replayed$' meta_of vm2 "$id"
    atf_check -o inline:'1\n' count_witness
}

# 150 others that the newest segment names.
bed_test names_that_are_gone_take_no_place
names_that_are_gone_take_no_place_body() {
    bed_up 2
    for round in 1 2 3; do
        for n in $(seq 50); do
            (umask 077 && other_key >"$BED/$DOM0/g$round-$n.key")
            echo 'mode = shell' >"$BED/$DOM0/g$round-$n.conf"
        done
        reload
        wait_for '[ "$(count_log "\"event\":\"key\",\"vm\":\"g$round-")" = 50 ]'
        rm "$BED/$DOM0"/g*
        reload
    done
    atf_check -o ignore in_vm vm2 qvm-remote "$(witness)"
    restart
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    atf_check -o ignore in_vm vm2 qvm-remote "$(witness)"
    restart
    atf_check -o ignore in_vm vm2 qvm-remote "$(witness)"
    atf_check -o inline:'4\n' count_witness
    atf_check "$regress/bed" stop
    id=$(forge vm2 --body "$(witness)")
    atf_check "$regress/bed" once
    atf_check -o match:'^status exited' meta_of vm2 "$id"
}

owed_by_too_many() {
    made_log <<'END'
for n in range(140):
    name = "20260218-143022-1234-%08x" % n
    log.add("intent", vm="o%d" % n, id=name, request="%064x" % n,
            key="%016x" % n, issued=int(time.time()),
            expires=int(time.time()) + 300)
END
}

# No table is so large that nothing could fill it: the daemon starts, says of
# whom it cannot serve why, and what lost its answer does not run again.
bed_test a_table_that_is_full_of_those_who_are_owed_is_no_end
a_table_that_is_full_of_those_who_are_owed_is_no_end_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    log_by owed_by_too_many
    atf_check "$regress/bed" start
    atf_check -o inline:'12\n' grep -c 'its answer to .* is lost' \
        "$BED/daemon.log"
    atf_check -o inline:'128\n' count_log '"status":"interrupted"'
    atf_check -s exit:1 -o match:'vm1.*no place is free' \
        in_dom0 qvm-remote-dom0 status
    atf_check "$regress/bed" stop
    id=$(forge vm1 --body "$(witness)")
    atf_check -s exit:1 timeout 60 "$regress/bed" once
    atf_check -o match:'VM vm1 is not served: no place is free' \
        cat "$BED/daemon.log"
    no_witness
}

cancels_of_many() {
    made_log <<'END'
soon = int(time.time()) + 600
for n in range(140):
    log.add("cancel", vm="o%d" % n, id="20260218-143022-1234-%08x" % n,
            key="%016x" % n, issued=soon - 630, expires=soon,
            effect="before its request")
later = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(soon + 3600))
record = log.add("cancel", vm="late", id="20260218-143022-1234-99999999",
                 key="%016x" % 1, issued=soon + 3600, expires=soon + 4000,
                 effect="before its request")
record["time"] = later
END
}

bed_test cancels_that_have_expired_make_room
cancels_that_have_expired_make_room_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    log_by cancels_of_many
    atf_check "$regress/bed" start
    newest=$(find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1)
    atf_check -o inline:'1\n' grep -ac '"event":"snapshot-cancel"' "$newest"
    atf_check -o match:'"event":"snapshot-cancel","vm":"late"' \
        grep -a snapshot-cancel "$newest"
}

total_of() {
    find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1 |
        xargs cat | tr -d '\000' | python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["event"] == "snapshot-vm" and r["vm"] == sys.argv[1]:
        print(r["total_bytes"], r["day_bytes"])' "$1"
}

bed_test revoking_a_key_gives_no_new_share_of_the_log
revoking_a_key_gives_no_new_share_of_the_log_body() {
    bed_up 1
    { printf '%s; : ' "$(witness)"; head -c 500000 /dev/zero | tr '\0' x; } \
        >script
    in_vm vm1 qvm-remote <script || atf_fail "did not run"
    restart
    before=$(total_of vm1)
    [ "${before% *}" -gt 500000 ] || atf_fail "not counted: $before"
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    wait_for '! in_dom0 qvm-remote-dom0 status | grep -q "^vm1"'
    restart
    in_dom0 qvm-remote-dom0 authorize vm1 >said 2>&1 \
        <"$BED/vms/vm1/home/.qvm-remote/auth.key" || atf_fail "authorize"
    restart
    after=$(total_of vm1)
    [ "${after% *}" -ge "${before% *}" ] || atf_fail "$after after $before"
    [ "${after#* }" -ge 500000 ] || atf_fail "$after after $before"
}

# move_key: vm1's key and files are vm2's from now on.
move_key() {
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm2
    rm -r "$BED/vms/vm2/home/.qvm-remote"
    cp -a "$BED/vms/vm1/home/.qvm-remote" "$BED/vms/vm2/home/"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/.qvm-remote"
    in_dom0 qvm-remote-dom0 authorize vm2 >said 2>&1 \
        <"$BED/vms/vm2/home/.qvm-remote/auth.key" || atf_fail "authorize"
}

held() {
    printf '%s; echo begun; until [ -e %s/go ]; do sleep 0.05; done; echo done' \
        "$(witness)" "$BED"
}

# A VM that is given another name, as its owner sees it.
bed_test an_answer_goes_with_its_key
an_answer_goes_with_its_key_body() {
    bed_up 2
    id=$(forge vm1 --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"result\"")" = 1 ]'
    move_key
    wait_result vm2 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm2 "$id"
    atf_check -o inline:'begun\ndone\n' \
        in_vm vm2 cat ".qvm-remote/queue/results/$id.out"
    wait_for '[ "$(count_log "\"event\":\"delivered\"")" = 1 ]'
    # Nobody is owed it any more, after a restart too.
    restart
    newest=$(find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1)
    atf_check -o match:'"requests":0,' grep -a '"event":"snapshot",' "$newest"
    atf_check -o inline:'1\n' count_witness
}

bed_test an_interrupted_one_is_answered_where_its_key_is
an_interrupted_one_is_answered_where_its_key_is_body() {
    bed_up 2
    id=$(forge vm1 --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    move_key
    atf_check "$regress/bed" start
    wait_result vm2 "$id"
    atf_check -o match:'^status interrupted$' -o match:'^mac ' meta_of vm2 "$id"
    atf_check -o inline:'1\n' count_witness
}

# A VM whose command does not end at once: its key moves, and so does it.
bed_test a_command_goes_on_under_its_first_name_when_its_key_moves
a_command_goes_on_under_its_first_name_when_its_key_moves_body() {
    bed_up 2
    id=$(forge vm1 --body "trap '' TERM; $(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    move_key
    wait_result vm2 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^mac ' meta_of vm2 "$id"
    atf_check -o inline:'1\n' \
        count_log '"event":"result","vm":"vm1","id":"'"$id"
    atf_check -s exit:1 -o inline:'0\n' \
        count_log '"event":"result","vm":"vm2","id":"'"$id"
}

bed_test the_session_of_who_had_the_key_ends_when_its_request_moves
the_session_of_who_had_the_key_ends_when_its_request_moves_body() {
    bed_up 2
    id=$(forge vm1 --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    agent=$(in_vm vm1 pgrep -f 'qvm-remote agent')
    in_vm vm1 kill -STOP "$agent"
    move_key
    wait_result vm2 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^mac ' meta_of vm2 "$id"
    in_vm vm1 kill -CONT "$agent"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_cancel_goes_with_its_key
a_cancel_goes_with_its_key_body() {
    bed_up 2
    id=$(forge vm1 --save /home/user/saved --only-save --body "$(witness)")
    forge vm1 --kind cancel --id "$id" >cancelled
    wait_for '[ "$(count_log "\"event\":\"cancel\"")" = 1 ]'
    move_key
    cp -a "$BED/vms/vm1/home/saved" "$BED/vms/vm2/home/"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/saved"
    again vm2
    wait_result vm2 "$id"
    atf_check -o match:'^status cancelled$' meta_of vm2 "$id"
    no_witness
}

# 64 that had expired are followed by one that has not.
# cancels_of_vm1 COUNT SECONDS: each but the last expires in so many.
cancels_of_vm1() {
    cp "$BED/vms/vm1/home/.qvm-remote/auth.key" key
    made_log <<END
import hashlib
key = hashlib.sha256(b"qvm-remote key fingerprint 2\n" +
                     bytes.fromhex(open("key").read().strip())).hexdigest()[:16]
now = int(time.time())
log.add("key", vm="vm1", fingerprint=key, known_since=now - 1000)
for n in range($1):
    record = log.add("cancel", vm="vm1", id="20260218-143022-1234-%08x" % n,
                     key=key, issued=now - 100, expires=now + $2,
                     effect="before its request")
    record["time"] = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z",
                                   time.gmtime(now - 95))
record.update(expires=now + 1000)
record["time"] = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(now))
END
}

cancelled_id() {
    echo "20260218-143022-1234-000000$1"
}

# answers ID STATUS: what its request is answered.
answers() {
    forge vm1 --id "$(cancelled_id "$1")" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:"^status $2\$" cat meta
}

bed_test cancels_that_have_expired_push_out_none_that_has_not
cancels_that_have_expired_push_out_none_that_has_not_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    log_by cancels_of_vm1 65 -90
    atf_check "$regress/bed" start
    answers 40 cancelled
    no_witness
}

bed_test a_vm_has_64_early_cancels_and_no_more_puts_one_out
a_vm_has_64_early_cancels_and_no_more_puts_one_out_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    log_by cancels_of_vm1 64 1000
    atf_check "$regress/bed" start
    forge vm1 --kind cancel --id "$(cancelled_id 40)"
    wait_for "cat_log | grep -q '\"event\":\"refused\".*$(cancelled_id 40)'"
    answers 00 cancelled
    no_witness
    answers 40 exited
}

# 64 are remembered; ten more a minute have a record.  They come before all
# requests of each session, and none of them is held up for good.
bed_test cancels_of_nothing_hold_up_nothing
cancels_of_nothing_hold_up_nothing_body() {
    bed_up 1
    forge vm1 --kind cancel --count 90 >cancelled
    wait_for '[ "$(count_log "\"event\":\"refused\"")" = 10 ]'
    atf_check -o inline:'64\n' count_log '"event":"cancel"'
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    atf_check "$regress/bed" stop
    atf_check -o inline:'64\n' count_log '"event":"cancel"'
    atf_check -o inline:'10\n' count_log '"event":"refused"'
    atf_check -o inline:'1\n' count_log '"event":"refused-summary"'
    atf_check -o inline:'2\n' count_witness
}

# By a client that thinks better of it while dom0 is away.
bed_test what_was_cancelled_before_it_was_asked_for_is_answered
what_was_cancelled_before_it_was_asked_for_is_answered_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    for _ in $(seq 20); do
        id=$(in_vm vm1 qvm-remote --detach "$(witness)") || atf_fail "detach"
        echo "$id" >>ids
        atf_check -e ignore in_vm vm1 qvm-remote cancel "$id"
    done
    atf_check "$regress/bed" start
    atf_check -o inline:'served\n' in_vm vm1 qvm-remote 'echo served'
    while read -r id; do
        atf_check -s exit:130 -e ignore in_vm vm1 qvm-remote wait "$id"
    done <ids
    no_witness
}

# They have expired with their requests, while dom0 was away.
bed_test cancels_that_are_too_late_hold_up_nothing
cancels_that_are_too_late_hold_up_nothing_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    old="--issued $(($(date +%s) - 700)) --expires $(($(date +%s) - 400))"
    for _ in $(seq 9); do
        # shellcheck disable=SC2086 # words
        id=$(forge vm1 $old --body "$(witness)")
        # shellcheck disable=SC2086
        forge vm1 $old --kind cancel --id "$id" >>ids
    done
    # shellcheck disable=SC2086
    forge vm1 $old --kind cancel --count 5 >>ids
    atf_check "$regress/bed" start
    atf_check -o inline:'served\n' in_vm vm1 timeout 30 qvm-remote 'echo served'
    no_witness
}

bed_test a_65th_vm_puts_out_nobody
a_65th_vm_puts_out_nobody_body() {
    bed_up 1
    for n in $(seq 63); do
        (umask 077 && other_key >"$BED/$DOM0/g$n.key")
        echo 'mode = shell' >"$BED/$DOM0/g$n.conf"
    done
    reload
    wait_for '[ "$(count_log "\"event\":\"key\",\"vm\":\"g")" = 63 ]'
    (umask 077 && other_key >"$BED/$DOM0/another.key")
    echo 'mode = shell' >"$BED/$DOM0/another.conf"
    reload
    wait_for "grep -q 'VM another is not served: 64 others are' \
        '$BED/daemon.log'"
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_token_beyond_what_can_be_remembered_is_refused
a_token_beyond_what_can_be_remembered_is_refused_body() {
    bed_up 1
    forge vm1 --issued 4294967000 --expires 4294967290 --body "$(witness)" \
        --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o match:'^reason expires after' \
        -o not-match:'^mac ' cat meta
    no_witness
}

# flip FILE TEXT: another byte stands in place of the text's first.
flip() {
    python3 - "$1" "$2" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    at = f.read().index(sys.argv[2].encode())
    f.seek(at)
    f.write(b"!")
END
}

newest() {
    find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1
}

# No start goes on behind a record that was changed as if a crash had torn it.
bed_test nothing_is_run_on_a_damaged_log
nothing_is_run_on_a_damaged_log_body() {
    bed_up 1
    bed_altered
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    flip "$(newest)" '"event":"intent"'
    atf_check -s exit:1 -e match:'is damaged, and later ones are there' \
        "$regress/bed" start
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    # As the line says; then what was signed before is refused.
    mv "$(newest)" away
    atf_check "$regress/bed" start
    atf_check -o match:'runs before this one are missing' cat "$BED/daemon.log"
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status rejected$' -o not-match:'^mac ' \
        meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

# A line of megabytes costs no memory, and is known again.
bed_test a_long_record_is_read_in_pieces
a_long_record_is_read_in_pieces_body() {
    bed_up 1
    python3 -c 'import sys
sys.stdout.write(sys.argv[1] + "\n# " + "\u00e9" * 500000 + "\n")' \
        "$(witness)" >script
    atf_check sh -c '"$0" run vm1 qvm-remote <script' "$regress/bed"
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' \
        "/proc/$(role_pid verifier)/status")
    echo "verifier: $peak KiB"
    [ "$peak" -le 16384 ] || atf_fail "verifier: $peak KiB"
    atf_check -o match:'"event":"snapshot","keys":1,"memory":1,.*"requests":0' \
        grep -a '"event":"snapshot",' "$(newest)"
}

# What was refused or only checked has its body in its result.
bed_test a_long_result_is_read_in_pieces
a_long_result_is_read_in_pieces_body() {
    bed_up 1
    python3 -c 'import sys
sys.stdout.write(": \n# " + "\u00e9" * 500000 + "\n")' >script
    atf_check -o ignore sh -c '"$0" run vm1 qvm-remote --check <script' \
        "$regress/bed"
    atf_check -s exit:126 -e ignore sh -c \
        '"$0" run vm1 qvm-remote -t 3000 <script' "$regress/bed"
    wait_for '[ "$(count_log "\"event\":\"delivered\"")" = 2 ]'
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
    atf_check -o match:'"memory":1,.*"requests":0' \
        grep -a '"event":"snapshot",' "$(newest)"
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
}

# A run without a record, and the daemon started twice since.
bed_test what_missing_runs_may_have_run_is_refused_after_a_second_start
what_missing_runs_may_have_run_is_refused_after_a_second_start_body() {
    bed_up 1
    bed_altered
    atf_check -o ignore in_vm vm1 qvm-remote true
    restart
    id=$(forge vm1 --save /home/user/saved --expires $(($(date +%s) + 4000)) \
        --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    mv "$(newest)" away
    atf_check "$regress/bed" start
    atf_check -o match:'runs before this one are missing' cat "$BED/daemon.log"
    restart
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status rejected$' -o not-match:'^mac ' \
        meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_crash_costs_no_segment
a_crash_costs_no_segment_body() {
    bed_up 1
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    crashed=$(newest)
    atf_check "$regress/bed" start
    [ "$(wc -c <"$crashed")" -lt 100000 ] || atf_fail "as large as ever"
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
}

# Ctrl-C, and a unit's KillMode, reach every process.
bed_test a_signal_to_all_processes_is_a_clean_end
a_signal_to_all_processes_is_a_clean_end_body() {
    bed_up 1
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    for signal in INT TERM; do
        # shellcheck disable=SC2046 # a list of pids
        kill -s $signal $(bed_processes)
        wait_for '[ -z "$(bed_processes)" ]'
        "$regress/bed" stop || atf_fail "$signal: $(cat "$BED/daemon.log")"
        atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
        atf_check "$regress/bed" start
    done
}

# Of a start that ended while it made the seed.
bed_test a_seed_with_two_names_hinders_no_start
a_seed_with_two_names_hinders_no_start_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    ln "$BED/var/log/qvm-remote/seed" "$BED/var/log/qvm-remote/.seed"
    atf_check "$regress/bed" start
    atf_check -o ignore in_vm vm1 qvm-remote "$(witness)"
    atf_check -s exit:1 test -e "$BED/var/log/qvm-remote/.seed"
}

atf_init_test_cases() {
    bed_add_tests
}
