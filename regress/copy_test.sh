#!/usr/bin/env atf-sh
# The readable copy of the log, and journald: written where they can be, and
# never in the way.
. "$(atf_get_srcdir)/lib.sh"

copy_of_bed() {
    copy=$BED/var/log/qubes/qvm-remote.log
}

works() {
    atf_check -o inline:'works\n' \
        in_vm vm1 timeout -s KILL 20 qvm-remote 'echo works'
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

# The other categories of the classic log.
bed_test what_does_not_run_has_its_lines
what_does_not_run_has_its_lines_body() {
    bed_up 1
    copy_of_bed
    id=$(forge vm1 --save /home/user/saved)
    wait_result vm1 "$id"
    forget vm1
    again vm1
    wait_for 'grep -q "AUTH-DENY vm=vm1 id=$id reason=" "$copy"'
    policy vm1 'mode = deny'
    atf_check -s exit:126 -e ignore in_vm vm1 qvm-remote true
    wait_for 'grep -q "REJECT vm=vm1 id=.* reason=" "$copy"'
    policy vm1 'mode = shell'
    id=$(in_vm vm1 qvm-remote --detach 'sleep 60') || atf_fail "detach"
    wait_for 'grep -q "EXEC vm=vm1 id=$id" "$copy"'
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check "$regress/bed" start --dry-run
    wait_for 'grep -q "ERROR vm=vm1 id=$id reason=" "$copy"'
    atf_check -o ignore -e ignore in_vm vm1 qvm-remote 'echo dry'
    wait_for 'grep -q "DRY vm=vm1 id=.* cmd=echo dry" "$copy"'
}

# in_its_place THING: instead of the copy.  What is said of it is in $says.
in_its_place() {
    rm -rf "$copy"
    says='not a regular file with one link'
    case $1 in
    link | dangling) says='Too many levels of symbolic links' ;;
    fifo) says='No such device or address' ;;
    folder) says='Is a directory' ;;
    owner) says="neither root's nor of group qubes" ;;
    esac
    case $1 in
    link) ln -s "$BED/run/bed/victim" "$copy" ;;
    dangling) ln -s "$BED/run/bed/made" "$copy" ;;
    hard) ln "$BED/run/bed/victim" "$copy" ;;
    fifo) mkfifo "$copy" ;;
    stalled) # somebody has it open, and reads nothing
        mkfifo "$copy"
        exec 8<>"$copy"
        ;;
    folder) mkdir "$copy" ;;
    owner) install -o nobody -g nogroup -m 0666 /dev/null "$copy" ;;
    esac
}

# The parent said it once, and nothing is in what stands there.
not_written() {
    wait_for '[ "$(grep -c "no readable copy" "$BED/daemon.log")" = 1 ]'
    atf_check -o match:"qvm-remote.log: $says: no readable copy of the log" \
        grep 'no readable copy' "$BED/daemon.log"
    case $1 in
    stalled)
        atf_check -s exit:124 timeout 0.1 dd bs=1 count=1 status=none <&8
        exec 8<&-
        ;;
    owner) atf_check cat "$copy" ;;
    folder) atf_check ls -A "$copy" ;;
    esac
    atf_check -o inline:'untouched\n' cat "$BED/run/bed/victim"
    [ ! -e "$BED/run/bed/made" ] || atf_fail "made"
    : >"$BED/daemon.log"
}

bed_test whatever_stands_in_its_place_is_not_written
whatever_stands_in_its_place_is_not_written_body() {
    bed_up 1
    copy_of_bed
    echo untouched >"$BED/run/bed/victim"
    for thing in link dangling hard fifo stalled folder owner; do
        # At a start.
        atf_check "$regress/bed" stop
        : >"$BED/daemon.log"
        in_its_place $thing
        atf_check "$regress/bed" start
        works
        not_written $thing
        # While it runs, and has written.
        rm -rf "$copy"
        kill -HUP "$(role_pid parent)"
        wait_for '[ -f "$copy" ]'
        works
        wait_for 'grep -q DONE "$copy"'
        # Not to be made anew before that is there.
        kill -STOP "$(role_pid parent)"
        mv "$copy" "$BED/run/bed/before"
        in_its_place $thing
        kill -CONT "$(role_pid parent)"
        wait_for 'grep -q "no readable copy" "$BED/daemon.log"'
        works
        not_written $thing
        atf_check -o inline:'1\n' grep -c DONE "$BED/run/bed/before"
    done
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
    wait_for '[ -f "$copy" ]'
    wait_for 'works && grep -q DONE "$copy"'
    rm "$copy"
    wait_for '[ -f "$copy" ]'
    wait_for 'works && grep -q DONE "$copy"'
    # Who rotates it may put another there, at once or afterwards.
    install -m 0640 -g qubes /dev/null "$copy.new"
    mv "$copy.new" "$copy"
    wait_for 'works && grep -q DONE "$copy"'
    # What else happens in the folder is no reason.
    opened=$(stat -c %i "$copy")
    : >"$copy.2" && rm "$copy.2"
    works
    atf_check_equal "$opened" "$(stat -c %i "$copy")"
    atf_check -s exit:1 grep 'readable' "$BED/daemon.log"
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

# journal [full]: journald's socket.  With `full` nobody reads what others have
# filled it with, until the test makes the file `go`; `drained` is made then.
journal() {
    mkdir -p "$BED/run/systemd/journal"
    cat >journal.py <<'END'
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
def sender():
    new = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    new.setblocking(False)
    new.connect(sys.argv[1])
    return new
if sys.argv[2:] == ["full"]:
    # Full for everybody: one that has sent nothing yet cannot.
    senders, sent = [], 1
    while sent:
        senders.append(sender())
        sent = 0
        try:
            while True:
                senders[-1].send(b"filler")
                sent += 1
        except BlockingIOError:
            pass
        print(sent, "datagrams", flush=True)
    open("bound", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.02)
    s.setblocking(False)
    try:
        while True:
            s.recv(65536)
    except BlockingIOError:
        open("drained", "w").close()
    s.setblocking(True)
else:
    open("bound", "w").close()
while True:
    data = s.recv(65536)
    with open("entries", "ab") as f:
        f.write(data + b"\0")
END
    python3 journal.py "$BED/run/systemd/journal/socket" "$@" &
    journal=$!
    wait_for '[ -e bound ]'
}

bed_test journald_gets_fields
journald_gets_fields_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    journal
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

# entries_of ID FIELDS: of each entry with this MESSAGE_ID, these.
entries_of() {
    python3 -c '
import sys
for entry in open("entries", encoding="ascii").read().split("\0")[:-1]:
    fields = dict(line.split("=", 1) for line in entry.splitlines())
    if fields.get("MESSAGE_ID") == sys.argv[1]:
        print(*(fields.get(name) for name in sys.argv[2:]))' "$@"
}

# message EVENT: its id, as the manual has it.
message() {
    sed -n '/^\.Sh JOURNAL/,/^\.Sh SEG/p' "$TREE/man/qvm-remote-log.5" |
        sed -n "/^\.It Cm $1\$/{n;s/^\.Li //p;}"
}

bed_test each_record_is_one_entry_of_its_message_in_the_journal
each_record_is_one_entry_of_its_message_in_the_journal_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    journal
    atf_check "$regress/bed" start
    works
    in_vm vm1 qvm-remote -t 1 'sleep 5' 2>/dev/null
    forge vm1 --key "$(other_key)" --wait 20 >/dev/null
    policy vm1 'mode = ask'
    id=$(in_vm vm1 qvm-remote --detach 'id') || atf_fail "detach"
    wait_for 'in_dom0 qvm-remote-dom0 queue | grep -q "$id  waits for app"'
    SUDO_USER=alice atf_check -o ignore in_dom0 qvm-remote-dom0 deny "$id"
    wait_for 'grep -aq "REJECT vm=vm1 id=$id" entries'
    kill $journal
    fields='QVM_REMOTE_VM QVM_REMOTE_STATUS'
    atf_check -o inline:'vm1 None\nvm1 None\n' \
        entries_of "$(message intent)" $fields
    atf_check -o inline:'vm1 exited\nvm1 timeout\nvm1 denied\n' \
        entries_of "$(message result)" $fields
    atf_check -o inline:'vm1 rejected\n' entries_of "$(message refused)" $fields
    for event in asked denied; do
        atf_check -o inline:"vm1 $id\n" entries_of "$(message $event)" \
            QVM_REMOTE_VM QVM_REMOTE_ID
    done
    atf_check -o match:'INFO denied vm=vm1 id=.* who=alice$' \
        entries_of "$(message denied)" MESSAGE
    for event in start session served; do
        atf_check -o match:'^INFO ' entries_of "$(message $event)" MESSAGE
    done
}

# Of the source, the manual and the catalog: what is in each.
ids() {
    case $1 in
    source) sed -n 's/^    {"\(.*\)", "\([0-9a-f]*\)"},$/\1 \2/p' \
        "$TREE/verifier/message.c" ;;
    manual) sed -n '/^\.Sh JOURNAL/,/^\.Sh SEG/p' \
        "$TREE/man/qvm-remote-log.5" |
        sed -n '/^\.It Cm /{s///;N;s/\n\.Li / /p;}' ;;
    esac
}

atf_test_case each_message_is_in_the_catalog
each_message_is_in_the_catalog_body() {
    catalog=$TREE/systemd/qvm-remote.catalog
    ids source >source
    [ "$(grep -c . source)" -ge 25 ] || atf_fail "few: $(cat source)"
    ids manual >manual
    atf_check diff source manual
    cut -d ' ' -f 2 source | sort >want
    atf_check sort -uc want
    atf_check -s exit:1 grep -v '^[0-9a-f]\{32\}$' want
    sed -n 's/^-- //p' "$catalog" | sort >have
    atf_check diff want have
    # Each is about an event that is written.
    while read -r event _; do
        sed '/^\.Sh FIELDS/,$d' "$TREE/man/qvm-remote-log.5" |
            grep -q "^\.It Cm $event\$" || atf_fail "no event $event"
    done <source
}

# As systemd reads it.
atf_test_case systemd_takes_the_catalog
systemd_takes_the_catalog_head() {
    atf_set require.progs journalctl
}
systemd_takes_the_catalog_body() {
    mkdir -p root/usr/lib/systemd/catalog root/var/lib/systemd/catalog
    cp "$TREE/systemd/qvm-remote.catalog" root/usr/lib/systemd/catalog
    atf_check -e not-match:'qvm-remote.catalog' \
        journalctl --update-catalog --root="$PWD/root"
    atf_check -o save:listed journalctl --list-catalog --root="$PWD/root"
    ids source >source
    while read -r _ id; do
        grep -q "^$id qvm-remote: ." listed || atf_fail "not there: $id"
    done <source
}

bed_test a_journald_that_does_not_read_holds_up_nothing
a_journald_that_does_not_read_holds_up_nothing_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    journal full
    atf_check "$regress/bed" start
    works
    atf_check -o inline:'1\n' grep -c \
        'journald cannot be written: Resource temporarily unavailable' \
        "$BED/daemon.log"
    works
    # The file has all of it; journald is told of what it missed.
    wait_for '[ "$(grep -c DONE "$BED/var/log/qubes/qvm-remote.log")" = 2 ]'
    : >go
    wait_for '[ -e drained ]'
    works
    wait_for 'grep -aq "MESSAGE=ERROR [0-9]* lines are missing here" entries'
    wait_for '[ "$(grep -ac "MESSAGE=DONE " entries)" = 1 ]'
    # Gone, it is not missed either.
    kill $journal
    works
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
}

atf_init_test_cases() {
    bed_add_tests
    atf_add_test_case each_message_is_in_the_catalog
    atf_add_test_case systemd_takes_the_catalog
}
