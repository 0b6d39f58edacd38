#!/usr/bin/env atf-sh
# The readable copy of the log, and journald: written where they can be, and
# never in the way.
. "$(atf_get_srcdir)/lib.sh"

copy_of_bed() {
    copy=$BED/var/log/qubes/qvm-remote.log
}

works() {
    atf_check -o inline:'works\n' in_vm vm1 qvm-remote 'echo works'
}

bed_test lines_have_the_classic_form_and_nothing_raw
lines_have_the_classic_form_and_nothing_raw_body() {
    bed_up 1
    copy_of_bed
    in_vm vm1 qvm-remote 'echo seen; echo wrong >&2' >/dev/null 2>&1
    printf 'printf "\\033[31m\\n"; exit 3 # \303\244\t\n' >script
    in_vm vm1 qvm-remote <script >/dev/null
    in_vm vm1 qvm-remote -t 1 'sleep 5' 2>/dev/null
    forge vm1 --key "$(other_key)" --wait 20 >/dev/null
    forge vm1 --kind ping --wait 20 >/dev/null
    in_vm vm1 qvm-remote 'head -c 11000000 /dev/zero' >/dev/null 2>&1
    id='id=[0-9]{8}-[0-9]{6}-[0-9]+-[0-9a-f]{8}'
    of="^\[[0-9-]{10}T[0-9:]{8}\]"
    wait_for 'grep -q TRUNC "$copy"'
    for line in "AUTH-OK vm=vm1 $id" "EXEC vm=vm1 $id" \
        "CMD vm=vm1 $id cmd=echo seen; echo wrong >&2" \
        "OUT vm=vm1 $id seen" "ERR vm=vm1 $id wrong" \
        "DONE vm=vm1 $id exit=0 duration=[0-9]+ms" \
        "CMD vm=vm1 $id cmd=.*exit 3 # .xc3.xa4.x09" \
        "OUT vm=vm1 $id .x1b\[31m" \
        "DONE-FAIL vm=vm1 $id exit=3 duration=[0-9]+ms" \
        "TIMEOUT vm=vm1 $id after=1s" "AUTH-FAIL vm=vm1 $id reason=token" \
        "INFO vm=vm1 $id ping" \
        "TRUNC vm=vm1 $id stream=stdout kept=10485760 written=11000000"; do
        grep -Eq "$of $line" "$copy" || atf_fail "not there: $line"
    done
    atf_check -s exit:1 env LC_ALL=C grep -n '[^ -~]' "$copy"
    atf_check -o inline:'640 root qubes\n' stat -c '%a %U %G' "$copy"
}

bed_test whatever_stands_in_its_place_is_not_written
whatever_stands_in_its_place_is_not_written_body() {
    bed_up 1
    copy_of_bed
    echo untouched >"$BED/run/bed/victim"
    for thing in link hard fifo folder owner; do
        atf_check "$regress/bed" stop
        rm -rf "$copy"
        case $thing in
        link) ln -s "$BED/run/bed/victim" "$copy" ;;
        hard) ln "$BED/run/bed/victim" "$copy" ;;
        fifo) mkfifo "$copy" ;;
        folder) mkdir "$copy" ;;
        owner) install -o nobody -g nogroup -m 0600 /dev/null "$copy" ;;
        esac
        atf_check "$regress/bed" start
        works
        atf_check -o match:'no readable copy' tail -n 4 "$BED/daemon.log"
    done
    atf_check -o inline:'untouched\n' cat "$BED/run/bed/victim"
    atf_check cat "$copy"
    rm -r "$copy"
    kill -HUP "$(role_pid parent)"
    wait_for '[ -f "$copy" ]'
    works
    wait_for 'grep -q DONE "$copy"'
}

bed_test a_file_that_was_rotated_is_made_anew
a_file_that_was_rotated_is_made_anew_body() {
    bed_up 1
    copy_of_bed
    works
    mv "$copy" "$copy.1"
    kill -HUP "$(role_pid parent)"
    wait_for '[ -f "$copy" ]'
    works
    wait_for 'grep -q DONE "$copy"'
}

# The channel is full in the middle of a configuration.
bed_test reloads_that_come_faster_than_they_are_read_do_no_harm
reloads_that_come_faster_than_they_are_read_do_no_harm_body() {
    bed_up 2
    copy_of_bed
    works
    kill -STOP "$(role_pid verifier)"
    i=0
    while [ $i -lt 300 ]; do
        kill -HUP "$(role_pid parent)" || atf_fail "it has ended"
        i=$((i + 1))
    done
    kill -CONT "$(role_pid verifier)"
    works
    wait_for '[ "$(grep -c DONE "$copy")" = 2 ]'
}

bed_test a_full_disk_for_the_copy_alone_holds_up_nothing
a_full_disk_for_the_copy_alone_holds_up_nothing_body() {
    bed_up 1
    copy_of_bed
    atf_check "$regress/bed" stop
    mount -t tmpfs -o size=64k none "$BED/var/log/qubes" || atf_fail "mount"
    echo "$BED/var/log/qubes" >>mounts
    atf_check "$regress/bed" start
    head -c 100000 /dev/zero >"$BED/var/log/qubes/fill" 2>/dev/null
    cat /dev/zero >>"$BED/var/log/qubes/fill" 2>/dev/null
    until grep -q 'readable log cannot be written' "$BED/daemon.log"; do
        works
    done
    works
    atf_check -o match:'readable log cannot be written' cat "$BED/daemon.log"
    rm "$BED/var/log/qubes/fill"
    works
    wait_for 'grep -q "ERROR [0-9]* lines are missing here" "$copy"'
    # None was glued to the half of another.
    atf_check -s exit:1 grep '..*\[[0-9-]*T[0-9:]*\]' "$copy"
    atf_check -o inline:'1\n' grep -c 'log cannot be written' \
        "$BED/daemon.log"
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
    umount "$BED/var/log/qubes"
}

# journald's socket: WHAT reads | nobody reads.
journal() {
    mkdir -p "$BED/run/systemd/journal"
    cat >journal.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open("bound", "w")
while sys.argv[2] == "reads":
    data = s.recv(65536)
    with open("entries", "ab") as f:
        f.write(data + b"\0")
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
import time
time.sleep(120)
END
    python3 journal.py "$BED/run/systemd/journal/socket" "$1" &
    journal=$!
    wait_for '[ -e bound ]'
}

bed_test journald_gets_fields
journald_gets_fields_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    journal reads
    atf_check "$regress/bed" start
    works
    wait_for 'grep -aq DONE entries'
    kill $journal
    tr '\0' '\n' <entries >text
    atf_check -o match:'^MESSAGE=CMD vm=vm1 .* cmd=echo works$' \
        -o match:'^PRIORITY=5$' -o match:'^SYSLOG_IDENTIFIER=qvm-remote$' \
        -o match:'^QVM_REMOTE_VM=vm1$' -o match:'^QVM_REMOTE_EVENT=EXEC$' \
        -o match:'^QVM_REMOTE_ID=[0-9]{8}-' cat text
}

bed_test a_journald_that_does_not_read_holds_up_nothing
a_journald_that_does_not_read_holds_up_nothing_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    journal stalls
    atf_check "$regress/bed" start
    for _ in $(seq 30); do works; done
    kill $journal
    works
}

atf_init_test_cases() {
    bed_add_tests
}
