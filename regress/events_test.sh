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
    reload_says 'the old settings stay'
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

# as WHO COMMAND...: without a terminal, and recorded.
as() {
    _who=$1
    shift
    SUDO_USER=$_who dom0 "$@" 2>said >said.out || atf_fail "$*: $(cat said)"
    ! grep -q 'not in the log' said || atf_fail "$*: $(cat said)"
}

# acted EVENT VM FINGERPRINT WHO: its newest record says so.
acted() {
    atf_check -o inline:"$2 $3 $4 -\n" newest "$1" \
        '"\(.vm) \(.fingerprint) \(.who) \(.tty)"'
}

no_systemctl() {
    printf '#!/bin/sh\n' >"$BED/usr/bin/systemctl"
    chmod 755 "$BED/usr/bin/systemctl"
}

bed_test who_has_changed_what_in_dom0_is_on_record
who_has_changed_what_in_dom0_is_on_record_body() {
    bed_up 2
    bed_seed
    key=$(in_vm vm2 qvm-remote key show --fingerprint)
    as alice revoke vm2
    acted revoke vm2 null alice
    as bob authorize vm2 <"$BED/vms/vm2/home/.qvm-remote/auth.key"
    acted authorize vm2 "$key" bob
    in_vm vm2 qvm-remote key rotate >next 2>/dev/null || atf_fail "key rotate"
    as alice rotate vm2 <next
    key=$(newest served .next_fingerprint)
    acted rotate vm2 "$key" alice
    in_vm vm2 qvm-remote key rotate --finish >/dev/null 2>&1 ||
        atf_fail "key rotate --finish"
    as bob rotate vm2 --finish
    acted rotate-finish vm2 "$key" bob
    as alice disconnect vm2
    acted revoke vm2 null alice
    as bob connect vm2 <next
    acted authorize vm2 "$key" bob
    # A name that none can be is not taken over.
    no_systemctl
    as '"x' enable --yes-i-know
    acted enable null null root
    as bob disable
    acted disable null null bob
    atf_check -o match:'INFO authorize vm=vm2 who=bob$' \
        -o match:'INFO disable who=bob$' \
        cat "$BED/var/log/qubes/qvm-remote.log"
    bed_verify
}

# What is done while no daemon runs is the next start's to record.
bed_test who_has_changed_what_without_a_daemon_is_on_record
who_has_changed_what_without_a_daemon_is_on_record_body() {
    bed_up 2
    bed_seed
    acts=$BED/var/log/qvm-remote/acts
    atf_check "$regress/bed" stop
    no_systemctl
    before=$(date +%s)
    as alice revoke vm2
    as bob authorize vm2 <"$BED/vms/vm2/home/.qvm-remote/auth.key"
    # Nonsense, a fingerprint that was cut, and what a power loss leaves.
    printf '\n%b' nonsense '1 authorize vm2 mallory - 0382' '\0\0' \
        '1 authorize vm2 mallory - -' >>"$acts"
    as carol disable
    cp "$acts" again
    atf_check "$regress/bed" start
    key=$(newest served .fingerprint)
    acted revoke vm2 null alice
    acted authorize vm2 "$key" bob
    acted disable null null carol
    atf_check test "$(newest revoke .done)" -ge "${before}000000"
    atf_check test "$(newest revoke .done)" -lt "$(newest authorize .done)"
    atf_check -o inline:'1\n' count_log '"event":"disable"'
    atf_check -o inline:'4\n' \
        grep -c 'acts: a line is left out' "$BED/daemon.log"
    atf_check -s exit:1 -o inline:'0\n' count_log mallory
    atf_check test ! -e "$acts" -a ! -e "$acts.taken"
    # Killed before it had removed what it had taken in: there twice.
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    install -m 0600 -o qvm-remote-key -g qvm-remote-key again "$acts.taken"
    # And before it had only one name.
    ln "$acts.taken" "$acts"
    atf_check "$regress/bed" start
    atf_check -o inline:'2\n' count_log '"event":"disable"'
    # Who was too late for that start is next when it is asked.
    printf '\n%s000000 enable - dave - -\n' "$before" >again
    install -m 0600 -o qvm-remote-key -g qvm-remote-key again "$acts"
    atf_check -o ignore in_dom0 qvm-remote-dom0 status
    acted enable null null dave
    cat_log | jq -r 'select(.event == "disable") | .done' | sort -u >when
    atf_check -o inline:'1\n' grep -c . when
    atf_check test ! -e "$acts" -a ! -e "$acts.taken"
    bed_verify
}

# It is on disk before what has waited for it goes.
bed_test what_has_waited_goes_when_it_is_recorded
what_has_waited_goes_when_it_is_recorded_head() {
    atf_set require.user root
    atf_set require.progs strace
}
what_has_waited_goes_when_it_is_recorded_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    atf_check "$regress/bed" stop
    no_systemctl
    as alice disable
    strace -D -f -qq -s 200 -e trace=pwrite64,fdatasync,unlinkat -o calls \
        "$regress/bed" start
    verifier=$(role_pid verifier)
    atf_check -o inline:'written\nsynced\ngone\n' \
        awk -v pid="$verifier" '$1 != pid { next }
        /pwrite64.*disable/ && n == 0 { print "written"; n = 1 }
        /fdatasync.*= 0/ && n == 1 { print "synced"; n = 2 }
        /unlinkat.*acts.taken/ { print "gone"; n = 3 }' calls
}

# What a person does is done, and not held up for the record of it.
bed_test a_daemon_that_does_not_answer_holds_up_no_change
a_daemon_that_does_not_answer_holds_up_no_change_body() {
    bed_up 1
    printf '#!/bin/sh\necho "$@" >>%s/called\n' "$BED" \
        >"$BED/usr/bin/systemctl"
    chmod 755 "$BED/usr/bin/systemctl"
    kill -STOP "$(role_pid verifier)"
    atf_check -o match:'^Disabled' -e match:'who has done this is not in' \
        dom0 disable
    atf_check -o match:'^disable --now' cat "$BED/called"
    kill -CONT "$(role_pid verifier)"
}

bed_test who_has_killed_a_request_is_on_record
who_has_killed_a_request_is_on_record_body() {
    bed_up 1
    id=$(in_vm vm1 qvm-remote --detach 'sleep 60') || atf_fail "detach"
    wait_for '[ -n "$(newest intent .id)" ]'
    as alice kill "$id"
    atf_check -o inline:"$id alice -\n" newest kill '"\(.id) \(.who) \(.tty)"'
    as bob clock accept
    atf_check -o inline:'bob -\n' newest clock-accept '"\(.who) \(.tty)"'
}

# sessions N: so many have begun.
sessions() {
    wait_for "[ \$(count_log '\"event\":\"session\"') = $1 ]"
}

# ended_so TEXT: one session has.
ended_so() {
    wait_for "[ \$(count_log '\"event\":\"session-end\".*$1') = 1 ]"
}

bed_test a_session_ends_with_one_record
a_session_ends_with_one_record_body() {
    bed_up 1
    bed_seed
    atf_check -o inline:'1\n' in_vm vm1 qvm-remote 'echo 1'
    atf_check -o inline:'2\n' in_vm vm1 qvm-remote 'echo 2'
    wait_for '[ "$(count_log "\"event\":\"delivered\"")" = 2 ]'
    atf_check "$regress/bed" halt vm1
    ended_so '"exit":[0-9]*,"delivered":2,'
    atf_check "$regress/bed" boot vm1
    sessions 2
    atf_check "$regress/bed" stop
    ended_so '"reason":"the daemon stops","hash"'
    atf_check "$regress/bed" start
    sessions 3
    atf_check -o ignore dom0 revoke vm1
    ended_so '"reason":"it is served no more","hash"'
    bed_verify
    # One that never was open has a record of qvm-run's end alone.
    atf_check -o inline:'3\n' count_log '"event":"session-end".*\(reason\|delivered\)'
}

bed_test a_session_that_is_open_at_the_end_has_one
a_session_that_is_open_at_the_end_has_one_body() {
    bed_up 1
    bed_seed
    sessions 1
    kill -STOP "$(role_pid 'poller \[vm1\]')"
    "$regress/bed" stop
    ended_so '"reason":"the daemon stops","hash"'
    bed_verify
}

bed_test how_long_a_request_waited_is_on_record
how_long_a_request_waited_is_on_record_body() {
    bed_up 1
    policy vm1 'mode = shell' 'jobs = 1'
    in_vm vm1 qvm-remote --detach "until [ -e $BED/go ]; do sleep 0.05; done" \
        >/dev/null || atf_fail "detach"
    wait_for '[ -n "$(newest intent .id)" ]'
    second=$(in_vm vm1 qvm-remote --detach 'echo done') || atf_fail "detach"
    wait_for 'dom0 queue | grep -q "$second  waits"'
    sleep 1.1
    : >"$BED/go"
    wait_result vm1 "$second"
    newest intent '"\(.time) \(.received)"' >came
    atf_check -o inline:'True\n' python3 -c '
import datetime, sys
for line in open("came"):
    time, received = line.split()
    time = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    print(time.timestamp() - int(received) / 1e6 > 1)'
    atf_check -o match:'AUTH-OK .* after a wait of [0-9]' \
        dom0 log --no-pager -n 1
    # What never runs says it, too.
    in_vm vm1 qvm-remote --check true >/dev/null || atf_fail "check"
    atf_check -o match:'^[0-9]{16}$' newest result .received
}

atf_init_test_cases() {
    bed_add_tests
}
