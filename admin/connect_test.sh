#!/usr/bin/env atf-sh
# connect, disconnect
. "$(atf_get_srcdir)/lib.sh"

unset QVM_REMOTE_VMS QUBES_REMOTE_VMS QVM_REMOTE_VM QUBES_REMOTE_VM

# make_conf [FORMAT [ARG]...]: from printf, or from standard input.
make_conf() {
    make_root
    conf=$root/etc/qubes/remote.conf
    if [ $# -gt 0 ]; then
        # shellcheck disable=SC2059 # it is one
        printf "$@" >"$conf"
    else
        cat >"$conf"
    fi
}

# connect VM [KEY]: with the key on standard input, quietly.
connect() {
    echo "${2:-$KEY}" | dom0 connect "$1" >said 2>&1 ||
        atf_fail "connect $1: $(cat said)"
}

root_test a_vm_is_authorised_and_added_to_the_list
a_vm_is_authorised_and_added_to_the_list_body() {
    make_conf <<END
# Who is served.
  QVM_REMOTE_VMS='work	home'

# The user there
QVM_REMOTE_VM_USER=jo
END
    chmod 640 "$conf"
    chown :65534 "$conf"
    connect mail
    atf_check -o match:'mail is authorised with the key 038284dcff6b5701' \
        -o match:"mail is added to QVM_REMOTE_VMS: $conf:2" \
        -o match:'No daemon runs' -o not-match:warning cat said
    cat >want <<END
# Who is served.
  QVM_REMOTE_VMS="work home mail"

# The user there
QVM_REMOTE_VM_USER=jo
END
    atf_check cmp want "$conf"
    atf_check -o inline:'640 0:65534\n' stat -c '%a %u:%g' "$conf"
    atf_check -o inline:"$KEY\n" cat "$keys/mail.key"
    atf_check -o inline:'remote.conf\nremote.d\n' ls -A "$root/etc/qubes"
    # Again: nothing to add.
    connect mail
    atf_check -o match:"mail is in QVM_REMOTE_VMS already: $conf:2" cat said
    atf_check cmp want "$conf"
}

root_test the_line_that_counts_is_changed
the_line_that_counts_is_changed_body() {
    make_conf 'QUBES_REMOTE_VM=a\nQUBES_REMOTE_VMS=\n#QVM_REMOTE_VMS=x'
    connect work
    atf_check -o match:"added to QUBES_REMOTE_VMS: $conf:2" cat said
    printf 'QUBES_REMOTE_VM=a\nQUBES_REMOTE_VMS="work"\n#QVM_REMOTE_VMS=x' \
        >want
    atf_check cmp want "$conf"
    # One that is the file's last, without an LF.
    printf 'QVM_REMOTE_VM_USER=u\nQVM_REMOTE_VMS=b' >"$conf"
    connect work
    printf 'QVM_REMOTE_VM_USER=u\nQVM_REMOTE_VMS="b work"' >want
    atf_check cmp want "$conf"
}

root_test without_a_list_the_file_stays
without_a_list_the_file_stays_body() {
    make_root
    connect work
    atf_check -o match:'has no list of VMs: all that have a key' cat said
    atf_check test ! -e "$root/etc/qubes/remote.conf"
    echo '#QVM_REMOTE_VMS=' | tee want >"$root/etc/qubes/remote.conf"
    connect home "$KEY_2"
    atf_check cmp want "$root/etc/qubes/remote.conf"
    atf_check -o match:'home is revoked' -o not-match:'taken off' -e ignore \
        dom0 disconnect home
    atf_check cmp want "$root/etc/qubes/remote.conf"
}

root_test a_file_that_does_not_hold_is_found_before_a_key_is_taken
a_file_that_does_not_hold_is_found_before_a_key_is_taken_body() {
    make_conf <<END
QVM_REMOTE_VMS=work
QVM_REMOTE_VMS=home
END
    cp "$conf" want
    atf_check -s exit:1 -e match:"error: $conf:2: " dom0 connect mail "$KEY"
    chmod 666 "$conf"
    atf_check -s exit:1 -e match:'others than root may write it' \
        dom0 connect mail "$KEY"
    atf_check cmp want "$conf"
    atf_check test ! -e "$keys"
    # What is revoked is so at once, all the same, and the daemon knows.
    hold_lock
    mkdir -m 700 "$keys"
    echo "$KEY" >"$keys/mail.key"
    atf_check -s exit:1 -o match:'mail is revoked' \
        -o match:"pid $holder" \
        -e match:'others than root may write it' dom0 disconnect mail
    atf_check test ! -e "$keys/mail.key"
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o inline:'SIGHUP\nSIGTERM\n' cat signals
}

root_test a_key_that_is_refused_changes_no_list
a_key_that_is_refused_changes_no_list_body() {
    make_conf 'QVM_REMOTE_VMS=work\n'
    atf_check -s exit:1 -e match:'not a key' \
        sh -c "echo x | dom0 connect mail"
    atf_check -s exit:1 -e match:"is no VM's name" dom0 connect ../x
    atf_check -o inline:'QVM_REMOTE_VMS=work\n' cat "$conf"
}

root_test a_full_list_takes_no_more
a_full_list_takes_no_more_body() {
    make_conf 'QVM_REMOTE_VMS="%s"\n' "$(seq -f 'vm%g' -s ' ' 64)"
    cp "$conf" want
    atf_check -s exit:1 -e match:"$conf:1: 64 VMs" dom0 connect vm65 "$KEY"
    atf_check test ! -e "$keys"
    connect vm64
    atf_check cmp want "$conf"
}

root_test a_list_that_stands_above_the_file_is_told
a_list_that_stands_above_the_file_is_told_body() {
    make_conf 'QVM_REMOTE_VMS=work\n'
    export QVM_REMOTE_VMS=other
    connect mail
    atf_check -o inline:'QVM_REMOTE_VMS="work mail"\n' cat "$conf"
    atf_check -o match:'warning: mail is not served: .* by environment' \
        cat said
    QVM_REMOTE_VMS='other mail' connect mail
    atf_check -o not-match:'not served' cat said
}

root_test a_vm_is_revoked_and_taken_off_the_list
a_vm_is_revoked_and_taken_off_the_list_body() {
    make_conf '# x\nQVM_REMOTE_VMS = work home\n'
    connect home
    hold_lock
    atf_check -o match:'home is revoked. home.conf stays' \
        -o match:"home is taken off QVM_REMOTE_VMS: $conf:2" \
        -o match:"pid $holder" \
        dom0 disconnect home
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o match:'^SIGHUP$' -o match:'^SIGTERM$' cat signals
    atf_check -o inline:'# x\nQVM_REMOTE_VMS ="work"\n' cat "$conf"
    atf_check -o inline:'home.conf\n' ls -A "$keys"
    # It has a place in the list, and no key.
    atf_check -o match:'work is taken off' -o match:'no VM is served' \
        -o not-match:revoked dom0 disconnect work
    atf_check -o inline:'# x\nQVM_REMOTE_VMS =""\n' cat "$conf"
    atf_check -s exit:1 -e match:'error: work is not connected' \
        dom0 disconnect work
}

root_test at_a_terminal_connect_asks_for_the_key
at_a_terminal_connect_asks_for_the_key_body() {
    make_conf 'QVM_REMOTE_VMS=\n'
    make_terminal
    atf_check -o match:'is authorised' -o match:'echo True status 0' \
        -o match:'work is added to' -o not-match:"$KEY" \
        python3 terminal.py 'not shown: ' "$KEY\\n" \
        "$here/qvm-remote-dom0" --root "$root" connect work
    atf_check -o inline:'QVM_REMOTE_VMS="work"\n' cat "$conf"
}

root_test a_disk_without_room_leaves_the_file
a_disk_without_room_leaves_the_file_body() {
    make_conf 'QVM_REMOTE_VMS=work\n'
    cat >unlucky.py <<'END'
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (66, 66))
os.execvp(sys.argv[1], sys.argv[1:])
END
    # The key fits, the longer list does not.
    long=$(seq -f 'vm%g' -s ' ' 20)
    echo "QVM_REMOTE_VMS=\"$long\"" | tee want >"$conf"
    mkdir -m 700 "$keys"
    echo 'mode = shell' >"$keys/mail.conf"
    echo "$KEY" >in
    # What it says must go where the limit does not hold.
    atf_check -o match:'^status 1$' -o match:'error: remote.conf: No space' \
        sh -c '{ python3 unlucky.py dom0 connect mail <in 2>&1
            echo "status $?"; } | cat'
    atf_check -o inline:"$KEY\n" cat "$keys/mail.key"
    atf_check cmp want "$conf"
    atf_check -o inline:'remote.conf\nremote.d\n' ls -A "$root/etc/qubes"
}
