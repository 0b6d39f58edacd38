#!/usr/bin/env atf-sh
# A disk that fails, or is full: nothing runs unrecorded, who waits is told why,
# and what comes after is answered truthfully.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote
SPOOL=var/lib/qvm-remote # and its disk

# points_test NAME KIND LAST: see regress/points.
points_test() {
    bed_test "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 120
    }
    $1_body() {
        unset BED_CLOCK # the daemon is traced here
        bed_up 1
        bed_seed
        \"\$regress/points\" \"\$BED\" $2 $3 --key \"\$PWD/seed\" ||
            atf_fail \"see the test's output\"
        bed_verify
    }"
}

points_test a_sync_that_fails_ends_the_daemon_and_is_not_tried_again sync 6
points_test a_write_that_fails_ends_the_daemon_and_is_not_tried_again write 9

# What the verifier does to the disk when it starts: room, the seed's new slot,
# its old one, each record in two parts, the segment's name.
CALLS=fallocate,fdatasync,fsync,pwrite64,linkat

# start_traced [STRACE-OPTION...]: the daemon; once it has started, or ended, the
# verifier's of these calls are in the file `calls`.
start_traced() {
    rm -f trace
    "$BED/usr/libexec/bed/supervise" start -g "$(bed_cgroup)/daemon" \
        -l "$BED/daemon.log" "$BED/run/bed/daemon" "$(command -v strace)" -D \
        -f -qq -o "$PWD/trace" -e "trace=$CALLS" "$@" \
        "$BED/usr/bin/qvm-remote-dom0" --root "$BED" 2>said
    _status=$?
    _verifier=$(sed -n 's/^\([0-9]*\) *fallocate.*/\1/p' trace | head -n 1)
    sed -n "/+++/d; s/^$_verifier *//p" trace >calls
    return $_status
}

# start_failing FAULT SAYS CALL N: the daemon ends at the verifier's Nth call of
# that kind while it starts, says why, and has made no further one.
start_failing() {
    ! start_traced -e "inject=$3:$1:when=$4" ||
        atf_fail "it started: $3 $4"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check -o match:"^$3.*(INJECTED|= \\?$)" tail -n 1 calls
    atf_check -o match:"$2" tail -n 5 "$BED/daemon.log"
    bed_expect_crash
    no_witness
    in_dom0 qvm-remote-dom0 log verify --key "$PWD/seed"
    _status=$?
    [ $_status -eq 0 ] || [ $_status -eq 3 ] || atf_fail "verify: $_status"
}

# failing_starts FAULT SAYS: at each of them; the next start is a good one.
failing_starts() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    start_traced || atf_fail "no start"
    sed '/^fsync(/q' calls |
        awk '{ sub(/\(.*/, ""); print $1, ++count[$1] }' >points
    atf_check "$regress/bed" stop
    id=$(forge vm1 --body "$(witness)")
    while read -r call n; do
        start_failing "$1" "$2" "$call" "$n"
    done <points
    echo "$(grep -c . points) calls"
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    # A run that died before its first record is one that may have been removed.
    atf_check -o match:'^status rejected$' \
        -o match:'^reason issued before dom0 knew' meta_of vm1 "$id"
    no_witness
    bed_verify
}

# starts_test NAME FAULT SAYS
starts_test() {
    bed_test "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 120
    }
    $1_body() { failing_starts '$2' '$3'; }"
}

# The filter has getpid: that is called instead.
starts_test a_disk_that_fails_at_a_start_ends_the_daemon \
    error=EIO:syscall=getpid 'log: .*: Input/output error'
starts_test a_disk_that_is_full_at_a_start_ends_the_daemon \
    error=ENOSPC:syscall=getpid 'log: .*: No space left on device'
starts_test a_start_that_is_killed_at_a_write_is_followed_by_a_good_one \
    signal=KILL 'verifier: (killed by signal 9|is gone)'

# disk FOLDER SIZE: a disk of its own for it, while no daemon runs; one of many
# GiB is a file that has none of them.
disk() {
    mkdir old && cp -a "$BED/$1/." old/ || atf_fail "cp"
    case $2 in
    *g)
        truncate -s "$2" "$BED/image" &&
            mkfs.ext4 -q -m 0 -E lazy_itable_init=1,nodiscard "$BED/image" &&
            mount -o loop "$BED/image" "$BED/$1" &&
            rmdir "$BED/$1/lost+found" || atf_fail "mount"
        ;;
    *) mount -t tmpfs -o "size=$2" none "$BED/$1" || atf_fail "mount" ;;
    esac
    echo "$BED/$1" >>mounts
    chmod 0700 "$BED/$1"
    chown --reference=old "$BED/$1"
    cp -a old/. "$BED/$1/" || atf_fail "cp"
}

# What the bed's check reads lies below the mount, and stays behind.
undisk() {
    atf_check "$regress/bed" stop
    rm -r old
    mkdir old && cp -a "$BED/$1/." old/ || atf_fail "cp"
    umount "$BED/$1" || atf_fail "umount"
    find "$BED/$1" -mindepth 1 -delete
    rm -f old/filler
    cp -a old/. "$BED/$1/" || atf_fail "cp"
}

# fill FOLDER LEFT: but for as many MiB.
fill() {
    _free=$(stat -f -c '%a * %S' "$BED/$1")
    fallocate -l "$((_free - $2 * 1048576))" "$BED/$1/filler" ||
        atf_fail "filler"
}

unfill() {
    rm "$BED/$1/filler"
}

# Room is looked for once a minute, and whenever there is something to do.
look_again() {
    atf_check -o ignore in_dom0 qvm-remote-dom0 status
}

runs() {
    look_again
    atf_check -o inline:"$1\n" in_vm vm1 timeout 20 qvm-remote "echo $1"
}

# Who waits is told why, and nothing has run.
told_and_not_run() {
    _ran=$(count_witness)
    atf_check -s not-exit:0 -e match:"$1" \
        in_vm vm1 timeout 3 qvm-remote -t 1 "$(witness)"
    [ "$(count_witness)" = "$_ran" ] || atf_fail "ran unrecorded"
}

bed_test without_room_for_a_seed_it_does_not_start
without_room_for_a_seed_it_does_not_start_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    disk $LOG 200m
    # The bed's first seed is then no longer the log's.
    rm "$BED/$LOG"/*.log "$BED/$LOG/seed" "$BED/run/bed/seed"
    fill $LOG 64
    atf_check -s exit:1 -e match:'log: .?seed: No space left' \
        "$regress/bed" start
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    unfill $LOG
    atf_check "$regress/bed" start
    runs after
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
    undisk $LOG
}

bed_test without_room_for_a_segment_it_does_not_start
without_room_for_a_segment_it_does_not_start_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 200m
    fill $LOG 40
    cp "$BED/$LOG/seed" seed_before
    id=$(forge vm1 --body "$(witness)")
    for _ in 1 2; do
        atf_check -s exit:1 -e match:'a new segment of 64 MiB: No space left' \
            "$regress/bed" start
        wait_for '[ -z "$(bed_processes)" ]'
        bed_expect_crash
    done
    no_witness
    atf_check cmp seed_before "$BED/$LOG/seed"
    unfill $LOG
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    bed_verify
    undisk $LOG
}

# The disk has room for one segment and no more.
bed_test without_room_for_the_next_segment_nothing_runs
without_room_for_the_next_segment_nothing_runs_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 200m
    fill $LOG 100
    atf_check "$regress/bed" start
    witness >big
    python3 -c 'print("\n" + "#" * 1000000)' >>big
    for _ in $(seq 80); do
        in_vm vm1 timeout 5 qvm-remote <big >/dev/null 2>&1 || break
    done
    ran=$(count_witness)
    [ "$ran" -gt 10 ] && [ "$ran" -lt 80 ] || atf_fail "ran $ran times"
    told_and_not_run 'no request at the moment .disk.'
    unfill $LOG
    runs after
    [ "$(find "$BED/$LOG" -name '*.log' -size +0 | grep -c .)" -ge 2 ] ||
        atf_fail "no second segment"
    bed_verify
    undisk $LOG
}

bed_test with_the_disk_at_its_reserve_nothing_runs
with_the_disk_at_its_reserve_nothing_runs_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 200m
    atf_check "$regress/bed" start
    runs before
    fill $LOG 2
    look_again
    told_and_not_run 'no request at the moment .disk.'
    atf_check -o inline:'1\n' \
        count_log '"event":"disk","where":"log","low":true'
    unfill $LOG
    runs after
    atf_check -o inline:'1\n' \
        count_log '"event":"disk","where":"log","low":false'
    bed_verify
    undisk $LOG
}

# 5 % of a small disk; of this one it would be 2 GiB.
bed_test of_a_large_disk_a_gib_is_reserved
of_a_large_disk_a_gib_is_reserved_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 40g
    atf_check "$regress/bed" start
    fill $LOG 1500
    runs before
    unfill $LOG
    fill $LOG 1000
    look_again
    told_and_not_run 'no request at the moment .disk.'
    unfill $LOG
    runs after
    atf_check -o inline:'2\n' count_log '"event":"disk","where":"log"'
    bed_verify
    undisk $LOG
}

# Its result has its room since before it began: more than the rest of a page.
bed_test what_runs_while_the_disk_fills_has_its_result_recorded
what_runs_while_the_disk_fills_has_its_result_recorded_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 200m
    atf_check "$regress/bed" start
    id=$(forge vm1 \
        --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done
            head -c 512 /dev/zero | tee /dev/fd/2")
    wait_for '[ "$(count_witness)" = 1 ]'
    fill $LOG 0
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o match:'"event":"result".*"status":"exited"' cat_log
    unfill $LOG
    runs after
    bed_verify
    undisk $LOG
}

# What does not fit the disk is counted, and whoever waits is told.
bed_test a_full_spool_costs_output_and_says_so
a_full_spool_costs_output_and_says_so_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $SPOOL 4m
    atf_check "$regress/bed" start
    in_vm vm1 timeout 60 qvm-remote \
        "$(witness); head -c 8000000 /dev/zero; echo done >&2" >out 2>err ||
        atf_fail "not 0"
    kept=$(wc -c <out)
    [ "$kept" -gt 3000000 ] && [ "$kept" -lt 4200000 ] || atf_fail "$kept bytes"
    lost=$((8000000 - kept))
    grep "standard output\|exited" err >said
    atf_check -o inline:"\
qvm-remote: error: standard output: the command wrote 8000000 bytes, $lost of them are missing: dom0 did not keep them
qvm-remote: exited: dom0's spool took no more output
" cat said
    atf_check -o match:"\"out_written\":8000000,\"out_kept\":$kept," cat_log
    atf_check -o inline:'1\n' count_witness
    # What was delivered makes room.
    wait_for '[ "$(count_log "\"where\":\"spool\",\"low\":false")" = 1 ]'
    atf_check -o inline:'1\n' \
        count_log '"event":"disk","where":"spool","low":true'
    runs after
    # Full before the daemon starts.
    atf_check "$regress/bed" stop
    fill $SPOOL 0
    atf_check "$regress/bed" start
    told_and_not_run 'no request at the moment .disk.'
    atf_check "$regress/bed" stop
    unfill $SPOOL
    atf_check "$regress/bed" start
    runs again
    bed_verify
    undisk $SPOOL
}

# The VM's own disk: who waits is told, dom0 keeps the answer until it has room,
# and nothing runs twice.
bed_test a_full_disk_in_the_vm_costs_that_vm_an_answer
a_full_disk_in_the_vm_costs_that_vm_an_answer_body() {
    bed_up 2
    bed_seed
    in_vm vm1 cp .qvm-remote/auth.key .
    BED_USER=root in_vm vm1 mount -t tmpfs \
        -o "size=512k,mode=0700,uid=$(in_vm vm1 id -u)" none \
        /home/user/.qvm-remote || atf_fail "mount"
    in_vm vm1 cp auth.key .qvm-remote/
    kill -9 "$(role_pid 'poller \[vm1\]')"
    in_vm vm1 timeout 20 qvm-remote "$(witness); head -c 1000000 /dev/zero" \
        >out 2>err
    atf_check_equal 255 $?
    atf_check -o match:"this VM's disk is full" -o match:'outcome unknown' \
        cat err
    atf_check -o inline:'1\n' count_witness
    atf_check -o match:'"event":"result".*"status":"exited"' cat_log
    # Not even a request has room.
    in_vm vm1 sh -c 'cat /dev/zero >.qvm-remote/filler' 2>/dev/null
    atf_check -s exit:255 -o empty -e match:'No space left' \
        in_vm vm1 timeout 20 qvm-remote "$(witness)"
    atf_check -o inline:'on\n' in_vm vm2 qvm-remote 'echo on'
    in_vm vm1 rm .qvm-remote/filler
    # Nobody waits for that output any more: its answer comes without.
    wait_for '[ "$(count_log "\"event\":\"delivered\",\"vm\":\"vm1\"")" = 1 ]'
    atf_check -o inline:'after\n' in_vm vm1 timeout 60 qvm-remote 'echo after'
    atf_check -o inline:'1\n' count_witness
    bed_verify
}

bed_test a_spool_that_fails_costs_output_and_says_so
a_spool_that_fails_costs_output_and_says_so_head() {
    atf_set require.user root
    atf_set require.progs strace
}
a_spool_that_fails_costs_output_and_says_so_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    bed_seed
    in_vm vm1 timeout 60 qvm-remote "$(witness)
        until [ -e $BED/go ]; do sleep 0.05; done; echo lost; exit 3" \
        >out 2>err &
    client=$!
    wait_for '[ "$(count_witness)" = 1 ]'
    executor=$(role_pid executor)
    strace -qq -o trace -e trace=write -e inject=write:error=EIO \
        -p "$executor" &
    strace=$!
    wait_for 'grep -q "^TracerPid:.[1-9]" "/proc/$executor/status"'
    : >"$BED/go"
    wait $client
    atf_check_equal 3 $?
    kill $strace
    wait $strace
    atf_check -o match:'INJECTED' cat trace
    atf_check -o empty cat out
    atf_check -o inline:"\
qvm-remote: error: standard output: the command wrote 5 bytes, 5 of them are missing: dom0 did not keep them
qvm-remote: exited: dom0's spool took no more output
" cat err
    atf_check -o match:'"status":"exited","exit":3,.*"out_written":5,"out_kept":0,' \
        cat_log
    atf_check -o match:'spool: Input/output error: output is dropped' \
        cat "$BED/daemon.log"
    runs after
    bed_verify
}

# So many MiB of records a day; others are served on.
bed_test a_vm_that_has_used_its_share_of_the_log_waits_alone
a_vm_that_has_used_its_share_of_the_log_waits_alone_head() {
    atf_set require.user root
    atf_set timeout 240
}
a_vm_that_has_used_its_share_of_the_log_waits_alone_body() {
    bed_up 2
    bed_seed
    atf_check "$regress/bed" stop
    echo 'log-limit = 64M' >>"$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" start
    python3 -c 'print(": \n" + "#" * 1048000)' >big
    for _ in $(seq 65); do
        in_vm vm1 timeout 5 qvm-remote <big >/dev/null 2>&1 || break
    done
    told_and_not_run 'no request at the moment .log.'
    atf_check -o inline:'1\n' count_log '"event":"share","vm":"vm1"'
    atf_check -o match:'[45][0-9]{4} of 65536 KiB' \
        -o match:'share of the log is used up: nothing new .* next day' \
        in_dom0 qvm-remote-dom0 status
    atf_check -o inline:'served\n' in_vm vm2 qvm-remote 'echo served'
    # The snapshot remembers it.
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    told_and_not_run 'no request at the moment .log.'
    atf_check -o inline:'served\n' in_vm vm2 qvm-remote 'echo served'
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
