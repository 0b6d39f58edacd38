# What must hold in a machine that is started with the daemon's packages in it:
# an ATF program that runs in there, as root (regress/machine puts the lines
# before it).  Its cases build on one another, in their order.
#
# The VM `work` is one of the test bed's; it runs from the start of the machine.
. /usr/libexec/bed/lib.sh

BED=
unit=qvm-remote-dom0.service
cgroup=/sys/fs/cgroup/system.slice/$unit
keys=/etc/qubes/remote.d
# On the disk, as what it counts must outlive a power cut.
witness=/var/lib/bed/witness

CHECKS=

# check BOOT NAME: declares one of that boot; NAME_body follows.
check() {
    atf_test_case "$2"
    CHECKS="$CHECKS $2"
}

in_dom0() {
    "$@"
}

in_vm() {
    _vm=$1
    shift
    /usr/libexec/bed/vm enter /srv/bed "$_vm" user "$@"
}

ask() {
    in_vm work timeout 60 qvm-remote "$@"
}

bed_processes() {
    find "$cgroup" -name cgroup.procs -exec cat {} +
}

# A processor that is emulated is not asked fifty times a second: an answer of
# systemd's costs it a fifth of one.
wait_for() {
    _tries=60
    until eval "$1"; do
        _tries=$((_tries - 1))
        [ $_tries -gt 0 ] ||
            atf_fail "in vain: $(echo "$1" | tr '\n' ' ')"
        sleep 1
    done
}

# of PROPERTY: the unit's.
of() {
    systemctl show -P "$1" $unit
}

# started_again N: it runs, for the Nth time after a failure.
started_again() {
    systemctl show -p NRestarts -p ActiveState $unit >state
    grep -qx "NRestarts=$1" state && grep -qx ActiveState=active state
}

# Whatever restarts has other ones.
pids() {
    of MainPID
    role_pid verifier
    role_pid executor
}

journal() {
    journalctl -q --no-pager -b -u $unit "$@"
}

reload() {
    _cursor=$(journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
    atf_check systemctl reload $unit
    wait_for 'journal --after-cursor="$_cursor" -o cat |
        grep -q "configuration read again"'
}

policy() {
    printf '%s\n' "$@" >$keys/work.conf
    reload
}

# behind NAME ASK...: a request that goes on while the case does; its output,
# its errors and its end are files.
behind() {
    _name=$1
    shift
    (
        trap '' HUP
        _status=0
        in_vm work qvm-remote "$@" >"$_name.out" 2>"$_name.err" </dev/null ||
            _status=$?
        echo $_status >"$_name.part"
        mv "$_name.part" "$_name.end"
    ) &
}

no_daemon() {
    atf_check test ! -e "$cgroup"
    atf_check -s exit:1 pgrep -f '^(qvm-remote: |/usr/bin/qvm-remote-dom0)'
}

log_is_whole() {
    atf_check -o match:'^whole' qvm-remote-dom0 log verify
}

serves() {
    atf_check -o inline:'served\n' ask 'echo served'
}

check 1 the_machine_is_as_dom0_is
the_machine_is_as_dom0_is_body() {
    atf_check -o inline:'systemd\n' cat /proc/1/comm
    atf_check -o inline:'cgroup2fs\n' stat -f -c %T /sys/fs/cgroup
    for controller in cpuset cpu io memory pids; do
        atf_check -o match:"\\b$controller\\b" \
            cat /sys/fs/cgroup/cgroup.controllers
    done
    atf_check -o match:landlock cat /sys/kernel/security/lsm
    atf_check -o match:'^Seccomp_filters:' cat /proc/self/status
    atf_check test -d "/var/log/journal/$(cat /etc/machine-id)"
    atf_check systemctl is-active -q bed-vm@work.service
}

check 1 installed_it_does_not_run
installed_it_does_not_run_body() {
    atf_check -s exit:3 -o inline:'inactive\n' systemctl is-active $unit
    atf_check -s exit:1 -o inline:'disabled\n' systemctl is-enabled $unit
    atf_check_equal '' "$(of ActiveEnterTimestamp)"
    no_daemon
    atf_check test ! -e /var/log/qvm-remote/00000000000000000001.log
    atf_check -o empty -e empty systemd-analyze verify --man=no $unit
}

check 1 a_start_returns_when_it_is_ready
a_start_returns_when_it_is_ready_body() {
    atf_check systemctl start $unit
    atf_check_equal active "$(of ActiveState)"
    atf_check_equal running "$(of SubState)"
    wait_for '[ "$(of StatusText)" = "VMs served: 0, sessions: 0" ]'
    for role in verifier executor; do
        atf_check -o ignore role_pid $role
    done
}

check 1 a_request_runs_in_a_cgroup_of_its_own
a_request_runs_in_a_cgroup_of_its_own_body() {
    in_vm work qvm-remote key gen >key 2>/dev/null || atf_fail "no key"
    atf_check -o ignore -e ignore sh -c 'qvm-remote-dom0 authorize work <key'
    wait_for '[ "$(of StatusText)" = "VMs served: 1, sessions: 1" ]'
    atf_check -o match:'^root$' \
        -o match:"^0::/system.slice/$unit/command\\.[0-9]+\$" \
        ask 'id -un; cat /proc/self/cgroup'
    # What has ended leaves none.
    wait_for '[ -z "$(find "$cgroup" -name "command.*")" ]'
}

check 1 a_reload_changes_what_may_run_and_restarts_nothing
a_reload_changes_what_may_run_and_restarts_nothing_body() {
    before=$(pids)
    policy 'mode = deny'
    atf_check -s exit:126 -e match:'its policy allows no command' ask true
    policy 'mode = shell'
    serves
    atf_check_equal "$before" "$(pids)"
    atf_check_equal active "$(of ActiveState)"
}

# journalctl's documented way, of a command that is its own.
check 1 the_journal_has_its_fields_and_explains_them
the_journal_has_its_fields_and_explains_them_body() {
    id=$(ask 'echo "$QVM_REMOTE_ID"') || atf_fail "no request"
    wait_for 'journalctl -q -t qvm-remote QVM_REMOTE_VM=work \
        QVM_REMOTE_ID="$id" -o export --no-pager >export &&
        grep -qx QVM_REMOTE_STATUS=exited export'
    # Of its begin and its end, as the catalog has them.
    atf_check -o match:'^MESSAGE_ID=ca03cb33c52842f0835c44a936183581$' \
        -o match:'^MESSAGE_ID=b1749a7ffc4a47bbba96e2a4a0553194$' \
        -o match:"^_SYSTEMD_UNIT=$unit\$" cat export
    journalctl -q -x -t qvm-remote QVM_REMOTE_VM=work --no-pager >explained
    atf_check -o ignore grep 'A command of work begins' explained
    atf_check -o ignore \
        grep 'A request of work is answered: exited' explained
    # No VM has any of it that is not there.
    atf_check -o empty journalctl -q -t qvm-remote QVM_REMOTE_VM=other
}

# canary: a request that runs beside another one that meets its limits.
canary() {
    behind canary 'echo up; until [ -e /run/canary ]; do sleep 0.5; done'
    wait_for 'grep -qx up canary.out'
}

canary_lives() {
    : >/run/canary
    wait_for '[ -e canary.end ]'
    rm /run/canary
    atf_check_equal 0 "$(cat canary.end)"
}

check 1 a_command_over_its_memory_dies_alone
a_command_over_its_memory_dies_alone_body() {
    policy 'mode = shell' 'memory = 64M'
    before=$(pids)
    canary
    # It keeps what has no end of line.
    atf_check -s exit:137 -e match:"its policy's limit: memory" \
        ask 'exec tail -n 1 /dev/zero'
    wait_for 'journalctl -q -k -b -g "Memory cgroup out of memory" >/dev/null'
    canary_lives
    atf_check_equal "$before" "$(pids)"
    atf_check_equal active "$(of ActiveState)"
    serves
}

check 1 a_command_over_its_tasks_is_refused_more
a_command_over_its_tasks_is_refused_more_body() {
    policy 'mode = shell' 'tasks = 20'
    before=$(pids)
    canary
    # Itself and 19.
    atf_check -s exit:3 -o inline:'19\n' -e match:'the limit of its tasks' \
        ask "exec perl -e 'for (0 .. 99) { defined(my \$p = fork) or
            print(\"\$_\\n\"), exit 3; \$p or exec(qw(sleep 1000)) }'"
    canary_lives
    wait_for '! pgrep -fx "sleep 1000" >/dev/null'
    atf_check_equal "$before" "$(pids)"
    serves
}

# The end comes to what has a session, a group and a parent of its own, too.
check 1 a_time_out_ends_all_that_a_command_started
a_time_out_ends_all_that_a_command_started_body() {
    policy 'mode = shell'
    atf_check -s exit:124 -o inline:'3\n' -e ignore ask -t 3 "trap '' TERM
        for i in 1 2 3; do
            setsid sh -c 'trap \"\" TERM; (setsid sleep 1001 &) &'
        done
        until [ \$(pgrep -cfx 'sleep 1001') = 3 ]; do sleep 0.1; done
        pgrep -cfx 'sleep 1001'; sleep 1002"
    wait_for '! pgrep -fx "sleep 100[12]" >/dev/null'
    wait_for '[ -z "$(find "$cgroup" -name "command.*")" ]'
    serves
}

check 1 a_stop_ends_a_run_and_closes_the_log
a_stop_ends_a_run_and_closes_the_log_body() {
    behind run "trap '' TERM; echo up; sleep 1003"
    wait_for 'grep -qx up run.out'
    atf_check timeout 60 systemctl stop $unit
    atf_check_equal inactive "$(of ActiveState)"
    atf_check_equal success "$(of Result)"
    atf_check -s exit:1 pgrep -fx 'sleep 1003'
    no_daemon
    log_is_whole
    # The VM has its answer.
    wait_for '[ -e run.end ]'
    atf_check_equal 130 "$(cat run.end)"
    atf_check -o match:'cancelled: the daemon was stopped' cat run.err
    atf_check systemctl start $unit
}

# The unit's own time is three minutes; nothing else of it is changed.
check 1 a_verifier_that_is_stopped_is_killed_and_started_again
a_verifier_that_is_stopped_is_killed_and_started_again_body() {
    mkdir -p /run/systemd/system/$unit.d
    printf '[Service]\nWatchdogSec=6\n' >/run/systemd/system/$unit.d/bed.conf
    atf_check systemctl daemon-reload
    atf_check systemctl restart $unit
    serves
    before=$(pids)
    atf_check_equal 0 "$(of NRestarts)"
    kill -STOP "$(role_pid verifier)"
    wait_for 'started_again 1'
    atf_check -o match:'Watchdog timeout' journal
    for pid in $before; do
        [ "$(pids | grep -cx "$pid")" = 0 ] || atf_fail "$pid is still there"
    done
    serves
    rm -r /run/systemd/system/$unit.d
    atf_check systemctl daemon-reload
    log_is_whole
}

check 1 five_failures_in_a_row_are_the_last
five_failures_in_a_row_are_the_last_body() {
    atf_check systemctl stop $unit
    # Starts that were before do not count; a unit that nobody asks about has
    # forgotten them.
    systemctl reset-failed $unit 2>/dev/null
    atf_check systemctl start $unit
    for n in 1 2 3 4; do
        kill -KILL "$(of MainPID)"
        wait_for "started_again $n"
    done
    kill -KILL "$(of MainPID)"
    wait_for '[ "$(of ActiveState)" = failed ]'
    atf_check_equal signal "$(of Result)"
    no_daemon
    # A person looks into it.
    atf_check systemctl reset-failed $unit
    atf_check systemctl start $unit
    serves
    log_is_whole
}

check 1 a_run_is_under_way_when_the_power_goes
a_run_is_under_way_when_the_power_goes_body() {
    behind cut "echo \$QVM_REMOTE_ID >>$witness; sync $witness; echo up; sleep 1004"
    wait_for 'grep -qx up cut.out'
    atf_check -o inline:'1\n' grep -c . $witness
}

check 2 a_boot_does_not_start_it
a_boot_does_not_start_it_body() {
    atf_check -s exit:3 -o inline:'inactive\n' systemctl is-active $unit
    atf_check_equal '' "$(of ActiveEnterTimestamp)"
    no_daemon
}

check 2 what_the_power_cut_ran_once_and_is_answered_interrupted
what_the_power_cut_ran_once_and_is_answered_interrupted_body() {
    id=$(cat $witness)
    atf_check systemctl start $unit
    wait_result work "$id"
    atf_check -o match:'^status interrupted$' -o match:'^mac ' \
        meta_of work "$id"
    serves
    atf_check -o inline:'1\n' grep -c . $witness
    log_is_whole
}

# typed WORD: at a terminal.
typed() {
    echo "$1" | script -qec 'qvm-remote-dom0 enable' /dev/null
}

check 2 it_is_enabled_by_a_yes_alone
it_is_enabled_by_a_yes_alone_body() {
    atf_check -s exit:1 -e match:'not enabled' \
        sh -c 'echo yes | qvm-remote-dom0 enable'
    atf_check -s exit:1 -o match:'not enabled' typed y
    atf_check -s exit:1 -o inline:'disabled\n' systemctl is-enabled $unit
    atf_check -o match:'Enabled:' typed yes
    atf_check -o inline:'enabled\n' systemctl is-enabled $unit
    atf_check -o inline:'active\n' systemctl is-active $unit
}

check 3 enabled_it_is_started_by_the_boot
enabled_it_is_started_by_the_boot_body() {
    atf_check -o inline:'active\n' systemctl is-active $unit
    serves
    # Going down, the machine has let it end in order.
    log_is_whole
    atf_check_equal 3 "$(journalctl --list-boots -q | wc -l)"
    atf_check -o match:'Deactivated successfully' \
        journalctl -q -b -1 -u $unit --no-pager
}

check 3 disabled_it_is_stopped
disabled_it_is_stopped_body() {
    atf_check -o match:'^Disabled' -e ignore qvm-remote-dom0 disable
    atf_check -s exit:1 -o inline:'disabled\n' systemctl is-enabled $unit
    atf_check -s exit:3 -o inline:'inactive\n' systemctl is-active $unit
}

# The kernel is another one than that of the machine which runs the other tests.
check 3 no_role_was_killed_by_its_filter
no_role_was_killed_by_its_filter_body() {
    journalctl -q --no-pager -o cat -u $unit >said
    atf_check -s exit:1 grep -E 'signal 31|SIGSYS' said
    atf_check -o ignore grep 'parent: ready' said
}

atf_init_test_cases() {
    for name in $CHECKS; do
        atf_add_test_case "$name"
    done
}
