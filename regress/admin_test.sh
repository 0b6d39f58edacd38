#!/usr/bin/env atf-sh
# What qvm-remote-dom0 changes and shows, beside a daemon that runs.
. "$(atf_get_srcdir)/lib.sh"

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

bed_test a_vm_that_is_connected_is_served_and_one_that_is_disconnected_is_not
a_vm_that_is_connected_is_served_and_one_that_is_disconnected_is_not_body() {
    bed_up 2
    conf=$BED/etc/qubes/remote.conf
    dom0 disconnect vm2 >said || atf_fail disconnect
    printf '# these\nQVM_REMOTE_VMS=vm1\nQVM_REMOTE_VM_USER=user\n' >"$conf"
    kill -HUP "$(role_pid parent)"
    wait_for '! role_pid "poller \[vm2\]"'
    dom0 connect vm2 <"$BED/vms/vm2/home/.qvm-remote/auth.key" >said ||
        atf_fail connect
    atf_check -o match:'added to QVM_REMOTE_VMS' -o match:'has been told' \
        cat said
    atf_check -o inline:'here\n' in_vm vm2 qvm-remote echo here

    # One runs, one waits for it, and both are answered.
    runs=$(in_vm vm2 qvm-remote --detach sleep 300) || atf_fail detach
    wait_for 'dom0 status >out; grep -q "^VM vm2: .* 1 running, " out'
    waits=$(in_vm vm2 qvm-remote --detach "$(witness)") || atf_fail detach
    wait_for 'dom0 status >out; grep -q "^VM vm2: .* 1 waiting, " out'
    atf_check -o match:'vm2 is revoked' -o match:"taken off .*$conf:2" \
        dom0 disconnect vm2
    for id in $runs $waits; do
        wait_result vm2 "$id"
    done
    atf_check -o match:'^status cancelled$' meta_of vm2 "$runs"
    atf_check -o match:'^status rejected$' meta_of vm2 "$waits"
    no_witness
    atf_check -o inline:\
'# these\nQVM_REMOTE_VMS="vm1"\nQVM_REMOTE_VM_USER=user\n' cat "$conf"
    atf_check -o inline:'here\n' in_vm vm1 qvm-remote echo here
}

bed_test config_shows_what_the_daemon_has
config_shows_what_the_daemon_has_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    (QUBES_REMOTE_VMS=vm1 QVM_REMOTE_VM_USER=user "$regress/bed" start) ||
        atf_fail start
    pid=$(role_pid parent)
    dom0 config >out || atf_fail config
    atf_check -o match:"^QVM_REMOTE_VMS +vm1 +environment of the daemon \
\\(pid $pid\\) \\(QUBES_REMOTE_VMS\\)" \
        -o match:"^QVM_REMOTE_VM_USER +user +environment of the daemon" cat out
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start --vm vm1 --vm vm2
    pid=$(role_pid parent)
    atf_check -o match:"^QVM_REMOTE_VMS +vm1 vm2 +--vm of the daemon \
\\(pid $pid\\)\$" -o match:"^QVM_REMOTE_VM_USER +user +$BED/etc/.*:1\$" \
        dom0 config
    # It is served by what it was started with, and that is said.
    dom0 disconnect vm1 >said || atf_fail disconnect
    echo 'QVM_REMOTE_VMS=' >"$BED/etc/qubes/remote.conf"
    other_key >key
    atf_check -o ignore -e match:'warning: vm3 is not served: .* by --vm of' \
        sh -c "'$regress/bed' dom0 qvm-remote-dom0 connect vm3 <key"
}

# What the daemon has run and recorded.
bed_test a_draft_is_replayed_over_the_log
a_draft_is_replayed_over_the_log_body() {
    bed_up 1
    atf_check -o inline:'one\n' in_vm vm1 qvm-remote echo one
    atf_check -o inline:'in' sh -c \
        "printf in | '$regress/bed' run vm1 qvm-remote -i cat"
    atf_check -o inline:'two\n' in_vm vm1 qvm-remote -t 90 'echo two; true'
    cat >draft <<END
mode = allow
allow-input = cat
allow = echo *
timeout = 60
END
    atf_check -o match:'^  .* ran .* run  draft:3  echo one$' \
        -o match:'^  .* ran .* run  draft:2  cat$' \
        -o match:'^- .* ran .* deny draft:1  echo two; true  .no shell' \
        -o match:'^3 commands; 2 as before; 1 ran, and would be denied$' \
        dom0 policy replay vm1 --with draft
    dom0 policy replay vm1 --with draft --json >out || atf_fail "--json"
    atf_check -o inline:'one echo one\nNone cat\ntwo echo two; true\n' \
        python3 -c 'import json
for line in open("out"):
    r = json.loads(line)
    print({"echo one\n": "one", "cat\n": None}.get(r["body"], "two"),
          r["body"], end="")'
    # A backslash before the last quote, and a quote of the command's own.
    forge vm1 --body 'true "\' --wait 20 >/dev/null || atf_fail forge
    dom0 policy replay vm1 --with draft --json >out || atf_fail "--json"
    atf_check -o inline:'true "\\\n' python3 -c 'import json
print([json.loads(line) for line in open("out")][-1]["body"])'
    printf 'mode = shell\ntimeout = 60\n' >draft
    atf_check -o match:'^- .* deny draft:2  echo two; true  .its timeout' \
        dom0 policy replay vm1 --with draft
}

# Each command that --help lists, with each of its options.
atf_test_case what_help_lists_is_in_the_manual
what_help_lists_is_in_the_manual_body() {
    man=$TREE/man/qvm-remote-dom0.8
    "$BUILD/admin/qvm-remote-dom0" --help |
        sed -n 's/^  \([a-z][a-z ]\{13\}\) \(.*\)/\1|\2/p' >commands
    atf_check -o match:'^policy explain.*VM COMMAND' cat commands
    while IFS='|' read -r command args; do
        # shellcheck disable=SC2086 # without the blanks behind it
        command=$(echo $command)
        grep -q "^\.It Cm $command\( \|\$\)" "$man" ||
            atf_fail "$command is not in the manual"
        for option in $(printf '%s\n' "$args" | grep -o -- '--[a-z-]*'); do
            sed -n "/^\.Cm $command/,/^\.Nm/p; /^\.It Cm $command/,\
/^\.It Cm/p" "$man" | grep -q "Fl ${option#-}" ||
                atf_fail "$command: $option is not in the manual"
        done
    done <commands
}

atf_init_test_cases() {
    atf_add_test_case what_help_lists_is_in_the_manual
    bed_add_tests
}
