#!/usr/bin/env atf-sh
# Poller and verifier are traced through all that they do: they need each row of
# their system call tables, and nothing that is not there.
. "$(atf_get_srcdir)/lib.sh"
unset BED_CLOCK # the daemon is traced here

LOG=var/log/qvm-remote

# What precedes the daemon, where it runs with another libc.
with=
with_newer_libc() {
    with="$regress/with-libc $BUILD/libc"
    atf_check -o ignore $with true
}

start_traced() {
    mkdir -p trace
    # shellcheck disable=SC2086 # none, or words
    "$BED/usr/libexec/bed/supervise" start -g "$(bed_cgroup)/daemon" \
        -l "$BED/daemon.log" "$BED/run/bed/daemon" $with \
        "$(command -v strace)" -D -ff -qq -s 128 -o "$PWD/trace/of" \
        -e 'raw=!execve' "$BED/usr/bin/qvm-remote-dom0" --root "$BED" ||
        atf_fail "no start"
    has_libc
}

# The inode of the libc that a process runs with.
libc_of() {
    awk '$6 ~ /libc\.so\.6$/ { print $5; exit }' "$1"
}

# Both roles run with the libc that was asked for.
has_libc() {
    # shellcheck disable=SC2016,SC2086 # awk's; none, or words
    $with awk '$6 ~ /libc\.so\.6$/ { print $5; exit }' /proc/self/maps >libc
    for role in verifier 'poller \[vm1\]'; do
        wait_for "role_pid '$role' >pid"
        atf_check -o file:libc libc_of "/proc/$(cat pid)/maps"
    done
}

stop() {
    atf_check "$regress/bed" stop
}

# It does not run yet; vm1 may speak version 1.
bed_to_trace() {
    bed_up 2
    stop
    echo 'auth = v1' >>"$BED/etc/qubes/remote.d/vm1.conf"
}

dom0() {
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 "$@"
}

# A request of each kind, as its client makes it (regress/vm_requests.py); then
# more of two VMs that wait than fit the memory that a verifier has from the start;
# one that comes too late, and the rest is refused.
requests() {
    rm -f "$BED/go"
    python3 -B - "$regress" "$BED" <<'END' || atf_fail "see above"
import subprocess
import sys
sys.path.insert(0, sys.argv[1])
from vm_requests import KINDS, Request, Vm, wait_for
vms = [Vm(sys.argv[2], name) for name in ("vm1", "vm2")]
go = sys.argv[2] + "/go"

def judge(vm, request):
    request.judge(vm.answer(request), vm.witness(request.name))

for kind in KINDS.values():
    going = kind(vms[0])
    going.prepare()
    going.put()
    going.meanwhile(lambda: False)
    for request in going.requests:
        judge(vms[0], request)

first = [(vm, Request(vm, order="queue", body="until [ -e %s ]; do "
                      "sleep 0.05; done; echo ok" % go)) for vm in vms]
behind = [(vm, Request(vm, order="queue", ends=[("rejected", b"", b"")]))
          for vm in vms for _ in range(50)]
for some in first, behind:
    for vm, request in some:
        vm.put(request)
    for vm, request in some:
        wait_for("it is taken", lambda: vm.taken(request.name))
late = Request(vms[0], order="queue", wait=3, ends=[("expired", b"", b"")])
vms[0].put(late)
judge(vms[0], late)
subprocess.run([sys.argv[2] + "/dom0-bin/qvm-remote-dom0", "queue", "clean"],
               stdout=subprocess.DEVNULL, check=True)
open(go, "w").close()
for vm, request in first + behind:
    judge(vm, request)
END
}

refusals() {
    id=$(forge vm1 --save /home/user/saved --body true)
    wait_result vm1 "$id"
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' meta_of vm1 "$id"
    id=$(forge vm1 --key "$(other_key)" --body true)
    wait_result vm1 "$id"
    atf_check -o match:'^status rejected$' meta_of vm1 "$id"
}

control() {
    for words in status queue 'log checkpoint' 'clock accept'; do
        # shellcheck disable=SC2086
        dom0 $words
    done
    id=$(forge vm1 --body "$(witness); sleep 60")
    wait_for 'grep -qs "$id" "$BED/witness"'
    dom0 kill "$id"
    wait_result vm1 "$id"
    kill -HUP "$(role_pid parent)"
    dom0 revoke vm1
    # shellcheck disable=SC2024
    dom0 authorize vm1 <"$BED/vms/vm1/home/.qvm-remote/auth.key"
}

# A disk for one segment, and later for a second: a body and an input whose
# records have more than 6 MiB.
segments() {
    mount -t tmpfs -o size=200m,mode=0700 none "$BED/$LOG" || atf_fail "mount"
    echo "$BED/$LOG" >>mounts
    chown qvm-remote-key: "$BED/$LOG"
    fallocate -l 100M "$BED/$LOG/filler" || atf_fail "filler"
    start_traced
    python3 -B - "$regress" "$BED" <<'END' || atf_fail "see above"
import os
import subprocess
import sys
sys.path.insert(0, sys.argv[1])
from vm_requests import MIB, Request, Vm, wait_for
vm = Vm(sys.argv[2])
text = "\u00e9" * (MIB // 2 - 200)
large = [Request(vm, order="queue", body="echo ok\n# " + text, text=text)
         for _ in range(12)]
for request in large:
    vm.put(request)

def is_full():
    return any(b"ENOSPC" in line for name in os.listdir("trace")
               for line in open("trace/" + name, "rb")
               if line.startswith(b"fallocate"))

wait_for("a full disk", is_full)
os.unlink(sys.argv[2] + "/var/log/qvm-remote/filler")
vm.put(Request(vm, "ping", ""))
# Of room it looks once a minute, and whenever there is something else to do.
subprocess.run([sys.argv[2] + "/dom0-bin/qvm-remote-dom0", "queue"],
               stdout=subprocess.DEVNULL, check=True)
for request in large:
    request.judge(vm.answer(request), vm.witness(request.name))
END
}

# Its poller learns that qvm-run has ended.
sessions() {
    wait_for 'pgrep -P "$(role_pid "poller \[vm1\]")" >pid 2>/dev/null'
    kill "$(cat pid)"
    wait_for '[ ! -e "/proc/$(cat pid)" ]'
    atf_check -o inline:'back\n' in_vm vm1 qvm-remote 'echo back'
}

# traced_session: all of it; what they called is in the folder `trace`.
traced_session() {
    start_traced
    requests
    refusals
    control
    sessions
    stop
    start_traced
    atf_check -o inline:'again\n' in_vm vm1 qvm-remote 'echo again'
    stop
    segments
    stop
    atf_check -o match:', 0 wrong$' \
        "$regress/used" "$BUILD/regress/rows" trace/of.*
}

used_test() {
    bed_test "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set require.progs strace
        atf_set timeout 240
    }"
}

used_test every_row_is_used_and_nothing_else_is_called
every_row_is_used_and_nothing_else_is_called_body() {
    bed_to_trace
    bed_altered
    traced_session
}

used_test a_newer_libc_uses_no_other_row
a_newer_libc_uses_no_other_row_body() {
    with_newer_libc
    bed_to_trace
    bed_altered
    traced_session
}

# Both at once: what asks the kernel for the time is a minute ahead.
bed_test without_the_vdso_a_newer_libc_serves_as_well
without_the_vdso_a_newer_libc_serves_as_well_body() {
    with_newer_libc
    bed_to_trace
    bed_seed
    echo 60000000 >"$BED/clock"
    for _ in 1 2; do
        # shellcheck disable=SC2086 # words
        BED_CLOCK="$BED/clock" $with "$regress/bed" start || atf_fail "no start"
        has_libc
        requests
        refusals
        control
        sessions
        stop
    done
    ahead=$(cat_log | tail -n 1 | python3 -c 'import datetime, json, sys
then = datetime.datetime.fromisoformat(json.loads(input())["time"][:19])
print(round((then - datetime.datetime.utcnow()).total_seconds()))')
    [ "$ahead" -gt 30 ] || atf_fail "$ahead s ahead"
    atf_check -o match:'^whole.*the seals hold' \
        in_dom0 qvm-remote-dom0 log verify --key "$PWD/seed"
}

# Of `make check-libc`.
bed_test a_sample_of_the_tests_passes_with_a_newer_libc_and_without_the_vdso
a_sample_of_the_tests_passes_with_a_newer_libc_and_without_the_vdso_body() {
    atf_check -o match:'^4 passed, 0 failed$' -e ignore "$regress/check-libc" \
        request_test:two_clients_at_once_are_both_answered \
        durable_test:an_interrupted_one_is_answered_the_same_until_it_is_kept \
        replay_test:a_replay_after_a_restart_is_refused \
        exits_test:qvm_remote_ends_with_each_status_of_its_manual
}

atf_init_test_cases() {
    bed_add_tests
}
