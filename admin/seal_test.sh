#!/usr/bin/env atf-sh
# log init, log verify --key, log checkpoint
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
SEED=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
NAME=772f97606c1d7655
SEED_2=5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a

make_log() {
    make_root
    "$here/mklog" "$log" || atf_fail mklog
    echo "$SEED $NAME" >key
    echo "$SEED_2" >key_2
}

# Two runs of one line, the second in two segments.
make_sealed() {
    make_log <<END
seal $SEED
start
intent work $A one
step
result 2 work $A exited 0 1
stop
start
segment
intent work $A two
stop
END
}

verify() {
    atf_check "$@" dom0 log verify --key "$PWD/key"
}

root_test seals_that_hold
seals_that_hold_body() {
    make_sealed
    verify -o match:'^whole: 8 records in 3 segments; the seals hold$'
    atf_check -o match:'^whole.*the seals hold$' dom0 log verify --key - <key
    atf_check -o match:'^whole.*the seals were not checked$' dom0 log verify
    # Without the digits that check it, a key is a key.
    echo "$SEED" >key
    verify -o match:'the seals hold$'
}

root_test a_chain_made_anew_without_the_key_is_found
a_chain_made_anew_without_the_key_is_found_body() {
    make_log <<END
seal $SEED
start
intent work $A one
step
late
intent work $A two
stop
END
    verify -s exit:1 -o match:'^altered: record 3: its seal does not hold'
    atf_check -o match:'^whole' dom0 log verify
}

root_test a_record_without_a_seal_is_found
a_record_without_a_seal_is_found_body() {
    make_sealed
    sed -i '2s/,"mac":"[0-9a-f]*"//' "$log/00000000000000000001.log"
    verify -s exit:1 -o match:'^altered: record 2: it has no seal'
}

root_test without_the_process_that_checks_them_no_seal_holds
without_the_process_that_checks_them_no_seal_holds_body() {
    make_sealed
    atf_check -s exit:1 -o empty \
        -e match:'error: the process that checks the seals(: | has ended)' \
        strace -f -qq -o calls -e trace=recvfrom \
        -e inject=recvfrom:signal=KILL \
        "$here/qvm-remote-dom0" --root "$root" log verify --key key
    atf_check -o ignore grep 'killed by SIGKILL' calls
}

root_test a_key_of_another_log_is_told
a_key_of_another_log_is_told_body() {
    make_log <<END
seal $SEED_2
start
stop
END
    verify -s exit:1 -o match:'no run was sealed with the key'
}

root_test a_line_that_was_announced_goes_on
a_line_that_was_announced_goes_on_body() {
    make_log <<END
seal $SEED
start
stop
reseal $SEED_2
start
stop
start
stop
END
    verify -s exit:1 -o match:'^altered: record 5: run 3 is sealed with another'
    atf_check -o match:'^whole.*the seals hold$' -o match:\
'^note: run 3 begins with a new seed .f71cf.*, as the run before announces$' \
        dom0 log verify --key "$PWD/key" --key "$PWD/key_2"
    atf_check -o match:'the seals hold from run 3 on' \
        dom0 log verify --key "$PWD/key_2"
    # Both in one file.
    cat key_2 >>key
    verify -o match:'^whole.*the seals hold$'
}

root_test a_line_that_nobody_announced_is_noted
a_line_that_nobody_announced_is_noted_body() {
    make_log <<END
seal $SEED
start
stop
seal $SEED_2
start
stop
END
    atf_check -o match:'^note: run 2 begins with a new seed' -o match:'^whole' \
        dom0 log verify --key "$PWD/key" --key "$PWD/key_2"
}

root_test a_seed_that_nobody_has_seen_is_noted
a_seed_that_nobody_has_seen_is_noted_body() {
    make_log <<END
seal $SEED_2
unseen
start
stop
start
stop
END
    atf_check -o match:'^note: run 1: its seed .* unseen' \
        -o not-match:'run 2: its seed' dom0 log verify
}

root_test a_key_that_was_copied_wrongly_is_refused
a_key_that_was_copied_wrongly_is_refused_body() {
    make_sealed
    echo "1${SEED#?} $NAME" >key
    verify -s exit:1 -e match:'line 1: .*copied wrongly'
    for bad in "" "${SEED#?}" "$SEED$SEED" "$SEED x" "xy${SEED#??}"; do
        echo "$bad" >key
        verify -s exit:1 -e match:'error: .*key'
    done
    rm key
    verify -s exit:1 -e match:'error: .*key: No such file'
    atf_check -s exit:2 -e not-empty dom0 log verify --key
    atf_check -s exit:2 -e not-empty dom0 log verify x
}

# init PATTERN-OF-ERROR: fails, and leaves no key and the seed as it was.
init_fails() {
    cp "$log/seed" before 2>/dev/null || : >before
    atf_check -s not-exit:0 -e match:"$1" dom0 log init --key-file "$PWD/new"
    atf_check test ! -e new
    [ ! -s before ] || atf_check cmp before "$log/seed"
}

own_log() {
    make_root
    chown qvm-remote-key: "$log"
    chmod 700 "$log"
}

root_test init_gives_the_key_once
init_gives_the_key_once_body() {
    own_log
    atf_check -s exit:2 -e match:'no terminal.*--key-file' dom0 log init
    atf_check -e match:'shown this once' -e match:'outside dom0' \
        -e match:'another VM' dom0 log init --key-file "$PWD/key"
    atf_check -o match:'^[0-9a-f]{64} [0-9a-f]{16}$' cat key
    atf_check -o inline:'600\n' stat -c %a key
    atf_check -o inline:'600 qvm-remote-key 8192\n' \
        stat -c '%a %U %s' "$log/seed"
    # Nothing but the seed file has it.
    atf_check -o inline:"$log/seed\n" grep -rl "$(cut -c1-64 key)" "$log"
    # A file that is there is somebody's.
    init_fails_on_existing
}

init_fails_on_existing() {
    cp key mine
    cp "$log/seed" before
    atf_check -s exit:1 -e match:'File exists' \
        dom0 log init --key-file "$PWD/mine"
    atf_check cmp key mine
    atf_check cmp before "$log/seed"
}

root_test init_again_replaces_what_was_not_used
init_again_replaces_what_was_not_used_body() {
    own_log
    atf_check -e ignore dom0 log init --key-file "$PWD/one"
    atf_check -e not-match:'after the next one' \
        dom0 log init --key-file "$PWD/two"
    atf_check -s exit:1 grep -q "$(cut -c1-64 one)" "$log/seed"
    atf_check grep -q "$(cut -c1-64 two)" "$log/seed"
}

# make_seed FORMAT: a seed file as the daemon leaves it, but for what it says.
make_seed() {
    rm -f "$log/seed"
    # shellcheck disable=SC2059 # a format it is
    printf "$1" 0 >"$log/seed"
    chown qvm-remote-key: "$log/seed"
    chmod 600 "$log/seed"
}

root_test init_refuses_what_it_should
init_refuses_what_it_should_body() {
    own_log
    hold_lock
    init_fails "daemon \(pid $holder\) runs"
    kill "$holder"
    wait "$holder"
    make_seed x%8191d
    init_fails 'is damaged: move it away'
    chown root "$log/seed"
    init_fails 'is no seed file.*move it away'
    make_seed x%8190d
    init_fails 'is no seed file'
    make_seed x%8191d
    chmod 640 "$log/seed"
    init_fails 'is no seed file'
    make_seed x%8191d
    ln "$log/seed" second
    init_fails 'is no seed file'
    rm "$log/seed"
    mkdir "$log/seed"
    atf_check -s exit:1 -e match:'seed' dom0 log init --key-file "$PWD/new"
    atf_check test ! -e new
    rmdir "$log/seed"
    chmod 750 "$log"
    init_fails 'must be a folder of qvm-remote-key alone'
    chmod 700 "$log"
    ln -s /dev/null "$log/seed"
    init_fails 'seed'
    rm "$log/seed"
    atf_check -s exit:1 -e match:'No such file' \
        dom0 log init --key-file "$PWD/no/where"
    atf_check test ! -e "$log/seed"
    atf_check -s exit:2 -e not-empty dom0 log init x
}

root_test init_on_a_full_disk_changes_nothing
init_on_a_full_disk_changes_nothing_body() {
    own_log
    unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=700,uid="$3" none "$1" &&
        head -c 100000 /dev/zero >"$1/fill" 2>/dev/null
        "$2/qvm-remote-dom0" --root "$4" log init --key-file new 2>said
        echo $? >status; ls -A "$1" >left' sh "$log" "$here" \
        "$(id -u qvm-remote-key)" "$root"
    atf_check -o inline:'1\n' cat status
    atf_check -o match:'as it was: No space left' cat said
    atf_check test ! -e new
    atf_check -s exit:1 grep -E '^\.?seed$' left
}

root_test a_checkpoint_names_the_newest_record
a_checkpoint_names_the_newest_record_body() {
    make_sealed
    hash=$(sed -n 's/.*"stop","hash":"\([0-9a-f]*\)".*/\1/p' \
        "$log/00000000000000000006.log")
    atf_check -o match:"^qvm-remote-checkpoint 1 [0-9T:.-]*Z 8 $hash$" \
        dom0 log checkpoint
    sed -i 's/two/twp/' "$log/00000000000000000006.log"
    atf_check -s exit:1 -e match:'^altered: record 7' dom0 log checkpoint
}

# altered N TEXT KEY...: verify with these keys names record N.
altered() {
    _want="^altered: record $1: .*$2"
    shift 2
    for _key; do
        set -- "$@" --key "$PWD/$_key"
        shift
    done
    atf_check -s exit:1 -o match:"$_want" dom0 log verify "$@"
}

again() {
    rm -rf root bin
    make_log
}

# Who is root in run 3 has the seed of run 4, and makes those before it anew.
root_test a_past_of_another_seed_is_found
a_past_of_another_seed_is_found_body() {
    make_log <<END
seal $SEED_2
start
stop
start
stop
start
intent work $A ls
stop
seal $SEED 1
start
stop
END
    altered 8 "began with run 1, and run 3 has another" key
    atf_check -o match:'^whole' dom0 log verify
}

# Run 4 is sealed with the seed of run 5, as if its line had begun earlier.
root_test a_run_that_is_numbered_anew_is_found
a_run_that_is_numbered_anew_is_found_body() {
    make_log <<END
seal $SEED
start
stop
reseal $SEED_2
start
stop
start
stop
seal $SEED_2 2
start
intent work $A ls
stop
END
    altered 7 "began with run 2, and run 3 that it was run 3" key key_2
    # The first of its line, too.
    again <<END
seal $SEED
start
stop
reseal $SEED_2
start
stop
seal $SEED_2 2
start
stop
END
    altered 5 "began with run 2, and run 2 has another" key key_2
}

root_test a_line_that_ended_does_not_go_on
a_line_that_ended_does_not_go_on_body() {
    make_log <<END
seal $SEED
reseal $SEED_2
start
stop
seal $SEED 1
start
stop
END
    altered 3 "run 1 announces a new seed" key key_2
    for from in 1 4; do
        again <<END
seal $SEED
start
reseal $SEED_2
start
start
seal $SEED $from
start
END
        altered 4 '' key key_2
    done
    # Nor with the right key, said to be of a line that begins there.
    again <<END
seal $SEED
start
reseal $SEED_2
start
start
seal $SEED 1
lie seed_run
start
END
    altered 4 'cannot be one of its seed' key key_2
}

root_test a_run_that_was_put_in_is_found
a_run_that_was_put_in_is_found_body() {
    make_log <<END
seal $SEED
start
stop
seal $SEED_2 2
start
stop
seal $SEED 1
start
stop
END
    altered 3 "sealed with another seed" key
}

# Another line and other letters, where a fingerprint is wanted.
root_test a_seed_that_is_none_is_not_shown
a_seed_that_is_none_is_not_shown_body() {
    make_sealed
    first=$log/00000000000000000001.log
    python3 - "$first" <<'END'
import hashlib, sys
line = open(sys.argv[1], "rb").read().split(b"\n")[0]
covered = line[:line.rindex(b',"hash":"')].replace(
    b'"seed":"772f97606c1d7655"', b'"seed":"\\u202e\\nwhole: 9 rec"').replace(
    b'"seed_seen":true', b'"seed_seen":false')
digest = hashlib.sha256(bytes(32) + covered).hexdigest().encode()
open(sys.argv[1], "wb").write(covered + b',"hash":"' + digest + b'"}\n')
END
    rm "$log"/*5.log "$log"/*6.log
    atf_check -s exit:1 -o save:out dom0 log verify
    atf_check -o match:'which seed its run has' cat out
    atf_check -s exit:1 env LC_ALL=C grep -v '^[ -~]*$' out
    atf_check -s exit:1 grep '^whole' out
}

# A chain that somebody made anew without any key: seals as they were, or
# those of another record.
root_test a_changed_line_in_a_chain_made_anew_is_found
a_changed_line_in_a_chain_made_anew_is_found_body() {
    cat >anew.py <<'END'
import hashlib, sys
path, how = sys.argv[1:]
lines = open(path, "rb").read().split(b"\n")[:-1]
cut = lambda line: line[:line.rindex(b',"hash":"')]
seals = [line[line.rindex(b',"mac":"'):] for line in lines]
before = hashlib.sha256(bytes(32) + cut(lines[0])).digest()
for i in range(1, len(lines)):
    covered = cut(lines[i]).replace(b'"one"', b'"two"')
    before = hashlib.sha256(before + covered).digest()
    lines[i] = covered + b',"hash":"' + before.hex().encode() + b'"' + \
        seals[i - (how == "moved")]
open(path, "wb").write(b"\n".join(lines) + b"\n")
END
    for how in kept moved; do
        again <<END
seal $SEED
start
intent work $A one
step
result 2 work $A exited 0 1
stop
END
        python3 anew.py "$log/00000000000000000001.log" $how
        altered 2 'its seal does not hold' key
        atf_check -o match:'^whole' dom0 log verify
    done
}

root_test each_digit_of_a_seal_counts
each_digit_of_a_seal_counts_body() {
    make_sealed
    segment=$log/00000000000000000001.log
    cp "$segment" true
    for at in $(seq 0 63); do
        for digit in 0 1; do
            sed -E "2s/(\"mac\":\"[0-9a-f]{$at})[0-9a-f]/\\1$digit/" true \
                >"$segment"
            cmp -s true "$segment" || altered 2 'its seal does not hold' key
        done
    done
}

root_test with_keys_steps_and_ends_are_as_without
with_keys_steps_and_ends_are_as_without_body() {
    for op in skip back; do
        again <<END
seal $SEED
start
intent work $A one
step
intent work $A two
$op
stop
END
        altered 4 step key
    done
    # The end was cut off: the last record, then segment after segment.
    rm -rf root bin
    make_sealed
    sed -i '$d' "$log/00000000000000000006.log"
    verify -s exit:3 -o match:'^intact: 7 records.*the seals hold$' \
        -o match:'^note: run 2 has no closing record and no daemon runs'
    rm "$log"/*6.log
    verify -s exit:3 -o match:'^intact: 5 records.*the seals hold$'
    rm "$log"/*5.log
    verify -o match:'^whole: 4 records.*the seals hold$'
    rm "$log"/*1.log
    verify -s exit:1 -e match:'there is no log'
}

root_test crashes_and_starts_without_a_record_are_noted
crashes_and_starts_without_a_record_are_noted_body() {
    make_log <<END
seal $SEED
start
intent work $A one
torn {"seq":3,"ti
zeros 5000
run
run
start
stop
END
    verify -o match:'^note: run 1 has no closing record: a crash' \
        -o match:'^note: runs 2 to 3 have no record: .* removed$' \
        -o match:'^note: segment 1: 12 bytes behind record 2 \(a crash\)' \
        -o match:'^whole.*the seals hold$'
}

root_test keys_are_counted_and_named
keys_are_counted_and_named_body() {
    make_sealed
    # One that fits no run: a digit may be wrong, where nothing checks it.
    atf_check -o match:'^whole.*the seals hold$' \
        -o match:'^note: no run was sealed with the key f71cfaae738ff17c$' \
        dom0 log verify --key "$PWD/key" --key "$PWD/key_2"
    # The same one twice is one.
    atf_check -o match:'the seals hold$' -o not-match:'^note' \
        dom0 log verify --key "$PWD/key" --key "$PWD/key"
    : >none
    atf_check -s exit:1 -e match:'none: holds no key' \
        dom0 log verify --key "$PWD/key" --key "$PWD/none"
    for i in $(seq 10 25); do
        printf '%064d\n' "$i"
    done >many
    atf_check -s exit:1 -o match:'^whole.*no run was sealed' \
        dom0 log verify --key "$PWD/many"
    atf_check -s exit:1 -e match:'key: more than 16 keys' \
        dom0 log verify --key "$PWD/many" --key "$PWD/key"
    # All that a key has, and one more.
    for i in $(seq 17); do
        cat key
    done >many
    atf_check -s exit:1 -e match:'many: more than 16 keys' \
        dom0 log verify --key "$PWD/many"
    sed -i '$d' many
    atf_check -o match:'^whole.*the seals hold$' \
        dom0 log verify --key "$PWD/many"
}

root_test init_makes_the_folder_as_the_daemon_does
init_makes_the_folder_as_the_daemon_does_body() {
    own_log
    rmdir "$log"
    # shellcheck disable=SC2016 # the inner shell's
    atf_check -e ignore sh -c 'umask 277; dom0 log init --key-file "$1"' sh \
        "$PWD/key"
    atf_check -o inline:'700 qvm-remote-key\n' stat -c '%a %U' "$log"
    atf_check test -s key
    # Nor is a link to one a folder.
    mv "$log" elsewhere
    ln -s "$PWD/elsewhere" "$log"
    atf_check -s exit:1 -e not-empty dom0 log init --key-file "$PWD/new"
    atf_check test ! -e new
}

root_test a_key_is_shown_on_a_terminal_once_and_is_nowhere_else
a_key_is_shown_on_a_terminal_once_and_is_nowhere_else_body() {
    own_log
    cat >terminal.py <<'END'
import os, subprocess, sys
master, slave = os.openpty()
program = subprocess.Popen(sys.argv[1:], stdout=slave)
os.close(slave)
seen = b""
try:
    while True:
        seen += os.read(master, 1000)
except OSError:
    pass
assert program.wait() == 0
sys.stdout.write(seen.decode().replace("\r", ""))
END
    atf_check -o save:shown -e match:'shown this once' \
        python3 terminal.py dom0 log init
    atf_check -o match:'^[0-9a-f]{64} [0-9a-f]{16}$' cat shown
    atf_check -o inline:'1\n' wc -l <shown
    digits=$(cut -c 1-64 shown)
    mv shown /dev/shm/shown.$$
    atf_check -o inline:"$log/seed\n" grep -rl "$digits" "$PWD"
    atf_check -o inline:'1\n' grep -ac "$digits" "$log/seed"
    rm /dev/shm/shown.$$
    # It is the one that is in use, by its own check.
    atf_check -o match:'^run 0$' grep -a '^run' "$log/seed"
}

# used_seed RUN: as after a start: the next run's, in the second slot.
used_seed() {
    python3 - "$log/seed" "$1" <<'END'
import hashlib, sys
text = ("qvm-remote-seed 1\nrun %s\nseed %s\nfirst 1 772f97606c1d7655 seen\n"
        "then -\n" % (sys.argv[2], "77" * 32)).encode()
text += b"check " + hashlib.sha256(text).hexdigest().encode() + b"\n"
with open(sys.argv[1], "wb") as f:
    f.write(bytes(4096) + text.ljust(4096, b"\0"))
END
    chown qvm-remote-key: "$log/seed"
    chmod 600 "$log/seed"
}

root_test a_line_in_use_says_which_comes_next
a_line_in_use_says_which_comes_next_body() {
    own_log
    used_seed 5
    atf_check -e match:'the start after the next one' \
        dom0 log init --key-file "$PWD/key"
    digits=$(cut -c 1-64 key)
    atf_check -o match:'^run 5$' -o match:'^seed 7777' \
        -o match:'^first 1 772f97606c1d7655 seen' -o match:"^then $digits\$" \
        head -c 4096 "$log/seed"
    # The old slot is overwritten, and with it what it said.
    tail -c 4096 "$log/seed" >old
    head -c 4096 /dev/zero >zeros
    atf_check cmp old zeros
    # What was to come is replaced by what is to come now.
    atf_check -e ignore dom0 log init --key-file "$PWD/key_2"
    atf_check -s exit:1 grep -aq "$digits" "$log/seed"
    atf_check -o match:"^run 5$" -o match:"^then $(cut -c 1-64 key_2)\$" \
        tail -c 4096 "$log/seed"
}

# init_with INJECTION: log init, with a system call that fails.
init_with() {
    rm -f new
    ASAN_OPTIONS=detect_leaks=0 strace -f -o trace -e "inject=$1" \
        "$here/qvm-remote-dom0" --root "$root" log init \
        --key-file "$PWD/new" 2>said
    _status=$?
}

init_fails_with() {
    init_with "$1"
    grep -q INJECTED trace || atf_fail "$1: nothing failed"
    atf_check test "$_status" = 1
}

# Before the seed file is touched nothing has changed; then a key is kept.
root_test init_keeps_a_key_that_may_be_in_use
init_keeps_a_key_that_may_be_in_use_body() {
    own_log
    for call in fsync:error=EIO:when=1 fsync:error=EIO:when=2 \
        pwrite64:error=ENOSPC:when=1 pwrite64:error=ENOSPC:when=2 \
        pwrite64:retval=100:when=2 fdatasync:error=EIO:when=1 \
        fdatasync:error=EIO:when=2 fsync:error=EIO:when=3; do
        init_fails_with "$call"
        atf_check grep -q 'as it was' said
        atf_check test ! -e new -a ! -e "$log/seed" \
            -a ! -e "$log/.seed"
    done
    init_fails_with fsync:error=EIO:when=4
    atf_check grep -q 'may be in use' said
    atf_check test -s new -a -s "$log/seed"
    for call in pwrite64:error=ENOSPC:when=1 pwrite64:error=ENOSPC:when=2 \
        fdatasync:error=EIO:when=1 fdatasync:error=EIO:when=2; do
        used_seed 5
        init_fails_with "$call"
        atf_check grep -q 'may be in use' said
        atf_check test -s new
        atf_check -e ignore dom0 log init --key-file "$PWD/again"
        rm again
    done
}

# Killed at each of its calls: the seed is the old one or one that is known.
root_test a_kill_leaves_no_seed_that_nobody_has
a_kill_leaves_no_seed_that_nobody_has_body() {
    own_log
    for old in none used; do
        for call in openat write fsync pwrite64 fdatasync fchown renameat close; do
            n=0
            while [ $((n += 1)) -lt 40 ]; do
                rm -f "$log/seed"
                [ $old = none ] || used_seed 5
                init_with "$call:signal=KILL:when=$n"
                [ "$_status" = 137 ] || break
                check_after_a_kill
            done
            [ "$_status" = 0 ] || atf_fail "$call $n: $_status"
            echo "$old: $call: $((n - 1))"
        done
    done
}

check_after_a_kill() {
    [ -e "$log/seed" ] || return 0
    known=$(cut -c 1-64 new 2>/dev/null)
    for digits in $(grep -aoE '^(seed|then) [0-9a-f]{64}$' "$log/seed" |
        cut -d ' ' -f 2); do
        case $digits in
        77777777* | "$known") ;;
        *) atf_fail "$call $n: nobody has $digits" ;;
        esac
    done
    atf_check -e ignore dom0 log init --key-file "$PWD/again"
    rm again
}

root_test init_where_it_may_not_write_changes_nothing
init_where_it_may_not_write_changes_nothing_body() {
    own_log
    atf_check -e ignore dom0 log init --key-file "$PWD/key"
    cp "$log/seed" before
    unshare -m sh -c 'mount --bind "$1" "$1" &&
        mount -o remount,bind,ro "$1" || exit 9
        "$2/qvm-remote-dom0" --root "$3" log init --key-file new 2>said
        echo $? >status' sh "$log" "$here" "$root" || atf_fail mount
    atf_check -o inline:'1\n' cat status
    atf_check -o match:'error: .*Read-only file system' cat said
    atf_check test ! -e new
    atf_check cmp before "$log/seed"
}
