#!/usr/bin/env atf-sh
# Each exit status that the manuals list is one that a program ends with.
. "$(atf_get_srcdir)/lib.sh"

# ends STATUS WORD...: a program ended so; the status is noted in `seen`.
ends() {
    _want=$1
    shift
    "$@" >out 2>err
    _status=$?
    [ $_status = "$_want" ] ||
        atf_fail "$*: $_status, not $_want: $(cat out err)"
    echo "$_want" >>seen
}

# listed PAGE: the statuses of its list, a line each.
listed() {
    sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/ {
        s/^\.It \([0-9]*\)$/\1/p
        s/^\.It 128 + n$/143/p
    }' "$TREE/man/$1"
}

all_seen() {
    [ -s wanted ] || atf_fail "the manual lists none"
    sort -u seen >have
    sort -u wanted >want
    atf_check comm -13 have want
}

bed_test qvm_remote_ends_with_each_status_of_its_manual
qvm_remote_ends_with_each_status_of_its_manual_body() {
    bed_up 1
    echo 'timeout = 3' >>"$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    listed qvm-remote.1 >wanted
    ends 0 in_vm vm1 qvm-remote true
    ends 77 in_vm vm1 qvm-remote 'exit 77'
    ends 143 in_vm vm1 qvm-remote 'kill -TERM $$'
    ends 124 in_vm vm1 qvm-remote -t 1 'sleep 20'
    ends 126 in_vm vm1 qvm-remote -t 4 true
    ends 2 in_vm vm1 qvm-remote --no-such-option
    atf_check -o inline:'1\n' grep -c . err
    ends 2 in_vm vm1 qvm-remote -t 0 true
    ends 2 in_vm vm1 qvm-remote key forge
    ends 130 in_vm vm1 timeout --preserve-status -s INT 1 \
        qvm-remote -t 3 'sleep 20'
    # shellcheck disable=SC2016 # the VM's bash expands it
    ends 141 in_vm vm1 bash -c 'trap "" PIPE
        qvm-remote "while echo; do :; done" | head -c 1 >/dev/null
        exit ${PIPESTATUS[0]}'
    ends 255 in_vm vm1 env HOME=/tmp qvm-remote true
    atf_check -o match:'key gen' cat err
    ends 255 in_vm vm1 qvm-remote result 20260218-143022-1234-a1b2c3d4
    ends 0 in_vm vm1 qvm-remote history verify
    in_vm vm1 sh -c 'echo more >>"$(ls -d .qvm-remote/history/*/*/ |
        tail -n 1)command"' || atf_fail "not altered"
    ends 1 in_vm vm1 qvm-remote history verify
    atf_check "$regress/bed" stop
    ends 1 in_vm vm1 qvm-remote -t 1 ping
    all_seen
}

bed_test qvm_remote_dom0_ends_with_each_status_of_its_manual
qvm_remote_dom0_ends_with_each_status_of_its_manual_body() {
    bed_up 2
    bed_seed
    { listed qvm-remote-dom0.8; printf '%s\n' 0 1 2 3 4 126; } >wanted
    dom0="in_dom0 qvm-remote-dom0"
    ends 0 $dom0 status
    ends 2 $dom0 status --no-such-option
    ends 2 $dom0 no-such-command
    ends 1 $dom0 revoke nosuchvm
    ends 4 $dom0 deny 20260218-143022-1234-a1b2c3d4
    ends 1 $dom0 enable </dev/null
    ends 0 $dom0 policy explain vm1 id
    echo 'mode = deny' >"$BED/etc/qubes/remote.d/vm1.conf"
    ends 126 $dom0 policy explain vm1 id
    ends 0 $dom0 policy check
    echo 'mood = deny' >"$BED/etc/qubes/remote.d/vm1.conf"
    ends 1 $dom0 policy check
    ends 0 $dom0 log verify --key "$PWD/seed"
    kill -HUP "$(role_pid parent)"
    wait_for '! in_dom0 qvm-remote-dom0 status >/dev/null'
    ends 1 $dom0 status
    kill -9 "$(role_pid parent)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    ends 3 $dom0 status
    ends 3 $dom0 clock accept
    ends 3 $dom0 log verify --key "$PWD/seed"
    ends 1 $dom0 log verify --key "$PWD/none"
    printf X | dd of="$(echo "$BED"/var/log/qvm-remote/*1.log)" bs=1 seek=40 \
        conv=notrunc 2>/dev/null
    bed_altered
    ends 1 $dom0 log verify --key "$PWD/seed"
    ends 1 $dom0
    all_seen
}

atf_init_test_cases() {
    bed_add_tests
}
