#!/usr/bin/env atf-sh
# log
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
B=20260218-143022-1235-a1b2c3d5

# Times are shown as local ones: the test's zone has no summer.
export TZ=QRT-3

# And `field NAME`: what stands behind it in `out`.
make_log() {
    make_root
    printf '#!/bin/sh\nsed -n "s/^  $1 *\\([^ ].*\\)/\\1/p" out\n' >bin/field
    chmod 755 bin/field
    "$here/mklog" "$log" || atf_fail mklog
}

root_test one_block_a_request
one_block_a_request_body() {
    make_log <<END
start
intent work $A qvm-ls --raw-data\\x0a
result 2 work $A exited 3 17
refused work $B token not accepted
denied home $B policy rm -rf /
asking 60 12
intent home $A sleep 9
result 6 home $A signaled 139 12345
intent home $B sleep 99
result 8 home $B timeout 124 300000 time is out
intent work $B sleep 999
result 10 work $B cancelled 130 7384000
intent work $B true
result 12 work $B exited 0 2
intent work $B sleep 9999
END
    cat >want <<END
2026-02-18 17:30:24  work  $A
  CMD        qvm-ls --raw-data
  AUTH-OK    allowed, as every command is, as root
  DONE-FAIL  exited 3; took 17ms

2026-02-18 17:30:26  work  $B
  AUTH-FAIL  rejected: token not accepted

2026-02-18 17:30:27  home  $B
  CMD        rm -rf /
  REJECT     denied 126: policy

2026-02-18 17:30:28  home  $A
  CMD        sleep 9
  AUTH-OK    allowed, as every command is, as root, with 12 bytes of input
  DONE-FAIL  signaled 139; took 12.3s

2026-02-18 17:30:30  home  $B
  CMD        sleep 99
  AUTH-OK    allowed, as every command is, as root
  TIMEOUT    timeout 124: time is out; took 5m00s

2026-02-18 17:30:32  work  $B
  CMD        sleep 999
  AUTH-OK    allowed, as every command is, as root
  INFO       cancelled 130; took 2h03m

2026-02-18 17:30:34  work  $B
  CMD        true
  AUTH-OK    allowed, as every command is, as root
  DONE       exited 0; took 2ms

2026-02-18 17:30:36  work  $B
  CMD        sleep 9999
  AUTH-OK    allowed, as every command is, as root
  ERROR      its end is unknown
END
    atf_check -o file:want dom0 log
}

# Each event that is no request's: a snapshot's repeats requests.
root_test only_requests_are_shown
only_requests_are_shown_body() {
    {
        echo start
        for event in snapshot-vm snapshot-key snapshot-memory \
            snapshot-request snapshot-cancel snapshot; do
            echo "event $event"
        done
        echo "intent work $A one"
        for event in delivered lapsed heartbeat clock clock-accept disk share \
            key session cancel; do
            echo "event $event"
        done
        echo segment
        echo "event snapshot-request"
        echo "event snapshot"
        echo "result 8 work $A exited 0 1"
        echo stop
    } >script
    make_log <script
    dom0 log >out || atf_fail log
    atf_check -o inline:'one\n' field CMD
    atf_check -o inline:'exited 0; took 1ms\n' field DONE
    atf_check -o inline:'4\n' wc -l <out
    atf_check -o match:'"event":"intent"' -o match:'"event":"result"' \
        -o not-match:snapshot dom0 log --json
}

root_test no_byte_of_a_command_reaches_the_terminal_raw
no_byte_of_a_command_reaches_the_terminal_raw_body() {
    all=$(python3 -c 'print("".join("\\x%02x" % i for i in range(1, 256)
        if i != 10))')
    make_log <<END
start
intent work $A $all
intent work $A \\xc3\\xa9\\xe2\\x80\\xae\\xf0\\x9f\\x98\\x80\\x09"\\x5c
intent work $A \\xc2\\x9b31m
END
    dom0 log >out || atf_fail log
    atf_check -s exit:1 env LC_ALL=C grep -v '^[ -~]*$' out
    atf_check -o match:'  \\xc3\\xa9\\xe2\\x80\\xae\\xf0\\x9f\\x98\\x80\\t"\\\\$' \
        -o match:'  \\xc2\\x9b31m$' -o match:'  \\x01\\x02.*\\t\\x0b' cat out
}

root_test long_commands_are_folded
long_commands_are_folded_body() {
    make_log <<END
start
intent work $A echo one\\x0a
intent work $A 1\\x0a2\\x0a3\\x0a4\\x0a5\\x0a6\\x0a7\\x0a8\\x0a
intent work $A 1\\x0a2\\x0a3\\x0a4\\x0a5\\x0a6\\x0a7\\x0a8\\x0a9\\x0a10\\x0a
intent work $A \\x0a\\x0aend
intent work $A $(printf '%0134d' 0)
intent work $A $(printf '%065d' 0)\\x1bx
intent work $A $(printf '%066d' 0)\\x0ax
intent work $A
END
    dom0 log -n 8 | sed -n '/^  CMD/,/^  AUTH-OK/ {
        s/^  \(.........\) *//
        s/^allowed.*/--/
        p
    }' >out
    zeros=$(printf '%066d' 0)
    cat >want <<END
echo one
--
1
2
3
4
5
6
7
8
--
1
2
3
4
5
6
7
8
... 2 more lines (4 bytes)
--


end
--
$zeros\\
$zeros\\
00
--
${zeros%0}\\
\\x1bx
--
$zeros
x
--

--
END
    atf_check -o file:want cat out
}

root_test so_many_of_the_last_are_shown
so_many_of_the_last_are_shown_body() {
    {
        echo start
        for i in $(seq 0 29); do
            echo "intent vm$((i % 3)) $A number-$i"
            [ $((i % 7)) = 6 ] && printf '%s\n' stop start
        done
    } >script
    make_log <script
    dom0 log >out || atf_fail log
    atf_check -o inline:'20\n' grep -c number- out
    for n in 1 6 7 8 29 30 31 100000; do
        dom0 log -n $n >out || atf_fail log
        seq 0 29 | tail -n $n | sed 's/^/number-/' >want
        atf_check -o file:want grep -o 'number-.*' out
    done
    dom0 log --vm vm1 -n 3 >out || atf_fail log
    atf_check -o inline:'number-22\nnumber-25\nnumber-28\n' \
        grep -o 'number-.*' out
    atf_check dom0 log --vm vm9
}

root_test an_id_finds_its_requests
an_id_finds_its_requests_body() {
    make_log <<END
start
intent work $A one
intent home $A two
intent work $B three
result 2 work $A exited 0 1
result 3 home $A exited 0 1
result 4 work $B exited 0 1
END
    near='note: it was looked for within a day of'
    atf_check -o match:one -o match:two -o not-match:three -e match:"$near" \
        dom0 log --id $A
    atf_check -o match:two -o not-match:'one|three' -e match:"$near" \
        dom0 log --id $A --vm home
    atf_check -o match:two dom0 log --id $A --since 2026-02-18
}

root_test a_result_in_a_later_segment_finds_its_intent
a_result_in_a_later_segment_finds_its_intent_body() {
    make_log <<END
start
intent work $A one
intent work $B two
segment
result 3 work $B exited 4 1
result 2 work $A exited 5 1
END
    dom0 log >out || atf_fail log
    atf_check -o inline:'one\ntwo\n' field CMD
    atf_check -o inline:'exited 5; took 1ms\nexited 4; took 1ms\n' \
        field DONE-FAIL
    # Its intent is not among those that are shown: nor is it.
    dom0 log -n 1 >out || atf_fail log
    atf_check -o inline:'two\n' field CMD
    atf_check -o inline:'exited 4; took 1ms\n' field DONE-FAIL
}

root_test without_an_end_a_request_runs_or_is_unknown
without_an_end_a_request_runs_or_is_unknown_body() {
    make_log <<END
start
intent work $A earlier
start
intent work $B now
END
    dom0 log >out || atf_fail log
    atf_check -o inline:'its end is unknown\nits end is unknown\n' field ERROR
    hold_lock
    dom0 log >out || atf_fail log
    atf_check -o inline:'its end is unknown\n' field ERROR
    atf_check -o inline:'running\n' field INFO
    kill "$holder"
    wait "$holder"
}

root_test json_is_the_records_as_they_are
json_is_the_records_as_they_are_body() {
    make_log <<END
start
intent work $A echo \\xff\\x1b
intent home $B two
result 2 work $A exited 0 1
refused home $B no
denied work $B policy three
END
    dom0 log --json >out || atf_fail log
    # In order of the requests, an intent and its result together.
    for seq in 2 4 3 5 6; do
        grep "^{\"seq\":$seq," "$log"/*.log
    done >want
    atf_check -o file:want cat out
    atf_check -o match:'"seq":6,' -o not-match:'"seq":[2-5],' \
        dom0 log --json -n 1
    atf_check -o match:'"seq":2,' -o match:'"seq":4,' -o match:'"seq":6,' \
        -o not-match:'"seq":[35],' dom0 log --json --vm work
}

root_test a_status_or_a_pattern_picks_requests
a_status_or_a_pattern_picks_requests_body() {
    make_log <<END
start
intent work $A qvm-ls
intent work $A \\xff\\x00first\\x0asecond\\x0a
intent work $A sleep
result 3 work $A exited 3 1
result 2 work $A exited 0 1
denied home $B policy qvm-kill
refused home $B no
intent work $A qvm-run
result 9 work $A timeout 124 1
END
    while IFS=';' read -r option value want; do
        dom0 log "$option" "$value" >out || atf_fail "$option $value"
        field CMD | tr '\n' ' ' >got
        atf_check -o inline:"$want" cat got
    done <<'END'
--status;exited;qvm-ls \xff\x00first 
--status;timeout;qvm-run 
--status;denied;qvm-kill 
--status;rejected;
--status;checked;
--grep;^qvm-(ls|kill)$;qvm-ls qvm-kill 
--grep;^second$;\xff\x00first 
--grep;sleep;sleep 
--grep;x{3};
END
    # The newest so many of those.
    dom0 log --grep qvm -n 2 >out || atf_fail "-n 2"
    atf_check -o inline:'qvm-kill\nqvm-run\n' field CMD
    dom0 log --grep qvm --status exited >out || atf_fail "both"
    atf_check -o inline:'qvm-ls\n' field CMD
}

# Who types a bad pattern may end it.
root_test a_pattern_that_takes_for_ever_is_interrupted
a_pattern_that_takes_for_ever_is_interrupted_body() {
    make_log <<END
start
intent work $A $(printf '%0200d' 0)
END
    atf_check -s exit:124 -o empty -e empty timeout -s INT 1 \
        dom0 log --grep '(0*)*(0*)*(0*)*\1\2\3x'
}

# By what matches it, given the memory.
root_test a_pattern_that_needs_too_much_memory_is_said_to
a_pattern_that_needs_too_much_memory_is_said_to_body() {
    make_log <<END
start
intent work $A $(printf '%0100000d' 0 | tr 0 a)b
END
    atf_check -s exit:1 -o empty -e match:'error: the pattern needs more memory' \
        dom0 log --grep '^(.*)\1b$'
    atf_check -o match:"$A" dom0 log --grep '^a+b$'
}

root_test an_empty_log_has_nothing_to_show
an_empty_log_has_nothing_to_show_body() {
    make_log </dev/null
    atf_check dom0 log
    rm -r "$log"
    atf_check -s exit:1 -e match:'error: .*/var/log/qvm-remote' dom0 log
}

root_test what_is_no_record_ends_its_segment_and_is_said
what_is_no_record_ends_its_segment_and_is_said_body() {
    make_log <<END
start
intent work $A one
torn garbage
start
intent work $A two
stop
END
    atf_check -o match:one -o match:two dom0 log
    printf 'more\n' >>"$log/00000000000000000001.log"
    atf_check -o match:one -o match:two -e match:'warning: segment 1, byte' \
        dom0 log
}

root_test a_record_of_the_largest_command_is_shown
a_record_of_the_largest_command_is_shown_body() {
    {
        echo start
        echo "intent work $A $(python3 -c 'print("\\xc3\\xa9" * 1048576)')"
        echo "result 2 work $A exited 0 1"
        echo stop
    } >script
    make_log <script
    atf_check -o match:'  CMD  *(\\xc3\\xa9){8}\\$' \
        -o match:'^ *\.\.\. 1 more line \(1048448 bytes\)$' dom0 log
    dom0 log --json >out || atf_fail log
    atf_check -o ignore python3 -c 'import json
assert json.loads(open("out").readline())["body"] == "\u00e9" * 1048576'
}

root_test more_segments_than_descriptors_are_read
more_segments_than_descriptors_are_read_body() {
    {
        for i in $(seq 50); do
            printf '%s\n' start "intent work $A number-$i" stop
        done
    } >script
    make_log <script
    atf_check -o match:number-1$ -o match:number-50$ \
        sh -c 'ulimit -Sn 20; exec dom0 log -n 50'
}

root_test links_and_folders_in_the_log_are_refused
links_and_folders_in_the_log_are_refused_body() {
    make_log <<END
start
END
    mv "$log/00000000000000000001.log" elsewhere
    ln -s "$PWD/elsewhere" "$log/00000000000000000001.log"
    atf_check -s exit:1 -e match:'error: log segment' dom0 log
    rm "$log/00000000000000000001.log"
    mkdir "$log/00000000000000000001.log"
    atf_check -s exit:1 -e match:'not a regular file' dom0 log
    rmdir "$log/00000000000000000001.log"
    mkfifo "$log/00000000000000000001.log"
    atf_check -s exit:1 -e match:'not a regular file' dom0 log
}

# Whatever reads the log's lines is the user that may read nothing else.
root_test the_log_is_read_as_its_own_user
the_log_is_read_as_its_own_user_body() {
    {
        echo start
        echo "intent work $A one"
    } >script
    make_log <script
    for words in log 'log verify'; do
        # shellcheck disable=SC2086 # words are words
        strace -o trace -e trace=setresuid,setresgid,setgroups,pread64 \
            "$here/qvm-remote-dom0" --root "$root" $words >out
        uid=$(id -u qvm-remote-log)
        gid=$(id -g qvm-remote-log)
        grep -E "^(setgroups|setres[ug]id|pread64\\(.*\\{\"?)" trace |
            sed 's/(.*//' | uniq >order
        atf_check -o inline:'setgroups\nsetresgid\nsetresuid\npread64\n' \
            cat order
        atf_check -o match:"setgroups\\(0, NULL\\) += 0" \
            -o match:"setresgid\\($gid, $gid, $gid\\) += 0" \
            -o match:"setresuid\\($uid, $uid, $uid\\) += 0" cat trace
    done
}

# at_terminal [NAME=VALUE]... WORD...: what `log` shows there, into `shown`.
at_terminal() {
    [ -e terminal.py ] || cat >terminal.py <<'END'
import os, pty, signal, sys
signal.alarm(60)
pid, fd = pty.fork()
if pid == 0:
    os.execvp("env", ["env"] + sys.argv[1:])
shown = b""
try:
    while data := os.read(fd, 65536):
        shown += data
except OSError:
    pass
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
    python3 terminal.py -u NO_COLOR -u PAGER TERM=xterm "$@" >shown ||
        atf_fail "$*"
}

# Escape sequences, controls of direction, what is no UTF-8, and 1 MiB in a line.
root_test a_hostile_command_leaves_only_our_colours
a_hostile_command_leaves_only_our_colours_body() {
    python3 -c 'import sys
bodies = [b"\x1b[2J\x1b]0;owned\x07\x1b[31mred", b"\x9b31m\x90\x9c", b"\r\x08\x08\x7f",
          "\u202egnp.exe\u2066\u200b\u2028\ufeff\u061c".encode(),
          b"\xff\xfe\xc0\x80\xed\xa0\x80", b"a" * 1048576,
          b"\x1b[31m" * 200000, b"\x0c\x0b\x00x"]
print("start")
for body in bodies:
    text = "".join("\\x%02x" % c for c in body)
    print("intent work '$A'", text)
    print("denied work '$B' policy", text)' >script
    make_log <script
    for pager in cat 'exec cat'; do
        at_terminal PAGER="$pager" dom0 log
        # Our own: bold, six colours of the classic log, and their end.
        sed 's/\x1b\[\(1\|32\|33\|31\|36\|1;31\|0\)m//g' shown >plain
        atf_check -s exit:1 env LC_ALL=C grep -an '[^ -~]' plain
        atf_check -o inline:'16\n' grep -c '^  CMD' plain
        atf_check -o inline:'16\n' grep -ac '\[33mCMD' shown
        # 8 rows and what else a block has: nobody floods the screen.
        [ "$(wc -l <plain)" -lt 300 ] || atf_fail "$(wc -l <plain) lines"
    done
    atf_check -o ignore grep -F '\xe2\x80\xae' plain
}

root_test colours_are_for_terminals_that_want_them
colours_are_for_terminals_that_want_them_body() {
    make_log <<END
start
intent work $A one
END
    for words in NO_COLOR=1 TERM=dumb; do
        at_terminal PAGER=cat $words dom0 log
        atf_check -s exit:1 grep -a "$(printf '\033')" shown
    done
    at_terminal NO_COLOR= dom0 log --no-pager
    atf_check -o match:'\[33mCMD  *one' cat -v shown
    PAGER='echo paged; cat' atf_check -o not-match:paged \
        -o not-match:'\[33m' dom0 log
}

root_test each_category_has_its_colour
each_category_has_its_colour_body() {
    make_log <<END
start
intent work $A one
cut 20 10
result 2 work $A exited 0 1
intent work $A two
result 4 work $A exited 1 1
intent work $A two
result 6 work $A signaled 139 1
intent work $A three
result 8 work $A timeout 124 1
intent work $A four
result 10 work $A cancelled 130 1
intent work $A five
result 12 work $A checked 0 1
intent work $A six
result 14 work $A dry-run 0 1
intent work $A seven
result 16 work $A rejected 255 1
intent work $A eight
result 18 work $A expired 255 1
intent work $A nine
result 20 work $A replayed 255 1
intent work $A ten
result 22 work $A interrupted 255 1
denied work $B policy eleven
refused work $B no
intent work $A twelve
END
    at_terminal PAGER=cat dom0 log
    # As the classic log has them; EXEC is the line that begins a block.
    cat >want <<'END'
AUTH-FAIL 1;31 rejected
AUTH-OK 32 allowed
CMD 33
DONE 32 exited
DONE-FAIL 93 exited
DONE-FAIL 93 signaled
DRY 35 dry-run
ERROR 1;31 interrupted
ERROR 1;31 its
EXEC 1
INFO 36 cancelled
INFO 36 checked
REJECT 31 denied
REJECT 31 expired
REJECT 31 rejected
REJECT 31 replayed
TIMEOUT 1;31 timeout
TRUNC 35 of
END
    esc=$(printf '\033')
    sed -n -e "s/^$esc\[1m2026.*$esc\[0m\$/EXEC 1/p" \
        -e "s/^  $esc\[33mCMD  .*$esc\[0m\$/CMD 33/p" \
        -e "s/^  $esc\[\([0-9;]*\)m\([A-Z-]*\)  *\([a-z-]*\).*$esc\[0m\$/\2 \1 \3/p" \
        shown | LC_ALL=C sort -u >got
    atf_check -o file:want cat got
}

# It gets what is shown, and nothing of root's.
root_test the_pager_is_nobody_in_particular
the_pager_is_nobody_in_particular_body() {
    make_log <<END
start
intent work $A one
END
    # shellcheck disable=SC2016 # the pager's shell expands it
    at_terminal PAGER='id -un; id -Gn; echo "secure $LESSSECURE"
        grep NoNewPrivs /proc/self/status; readlink /proc/self/fd/*; cat' \
        dom0 log
    atf_check -o match:"^qvm-remote-log$" -o not-match:'^root' \
        -o match:'^secure 1' -o match:'NoNewPrivs:.1' -o not-match:var/log \
        -o match:'^pipe:' -o match:'CMD  *one' cat shown
    at_terminal PAGER='echo paged; cat' dom0 log --no-pager
    atf_check -o not-match:paged cat shown
    # One that ends early is no error, and a short text stays on the screen.
    at_terminal PAGER='head -n 1' dom0 log
    at_terminal dom0 log
    atf_check -o match:'CMD  *one' cat -v shown
}
