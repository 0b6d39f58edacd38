#!/usr/bin/env atf-sh
# log --cursor, log export, log stat
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
B=20260218-143022-1235-a1b2c3d5

export TZ=QRT-3

# make_log LINES: as if the script had come so far.
make_log() {
    [ -d root ] || make_root
    rm -rf "$log"
    mkdir "$log"
    head -n "$1" script | "$here/mklog" "$log" || atf_fail mklog
}

whole_log() {
    cat >script
    make_log 1000
}

# A log that grows line by line, over four segments and two runs.
growing_script() {
    cat >script <<END
start
intent work $A one
intent home $A two
refused work $B three
segment
event snapshot
result 3 home $A exited 0 1
intent work $B four
event delivered
segment
result 8 work $B timeout 124 5
denied home $B policy five
start
event snapshot
result 2 work $A interrupted 255 0
intent home $B six
stop
END
}

# However often it is read, each answer is shown once.
root_test a_cursor_shows_each_answer_once
a_cursor_shows_each_answer_once_body() {
    growing_script
    for every in 1 2 3 7 17; do
        rm -f at shown
        for n in $(seq "$every" "$every" 17) 17; do
            make_log "$n"
            dom0 log --json --cursor at >>shown || atf_fail "$every: $n"
        done
        python3 -c 'import json
answers = [r["seq"] for r in map(json.loads, open("shown"))
           if r["event"] != "intent"]
assert answers == [4, 7, 11, 12, 15], answers' || atf_fail "each $every lines"
        atf_check -o match:'^qvm-remote-cursor 1 16 [0-9a-f]{64}$' cat at
    done
    atf_check -o empty dom0 log --cursor at
    # With what was asked: also where that lies far behind.
    atf_check -o inline:'2\n3\n8\n' sh -c \
        "sed -n 's/^{\"seq\":\\([0-9]*\\),.*\"event\":\"intent\".*/\\1/p' shown |
            sort -n"
}

root_test a_cursor_goes_with_a_filter
a_cursor_goes_with_a_filter_body() {
    growing_script
    make_log 9
    dom0 log --vm home --cursor at >shown || atf_fail log
    atf_check -o match:'two' -o not-match:'three|four' cat shown
    make_log 17
    # The others' are behind it too.
    dom0 log --cursor at >shown || atf_fail log
    atf_check -o inline:'3\n' grep -c '^2' shown
    atf_check -o match:four -o match:five -o match:one cat shown
}

root_test a_cursor_that_does_not_fit_is_refused
a_cursor_that_does_not_fit_is_refused_body() {
    growing_script
    make_log 17
    dom0 log --cursor at >/dev/null || atf_fail log
    atf_check -o inline:'600 0\n' stat -c '%a %u' at
    good=$(cat at)
    zero=$(printf '%064d' 0)
    while IFS= read -r line; do
        printf '%b' "$line" >./at
        atf_check -s exit:1 -e match:'is no cursor' dom0 log --cursor at
    done <<END

$good
$good\\n\\n
x$good\\n
qvm-remote-cursor 1 0 $zero\\n
qvm-remote-cursor 1 016 $zero\\n
qvm-remote-cursor 2 16 $zero\\n
qvm-remote-cursor 1 16 ${zero}0\\n
qvm-remote-cursor 1 99999999999999999999 $zero\\n
END
    for line in "qvm-remote-cursor 1 16 $zero" \
        "$(echo "$good" | sed 's/ 16 / 15 /')" \
        "$(echo "$good" | sed 's/ 16 / 99 /')"; do
        echo "$line" >./at
        atf_check -s exit:1 -e match:'is not of this log' dom0 log --cursor at
        atf_check -o inline:"$line\n" cat at
    done
    # Neither through links, nor where there is no folder, nor into one.
    ln -s at link
    atf_check -s exit:1 -e match:'link' dom0 log --cursor link
    mkfifo fifo
    atf_check -s exit:1 -e match:'not a regular file' dom0 log --cursor fifo
    atf_check -s exit:1 -e match:'none' dom0 log --cursor none/at
    atf_check -s exit:1 -e match:'is no file' dom0 log --cursor none/
    atf_check -s exit:2 -e match:'does not go with' dom0 log -n 3 --cursor at
    for command in log 'log export --format json'; do
        atf_check -s exit:2 -e match:'--until does not go with --cursor' \
            dom0 $command --until now --cursor at
    done
    # What could not be shown is new the next time.
    rm at
    atf_check -s exit:1 -e match:'standard output' \
        sh -c 'dom0 log --cursor at >/dev/full'
    [ ! -e at ] || atf_fail "it has moved on"
}

# The one that stays root reads no segment; the one that reads is not root.
root_test root_keeps_the_cursor_and_reads_no_record
root_keeps_the_cursor_and_reads_no_record_body() {
    growing_script
    make_log 17
    strace -f -o trace -e trace=pread64,setresuid,renameat \
        "$here/qvm-remote-dom0" --root "$root" log --cursor at >/dev/null ||
        atf_fail log
    reader=$(awk '/setresuid/ { print $1 }' trace)
    keeper=$(awk '/renameat/ { print $1 }' trace)
    [ -n "$reader" ] && [ -n "$keeper" ] && [ "$reader" != "$keeper" ] ||
        atf_fail "$reader, $keeper"
    grep pread64 trace | grep -v '\\177ELF\|@\\0\\0' | awk '{ print $1 }' |
        sort -u >readers
    atf_check -o match:"^$reader\$" cat readers
    sed -n '/setresuid/,$ s/ .*pread64.*//p' trace | sort -u >readers
    atf_check -o inline:"$reader\n" cat readers
}

# It shows more than a pipe holds, which nobody reads.
begin_reading() {
    make_root
    rm -rf "$log"
    mkdir "$log"
    python3 - >script <<END
print("start")
for n in range(400):
    print("intent work $A " + "x" * 400)
    print("result %d work $A exited 0 1" % (2 + 2 * n))
END
    "$here/mklog" "$log" <script || atf_fail mklog
    cat >reading.py <<'END'
import fcntl, os, struct, subprocess, sys, termios, time
deadline = time.monotonic() + 60
def until(condition):
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
def command(*words):
    return [sys.argv[1], "--root", sys.argv[2], "log", *words, "--cursor", "at"]
def held(fd):
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
def one():
    one = subprocess.Popen(command("--json"), stdout=subprocess.PIPE)
    until(lambda: held(one.stdout) > 60000)
    return one
def ends(*words):
    return subprocess.run(command(*words), capture_output=True, timeout=60)
END
}

root_test a_cursor_is_one_readings_at_a_time
a_cursor_is_one_readings_at_a_time_body() {
    begin_reading
    cat >>reading.py <<'END'
first = one()
for words in ["--json"], ["follow"], ["export", "--format", "csv"]:
    r = ends(*words)
    assert r.returncode == 1 and not r.stdout, r
    assert r.stderr.endswith(b"--cursor: at is in use: wait for the other "
                             b"one, or take another file\n"), r
    assert r.stderr.count(b"\n") == 1, r
assert first.communicate()[0].count(b"\n") == 800
assert first.returncode == 0
# It is free again, also behind its replaced file.
for _ in range(2):
    r = ends("--json")
    assert (r.returncode, r.stdout) == (0, b""), r
END
    atf_check python3 reading.py "$here/qvm-remote-dom0" "$root"
}

root_test a_killed_keeper_leaves_no_reader
a_killed_keeper_leaves_no_reader_body() {
    begin_reading
    cat >>reading.py <<'END'
def state(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"
first = one()
with open("/proc/%d/task/%d/children" % (first.pid, first.pid)) as f:
    reader, = map(int, f.read().split())
assert state(reader) != "Z"
first.kill()
until(lambda: state(reader) == "Z")
assert first.stdout.read().count(b"\n") < 800
# What it had shown is new, and its lock is gone with it.
assert not os.path.exists("at")
r = ends("--json")
assert r.returncode == 0 and r.stdout.count(b"\n") == 800, r.stderr
END
    atf_check python3 reading.py "$here/qvm-remote-dom0" "$root"
}

hostile_log() {
    whole_log <<END
start
intent work $A =cmd|' /C calc'!A0\\x0a"quoted", \\xff\\x1b[31m
result 2 work $A exited 0 17
denied work $B policy @SUM(1)
refused home $B -token not accepted
intent home $B running
END
}

root_test csv_is_read_by_others_and_runs_nothing
csv_is_read_by_others_and_runs_nothing_body() {
    hostile_log
    dom0 log export --format csv >out || atf_fail export
    atf_check -s exit:1 env LC_ALL=C grep -avn "^[ -~]*$(printf '\r')\$" out
    atf_check python3 -c 'import csv
rows = list(csv.DictReader(open("out", newline="")))
assert len(rows) == 3, rows
assert rows[0]["command"] == (
    "\x27=cmd|\x27 /C calc\x27!A0\\n\"quoted\", \\xff\\x1b[31m"), rows[0]
assert rows[0]["time"] == "2026-02-18T14:30:24.514000Z"
assert rows[0]["exit"] == "0" and rows[0]["status"] == "exited"
assert int(rows[0]["ended"]) - int(rows[0]["started"]) == 17000
assert rows[1]["command"] == "\x27@SUM(1)" and rows[1]["status"] == "denied"
assert rows[2]["reason"] == "\x27-token not accepted", rows[2]
assert all(v[:1] not in "=+-@" or not v for r in rows for v in r.values())'
}

root_test json_has_both_records_of_each_request
json_has_both_records_of_each_request_body() {
    hostile_log
    dom0 log export --format json >out || atf_fail export
    atf_check -o ignore python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
assert [sorted(r) for r in rows] == [["answer", "asked"], ["answer"], ["answer"]]
assert rows[0]["asked"]["seq"] == 2 and rows[0]["answer"]["intent"] == 2
assert rows[1]["answer"]["body"] == "@SUM(1)"'
    dom0 log export --format json --vm home >out || atf_fail home
    atf_check -o inline:'1\n' grep -c . out
    dom0 log export --format json --since '2026-02-18 17:30:26' \
        --until '2026-02-18 17:30:27' >out || atf_fail window
    atf_check -o match:'"answer":."seq":4,' -o not-match:'"seq":[235],' \
        cat out
    # The same cursor as log's.
    dom0 log export --format json --cursor at >out || atf_fail cursor
    atf_check -o inline:'3\n' grep -c . out
    atf_check -o empty dom0 log --cursor at
}

root_test stat_counts_for_each_vm
stat_counts_for_each_vm_body() {
    whole_log <<END
start
intent work $A one
result 2 work $A exited 0 1500
intent home $A two
result 4 home $A timeout 124 2000
intent work $B three
refused work $B no
denied work $B policy four
segment
event snapshot
result 6 work $B exited 1 500
END
    cat >want <<'END'
VM                                requests    refused       time spent  last seen
home                                     1          0          2.000 s  2026-02-18 17:30:27
work                                     4          2          2.000 s  2026-02-18 17:30:33
END
    atf_check -o file:want dom0 log stat
    dom0 log stat --until '2026-02-18 17:30:25' >out || atf_fail stat
    atf_check -o match:'^work  *1  *0 ' -o not-match:home cat out
}
