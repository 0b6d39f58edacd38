#!/usr/bin/env atf-sh
# Whatever has a name in a VM's queue, or says one: dom0 is not touched, nothing
# hangs, nothing raw is shown, and good requests beside it run.
. "$(atf_get_srcdir)/lib.sh"

# What is in dom0, and what its files say; but logs and what ran, which are
# looked at by themselves.
dom0_now() {
    (cd "$BED" && find . \( -path ./vms -o -path ./var/log -o -path ./run/bed \
        -o -name witness -o -name daemon.log \) -prune -o -type f \
        -exec sha256sum {} + -o -print | sort)
    outside
}

# What a name would be as a path of the host, or from the daemon's work folder
# and the bed; and what its words would make in a shell there.
outside() {
    for _dir in / /etc "$PWD" "$PWD/etc" "$PWD/../../etc" "${BED%/*}/etc" \
        "$HOME" "$HOME/etc"; do
        find "$_dir" -maxdepth 1 \( -name x -o -name 'x.*' -o -name ran -o \
            -name '20*-*-*-*' \) -exec ls -ld --full-time {} + 2>/dev/null
    done
}

# The good ones have run, and dom0 has heard of no other.
only_good_ones() {
    bed_seed
    dom0_now >before
    "$regress/names" "$BED" queue >good || atf_fail "see the test's output"
    sort good >expected
    atf_check -o file:expected sort "$BED/witness"
    cat_log | sed -n 's/.*"vm":"vm1","id":"\([^"]*\)".*/\1/p' | sort -u >heard
    atf_check cmp expected heard
    atf_check -s exit:1 -o inline:'0\n' \
        count_log '"event":"\(violation\|refused\|silent\)"'
    # qvm-run has ended no session.
    atf_check -s exit:1 -o inline:'0\n' \
        count_log '"event":"session-end",.*"exit":'
    no_raw_in_dom0
    ! find "$BED/vms/vm1/home" -name ran | grep . ||
        atf_fail "a name ran in the VM"
}

dom0_is_as_before() {
    bed_verify
    dom0_now >after
    atf_check diff before after
}

bed_test what_is_no_request_is_left_alone
what_is_no_request_is_left_alone_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    only_good_ones
    atf_check -o inline:'ok\n' in_vm vm1 timeout 20 qvm-remote 'echo ok'
    # The VM's side shows a line for each file, and nothing raw either.
    for words in 'queue list' 'queue debug' 'queue status' history log \
        'queue clean'; do
        # shellcheck disable=SC2086
        in_vm vm1 timeout 20 qvm-remote $words >said 2>&1 ||
            atf_fail "$words"
        no_raw said
        [ "$words" != 'queue debug' ] || cp said debug
    done
    python3 -c 'import os, sys
print(sum(len(os.listdir(os.path.join(sys.argv[1], name)))
          for name in ("pending", "running", "results", "clients")))' \
        "$BED/vms/vm1/home/.qvm-remote/queue" >files
    atf_check -o file:files sh -c 'echo $(($(wc -l <debug) - 1))'
    dom0_is_as_before
}

bed_test what_is_no_request_is_left_alone_by_the_carried_agent
what_is_no_request_is_left_alone_by_the_carried_agent_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    hide_client
    only_good_ones
    atf_check -o match:'"program":"qvm-remote-sh/1"' cat_log
    dom0_is_as_before
}

# Their VM alone waits; a session later it is served as ever.
bed_test a_name_that_an_agent_says_ends_its_session
a_name_that_an_agent_says_ends_its_session_body() {
    bed_up 12
    bed_seed
    atf_check "$regress/bed" stop
    dom0_now >before
    "$regress/names" "$BED" wire >good || atf_fail "see the test's output"
    sort good >expected
    atf_check -o file:expected sort "$BED/witness"
    no_raw_in_dom0
    dom0_is_as_before
}

atf_init_test_cases() {
    bed_add_tests
}
