#!/usr/bin/env atf-sh
# What the log says beside requests: of the daemon, of sessions, and of who has
# changed what in dom0.
. "$(atf_get_srcdir)/lib.sh"

KEYS=etc/qubes/remote.d

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

# newest EVENT FILTER: of its newest record.
newest() {
    cat_log | jq -r "select(.event == \"$1\") | $2" | tail -n 1
}

digest() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

# Takes effect when the daemon has said so.
reload() {
    _read=$(grep -c "${1:-configuration read again}" "$BED/daemon.log")
    kill -HUP "$(role_pid parent)"
    wait_for "[ \$(grep -c '${1:-configuration read again}' $BED/daemon.log) -gt $_read ]"
}

bed_test a_start_says_by_which_configuration_and_in_which_sandboxes
a_start_says_by_which_configuration_and_in_which_sandboxes_body() {
    bed_up 1
    bed_seed
    conf=$BED/etc/qubes/remote.conf
    layers='seccomp landlock'
    ! dom0 status --json | grep -q 'no landlock' || layers=seccomp
    was=$(digest "$conf")
    atf_check -o inline:"$was seccomp $layers seccomp\n" newest start \
        '"\(.conf_sha256) \(.sandbox_parent) \(.sandbox_verifier) \(.sandbox_executor)"'
    wait_for '[ -n "$(newest session .sandbox)" ]'
    atf_check -o inline:"$layers\n" newest session .sandbox
    reload
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"conf"'
    # Not what is there, but what counts: it has an error.
    cp "$conf" good
    echo 'QVM_REMOTE_NONSENSE=1' >>"$conf"
    reload 'the old settings stay'
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"conf"'
    { cat good; echo '# another'; } >"$conf"
    reload
    now=$(digest "$conf")
    atf_check -o inline:"$now $was\n" newest conf \
        '"\(.conf_sha256) \(.conf_before)"'
    rm "$conf"
    reload
    atf_check -o inline:"none $now\n" newest conf \
        '"\(.conf_sha256) \(.conf_before)"'
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -o inline:'none\n' newest start .conf_sha256
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
