#!/usr/bin/env atf-sh
# What systemd is told, over a real socket.  The bed's supervisor is systemd's
# end of it, and writes down each datagram (regress/supervise.c).
. "$(atf_get_srcdir)/lib.sh"

told() {
    cat "$BED/run/bed/daemon.told"
}

count_told() {
    told | grep -c "^$1"
}

# Started again, with a watchdog that is asked for every half second.
WATCHDOG=1000000
watched() {
    bed_up 1
    atf_check "$regress/bed" stop
    WATCHDOG_USEC=$WATCHDOG
    export WATCHDOG_USEC
    atf_check "$regress/bed" start
}

# A role that starts, but is not ready before the file `go` is there.
hold() {
    mv "$BED/usr/libexec/qvm-remote/$1" "$BED/usr/libexec/qvm-remote/$1.held"
    cat >"$BED/usr/libexec/qvm-remote/$1" <<EOF
#!/bin/bash
: >$BED/held
until [ -e $BED/go ]; do sleep 0.02; done
exec -a "\$0" $BED/usr/libexec/qvm-remote/$1.held
EOF
    chmod 0755 "$BED/usr/libexec/qvm-remote/$1"
}

# ready_without ROLE: it never says so before ROLE is.
ready_without() {
    bed_up 1
    atf_check "$regress/bed" stop
    hold "$1"
    "$regress/bed" start &
    wait_for "[ -e $BED/held ]"
    # The other has a second for what would follow from it alone.
    sleep 1
    atf_check -o empty cat "$BED/run/bed/daemon.told"
    : >"$BED/go"
    wait $! || atf_fail "not ready"
    atf_check -o match:'^READY=1$' head -n 1 "$BED/run/bed/daemon.told"
    atf_check -o inline:'runs\n' in_vm vm1 qvm-remote 'echo runs'
}

bed_test not_ready_before_the_verifier_is
not_ready_before_the_verifier_is_body() {
    ready_without verifier
}

bed_test not_ready_before_the_executor_is
not_ready_before_the_executor_is_body() {
    ready_without executor
}

bed_test status_counts_vms_and_sessions
status_counts_vms_and_sessions_body() {
    bed_up 2
    wait_for "told | tail -n 1 | grep -qx 'STATUS=VMs served: 2, sessions: 2'"
    atf_check "$regress/bed" halt vm2
    wait_for "told | tail -n 1 | grep -qx 'STATUS=VMs served: 2, sessions: 1'"
    atf_check -o ignore in_dom0 qvm-remote-dom0 revoke vm1
    wait_for "told | tail -n 1 | grep -qx 'STATUS=VMs served: 1, sessions: 0'"
}

bed_test the_watchdog_is_fed_while_the_verifier_answers
the_watchdog_is_fed_while_the_verifier_answers_body() {
    watched
    wait_for "[ \$(count_told WATCHDOG=1) -ge 4 ]"
    kill -STOP "$(role_pid verifier)"
    # What it had been asked before may still be answered.
    sleep 1
    before=$(count_told WATCHDOG=1)
    sleep 2
    atf_check_equal "$before" "$(count_told WATCHDOG=1)"
    kill -CONT "$(role_pid verifier)"
    wait_for "[ \$(count_told WATCHDOG=1) -gt $before ]"
    atf_check -o inline:'runs\n' in_vm vm1 qvm-remote 'echo runs'
}

bed_test the_watchdog_is_fed_at_half_of_its_time
the_watchdog_is_fed_at_half_of_its_time_body() {
    watched
    wait_for "[ \$(count_told WATCHDOG=1) -ge 1 ]"
    begin=$(date +%s%N) first=$(count_told WATCHDOG=1)
    wait_for "[ \$(count_told WATCHDOG=1) -ge $((first + 6)) ]"
    took=$((($(date +%s%N) - begin) / 1000000))
    # Six halves; the first may have been almost over.
    [ "$took" -ge 2400 ] || atf_fail "six in $took ms"
}

bed_test nobody_is_asked_without_a_watchdog
nobody_is_asked_without_a_watchdog_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    # Another process's.
    WATCHDOG_USEC=$WATCHDOG WATCHDOG_PID=1
    export WATCHDOG_USEC WATCHDOG_PID
    atf_check "$regress/bed" start
    sleep 2
    atf_check_equal 0 "$(count_told WATCHDOG=1)"
}

bed_test a_watchdog_that_is_no_number_is_named
a_watchdog_that_is_no_number_is_named_body() {
    bed_up 1
    for usec in 0 -1 1x '' 99999999999999999999; do
        atf_check "$regress/bed" stop
        : >"$BED/daemon.log"
        WATCHDOG_USEC=$usec "$regress/bed" start || atf_fail "not ready"
        atf_check -o match:'WATCHDOG_USEC is not understood' \
            cat "$BED/daemon.log"
    done
}

uptime_usec() {
    sed -E 's/^([0-9]+)\.([0-9]{2}) .*/\1\20000/' /proc/uptime
}

bed_test a_reload_is_told_from_its_begin_to_its_end
a_reload_is_told_from_its_begin_to_its_end_body() {
    bed_up 1
    wait_for "told | grep -q 'sessions: 1'"
    before=$(uptime_usec)
    kill -HUP "$(role_pid parent)"
    wait_for "[ \$(count_told READY=1) -eq 2 ]"
    after=$(($(uptime_usec) + 10000))
    # READY is the next that is told.
    atf_check -o match:'^RELOADING=1 MONOTONIC_USEC=[0-9]+$' \
        -o match:'^READY=1$' sh -c \
        "sed -n '/^RELOADING/,\$p' $BED/run/bed/daemon.told | head -n 2"
    usec=$(told | sed -n 's/^RELOADING=1 MONOTONIC_USEC=//p')
    # The two clocks agree where the machine has not slept.
    [ "$usec" -ge "$before" ] && [ "$usec" -le "$after" ] ||
        atf_fail "$usec is not between $before and $after"
}

bed_test stopping_is_the_last_that_is_told
stopping_is_the_last_that_is_told_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    atf_check -o inline:'STOPPING=1 STATUS=stopping\n' \
        tail -n 1 "$BED/run/bed/daemon.told"
    atf_check_equal 1 "$(count_told STOPPING=1)"
}

bed_test no_child_inherits_what_systemd_said
no_child_inherits_what_systemd_said_body() {
    watched
    wait_for "role_pid 'poller \[vm1\]' >/dev/null"
    # qvm-run's too: it is in its poller's cgroup.
    for pid in $(bed_processes); do
        [ "$pid" != "$(role_pid parent)" ] || continue
        # shellcheck disable=SC2016 # the inner shell's
        atf_check -o not-match:'NOTIFY_SOCKET|WATCHDOG' \
            sh -c 'tr "\0" "\n" <"/proc/$1/environ"' sh "$pid"
    done
}

atf_init_test_cases() {
    bed_add_tests
}
