#!/usr/bin/env atf-sh
# A disk that fails, or is full: nothing runs unrecorded, who waits is told why,
# and what comes after is answered truthfully.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote
SPOOL=var/lib/qvm-remote/spool

bed_test a_sync_that_fails_ends_the_daemon_and_is_not_tried_again
a_sync_that_fails_ends_the_daemon_and_is_not_tried_again_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
a_sync_that_fails_ends_the_daemon_and_is_not_tried_again_body() {
    bed_up 1
    bed_seed
    "$regress/points" "$BED" sync 1 6 6 --key "$PWD/seed" ||
        atf_fail "see the test's output"
    bed_verify
}

# start_failing CALL N: the daemon's Nth call of that kind, of all that its
# processes make while it starts, fails.
start_failing() {
    rm -f trace
    ! "$BED/usr/libexec/bed/supervise" start -g "$(bed_cgroup)/daemon" \
        -l "$BED/daemon.log" "$BED/run/bed/daemon" "$(command -v strace)" -D \
        -f -qq -o "$PWD/trace" -e "trace=fdatasync,fsync" \
        -e "inject=$1:error=EIO:syscall=getpid:when=$2" \
        "$BED/usr/bin/qvm-remote-dom0" --root "$BED" 2>said ||
        atf_fail "it started: $1 $2"
    wait_for '[ -z "$(bed_processes)" ]'
    # The last of them: it was not tried again.
    atf_check -o match:"$1.*INJECTED" tail -n 1 trace
    atf_check -o match:'log: .*(Input/output error)' \
        tail -n 5 "$BED/daemon.log"
    bed_expect_crash
    no_witness
    in_dom0 qvm-remote-dom0 log verify --key "$PWD/seed"
    _status=$?
    [ $_status -eq 0 ] || [ $_status -eq 3 ] || atf_fail "verify: $_status"
}

# The seed's new slot, its old one, the first records; the folder.
bed_test a_sync_that_fails_while_it_starts_ends_the_daemon
a_sync_that_fails_while_it_starts_ends_the_daemon_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
a_sync_that_fails_while_it_starts_ends_the_daemon_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    id=$(forge vm1 --body "$(witness)")
    for n in 1 2 3; do
        start_failing fdatasync $n
    done
    # By then there is a run, which has no end.
    start_failing fsync 1
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
    bed_verify
}

# disk FOLDER SIZE: a disk of its own for it, while no daemon runs.
disk() {
    mkdir old && cp -a "$BED/$1/." old/ || atf_fail "cp"
    mount -t tmpfs -o "size=$2,mode=0700" none "$BED/$1" || atf_fail "mount"
    echo "$BED/$1" >>mounts
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
    atf_check -o inline:'1\n' count_log '"event":"disk","low":true,"where":"log"'
    unfill $LOG
    runs after
    atf_check -o inline:'1\n' \
        count_log '"event":"disk","low":false,"where":"log"'
    bed_verify
    undisk $LOG
}

# Its result has its room since before it began.
bed_test what_runs_while_the_disk_fills_has_its_result_recorded
what_runs_while_the_disk_fills_has_its_result_recorded_body() {
    bed_up 1
    bed_seed
    atf_check "$regress/bed" stop
    disk $LOG 200m
    atf_check "$regress/bed" start
    id=$(forge vm1 \
        --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done")
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
    atf_check -o match:"wrote 8000000 bytes, $((8000000 - kept)) of them are" \
        cat err
    atf_check -o match:"\"out_written\":8000000,\"out_kept\":$kept," cat_log
    atf_check -o inline:'1\n' count_witness
    # Full before it begins.
    fill $SPOOL 0
    in_vm vm1 timeout 60 qvm-remote "$(witness); echo lost" >out 2>err
    atf_check -o match:'of them are missing|spool|disk' cat err
    unfill $SPOOL
    runs after
    bed_verify
    undisk $SPOOL
}

atf_init_test_cases() {
    bed_add_tests
}
