#!/usr/bin/env atf-sh
# The second verifier (regress/log-verify), and the first beside it: on logs
# that are made here, whole and altered in every way that has a name.
. "$(atf_get_srcdir)/lib.sh"

make_logs() {
    "$regress/altered" --list >cases || atf_fail "no cases"
    grep -q . cases || atf_fail "no cases"
    "$regress/altered" "$PWD" || atf_fail "not made"
}

# The options that give its keys.
keys_of() {
    keys=
    for key in "$1"/key.*; do
        keys="$keys --key $key"
    done
}

# second NAME STATUS SAYS [OPTION...]: what the second verifier decides.
second() {
    _name=$1 _want=$2 _says=$3
    shift 3
    "$regress/log-verify" "$@" "$_name/log" >second 2>&1
    _status=$?
    echo "$_name $*: $_status $(cat second)"
    [ "$_status" = "$_want" ] || atf_fail "$_name: $_status, not $_want"
    [ "$_says" = - ] || grep -qF -- "$_says" second ||
        atf_fail "$_name: does not say: $_says"
    [ "$(grep -c . second)" = 1 ] || atf_fail "$_name: not one line"
}

# first NAME STATUS [OPTION...]: what the installed one decides.
first() {
    _name=$1 _want=$2
    shift 2
    rm -rf root
    mkdir -p root/var/log
    cp -a "$_name/log" root/var/log/qvm-remote
    "$BUILD/admin/qvm-remote-dom0" --root "$PWD/root" log verify "$@" \
        >first 2>&1
    _status=$?
    [ "$_status" = "$_want" ] ||
        atf_fail "$_name $*: $_status, not $_want: $(tr '\n' ' ' <first)"
}

atf_test_case every_alteration_is_found
every_alteration_is_found_body() {
    make_logs
    while IFS='	' read -r name keyed says plain says_plain; do
        keys_of "$name"
        # shellcheck disable=SC2086 # a list of words
        second "$name" "$keyed" "$says" $keys
        second "$name" "$plain" "$says_plain"
    done <cases
}

atf_test_case while_a_daemon_runs_the_end_is_not_proven
while_a_daemon_runs_the_end_is_not_proven_body() {
    make_logs
    for name in crashed crashed_within_a_line; do
        keys_of "$name"
        # shellcheck disable=SC2086 # a list of words
        second "$name" 0 'end not proven' --running $keys
    done
    second line_changed 1 'record 12' --running
}

atf_test_case a_key_that_was_not_copied_right_is_refused
a_key_that_was_not_copied_right_is_refused_body() {
    make_logs
    sed 's/^5151/5152/' whole/key.1 >wrong
    second whole 2 'not copied right' --key wrong
    cut -c 1-63 whole/key.1 >short
    second whole 2 'is no key' --key short
    cut -d ' ' -f 1 whole/key.1 >unchecked
    second whole 0 whole --key unchecked
}

atf_test_case a_folder_without_a_log_is_not_whole
a_folder_without_a_log_is_not_whole_body() {
    mkdir -p none/log
    second none 1 'there is no log'
}

atf_test_case the_first_verifier_agrees
the_first_verifier_agrees_head() {
    atf_set require.user root
}
the_first_verifier_agrees_body() {
    "$TREE/script/users"
    make_logs
    while IFS='	' read -r name keyed _ plain _; do
        keys_of "$name"
        # shellcheck disable=SC2086 # a list of words
        first "$name" "$keyed" $keys
        first "$name" "$plain"
    done <cases
}

# said NAME [WORDS-OF-ATF_CHECK]...: what the first one says, with the key.
said() {
    "$regress/altered" "$PWD" "$1" || atf_fail "not made"
    first "$1" 0 --key "$1/key.1"
    shift
    atf_check "$@" cat first
}

atf_test_case what_stands_as_erased_is_not_said_to_be_proven
what_stands_as_erased_is_not_said_to_be_proven_head() {
    atf_set require.user root
}
what_stands_as_erased_is_not_said_to_be_proven_body() {
    "$TREE/script/users"
    said whole -o not-match:erased \
        -o match:'^proven: records 1 to 18 are as they were sealed$'
    said erased -o match:'^note: 3 of them were erased, as later ones say' \
        -o match:'^proven: records 1 to 22, but for those that stand as erased' \
        -o match:'^not proven: times, lengths and kinds of what was erased' \
        -o not-match:'took out'
    said erased_and_pruned_in_part_and_forged -o not-match:'were erased' \
        -o match:'^proven: records 5 to 26, but for those that stand as erased' \
        -o match:'^not proven: that .log erase. took out what 3 of the records 6 to 11 said'
}

# Of a log that goes on from a thousand million steps that were pruned.
make_late() {
    mkdir -p root/var/log
    python3 -B - "$regress" root/var/log/qvm-remote key <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from make_log import ZERO, Maker
from sealed_log import fingerprint
seed = b"Q" * 32
log = Maker(seed)
log.seq, log.run, log.step = 10 ** 9, 1, 10 ** 9 - 9
log.rotate()
log.add("pruned", last=10 ** 9, last_hash=ZERO, segments=1, bytes=1)
log.stop()
log.write(sys.argv[2], [bytes(32) for _ in log.records()])
with open(sys.argv[3], "w") as f:
    f.write("%s %s\n" % (seed.hex(), fingerprint(seed)))
END
}

atf_test_case who_waits_for_a_late_key_is_told
who_waits_for_a_late_key_is_told_head() {
    atf_set require.user root
}
who_waits_for_a_late_key_is_told_body() {
    "$TREE/script/users"
    make_late
    dom0="$BUILD/admin/qvm-remote-dom0 --root $PWD/root"
    atf_check -o match:'^whole: 4 records' -o match:'1 to 1000000000 were' \
        $dom0 log verify
    $dom0 log verify --key key >said 2>&1 &
    wait_for '[ -s said ]'
    kill $!
    atf_check -o match:'warning: record 1000000001: .* takes 999999992 steps:' \
        cat said
}

atf_init_test_cases() {
    atf_add_test_case what_stands_as_erased_is_not_said_to_be_proven
    atf_add_test_case who_waits_for_a_late_key_is_told
    atf_add_test_case every_alteration_is_found
    atf_add_test_case while_a_daemon_runs_the_end_is_not_proven
    atf_add_test_case a_key_that_was_not_copied_right_is_refused
    atf_add_test_case a_folder_without_a_log_is_not_whole
    atf_add_test_case the_first_verifier_agrees
}
