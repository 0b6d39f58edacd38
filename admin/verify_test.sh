#!/usr/bin/env atf-sh
# log verify
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
SEED=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

make_log() {
    make_root
    "$here/mklog" "$log" || atf_fail mklog
    first=$log/00000000000000000001.log
}

# Three runs in four segments, records 1 to 12: a crash, one that was too full
# for its segment, and clean stops.
make_whole() {
    make_log <<END
start
intent work $A one
result 2 work $A exited 0 1
step
intent work $A two
torn {"seq":5,"ti
zeros 5000
start
result 4 work $A interrupted 255 1
step
segment
intent work $A three
result 8 work $A exited 0 1
stop
start
stop
END
}

# altered N [TEXT]: verify names record N.
altered() {
    atf_check -s exit:1 -o match:"^altered: record $1: .*$2" dom0 log verify
}

root_test a_whole_log_is_whole
a_whole_log_is_whole_body() {
    make_whole
    atf_check -o match:'^whole: 12 records in 4 segments; .*not checked' \
        -o match:'^note: segment 1: 12 bytes behind record 4 \(a crash\)' \
        -o match:'^note: run 1 has no closing record' \
        -o not-match:'run [23]' -o not-match:'end not proven' dom0 log verify
}

root_test no_log_is_an_error
no_log_is_an_error_body() {
    make_log </dev/null
    atf_check -s exit:1 -e match:'error: there is no log' dom0 log verify
}

# Every byte of every line counts: one of each is changed in turn.
root_test a_changed_line_is_found_by_its_number
a_changed_line_is_found_by_its_number_body() {
    make_whole
    cat >change.py <<'END'
import glob, os, subprocess, sys
dom0, log = sys.argv[1:]
wrong = 0
for path in sorted(glob.glob(log + "/*.log")):
    data = open(path, "rb").read()
    at, seq = 0, int(os.path.basename(path)[:20])
    lines = data.split(b"\n")[:-1]
    for line in lines:
        for offset in range(0, len(line), 7):
            for new in (line[offset] ^ 1, 0x30):
                if new == line[offset]:
                    continue
                changed = bytearray(data)
                changed[at + offset] = new
                open(path, "wb").write(changed)
                got = subprocess.run([dom0, "log", "verify"],
                                     stdout=subprocess.PIPE)
                said = got.stdout.decode().splitlines()[-1]
                if got.returncode != 1 or \
                   not said.startswith("altered: record %d: " % seq):
                    print(seq, offset, got.returncode, said)
                    wrong += 1
        at += len(line) + 1
        seq += 1
    open(path, "wb").write(data)
sys.exit(wrong != 0)
END
    atf_check python3 change.py "$PWD/bin/dom0" "$log"
    atf_check -o match:'^whole' dom0 log verify
}

# sed on the log's only segment, then verify.
one_segment() {
    rm -rf root bin
    make_log <<END
start
intent work $A one
result 2 work $A exited 0 1
step
intent work $A two
step
result 4 work $A exited 0 1
step
stop
END
    sed -i "$1" "$first"
}

root_test removed_moved_and_doubled_lines_are_found
removed_moved_and_doubled_lines_are_found_body() {
    one_segment 3d
    altered 3
    one_segment 1d
    altered 1
    one_segment '3,5d'
    altered 3
    one_segment 2p
    altered 3
    one_segment '3{h;d};4{G}'
    altered 3
    one_segment "2,\$d"
    atf_check -s exit:3 -o match:'^intact: 1 rec' dom0 log verify
}

# A chain that is right, around numbers that are not.
root_test numbers_that_do_not_follow_are_found
numbers_that_do_not_follow_are_found_body() {
    while read -r op text; do
        rm -rf root bin
        make_log <<END
start
intent work $A one
step
intent work $A two
$op
result 3 work $A exited 0 1
stop
END
        altered 4 "$text"
    done <<'END'
skip a step is left out
back its step goes back
jump another sequence number
again another sequence number
run another run
END
}

root_test a_segment_begins_with_its_own_records
a_segment_begins_with_its_own_records_body() {
    for event in start segment; do
        rm -rf root bin
        make_log <<END
start
event $event
stop
END
        altered 2 'stands within a segment'
    done
    rm -rf root bin
    make_log <<END
start
open
stop
END
    altered 2
}

# A chain that is right, and a segment that says what is not.
root_test the_first_record_is_a_start
the_first_record_is_a_start_body() {
    make_log <<END
segment
event heartbeat
stop
END
    altered 1 'another run, without its start'
}

root_test what_a_segment_says_of_the_one_before_must_be_true
what_a_segment_says_of_the_one_before_must_be_true_body() {
    while read -r what op; do
        rm -rf root bin
        make_log <<END
start
intent work $A one
torn {
lie $what
$op
stop
END
        altered 3
    done <<'END'
hash start
previous start
end start
length start
sha256 start
run start
step start
END
    for what in hash previous; do
        rm -rf root bin
        make_log <<END
start
intent work $A one
lie $what
segment
stop
END
        altered 3
    done
}

root_test a_line_of_zeros_is_no_crash_where_later_steps_follow
a_line_of_zeros_is_no_crash_where_later_steps_follow_body() {
    cat >blank.py <<'END'
import sys
path, seq = sys.argv[1], int(sys.argv[2])
lines = open(path, "rb").read().split(b"\n")
lines[seq - 1] = b"\0" * len(lines[seq - 1])
open(path, "wb").write(b"\n".join(lines))
END
    for seq in 2 3 4; do
        one_segment ''
        python3 blank.py "$first" $seq
        altered $seq
    done
    # While a daemon runs, too.
    one_segment "\$d"
    python3 blank.py "$first" 2
    hold_lock
    altered 2
    kill "$holder"
    wait "$holder"
}

# 32 MiB of pieces of lines: each byte is looked at once, or it takes minutes.
root_test a_tail_that_was_made_to_be_slow_is_read_once
a_tail_that_was_made_to_be_slow_is_read_once_body() {
    one_segment ''
    cat >pieces.py <<'END'
import sys
path, end = sys.argv[1:]
with open(path, "rb") as f:
    lines = f.readlines()
with open(path, "wb") as f:
    f.write(b"".join(lines[:2]) + b"x\0" * (16 << 20))
    f.write(lines[4] if end == "later" else b"")
END
    cp "$first" whole
    python3 pieces.py "$first" none
    atf_check -s exit:3 -o match:'^intact: 2 rec' -o match:' 33554431 bytes' \
        sh -c 'ulimit -t 4; exec dom0 log verify'
    cp whole "$first"
    python3 pieces.py "$first" later
    atf_check -s exit:1 -o match:'^altered: record 3: it is gone, and later' \
        sh -c 'ulimit -t 4; exec dom0 log verify'
}

root_test missing_and_renamed_segments_are_found
missing_and_renamed_segments_are_found_body() {
    for n in 1 5 7; do
        rm -rf root bin
        make_whole
        rm "$log/$(printf '%020d' $n).log"
        altered $n
    done
    rm -rf root bin
    make_whole
    mv "$log/00000000000000000007.log" "$log/00000000000000000008.log"
    altered 7 missing
    rm -rf root bin
    make_whole
    mv "$log/00000000000000000007.log" "$log/00000000000000000006.log"
    altered 6
    rm -rf root bin
    make_whole
    cp "$log/00000000000000000007.log" "$log/00000000000000000010.log"
    altered 10
    # The newest: only what points to it would tell.
    rm -rf root bin
    make_whole
    rm "$log/00000000000000000011.log"
    atf_check -o match:'^whole: 10 records' dom0 log verify
}

# Pruning takes it between its listing and its opening: those before it, too.
root_test what_is_pruned_while_it_is_opened_leaves_no_gap
what_is_pruned_while_it_is_opened_leaves_no_gap_head() {
    atf_set require.user root
    atf_set require.progs strace
}
what_is_pruned_while_it_is_opened_leaves_no_gap_body() {
    make_whole
    third=$(printf '%020d.log' 7)
    cat >without <<END
#!/bin/sh
ASAN_OPTIONS=detect_leaks=0 exec strace -qq -o trace -P $third \\
    -e trace=openat -e inject=openat:error=ENOENT\$1 \\
    $here/qvm-remote-dom0 --root $root log verify
END
    chmod 755 without
    atf_check -o match:'^whole: 12 records in 4 segments' \
        ./without :when=1..2
    atf_check -o inline:'3\n' grep -c "$third" trace
    atf_check -s exit:1 -e match:'pruned faster than they are opened' \
        ./without
}

root_test lines_cut_from_an_earlier_segment_are_found
lines_cut_from_an_earlier_segment_are_found_body() {
    make_whole
    sed -i '$d' "$log/00000000000000000007.log"
    altered 10
    rm -rf root bin
    make_whole
    python3 - "$first" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
at = data.rindex(b"\n", 0, data.rindex(b"\n")) + 1
open(sys.argv[1], "wb").write(data[:at])
END
    altered 4
}

# A start says what a crash has left before it.
root_test what_a_crash_left_must_stay_as_it_was
what_a_crash_left_must_stay_as_it_was_body() {
    make_whole
    sed -i 's/{"seq":5,"ti/{"seq":5,"tI/' "$first"
    altered 5 'segment 1 does not end as it says'
    rm -rf root bin
    make_whole
    sed -i 's/{"seq":5,"ti//' "$first"
    altered 5 'segment 1 does not end as it says'
    rm -rf root bin
    make_whole
    printf x >>"$first"
    altered 5 'segment 1 does not end as it says'
    # A segment that was full has nothing behind its last record.
    rm -rf root bin
    make_whole
    printf x >>"$log/00000000000000000005.log"
    altered 7 'segment 5 does not end as it says'
    # Reserved zeros are not looked at.
    rm -rf root bin
    make_whole
    truncate -s 64M "$first"
    atf_check -o match:'^whole' dom0 log verify
}

root_test a_crash_is_told_from_a_clean_stop
a_crash_is_told_from_a_clean_stop_body() {
    make_log <<END
start
intent work $A one
zeros 4096
END
    atf_check -s exit:3 -o match:'^intact: 2 records in 1 segment' \
        -o match:'run 1 has no closing record and no daemon runs' \
        dom0 log verify
    rm -rf root bin
    make_log <<END
start
intent work $A one
torn {"seq":3
END
    atf_check -s exit:3 -o match:'^intact: 2 records in 1 segment' \
        -o match:'note: 8 bytes behind the last record' dom0 log verify
}

# A page that did not reach the disk: a record ends at the first NUL.
root_test a_page_that_a_crash_has_lost_is_no_change_by_hand
a_page_that_a_crash_has_lost_is_no_change_by_hand_body() {
    make_log <<END
start
intent work $A one
torn {"seq":3
zeros 4096
torn "}
END
    echo >>"$first"
    atf_check -s exit:3 -o match:'^intact: 2 records in 1 segment' \
        dom0 log verify
}

root_test while_a_daemon_runs_the_end_is_not_proven
while_a_daemon_runs_the_end_is_not_proven_body() {
    make_log <<END
start
intent work $A one
torn {"seq":3
END
    hold_lock
    atf_check -o match:'^whole: 2 records' -o match:'end not proven' \
        dom0 log verify
    kill "$holder"
    wait "$holder"
    # A lock that nobody holds is none.
    atf_check -s exit:3 -o ignore dom0 log verify
}

root_test bytes_behind_a_closing_record_are_found
bytes_behind_a_closing_record_are_found_body() {
    one_segment ''
    printf '{"seq":7' >>"$first"
    altered 7 'behind the closing record'
    one_segment ''
    printf '{"seq":7}\n' >>"$first"
    altered 7
    # One that the chain holds, and that the writer did not write.
    rm -rf root bin
    make_log <<END
start
stop
event heartbeat
END
    altered 3 'behind its run.s closing record'
}

# The reader is slowed, so that steps are made between two of its readings.
root_test a_log_that_grows_while_it_is_read_is_whole
a_log_that_grows_while_it_is_read_is_whole_body() {
    make_root
    hold_lock
    segment=$log/00000000000000000001.log
    echo "$SEED" >key
    {
        echo "seal $SEED"
        echo start
        until [ -e full ]; do :; done
        i=0
        while [ $((i += 1)) -le 20000 ]; do
            echo "intent work $A $i"
            echo step
        done
    } | "$here/mklog" "$log" &
    writer=$!
    until [ -s "$segment" ]; do :; done
    truncate -s 64M "$segment"
    : >full
    while kill -0 $writer 2>/dev/null; do
        ASAN_OPTIONS=detect_leaks=0 strace -o trace \
            -e inject=pread64:delay_enter=1000 \
            "$here/qvm-remote-dom0" --root "$root" log verify \
            --key key >out ||
            atf_fail "$(tail -n 1 out)"
    done
    wait $writer || atf_fail mklog
    atf_check -o match:'^whole: 20001 records.*the seals hold$' \
        dom0 log verify --key "$PWD/key"
    kill "$holder"
    wait "$holder"
}
