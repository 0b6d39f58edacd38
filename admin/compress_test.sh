#!/usr/bin/env atf-sh
# log compress, and what reads what it has packed.
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
FIRST=00000000000000000001.log
SECOND=00000000000000000043.log

# A log of RUNS segments, each a run with 20 requests.
make_log() {
    make_root
    : >"$log/lock"
    _seq=0
    for _run in $(seq "$1"); do
        echo start
        for _n in $(seq 20); do
            _seq=$((_seq + 2))
            printf 'shift 1\nintent work %s echo %s %s\nstep\n' "$A" \
                "$_run" "$_n"
            echo "result $_seq work $A exited 0 1"
        done
        _seq=$((_seq + 2))
        echo stop
    done >script
    "$here/mklog" "$log" <script || atf_fail mklog
    chown -R qvm-remote-key: "$log"
}

# What every reader says.
readers() {
    for words in 'log -n 1000' 'log -n 1000 --json' \
        'log -n 3 --since 2026-02-18T14:31:00Z --until 2026-02-18T14:31:20Z' \
        "log --id $A" 'log --until 2026-02-17' 'log stat' 'log verify' \
        'log checkpoint' 'log export --format csv' \
        'policy replay work --with draft'; do
        echo "== $words"
        # shellcheck disable=SC2086 # a list of words
        dom0 $words 2>&1
    done
}

root_test packed_it_is_read_as_before
packed_it_is_read_as_before_body() {
    make_log 5
    echo 'mode = deny' >draft
    cp -a "$log" before
    readers >want
    atf_check -o save:said dom0 log compress
    atf_check -o inline:'3\n' grep -c 'KiB, now ' said
    readers >got
    atf_check cmp want got
    atf_check grep -q '^whole' got
    # All but the newest two; time, owner and mode are the segment's.
    atf_check -o inline:'3\n' sh -c 'ls "$0" | grep -c "log.zst\$"' "$log"
    for packed in "$log"/*.zst; do
        name=$(basename "$packed" .zst)
        atf_check -o file:"before/$name" zstd -dcq "$packed"
        atf_check -o inline:"$(stat -c '%u %g %a %y' "before/$name")\n" \
            stat -c '%u %g %a %y' "$packed"
        # Its first line is there to be read as it is.
        head -n 1 "before/$name" >want
        atf_check -o file:want sh -c 'tail -c +9 "$0" | head -n 1' "$packed"
    done
    # There is nothing more to do.
    atf_check dom0 log compress
}

# What lies outside of the times that are asked for is not unpacked.
root_test times_are_found_without_unpacking
times_are_found_without_unpacking_head() {
    atf_set require.user root
    atf_set require.progs strace
}
times_are_found_without_unpacking_body() {
    make_log 6
    atf_check -o ignore dom0 log compress
    for window in '--until 2026-02-17' '--since 2027-01-01' \
        '--since 2026-02-18T14:30:24Z --until 2026-02-18T14:30:26Z'; do
        # shellcheck disable=SC2086 # a list of words
        atf_check -o ignore strace -f -o calls -e trace=memfd_create \
            "$here/qvm-remote-dom0" --root "$root" log $window
        echo "$window $(grep -c memfd_create calls)"
    done >said
    atf_check -o match:'^--until 2026-02-17 0$' -o match:'^--since 2027.* 0$' \
        -o match:'24Z --until .* 1$' cat said
}

# One line that names it, or its first record.
refused() {
    atf_check -s exit:1 -e save:err -o ignore dom0 log -n 1000
    atf_check -o match:"error: log segment $SECOND.zst: it is damaged: $1" \
        cat err
    atf_check -o inline:'1\n' grep -c . err
    altered="^altered: record 43: .* is damaged: $1"
    atf_check -s exit:1 -o match:"$altered" dom0 log verify
    atf_check -s exit:1 -e match:"$altered" dom0 log checkpoint
}

root_test what_is_damaged_is_named
what_is_damaged_is_named_body() {
    make_log 4
    atf_check -o ignore dom0 log compress
    file=$log/$SECOND.zst
    cp -a "$file" good
    size=$(stat -c %s good)
    head=$((8 + $(od -An -tu4 -j4 -N4 good)))
    for at in 2 20 $((head - 3)) $((head + 2)) $((size / 2 + head / 2)) \
        $((size - 2)); do
        cp -a good "$file"
        printf '\377' | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
        refused ''
    done
    cp -a good "$file"
    truncate -s $((size - 1)) "$file"
    refused 'its end is missing'
    truncate -s "$head" "$file"
    refused 'what stands before'
    : >"$file"
    refused ''
    cp -a good "$file"
    echo more >>"$file"
    refused ''
    # Another segment, whole; and one that is larger than any.
    cp "$log/00000000000000000085.log" other
    zstd -q other
    { head -c "$head" good; cat other.zst; } >"$file"
    refused 'what stands before'
    { head -c "$head" good; head -c 68000000 /dev/zero | zstd -q; } >"$file"
    refused 'it holds more than a segment'
    cp -a good "$file"
    atf_check -o match:'^whole' dom0 log verify
}

# The children are nobody in particular, and do nothing but write.
root_test who_packs_can_do_nothing_else
who_packs_can_do_nothing_else_head() {
    atf_set require.user root
    atf_set require.progs strace
}
who_packs_can_do_nothing_else_body() {
    make_log 3
    mkdir calls
    chmod 777 calls
    atf_check -o match:"$FIRST.zst" strace -ff -qq -o calls/of \
        "$here/qvm-remote-dom0" --root "$root" log compress
    uid=$(id -u qvm-remote-log)
    grep -l SECCOMP_MODE_STRICT calls/of.* >children
    atf_check -o inline:'2\n' grep -c . children
    while read -r child; do
        grep -q "setresuid($uid, $uid, $uid) *= 0" "$child" ||
            atf_fail "$child is somebody else"
        sed '1,/SECCOMP_MODE_STRICT/d' "$child" | sed 's/(.*//' | sort -u
    done <children >after
    atf_check -o inline:'exit\nexit\nwrite\n' sort after
}

# What is left of an attempt is as before, or done: the next one goes on.
root_test a_crash_at_any_call_leaves_a_log_that_is_whole
a_crash_at_any_call_leaves_a_log_that_is_whole_head() {
    atf_set require.user root
    atf_set require.progs strace
}
a_crash_at_any_call_leaves_a_log_that_is_whole_body() {
    make_log 4
    cp -a "$log" before
    for point in fchown:1 wait4:1 wait4:2 utimensat:1 fsync:1 renameat:1 \
        fsync:2 unlinkat:2; do
        rm -rf "$log"
        cp -a before "$log"
        strace -qq -o /dev/null -e inject="${point%:*}:signal=KILL:when=${point#*:}" \
            "$here/qvm-remote-dom0" --root "$root" log compress >out 2>&1
        [ $? -gt 128 ] || atf_fail "$point: not killed"
        atf_check -o match:'^whole' dom0 log verify
        atf_check -o ignore dom0 log compress
        atf_check -o match:'^whole' dom0 log verify
        atf_check -o inline:'2\n' sh -c 'ls -A "$0" | grep -c zst' "$log"
        atf_check -o inline:'2\n' sh -c 'ls -A "$0" | grep -c "log\$"' "$log"
    done
}

root_test on_a_full_disk_all_stays_as_it_was
on_a_full_disk_all_stays_as_it_was_body() {
    make_log 3
    cp -a "$log" before
    unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=700 none "$1" &&
        cp -a before/. "$1/" && head -c 1000000 /dev/zero >"$1/fill" 2>/dev/null
        "$2/qvm-remote-dom0" --root "$3" log compress 2>said
        echo $? >status; rm "$1/fill"; ls -A "$1" >left
        diff -r before "$1"' sh "$log" "$here" "$root" >differ 2>&1
    atf_check -o inline:'1\n' cat status
    atf_check -o match:"error: log segment $FIRST: .*; it is as it was: No space" \
        cat said
    atf_check cat differ
}

# hold FILE: its flock, until release.
hold() {
    mkfifo held
    python3 -c 'import fcntl, sys
f = open(sys.argv[1])
fcntl.flock(f, fcntl.LOCK_EX)
open("held", "w").close()
sys.stdin.read()' "$1" <>"$2" &
    holder=$!
    cat held
}

root_test two_at_a_time_are_refused
two_at_a_time_are_refused_body() {
    make_log 3
    mkfifo wait
    hold "$log/lock" wait
    atf_check -s exit:1 -e match:'error: another .* is at work' \
        dom0 log compress
    kill $holder
    wait $holder
    atf_check -o match:"$FIRST.zst" dom0 log compress
}

# The daemon prunes a segment while it is being packed.
root_test what_is_pruned_meanwhile_does_not_come_back
what_is_pruned_meanwhile_does_not_come_back_head() {
    atf_set require.user root
    atf_set require.progs strace
}
what_is_pruned_meanwhile_does_not_come_back_body() {
    make_log 4
    strace -qq -o calls -e trace=renameat \
        -e inject=renameat:signal=STOP:when=1 \
        "$here/qvm-remote-dom0" --root "$root" log compress >said &
    tracer=$!
    until [ -e "$log/$FIRST.zst" ] && pid=$(pgrep -P $tracer) &&
        grep -q '^State:.[Tt]' "/proc/$pid/status"; do
        kill -0 $tracer || atf_fail "ended"
    done
    rm "$log/$FIRST"
    kill -CONT "$pid"
    wait $tracer || atf_fail "$(cat said)"
    atf_check test ! -e "$log/$FIRST.zst"
    atf_check -o match:"^$SECOND.zst: " \
        -o not-match:"$FIRST" cat said
}

# A crash between the new name and the removal of the old one.
root_test both_names_are_one_segment
both_names_are_one_segment_body() {
    make_log 3
    cp -a "$log/$FIRST" kept
    atf_check -o ignore dom0 log compress
    cp -a kept "$log/$FIRST"
    atf_check -o match:'^whole' dom0 log verify
    atf_check -o match:"$FIRST.zst" dom0 log compress
    atf_check test ! -e "$log/$FIRST"
}

root_test too_many_words_are_wrong_usage
too_many_words_are_wrong_usage_body() {
    make_log 3
    atf_check -s exit:2 -e match:'too many words' dom0 log compress x
    rm "$log/lock"
    atf_check -s exit:1 -e match:'there is no log' dom0 log compress
}
