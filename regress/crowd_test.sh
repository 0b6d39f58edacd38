#!/usr/bin/env atf-sh
# Pollers that were taken over (taken_over_test) spin and flood, and vm1 is served
# meanwhile: alone, for they use the CPUs that others' tests would.
. "$(atf_get_srcdir)/lib.sh"
. "$regress/puppets.sh"

bed_test floods_and_noise_hold_up_nobody
floods_and_noise_hold_up_nobody_body() {
    share_cpus
    puppets 6
    orders "opened()
while True:
    send(packet('NONE'))
    wait('NEXT')"
    orders "send(packet('LOG', 0, b'flood'), end='p', count=10 ** 9)"
    orders "opened(); ask('head -c 9000000 /dev/zero\n'); hold()"
    orders "opened()
id, body = forger.new_id(), b'true'
token, slot = forge('true', id), memfd(body)
while True:
    send(packet('BODY', len(body)), slot)
    send(request(id, token, len(body)))
    wait('NEXT')"
    orders "opened()
while True:
    send(request(forger.new_id(), b'x' * 100, 1))
    wait('NEXT')"
    orders "noise($(od -An -N4 -tu4 /dev/urandom))"
    meanwhile '[ "$(grep -cs seed "$BED/vms/vm7/home/said")" -ge 3 ] &&
        grep -q "flood" "$BED/daemon.log" &&
        grep -qE "parent: poller .vm7.: (bad message|.* refused)" \
            "$BED/daemon.log" &&
        cat_log | grep -q "\"event\":\"refused-summary\",\"vm\":\"vm6\""'
    cat "$BED/vms/vm7/home/said" >&2
    [ "$(grep -c flood "$BED/daemon.log")" -le 40 ] ||
        atf_fail "a poller's lines fill the log"
    nobody_else_is_hurt
}

atf_init_test_cases() {
    bed_add_tests
}
