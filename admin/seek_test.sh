#!/usr/bin/env atf-sh
# log: what is shown of a window of time, and what is read for it
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4

export TZ=QRT-3

make_log() {
    make_root
    "$here/mklog" "$log" || atf_fail mklog
}

# A log whose clock was put back twice, and one long record in it.
jumping_log() {
    python3 -c '
a = "'$A'"
seq = 0
def say(line):
    global seq
    print(line)
    if line.split()[0] not in ("shift", "zeros", "step"):
        seq += 1
def request(n, words="x"):
    for i in range(n):
        say(f"intent vm{seq % 3} {a} {words}")
        if i % 4:
            say(f"result {seq} vm{(seq - 1) % 3} {a} exited 0 1")
def head(first):
    say(first)
    for i in range(40):
        say("event snapshot-vm")
    say("event snapshot")
def accept(seconds):
    head("segment")
    say(f"shift {seconds}")
    say("event clock-accept")
head("start")
request(10)
say("shift 3600")
request(10)
accept(-3000)
request(20)
head("segment")
say("shift 100")
request(1, "y" * 300000)
request(5)
say("zeros 5000")
accept(-3600)
accept(0)
request(10)
say("zeros 100000")
head("start")
say("shift 50")
say("zeros 7")
'
}

# With every window, what is shown is what lies in it.
root_test a_window_shows_all_that_is_in_it
a_window_shows_all_that_is_in_it_body() {
    jumping_log >script
    make_log <script
    cat "$log"/*.log | tr -d '\000' >records
    cat >windows.py <<'END'
import datetime, json, random, subprocess
records = [json.loads(line) for line in open("records")]
asked = [r for r in records if r["event"] == "intent"]
def us(r):
    t = datetime.datetime.fromisoformat(r["time"][:-1] + "+00:00")
    return round(t.timestamp() * 1e6)
times = sorted({us(r) // 1000000 for r in records})
answers = {r["intent"] for r in records if r["event"] == "result"}
random.seed(1)
shown = 0
for n in range(60):
    since, until = sorted(random.choice(times) + random.choice((0, 1))
                          for _ in "ab")
    options = []
    if n % 3 != 1:
        options += ["--since", f"@{since}"]
    if n % 3 != 2:
        options += ["--until", f"@{until}"]
    out = subprocess.run(["dom0", "log", "--json", "-n", "1000", *options],
                         check=True, stdout=subprocess.PIPE).stdout
    got = [json.loads(line) for line in out.splitlines()]
    want = [r["seq"] for r in asked
            if ("--since" not in options or us(r) >= since * 1000000) and
            ("--until" not in options or us(r) <= until * 1000000)]
    assert [r["seq"] for r in got if r["event"] == "intent"] == want, options
    # Answers behind the window belong to what was asked in it.
    assert {r["intent"] for r in got if r["event"] == "result"} == (
        answers & set(want)), options
    shown += len(want)
assert shown > 500, shown
END
    atf_check python3 windows.py
}

# What is no record is warned of, and hides none that is beside it.
root_test damage_hides_nothing_beside_it
damage_hides_nothing_beside_it_body() {
    {
        echo start
        for i in $(seq 200); do
            echo "intent work $A number-$i"
            [ $((i % 9)) != 0 ] || echo 'torn {"seq":garbage}'
        done
        echo 'torn what a crash has cut'
    } >script
    make_log <script
    # Each torn line gets an end of its own.
    sed -i 's/{"seq":garbage}/&\n/g' "$log"/*.log
    for n in 1 8 10 17 100 191 200; do
        since=$(date -u -d "2026-02-18 14:30:22 $((n + 1)) sec" +@%s)
        dom0 log --json -n 1000 --since "$since" >out 2>>err ||
            atf_fail "$since"
        atf_check -o inline:"$((201 - n))\n" grep -c number- out
    done
    atf_check -o match:'segment 1, byte' head -n 1 err
}

root_test the_newest_of_a_window_are_shown
the_newest_of_a_window_are_shown_body() {
    {
        echo start
        for i in $(seq 0 49); do
            echo "intent work $A number-$i"
        done
        echo "result 12 work $A exited 7 1"
    } >script
    make_log <script
    dom0 log -n 3 --until '2026-02-18 17:30:35' >out || atf_fail until
    atf_check -o inline:'number-8\nnumber-9\nnumber-10\n' \
        grep -o 'number-.*' out
    # The answer is far behind the window.
    atf_check -o inline:'exited 7\n' grep -o 'exited 7' out
    atf_check -o match:number-10 dom0 log --until '2026-02-18 17:30:35' \
        --status exited
    dom0 log --since '2026-02-18 17:30:35' >out || atf_fail since
    atf_check -o inline:'39\n' grep -c number- out
    atf_check -o empty dom0 log --since tomorrow
    atf_check -o empty dom0 log --until '30 years ago'
}

# No more of a window than memory is for, and not unsaid.
root_test what_is_left_out_of_a_window_is_said
what_is_left_out_of_a_window_is_said_body() {
    awk 'BEGIN {
        print "start"
        for (i = 0; i < 100001; i++)
            print "refused work '$A' no"
    }' >script
    make_log <script
    atf_check -o save:out -e match:': note: only the newest 100000 are shown; ' \
        dom0 log --json --since 2026-02-18
    atf_check -o inline:'100000\n' grep -c . out
    atf_check -o save:out dom0 log export --format json
    atf_check -o inline:'100001\n' grep -c . out
    atf_check -o match:rejected dom0 log -n 1 --since 2026-02-18
}

# read_bytes WORD...: what `log` reads, in bytes.
read_bytes() {
    strace -o trace -e trace=pread64 "$here/qvm-remote-dom0" --root "$root" \
        log "$@" >out || atf_fail "$*"
    awk '/^pread64/ { sum += $NF } END { print sum + 0 }' trace
}

# 30,000 requests, in 15 MB and three segments; and one behind a long snapshot.
root_test little_of_a_large_log_is_read
little_of_a_large_log_is_read_body() {
    awk 'BEGIN {
        print "start"
        for (i = seq = 1; i <= 30000; i++) {
            if (i % 10000 == 0) {
                print "segment"
                seq++
            }
            t = 63022 + seq + 1
            id = sprintf("%08d-%02d%02d%02d-1-%08x", 20260218 + int(t / 86400),
                int(t / 3600) % 24, int(t / 60) % 60, t % 60, i)
            printf "intent work %s number-%d\n", id, i
            printf "result %d work %s exited 0 1\n", seq + 1, id
            seq += 2
            if (i % 7919 == 0)
                print id, i >"ids"
        }
        print "segment"
        for (i = 0; i < 8000; i++)
            print "event snapshot-memory"
        print "event snapshot"
        print "intent work '$A' number-last"
        print "zeros 1000000"
    }' >script
    make_log <script
    [ "$(cat "$log"/*.log | wc -c)" -gt 10000000 ] || atf_fail "a small log"
    for words in '-n 1' '-n 20' '-n 20 --vm work' '-n 20 --status exited' \
        '--since 2026-02-19T10:09:00' '--since @1771462022 --until @1771462032' \
        '--until 2026-02-18T17:31:00'; do
        # shellcheck disable=SC2086 # words are words
        bytes=$(read_bytes $words)
        [ "$bytes" -lt 1600000 ] || atf_fail "$words: $bytes bytes"
        atf_check -o match:number- cat out
    done
    while read -r id i; do
        bytes=$(read_bytes --id "$id")
        [ "$bytes" -lt 3000000 ] || atf_fail "$id: $bytes bytes"
        atf_check -o inline:"number-$i\n" grep -o 'number-.*' out
    done <ids
    [ "$(grep -c . ids)" = 3 ] || atf_fail ids
    for id in 20260301-000000-1-00000001 ping-1772323200000000000-7; do
        bytes=$(read_bytes --id "$id")
        [ "$bytes" -lt 1600000 ] || atf_fail "$id: $bytes bytes"
        atf_check cat out
    done
}

# At another time than it says, and years away: only where it is asked for.
root_test an_id_is_looked_for_within_a_day
an_id_is_looked_for_within_a_day_body() {
    make_log <<END
start
intent work 20200101-000000-1-00000001 liar
intent work ping-1771425022514000000-7 ping
intent work 20260218-173024-1-00000001 near
shift 50000
intent work 20260218-173024-1-00000002 late
shift 500000
intent work 20260218-173024-1-00000003 later
intent work 20260218-173024-1-00000001 again
END
    for pair in ping-1771425022514000000-7:ping \
        20260218-173024-1-00000002:late 20260218-173024-1-00000001:near; do
        dom0 log --id "${pair%:*}" >out || atf_fail "$pair"
        atf_check -o inline:"${pair#*:}\n" sed -n 's/^  CMD *//p' out
    done
    for pair in 20200101-000000-1-00000001:liar \
        20260218-173024-1-00000003:later; do
        atf_check -e match:'within a day of .*; with --since, from then on' \
            dom0 log --id "${pair%:*}"
        atf_check -o save:out dom0 log --id "${pair%:*}" --since @0
        atf_check -o inline:"${pair#*:}\n" sed -n 's/^  CMD *//p' out
    done
    # What was asked with the same id days later is there, too.
    dom0 log --id 20260218-173024-1-00000001 --since 2026-02-20 >out ||
        atf_fail again
    atf_check -o match:again -o not-match:near cat out
    atf_check -o match:again -o match:near \
        dom0 log --id 20260218-173024-1-00000001 --since 2026-02-18
    # An end of the time is one here, too.
    atf_check -e match:'within a day' dom0 log \
        --id 20260218-173024-1-00000002 --until '2026-02-18 18:00'
}
