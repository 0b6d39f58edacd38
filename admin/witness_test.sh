#!/usr/bin/env atf-sh
# log verify --since-checkpoint, --witness, and of a copy.
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4
ZERO=0000000000000000000000000000000000000000000000000000000000000000

# make_log [FIRST]: a log of 12 records in three segments, with another body
# from its FIRST request on; a longer one begins as a shorter one does.
make_log() {
    rm -rf root bin
    make_root
    "$here/mklog" "$log" <<END || atf_fail mklog
start
intent work $A ${1:-one}
result 2 work $A exited 0 1
step
intent work $A two
start
result 4 work $A interrupted 255 1
stop
start
intent work $A three
result 9 work $A exited 0 1
event heartbeat
stop
END
}

# Of its last record.
checkpoint() {
    dom0 log checkpoint >"$1" || atf_fail "no checkpoint"
}

# What the log has been up to record N.
cut_to() {
    rm -f "$log/00000000000000000008.log"
    checkpoint "$1"
}

hash_of() {
    cat "$log"/*.log | sed -n "s/^{\"seq\":$1,.*\"hash\":\"\\([0-9a-f]*\\)\".*/\\1/p"
}

# receipt SEQ HASH [STATUS EXIT]: what a VM could make.
receipt() {
    cat <<END
qvm-remote-receipt 2
id $A
request $ZERO
status ${3:-denied}
exit ${4:-126}
reason -
started -
ended -
out 0 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
err 0 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
log $1 $2
mac $ZERO
END
}

unsigned() {
    receipt 1 "$ZERO" | sed -e 's/^log .*/log -/' -e '/^mac/d'
}

root_test a_checkpoint_proves_the_log_up_to_it
a_checkpoint_proves_the_log_up_to_it_body() {
    make_log
    checkpoint newest
    cut_to middle
    make_log
    time=$(cut -d' ' -f3 middle)
    atf_check -o match:"^whole: 12 records" \
        -o match:"^proven: up to record 7 all is as .*checkpoint of $time \\(middle\\)$" \
        -o match:'^not proven: that nobody wrote records 8 to 12 anew' \
        dom0 log verify --since-checkpoint middle
    { echo '# kept'; echo; cat newest middle; } >both
    atf_check -o match:'^proven: up to record 12 .* \(-\)$' \
        -o not-match:'wrote records' -o match:'^not proven: that record 12' \
        dom0 log verify --since-checkpoint - <both
    # A pipe is read as a file is.
    atf_check -o match:'^proven: up to record 12 .* \(-\)$' \
        sh -c 'cat both | dom0 log verify --since-checkpoint -'
}

root_test a_log_that_is_shorter_is_cut
a_log_that_is_shorter_is_cut_body() {
    make_log
    checkpoint newest
    cut_to middle
    atf_check -o match:'^whole: 7 records' dom0 log verify
    says='^cut: the checkpoint .*newest, line 1\) says that record 12 was there; the log ends with record 7$'
    atf_check -s exit:1 -o match:"$says" -o match:'^cut: 7 records' \
        dom0 log verify --since-checkpoint newest
    # Both, and while a daemon runs too.
    hold_lock
    atf_check -s exit:1 -o match:"$says" \
        -o match:'^proven: up to record 7 .*middle' \
        dom0 log verify --since-checkpoint middle --since-checkpoint newest
    kill "$holder"
    wait "$holder"
}

root_test a_log_that_was_written_anew_is_not_that_of_the_checkpoint
a_log_that_was_written_anew_is_not_that_of_the_checkpoint_body() {
    make_log
    cut_to middle
    make_log other
    atf_check -o match:'^whole: 12 records' dom0 log verify
    atf_check -s exit:1 -o match:'^altered: record 7: the checkpoint of .*middle, line 1\) names another hash' \
        dom0 log verify --since-checkpoint middle
}

root_test what_a_receipt_says_and_the_log_does_not_is_told
what_a_receipt_says_and_the_log_does_not_is_told_body() {
    make_log
    checkpoint newest
    {
        receipt 0 "$ZERO"
        receipt 3 "$ZERO"
        receipt 4 "$(hash_of 4)"
        unsigned
        receipt 13 "$ZERO"
        receipt 99 "$ZERO"
    } >receipts
    at="the receipt of $A \\(receipts, line"
    atf_check -s exit:1 \
        -o match:"^disagrees: record 0: $at 1\\) names a record that there cannot" \
        -o match:"^disagrees: record 3: $at 13\\) names another hash" \
        -o match:"^disagrees: record 4: $at 25\\) names what is no result" \
        -o match:"^disagrees: record 13: $at 48\\) names a record behind the end" \
        -o match:"^disagrees: record 99: $at 60\\) names" \
        -o match:'^disputed: 12 records' \
        -o match:'^note: receipts: receipts: 0 fit, 5 disagree, 1 are not signed' \
        -o match:'^not proven: which is wrong, the log or what disagrees' \
        dom0 log verify --witness receipts
    # One that is bad does not hide what else is proven.
    unsigned >silent
    atf_check -s exit:1 -o match:'^proven: up to record 12' \
        -o match:'^note: silent: receipts: 0 fit, 0 disagree, 1 are' \
        dom0 log verify --witness receipts --witness silent \
        --since-checkpoint newest
    atf_check -o match:'^whole' dom0 log verify --witness silent
    # An altered record comes first, whatever receipts say.
    sed -i s/two/tow/ "$log/00000000000000000001.log"
    atf_check -s exit:1 -o match:'^altered: record 4: ' \
        dom0 log verify --witness receipts --since-checkpoint newest
}

root_test receipts_of_a_liar_are_counted_and_not_all_told
receipts_of_a_liar_are_counted_and_not_all_told_body() {
    make_log
    receipt 3 "$ZERO" >one
    awk 'BEGIN { while ((getline line <"one") > 0) text = text line "\n"
        for (i = 0; i < 20000; i++) printf "%s", text }' >many
    dom0 log verify --witness many >said
    atf_check -o inline:'10\n' grep -c '^disagrees: record 3' said
    atf_check -o match:'0 fit, 20000 disagree' cat said
}

# refused OPTION LINE WHY: what is in the file `input`.
refused() {
    atf_check -s exit:1 -e match:"error: input: line $2: $3" \
        dom0 log verify "$1" input
}

root_test what_is_no_receipt_or_checkpoint_is_told_by_its_line
what_is_no_receipt_or_checkpoint_is_told_by_its_line_body() {
    make_log
    echo nothing >input
    refused --witness 1 'the first line is qvm-remote-receipt'
    { unsigned; receipt x "$ZERO"; } >input
    refused --witness 12 'log: sequence'
    { unsigned; echo; } >input
    refused --witness 1 'after the last line: nothing'
    unsigned | sed 's/denied/evil/' >input
    refused --witness 1 'status: '
    printf 'qvm-remote-receipt 2\nid \033[2J\n' >input
    refused --witness 1 'id: '
    { unsigned; printf 'qvm-remote-rec'; } >input
    refused --witness 12 'it has no line feed, or a NUL'
    { unsigned; printf '\000'; unsigned; } >input
    refused --witness 12 'it has no line feed, or a NUL'
    head -c 2000 /dev/zero | tr '\000' x >input
    refused --witness 1 'it has no line'
    echo >>input
    refused --witness 1 'too long'
    checkpoint right
    for change in 's/checkpoint 1/checkpoint 2/' 's/$/ /' 's/ 12 / 0 /' \
        's/ 12 / 012 /' 's/Z/z/' 's/.$//' 's/ 12 / 99999999999999999999 /'; do
        { echo '#'; sed "$change" right; } >input
        refused --since-checkpoint 2 'not a line of .log checkpoint'
    done
    # Neither is taken for the other.
    cp right input
    refused --witness 1 'the first line'
    unsigned >input
    refused --since-checkpoint 1 'not a line'
    atf_check -s exit:1 -e match:'No such file' \
        dom0 log verify --witness nothing
    atf_check -s exit:2 -e match:'only once' \
        dom0 log verify --witness - --key -
    esc=$(printf 'a\033[2J')
    echo x >"$esc"
    atf_check -s exit:1 -e match:'error: a\\\\x1b\[2J: line 1' \
        dom0 log verify --witness "$esc"
}

# The parts are read by the user that may do nothing else.
root_test receipts_are_parsed_without_privileges
receipts_are_parsed_without_privileges_body() {
    make_log
    unsigned >receipts
    chmod 600 receipts
    ASAN_OPTIONS=detect_leaks=0 strace -o trace \
        -e trace=setresuid,openat,pread64,read \
        "$here/qvm-remote-dom0" --root "$root" log verify --witness receipts \
        >/dev/null || atf_fail verify
    atf_check -o match:'^1$' awk '
        /openat.*"receipts"/ { fd = $NF }
        /setresuid/ { dropped = 1 }
        fd && index($0, "(" fd ",") { read++; bad += !dropped }
        END { print (read > 0 && !bad) }' trace
}

# A program, as dom0 is.
make_anybody() {
    printf '#!/bin/sh\nexec setpriv %s "$@"\n' \
        '--reuid=65534 --regid=65534 --clear-groups' >bin/anybody
    chmod 755 bin/anybody
}

root_test a_copy_is_verified_by_whoever_may_read_it
a_copy_is_verified_by_whoever_may_read_it_body() {
    make_log
    make_anybody
    checkpoint newest
    cp "$here/qvm-remote-dom0" program
    chmod 755 program .
    mkdir -p copy/var/log
    cp -r "$log" copy/var/log/qvm-remote
    : >copy/var/log/qvm-remote/lock
    chown -R 65534:65534 copy
    chmod 644 newest
    atf_check -o match:'^whole: 12 records' -o match:'^proven: up to record 12' \
        anybody ./program --root "$PWD/copy" log verify \
        --since-checkpoint newest
    rm "copy/var/log/qvm-remote/00000000000000000001.log"
    atf_check -s exit:1 -o match:'^altered: record 1: missing' \
        anybody ./program --root "$PWD/copy" log verify
    chown -R 0:0 copy
    chmod 700 copy/var/log/qvm-remote
    atf_check -s exit:1 -e match:'copy/var/log/qvm-remote.*Permission denied' \
        anybody ./program --root "$PWD/copy" log verify
    # Of dom0's own, and all else, is root's.
    for words in 'log verify' "--root $PWD/copy log"; do
        # shellcheck disable=SC2086 # words are words
        atf_check -s exit:1 -e match:'must be run as root' \
            anybody ./program $words
    done
}
