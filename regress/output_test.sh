#!/usr/bin/env atf-sh
# `record = full`: what a command wrote stays in dom0, as the VM got it, bound
# to its record; what goes, goes on record; what cannot stay does not run.
. "$(atf_get_srcdir)/lib.sh"

OUTPUT=var/log/qvm-remote/output
near='note: this one was asked for within .*; a newer one was not looked for$'

# kept_bed [VMS]: vm1's output stays.
kept_bed() {
    bed_up "${1:-1}"
    bed_seed
    policy vm1 'mode = shell' 'record = full'
}

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

# The number of the newest intent, its id, and its kept file.
newest() {
    cat_log | sed -n 's/^{"seq":\([0-9]*\),.*"event":"intent".*/\1/p' |
        tail -n 1
}

newest_id() {
    cat_log | sed -n 's/.*"event":"intent",[^{]*"id":"\([^"]*\)".*/\1/p' |
        tail -n 1
}

kept() {
    echo "$BED/$OUTPUT/vm1/$(newest).$1"
}

verify() {
    dom0 log verify --key "$PWD/seed"
}

bed_test output_stays_as_the_vm_got_it
output_stays_as_the_vm_got_it_body() {
    kept_bed 2
    # Each piece is read before the next one is written.
    read_by="until [ \"\$(cat $BED/$OUTPUT/vm1/*.out | wc -c)\" -ge"
    in_vm vm1 qvm-remote "printf 'one\ntwo'; $read_by 7 ]; do :; done
        echo wrong >&2
        until [ -s $BED/$OUTPUT/vm1/*.err ]; do :; done
        sleep 0.3; head -c 300000 /dev/urandom; exit 7" >out 2>err
    atf_check_equal 7 $?
    id=$(newest_id)
    atf_check cmp out "$(kept out)"
    dom0 log output --raw "$id" >raw 2>raw_err || atf_fail "--raw"
    atf_check cmp out raw
    atf_check -o inline:'wrong\n' cat raw_err
    atf_check -o inline:'out | one\nout | two\\\nerr | wrong\n' \
        sh -c "'$regress/bed' dom0 qvm-remote-dom0 log output --vm vm1 $id |
            head -n 3"
    dom0 log output "$id" | tail -n +4 >rows
    ! LC_ALL=C grep -q '[^ -~]' rows || atf_fail "a byte that is not printable"
    ! grep -qv '^out | ' rows || atf_fail "a row without its mark"
    # What the record says is what sha256sum says.
    for file in out err; do
        atf_check -o match:"\"${file}_sha256\":\"$(sha256sum <"$(kept $file)" |
            cut -d ' ' -f 1)\"" cat_log
    done
    atf_check -o match:"\"timing_sha256\":\"$(sha256sum <"$(kept time)" |
        cut -d ' ' -f 1)\"" cat_log
    atf_check -o match:'^kept outputs: 1 are as .*, 0 are not; 0 were' verify
    # Another VM's does not.
    in_vm vm2 qvm-remote 'echo gone' >out || atf_fail "vm2"
    atf_check -s exit:1 -e match:'its output was not kept' \
        dom0 log output "$(newest_id)"
    atf_check test ! -e "$BED/$OUTPUT/vm2"
    bed_verify
}

# No sooner than it was written, at that speed; N times as fast.
bed_test a_replay_keeps_the_pauses
a_replay_keeps_the_pauses_body() {
    kept_bed
    in_vm vm1 qvm-remote 'echo a; sleep 1; echo b >&2' >out 2>err
    id=$(newest_id)
    for speed in 1 2; do
        begun=$(date +%s%N)
        atf_check -o inline:'out | a\nerr | b\n' -e match:"$near" \
            dom0 log replay --speed $speed "$id"
        [ $((($(date +%s%N) - begun) / 1000000)) -ge $((1000 / speed)) ] ||
            atf_fail "too quick"
    done
    # The pause is no reason to wait for who has seen enough.
    dom0 log replay --speed 0.1 "$id" >slow &
    wait_for 'grep -q a slow'
    replay=$(pgrep -u qvm-remote-log -f "log replay --speed 0.1 $id")
    kill -INT "$replay"
    wait_for "[ ! -e /proc/$replay ]"
    for bad in 0 0.09 1001 -1 x 1x 1,5 inf 0x10 ''; do
        atf_check -s exit:2 -e match:'a number from 0.1 to 1000|no such option' \
            dom0 log replay "$id" --speed "$bad"
    done
    atf_check -s exit:2 -e match:'one id' dom0 log output
    atf_check -s exit:2 -e match:"no request's id" dom0 log output ../x
    atf_check -s exit:1 -e match:'no command with this id' \
        dom0 log output 20260218-143022-1234-a1b2c3d4
}

# On a terminal: all that could be obeyed is spelled out, and --raw refused.
bed_test hostile_output_reaches_no_terminal
hostile_output_reaches_no_terminal_body() {
    kept_bed
    in_vm vm1 qvm-remote 'printf "\033]0;x\007\033[2J\000\200\377\r\b\177\302\233" |
        tee /dev/fd/2; echo; echo "err | forged"
        printf "%066derr | wrapped\n" 0' >/dev/null 2>&1
    id=$(newest_id)
    cat >terminal.py <<'END'
import os, subprocess, sys
master, slave = os.openpty()
program = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave,
                           stderr=slave)
os.close(slave)
seen = b""
try:
    while data := os.read(master, 65536):
        seen += data
except OSError:
    pass    # nobody has it open any more
text = seen
for ours in (b"\x1b[31m", b"\x1b[0m"):
    text = text.replace(ours, b"")
bad = [c for c in text if not (32 <= c <= 126 or c in b"\r\n")]
assert not bad, (bad, seen)
sys.stdout.write(text.decode().replace("\r", ""))
sys.exit(program.wait())
END
    for how in output 'replay --speed 1000'; do
        # shellcheck disable=SC2086
        TERM=xterm PAGER=cat python3 terminal.py "$regress/bed" dom0 \
            qvm-remote-dom0 log $how "$id" >shown || atf_fail "$how"
        atf_check -o inline:'2\n' grep -cF \
            '\x1b]0;x\x07\x1b[2J\x00\x80\xff\r\x08\x7f\xc2\x9b' shown
        atf_check -o inline:'out | err | forged\n' grep forged shown
        atf_check -o inline:'out | err | wrapped\n' grep wrapped shown
        [ "$(grep -v "$near" shown | wc -L)" -le 73 ] || atf_fail "a row is too wide"
    done
    TERM=xterm python3 terminal.py "$regress/bed" dom0 qvm-remote-dom0 \
        log output --raw "$id" >shown
    atf_check_equal 1 $?
    atf_check -o match:'must be no terminal' -o not-match:forged cat shown
}

# named FILE: verify says that it is not as it was, and `log output` too.
named() {
    atf_check -s exit:1 -o match:"^altered: the kept output of vm1:.*: vm1/$1: " \
        verify
    bed_altered
}

bed_test what_was_changed_is_named
what_was_changed_is_named_body() {
    kept_bed
    in_vm vm1 qvm-remote 'echo first' >out || atf_fail "first"
    first=$(newest)
    in_vm vm1 qvm-remote 'echo other; echo e >&2' >out 2>err || atf_fail "other"
    second=$(newest)
    folder=$BED/$OUTPUT/vm1
    cp -a "$folder" good
    again() {
        cp -a good/. "$folder/"
    }
    printf O | dd of="$(kept out)" conv=notrunc 2>/dev/null
    named "$second.out"
    atf_check -s exit:1 -o empty -e match:'is not what was recorded' \
        dom0 log output "$(newest_id)"
    again
    truncate -s 1 "$(kept err)"
    named "$second.err"
    again
    printf x >>"$(kept time)"
    named "$second.time"
    again
    mv "$folder/$first.out" x
    mv "$folder/$second.out" "$folder/$first.out"
    mv x "$folder/$second.out"
    named "$first.out"
    named "$second.out"
    again
    rm "$(kept out)"
    named "$second.out"
    atf_check -s exit:1 -o empty -e match:'removed for its age, or taken away' \
        dom0 log output "$(newest_id)"
    ln -s "$PWD/good/$second.out" "$(kept out)"
    named "$second.out"
    rm "$(kept out)"
    mkfifo "$(kept out)"
    named "$second.out"
    rm "$(kept out)"
    again
    mv "$BED/$OUTPUT" away
    named "$first.time"
    mv away "$BED/$OUTPUT"
    again
    atf_check -o match:'^kept outputs: 2 are as' verify
}

# The newest one, out, takes no memory: its peak, in KiB, while a pipe is full.
is_shown_in_pieces() {
    mkfifo pipe
    dom0 log output --raw "$(newest_id)" >pipe &
    exec 3<pipe
    dd bs=1 count=1 <&3 >raw 2>/dev/null
    shows=$(pgrep -u qvm-remote-log -f "log output --raw $(newest_id)")
    peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$shows/status")
    cat <&3 >>raw
    exec 3<&-
    atf_check cmp out raw
    [ -n "$SANITIZE" ] || [ "$peak" -lt 16384 ] || atf_fail "$peak KiB"
}

bed_test with_record_total_used_up_nothing_runs_and_nothing_goes
with_record_total_used_up_nothing_runs_and_nothing_goes_body() {
    kept_bed 2
    policy vm1 'mode = shell' 'record = full' 'record-total = 64M' \
        'output-limit = 21M'
    in_vm vm1 qvm-remote 'head -c 21000000 /dev/zero' >out || atf_fail "one"
    atf_check -s exit:255 -e match:'record-total is used up: nothing runs' \
        in_vm vm1 qvm-remote "$(witness)"
    atf_check -o match:'"status":"rejected".*record-total is used up' cat_log
    no_witness
    atf_check cmp out "$(kept out)"
    is_shown_in_pieces
    atf_check -o inline:'on\n' in_vm vm2 qvm-remote 'echo on'
    # A start counts anew.
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -s exit:255 -e match:'used up' in_vm vm1 qvm-remote "$(witness)"
    no_witness
    # Two that do not fit at a time take turns.
    policy vm1 'mode = shell' 'record = full' 'record-total = 90M' \
        'output-limit = 21M'
    in_vm vm1 qvm-remote 'sleep 0.5; echo a' >a &
    first=$!
    atf_check -o inline:'b\n' in_vm vm1 qvm-remote 'echo b'
    wait $first || atf_fail "a"
    bed_verify
}

# A disk of its own, which is full.
bed_test on_a_full_disk_nothing_runs
on_a_full_disk_nothing_runs_body() {
    kept_bed
    atf_check "$regress/bed" stop
    mount -t tmpfs -o "size=16m,mode=2750,gid=qvm-remote-log" none "$BED/$OUTPUT" || atf_fail mount
    echo "$BED/$OUTPUT" >mounts
    atf_check "$regress/bed" start
    atf_check -s exit:255 -o empty \
        -e match:'dom0 cannot keep its output: No space left on device: it did not run' \
        in_vm vm1 qvm-remote "$(witness)"
    no_witness
    atf_check -o match:'"status":"rejected".*cannot keep its output' cat_log
    policy vm1 'mode = shell' 'record = full' 'output-limit = 1M'
    atf_check -o inline:'fits\n' in_vm vm1 qvm-remote 'echo fits'
    bed_verify
    # The bed's check reads what lies below the mount.
    cp -a "$BED/$OUTPUT/." old
    umount "$BED/$OUTPUT"
    cp -a old/. "$BED/$OUTPUT/"
}

# At a start, and once an hour.
bed_test what_is_too_old_goes_on_record
what_is_too_old_goes_on_record_body() {
    unset BED_CLOCK # it is ours here
    bed_up 2
    bed_seed
    atf_check "$regress/bed" stop
    # clock DAYS [SLEPT]: how far the daemon's is ahead from now on.
    clock() {
        echo "$(($1 * 86400000000)) $((${2:-0} * 86400000000))" >"$BED/.clock"
        mv "$BED/.clock" "$BED/clock"
    }
    start() {
        atf_check env BED_CLOCK="$BED/clock" "$regress/bed" start
    }
    # gone RECORDS: vm1's, after so many records.
    gone() {
        wait_for '[ -z "$(ls "$BED/'$OUTPUT'/vm1")" ]'
        atf_check -o inline:"$1\n" \
            count_log '"event":"outputs-removed","vm":"vm1"'
        atf_check -o match:'^kept outputs: 1 are as .*, 0 are not; 1 were' \
            verify
    }
    for vm in vm1 vm2; do
        printf '%s\n' 'mode = shell' 'record = full' 'record-keep = 5' \
            >"$BED/etc/qubes/remote.d/$vm.conf"
    done
    sed -i 's/= 5$/= 3/' "$BED/etc/qubes/remote.d/vm1.conf"
    clock 0
    start
    for vm in vm1 vm2; do
        in_vm $vm qvm-remote 'echo old' >out || atf_fail "$vm"
    done
    cp -a "$BED/$OUTPUT" before
    clock 2 2
    dom0 status >status
    wait_for '[ "$(count_log "\"event\":\"heartbeat\"")" -ge 1 ]'
    atf_check cmp "before/vm1/$(ls before/vm1 | head -n 1)" \
        "$BED/$OUTPUT/vm1/$(ls before/vm1 | head -n 1)"
    clock 4 4
    dom0 status >status
    gone 1
    atf_check -o match:'out . old' -e match:"$near" \
        dom0 log output "$(newest_id)"
    # As if it had ended between the record and what it says.
    atf_check "$regress/bed" stop
    cp -a before/vm1/. "$BED/$OUTPUT/vm1/"
    start
    gone 2
    bed_verify
}

# Files that the log does not know, and so nothing is said of: they are too old
# when the policy first asks about them.
bed_test what_goes_is_on_record_before
what_goes_is_on_record_before_head() {
    atf_set require.user root
    atf_set require.progs strace
}
what_goes_is_on_record_before_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    bed_seed
    mkdir "$BED/$OUTPUT/vm1"
    touch -d '3 days ago' "$BED/$OUTPUT/vm1/1.out"
    strace -f -qq -y -s 300 -o trace -e trace=pwrite64,fdatasync,unlinkat \
        -p "$(role_pid verifier)" -p "$(role_pid executor)" &
    strace=$!
    for role in verifier executor; do
        wait_for 'grep -q "^TracerPid:.[1-9]" "/proc/$(role_pid '$role')/status"'
    done
    policy vm1 'mode = shell' 'record = full' 'record-keep = 2'
    wait_for '[ ! -e "$BED/$OUTPUT/vm1/1.out" ]'
    kill $strace
    wait $strace
    sed -n '/outputs-removed/,$ p' trace |
        sed -n 's/.*outputs-removed.*/record/p
            s/.*fdatasync(.*= 0$/sync/p
            s/.*unlinkat(.*"1.out".*/gone/p' >order
    atf_check -o match:'^record sync .*gone' sh -c 'tr "\n" " " <order'
    bed_verify
}

# Ids are the VMs': two may have one.
bed_test an_id_of_two_vms_needs_a_name
an_id_of_two_vms_needs_a_name_body() {
    bed_up 2
    bed_seed
    id=20260218-143022-1234-a1b2c3d4
    for vm in vm1 vm2; do
        policy $vm 'mode = shell' 'record = full'
        forge $vm --id $id --body "echo of $vm" --wait 20 >meta ||
            atf_fail "$vm"
    done
    atf_check -s exit:1 -e match:'have used this id: name one with --vm' \
        dom0 log output $id
    for vm in vm1 vm2; do
        atf_check -o inline:"out | of $vm\n" dom0 log output $id --vm $vm
    done
    atf_check -s exit:2 -e match:'no VM has the name' \
        dom0 log output $id --vm ../vm1
    bed_verify
}

# crash ROLE: what it has written so far stays, and is said to be not sealed.
crash() {
    kept_bed
    in_vm vm1 qvm-remote "$(witness); echo half; sleep 60" >out 2>err &
    wait_for 'grep -qs half "$(kept out)"'
    kill -9 "$(role_pid "$1")"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    # Room of one whose record is not on disk, and of one before.
    for file in 1 999; do
        : >"$BED/$OUTPUT/vm1/$file.out"
        fallocate -n -l 1000000 "$BED/$OUTPUT/vm1/$file.out"
    done
    atf_check "$regress/bed" start
    wait
    atf_check -o match:'interrupted.*its kept output is not sealed' cat err
    atf_check -o match:'"status":"interrupted".*its kept output is not sealed' \
        cat_log
    atf_check -o inline:'out | half\n' -e match:'not sealed: nothing shows' \
        dom0 log output "$(newest_id)"
    atf_check test ! -e "$BED/$OUTPUT/vm1/999.out"
    for file in "$(kept out)" "$(kept err)" "$BED/$OUTPUT/vm1/1.out"; do
        [ "$(stat -c %b "$file")" -le 8 ] || atf_fail "$file has room"
    done
    atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
    bed_verify
}

bed_test a_killed_executor_leaves_what_was_written
a_killed_executor_leaves_what_was_written_body() {
    crash executor
}

bed_test a_killed_verifier_leaves_what_was_written
a_killed_verifier_leaves_what_was_written_body() {
    crash verifier
}

# On disk before its result is recorded, or the record does not say so.
bed_test a_disk_that_fails_leaves_it_unsealed_and_says_so
a_disk_that_fails_leaves_it_unsealed_and_says_so_head() {
    atf_set require.user root
    atf_set require.progs strace
}
a_disk_that_fails_leaves_it_unsealed_and_says_so_body() {
    unset BED_CLOCK # the daemon is traced here
    kept_bed
    strace -f -qq -y -o trace -e trace=fsync -p "$(role_pid executor)" \
        -e inject=fsync:error=EIO:when=3 &
    strace=$!
    wait_for 'grep -q "^TracerPid:.[1-9]" "/proc/$(role_pid executor)/status"'
    atf_check -o inline:'on\n' -e match:'its kept output is not sealed' \
        in_vm vm1 qvm-remote 'echo on'
    atf_check -o inline:'3\n' grep -c "fsync(.*/$OUTPUT/vm1/.*\.\(out\|err\|time\)>)" trace
    atf_check -o match:'"reason":"its kept output is not sealed"' \
        -o not-match:timing_sha256 cat_log
    atf_check -o inline:'out | on\n' -e match:'not sealed' \
        dom0 log output "$(newest_id)"
    kill $strace
    wait $strace
    strace -f -qq -y -o trace -e trace=fsync -p "$(role_pid executor)" &
    strace=$!
    wait_for 'grep -q "^TracerPid:.[1-9]" "/proc/$(role_pid executor)/status"'
    atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
    kill $strace
    wait $strace
    sed "s/.*<\([^>]*\)>.*/\1/; s/.*$(newest)\.//" trace >synced
    atf_check -o inline:"out\nerr\ntime\n$BED/$OUTPUT/vm1\n$BED/$OUTPUT\n" \
        cat synced
    atf_check -o match:'^kept outputs: 1 are as' verify
    bed_verify
}

# What is owed is delivered from where it stays, by a later run of the daemon.
bed_test what_is_owed_over_a_restart_is_delivered
what_is_owed_over_a_restart_is_delivered_body() {
    kept_bed
    id=$(forge vm1 --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done
        echo later")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for 'cat_log | grep -q "\"event\":\"result\""'
    # From the intent's record, and then from a snapshot.
    for _ in 1 2; do
        atf_check "$regress/bed" stop
        atf_check "$regress/bed" start
    done
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o inline:'later\n' in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
    atf_check -o inline:'out | later\n' -e match:"$near" \
        dom0 log output "$id"
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
