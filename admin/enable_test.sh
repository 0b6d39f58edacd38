#!/usr/bin/env atf-sh
# enable, disable
. "$(atf_get_srcdir)/lib.sh"

# What stands where systemctl does: it says how it was called.
make_systemctl() {
    make_root
    printf '#!/bin/sh\necho "systemctl $*" >>"%s/called"\n%s\n' "$PWD" "$1" \
        >"$root/usr/bin/systemctl"
    chmod 755 "$root/usr/bin/systemctl"
}

not_called() {
    [ ! -e called ] || atf_fail "called: $(cat called)"
}

root_test without_a_terminal_it_refuses
without_a_terminal_it_refuses_body() {
    make_systemctl
    echo yes >in
    for input in /dev/null in; do
        atf_check -s exit:1 -e match:'error: not enabled: .*terminal' \
            sh -c "dom0 enable <$input"
    done
    not_called
}

root_test who_says_that_he_knows_is_not_asked
who_says_that_he_knows_is_not_asked_body() {
    make_systemctl
    atf_check -o match:'^Enabled: ' dom0 enable --yes-i-know </dev/null
    atf_check -o inline:'systemctl enable --now qvm-remote-dom0.service\n' \
        cat called
}

root_test at_a_terminal_yes_enables
at_a_terminal_yes_enables_body() {
    make_systemctl
    make_terminal
    atf_check -o match:'run commands in dom0' -o match:'such a VM is root' \
        -o match:'^Type yes to enable it: ' -o match:'^Enabled: ' \
        -o match:'status 0$' python3 terminal.py 'enable it: ' 'yes\n' \
        "$here/qvm-remote-dom0" --root "$root" enable
    atf_check -o inline:'systemctl enable --now qvm-remote-dom0.service\n' \
        cat called
}

root_test at_a_terminal_nothing_else_does
at_a_terminal_nothing_else_does_body() {
    make_systemctl
    make_terminal
    # An empty line, what is almost the word, the end, an interrupt.
    for typed in '\n' 'y\n' 'YES\n' 'yes \n' 'yes, I do not\n' '\x04' \
        'yes\x04\x04'; do
        atf_check -o match:'error: not enabled' -o match:'status 1$' \
            -o not-match:Enabled python3 terminal.py 'enable it: ' "$typed" \
            "$here/qvm-remote-dom0" --root "$root" enable
    done
    atf_check -o match:'status -2$' python3 terminal.py 'enable it: ' '\x03' \
        "$here/qvm-remote-dom0" --root "$root" enable
    not_called
}

root_test disable_just_works
disable_just_works_body() {
    make_systemctl
    atf_check -o match:'^Disabled: ' dom0 disable </dev/null
    atf_check -o inline:'systemctl disable --now qvm-remote-dom0.service\n' \
        cat called
    # One that was started by hand is not systemd's to stop.
    hold_lock
    atf_check -o match:'^Disabled: ' \
        -e match:"warning: another daemon runs.*: pid $holder" dom0 disable
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o inline:'SIGTERM\n' cat signals
}

root_test what_systemctl_cannot_is_an_error
what_systemctl_cannot_is_an_error_body() {
    make_systemctl 'echo "Failed to connect to bus" >&2; exit 4'
    atf_check -s exit:1 -o empty -e match:'^Failed to connect to bus' \
        -e match:'error: .systemctl enable --now .* has failed' \
        dom0 enable --yes-i-know
    atf_check -s exit:1 -o empty -e match:'error: .systemctl disable' \
        dom0 disable
    # shellcheck disable=SC2016 # its own shell's
    make_systemctl 'kill -9 $$'
    atf_check -s exit:1 -o empty -e match:'has failed' dom0 disable
    rm "$root/usr/bin/systemctl"
    atf_check -s exit:1 -o empty -e match:'systemctl: No such file' \
        dom0 disable
}
