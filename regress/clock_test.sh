#!/usr/bin/env atf-sh
# dom0's clock jumps, between runs of the daemon and while it runs: a wrong
# clock refuses, and never runs a thing twice or late.
. "$(atf_get_srcdir)/lib.sh"
unset BED_CLOCK # the daemon is traced here

DAY=86400
YEARS=315532800 # ten
KNOWN=2000      # since so many seconds dom0 knows the VM's key

# dom0_clock SECONDS [BOOT]: how far the daemon's clock is ahead from now on,
# and what it has slept.
dom0_clock() {
    echo "$(($1 * 1000000)) $((${2:-0} * 1000000))" >"$BED/.clock"
    mv "$BED/.clock" "$BED/clock"
}

start() {
    atf_check env BED_CLOCK="$BED/clock" "$regress/bed" start
}

# after_a_reboot COMMAND...: as it is where the boot has another id.
after_a_reboot() {
    tr 'a-f0-9' 'b-f0-9a' </proc/sys/kernel/random/boot_id >boot_id
    # shellcheck disable=SC2016 # the inner shell's
    atf_check unshare -m sh -c \
        'mount --bind boot_id /proc/sys/kernel/random/boot_id && exec "$@"' \
        sh "$@"
}

start_after_a_reboot() {
    after_a_reboot env BED_CLOCK="$BED/clock" "$regress/bed" start
}

# A log that knows the key for some time, since another boot.
long_known() {
    rm -r "${BED:?}/var/log/qvm-remote" "$BED/run/bed/seed"
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 log init \
        --key-file "$BED/run/bed/seed"
    dom0_clock -$KNOWN
    start_after_a_reboot
    wait_for 'cat_log | grep -q "\"event\":\"key\""'
    atf_check "$regress/bed" stop
}

# The daemon under clockrun, and an agent whose clock can be moved.
bed_up_with_clocks() {
    bed_up 1
    atf_check "$regress/bed" stop
    long_known
    dom0_clock 0
    vm_clock 0
    move_agent
    start
}

# One request that ran, to be presented again, and one that is long expired when
# it comes for the first time.
two_old_ones() {
    old=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$old"
    atf_check -o match:'^status exited$' meta_of vm1 "$old"
    now=$(date +%s)
    late=$(forge vm1 --save /home/user/saved --only-save \
        --issued $((now - 1000)) --expires $((now - 900)) --body "$(witness)")
}

# refused_for ID STATUS REASON [SECONDS]: unsigned, for this and nothing else.
# What stands for N in REASON is that many, or few more or less.
refused_for() {
    wait_result vm1 "$1"
    meta_of vm1 "$1" >meta
    atf_check -o match:"^status $2\$" -o not-match:'^mac ' cat meta
    sed -n 's/^reason //p' meta >reason
    if [ $# = 4 ]; then
        _off=$(sed -n 's/[^0-9]*\([0-9]*\) s .*/\1/p' reason)
        [ "${_off:-0}" -ge $(($4 - 30)) ] && [ "$_off" -le $(($4 + 30)) ] ||
            atf_fail "not $4 s: $(cat reason)"
        sed -i "s/$_off s /N s /" reason
    fi
    atf_check -o inline:"$3\n" cat reason
}

# Whatever the clocks say, neither runs.  old_ones_do_not_run WHY [SECONDS]: what
# is said of the late one.
old_ones_do_not_run() {
    forget vm1
    again vm1
    refused_for "$old" replayed 'this token was answered before'
    case $1 in
    behind) refused_for "$late" rejected "the VM's clock is N s behind dom0's" \
        "$2" ;;
    expired) refused_for "$late" expired 'expired N s ago' \
        $(($(date +%s) - now + 900)) ;;
    future) refused_for "$late" rejected 'issued in the future' ;;
    *) atf_fail "$1" ;;
    esac
    [ "$(grep -cx "$old" "$BED/witness")" = 1 ] || atf_fail "ran again"
    ! grep -qx "$late" "$BED/witness" || atf_fail "ran late"
}

# new_one STATUS [FORGE-OPTION...]: a request of now; its answer is in `meta`.
# It has run, and is signed, exactly where it says so.
new_one() {
    _expected=$1
    _ran=$(count_witness)
    shift
    forge vm1 --body "$(witness)" --wait 20 "$@" >meta || atf_fail "no answer"
    atf_check -o match:"^status $_expected\$" cat meta
    if [ "$_expected" = exited ]; then
        _ran=$((_ran + 1))
        atf_check -o match:'^mac ' cat meta
    else
        atf_check -o not-match:'^mac ' cat meta
    fi
    [ "$(count_witness)" = $_ran ] || atf_fail "$(count_witness), not $_ran"
}

# refused BEHIND-OR-AHEAD SECONDS: a new one, and the reason says how far.
refused() {
    new_one rejected
    refused_for "$(sed -n 's/^id //p' meta)" rejected \
        "the VM's clock is N s $1 dom0's" "$2"
}

accept() {
    atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
}

# steps EVENT: how far each record of it says that the clock went, in seconds, to
# the minute: what passes between a stop and a start counts, too.
steps() {
    cat_log | python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["event"] == sys.argv[1]:
        print(round((r["to"] - r["from"]) / 1e6 / 60) * 60)' "$1"
}

# Behind its snapshot no segment has a time that goes back.
times_go_up() {
    for _segment in "$BED"/var/log/qvm-remote/*.log; do
        tr -d '\000' <"$_segment" | python3 -c 'import json, sys
records = [json.loads(line) for line in sys.stdin]
times = [r["time"] for r in records if r["event"] not in ("start", "segment")
         and not r["event"].startswith("snapshot")]
sys.exit(times != sorted(times))' || atf_fail "$_segment: a time goes back"
    done
}

log_is_whole() {
    times_go_up
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
}

# Ahead, then right again: only a person can say that it is right now.
right_again() {
    refused behind "$1"
    old_ones_do_not_run behind "$1"
    accept
    atf_check -o inline:"-$1\n" steps clock-accept
    new_one exited
    old_ones_do_not_run expired
}

forward_at_boot() {
    bed_up_with_clocks
    two_old_ones
    atf_check "$regress/bed" stop
    dom0_clock "$1"
    start_after_a_reboot
    old_ones_do_not_run behind "$1"
    refused behind "$1"
    atf_check "$regress/bed" stop
    dom0_clock 0
    # Another boot again.
    start
    right_again "$1"
    atf_check "$regress/bed" stop
    start
    new_one exited
    old_ones_do_not_run expired
    # What it is ahead after another boot, nobody knows.
    atf_check -o inline:"-$1\n" steps clock
    log_is_whole
}

forward_while_running() {
    bed_up_with_clocks
    two_old_ones
    dom0_clock "$1"
    old_ones_do_not_run behind "$1"
    refused behind "$1"
    dom0_clock 0
    right_again "$1"
    atf_check -o inline:"$1\n-$1\n" steps clock
    log_is_whole
}

for span in DAY YEARS; do
    name=$(echo $span | tr '[:upper:]' '[:lower:]')
    bed_test "clock_that_goes_forward_at_boot_refuses_$name"
    bed_test "clock_that_goes_forward_while_running_refuses_$name"
    eval "clock_that_goes_forward_at_boot_refuses_${name}_body() {
            forward_at_boot \$$span
        }
        clock_that_goes_forward_while_running_refuses_${name}_body() {
            forward_while_running \$$span
        }"
done

# What dom0 wrote down before is later than its clock, and counts.  When the
# VM's clock goes back too, they disagree with that.
back() {
    old_ones_do_not_run expired
    new_one exited
    vm_clock "-$1"
    refused behind "$1"
    old_ones_do_not_run behind "$1"
    # An old token that these clocks would have run.
    then=$(($(date +%s) - $1))
    new_one rejected --issued $then --expires $((then + 300))
    accept
    atf_check -o inline:"-$1\n" steps clock-accept
    old_ones_do_not_run future
    # The key is known since a time that lies ahead now: it must be rotated.
    new_one rejected --issued $then --expires $((then + 300))
    atf_check -o match:'^reason issued before dom0 knew its key$' cat meta
    atf_check -o match:'tokens are refused up to .*rotate the key' in_dom0 qvm-remote-dom0 status
    new_key
    then=$(($(date +%s) - $1 + 2))
    wait_for "[ \$(date +%s) -gt $((then + $1)) ]"
    new_one exited --issued $then --expires $((then + 300))
    forget vm1
    again vm1
    for id in "$old" "$late"; do
        refused_for "$id" rejected 'token not accepted'
    done
    [ "$(grep -cx "$old" "$BED/witness")" = 1 ] || atf_fail "ran again"
    ! grep -qx "$late" "$BED/witness" || atf_fail "ran late"
}

new_key() {
    other_key >key
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 authorize vm1 <key
    in_vm vm1 sh -c 'cat >.qvm-remote/auth.key' <key
}

bed_test clock_that_goes_back_at_boot_runs_nothing_old
clock_that_goes_back_at_boot_runs_nothing_old_body() {
    bed_up_with_clocks
    two_old_ones
    atf_check "$regress/bed" stop
    dom0_clock "-$DAY"
    start
    back "$DAY"
    log_is_whole
}

back_while_running() {
    bed_up_with_clocks
    two_old_ones
    dom0_clock "-$1"
    back "$1"
    atf_check -o inline:"-$1\n" steps clock
    log_is_whole
}

bed_test clock_that_goes_back_while_running_runs_nothing_old
clock_that_goes_back_while_running_runs_nothing_old_body() {
    back_while_running "$DAY"
}

bed_test clock_that_goes_back_by_years_while_running_runs_nothing_old
clock_that_goes_back_by_years_while_running_runs_nothing_old_body() {
    back_while_running "$YEARS"
}

# A clock that went back while nothing ran is seen, and what ran stays known.
over_a_reboot() {
    bed_up_with_clocks
    two_old_ones
    atf_check "$regress/bed" stop
    dom0_clock "-$1"
    start_after_a_reboot
    wait_for '[ "$(count_log "\"event\":\"clock\"")" = 1 ]'
    atf_check -o inline:"-$1\n" steps clock
    old_ones_do_not_run expired
    atf_check "$regress/bed" stop
    dom0_clock 0
    start_after_a_reboot
    old_ones_do_not_run expired
    new_one exited
    # The boot is the same: the step forward is seen.
    atf_check -o inline:"-$1\n$1\n" steps clock
    log_is_whole
}

bed_test over_a_reboot_spans_count_anew_and_a_clock_that_went_back_is_recorded
over_a_reboot_spans_count_anew_and_a_clock_that_went_back_is_recorded_body() {
    over_a_reboot $DAY
}

bed_test over_a_reboot_a_clock_that_went_back_by_years_is_recorded
over_a_reboot_a_clock_that_went_back_by_years_is_recorded_body() {
    over_a_reboot $YEARS
}

bed_test the_daemon_ends_as_ever_where_its_clock_is_moved
the_daemon_ends_as_ever_where_its_clock_is_moved_body() {
    bed_up_with_clocks
    atf_check -s exit:124 -e ignore in_vm vm1 qvm-remote -t 1 'sleep 30'
    for role in verifier executor parent; do
        pid=$(role_pid $role)
        kill -STOP "$pid"
        wait_for "grep -q '^State:.[Tt]' /proc/$pid/status"
        kill -CONT "$pid"
        atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
        kill -9 "$pid"
        wait_for '[ -z "$(bed_processes)" ]'
        wait_for '[ -z "$(cat "$(bed_cgroup)/clock/cgroup.procs")" ]'
        bed_expect_crash
        start
    done
    atf_check "$regress/bed" stop
}

# pass SECONDS: both of dom0's clocks and the VM's go on by so many at once, as
# if the machine had slept; then the daemon has looked.
passed=0
pass() {
    passed=$((passed + $1))
    dom0_clock $passed $passed
    vm_clock $passed
    atf_check -s ignore -o ignore in_dom0 qvm-remote-dom0 status
}

# left EVENT SPAN: what is left of so many seconds since its newest record.
left() {
    cat_log | python3 -c 'import datetime, json, sys
at = [r["time"] for r in map(json.loads, sys.stdin) if r["event"] == sys.argv[1]]
at = datetime.datetime.strptime(at[-1] + "+0000", "%Y-%m-%dT%H:%M:%S.%fZ%z")
print(int(at.timestamp()) + int(sys.argv[2]) - int(sys.argv[3]))' \
        "$1" "$2" $(($(date +%s) + passed))
}

# By a timer of the daemon's own: nothing but time makes it look.
bed_test a_heartbeat_is_written_each_hour_and_no_sooner
a_heartbeat_is_written_each_hour_and_no_sooner_body() {
    bed_up_with_clocks
    pass $(($(left start 3600) - 4))
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"heartbeat"'
    wait_for 'cat_log | grep -q "\"event\":\"heartbeat\""'
    pass $(($(left heartbeat 3600) - 4))
    atf_check -o inline:'1\n' count_log '"event":"heartbeat"'
    wait_for '[ "$(count_log "\"event\":\"heartbeat\"")" = 2 ]'
    # One for all that were missed in a sleep.
    pass $DAY
    atf_check -o inline:'3\n' count_log '"event":"heartbeat"'
    atf_check steps clock
    log_is_whole
}

bed_test an_answer_that_is_not_fetched_in_24_h_lapses
an_answer_that_is_not_fetched_in_24_h_lapses_body() {
    bed_up_with_clocks
    spool=$BED/var/lib/qvm-remote/spool
    old=$(forge vm1 --save /home/user/saved --body "$(witness); echo out
        until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for 'cat_log | grep -q "\"event\":\"result\""'
    # Neither the first restart nor a later one makes it longer.
    for span in 30000 30000; do
        pass $span
        atf_check "$regress/bed" stop
        start
    done
    pass $(($(left result $DAY) - 4))
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"lapsed"'
    atf_check -o match:' 1 not delivered' in_dom0 qvm-remote-dom0 status
    atf_check test -n "$(ls "$spool")"
    wait_for 'cat_log | grep -q "\"event\":\"lapsed\",\"vm\":\"vm1\""'
    wait_for '[ -z "$(ls "$spool")" ]'
    atf_check -o match:' 0 not delivered' in_dom0 qvm-remote-dom0 status
    atf_check "$regress/bed" boot vm1
    move_agent
    refused_for "$old" replayed 'this token was answered before'
    # What is forgotten is refused unseen: it is below its key's floor.
    sessions=$(count_log '"event":"session"')
    kill -9 "$(role_pid 'poller \[vm1\]')"
    wait_for '[ "$(count_log "\"event\":\"session\"")" -gt $sessions ]'
    then=$(($(date +%s) + passed))
    new_one exited --issued $then --expires $((then + 300))
    forget vm1
    again vm1
    refused_for "$old" replayed 'this token may have run before'
    atf_check -o inline:'1\n' count_log '"event":"lapsed"'
    [ "$(grep -cx "$old" "$BED/witness")" = 1 ] || atf_fail "ran again"
    log_is_whole
}

# its_log LINE: what its policy says of its part of the log from now on.
its_log() {
    atf_check "$regress/bed" stop
    sed -i '/^log-/d' "$BED/etc/qubes/remote.d/vm1.conf"
    echo "$1" >>"$BED/etc/qubes/remote.d/vm1.conf"
    start
}

# What is left of it has expired when there is room.
waits_for_the_log() {
    atf_check -s exit:137 -o empty -e match:'no request at the moment .log.' \
        in_vm vm1 timeout -s KILL 3 qvm-remote "$(witness)"
}

bed_test a_share_of_the_log_is_the_policys_and_a_days_comes_back_with_the_next
a_share_of_the_log_is_the_policys_and_a_days_comes_back_with_the_next_body() {
    bed_up_with_clocks
    its_log 'log-limit = 64M'
    # Each takes 6 MiB of it, for what is not ASCII.
    PYTHONPATH=$regress python3 -B - "$BED" <<'END' || atf_fail "no requests"
import sys
from vm_requests import BODY, INPUT, Draft, Vm
for _ in range(12):
    d = Draft(Vm(sys.argv[1]))
    d.body, d.input = b"true #" + b"\xc3\xa9" * 524200, b"\xc3\xa9" * 524200
    d.say_bytes(BODY, d.body)
    d.say_bytes(INPUT, d.input)
    d.sign()
    d.put()
END
    wait_for 'in_dom0 qvm-remote-dom0 status | grep -q "used up: nothing new"'
    ran=$(count_log '"event":"intent"')
    [ "$ran" -gt 7 ] && [ "$ran" -lt 12 ] || atf_fail "$ran ran"
    waits_for_the_log
    pass $DAY
    then=$(($(date +%s) + passed))
    new_one exited --issued $then --expires $((then + 300))
    # In all it has no more than that.
    its_log 'log-total = 64M'
    waits_for_the_log
    atf_check -o inline:'1\n' count_log '"event":"share".*"in all"'
    its_log ''
    then=$(($(date +%s) + passed))
    new_one exited --issued $then --expires $((then + 300))
    log_is_whole
}

# Renaming a VM takes a person longer than a minute.
bed_test what_a_revoked_vm_is_owed_waits_for_it
what_a_revoked_vm_is_owed_waits_for_it_body() {
    bed_up_with_clocks
    id=$(forge vm1 --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for 'cat_log | grep -q "\"event\":\"result\""'
    cp "$BED/etc/qubes/remote.d/vm1.key" key
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    pass 200
    pass 200
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 authorize vm1 <key
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"lapsed"'
    log_is_whole
}

bed_test a_vm_whose_key_became_bad_has_its_session_for_a_minute
a_vm_whose_key_became_bad_has_its_session_for_a_minute_body() {
    bed_up_with_clocks
    forge vm1 --save /home/user/saved --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    agent=$(in_vm vm1 pgrep -f 'honest agent')
    forge vm1 --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done" \
        >id
    wait_for '[ "$(count_witness)" = 2 ]'
    # It owes: nobody takes the answer.
    in_vm vm1 kill -STOP "$agent"
    echo short >"$BED/etc/qubes/remote.d/vm1.key"
    kill -HUP "$(role_pid parent)"
    wait_for 'cat_log | grep -q "it is served no more"'
    role_pid 'poller \[vm1\]' >before || atf_fail "no session"
    pass 61
    wait_for '! role_pid "poller \[vm1\]"'
    in_vm vm1 kill -CONT "$agent" || :
}

# What moves the clock in these tests.
atf_test_case clockrun_moves_what_a_program_sees
clockrun_moves_what_a_program_sees_body() {
    clockrun=$BUILD/regress/clockrun
    date=$(readlink -f "$(command -v date)")
    for seconds in 0 $DAY $YEARS -$DAY; do
        echo "${seconds}000000" >clock
        moved=$("$clockrun" clock "$date" +%s) || atf_fail "clockrun"
        off=$((moved - $(date +%s) - seconds))
        [ "$off" -ge -2 ] && [ "$off" -le 1 ] || atf_fail "$off s off"
    done
    python=$(python3 -c 'import os, sys
print(os.path.realpath(sys.executable))')
    # What a sleep of a day less 2 s does not end, it does 2 s later.
    echo "${DAY}000000 ${DAY}000000" >clock
    cat >sleep.py <<'END'
import ctypes, os, struct, sys, time
now = time.clock_gettime(time.CLOCK_BOOTTIME)
real = float(open("/proc/uptime").read().split()[0])
timer = ctypes.CDLL(None).timerfd_create(time.CLOCK_BOOTTIME, 0)
for at in now - 2, now + 2:
    ctypes.CDLL(None).timerfd_settime(
        timer, 1, struct.pack("4q", 0, 0, int(at), 0), None)
    os.read(timer, 8)
after = time.clock_gettime(time.CLOCK_BOOTTIME)
sys.exit(abs(now - real - 86400) > 5 or not 1 <= after - now < 20)
END
    atf_check "$clockrun" clock "$python" sleep.py
    # What is none of ours runs untouched; status and signals pass.
    echo "${DAY}000000" >clock
    real=$("$clockrun" clock "$python" -c 'import subprocess
subprocess.run(["date", "+%s"])') || atf_fail "clockrun"
    [ $(($(date +%s) - real)) -le 2 ] || atf_fail "another program's moved"
    atf_check -s exit:7 "$clockrun" clock "$python" -c 'raise SystemExit(7)'
    atf_check -s signal:15 "$clockrun" clock "$python" -c 'import os
os.kill(os.getpid(), 15)'
}

atf_init_test_cases() {
    atf_add_test_case clockrun_moves_what_a_program_sees
    bed_add_tests
}
