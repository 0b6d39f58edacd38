#!/usr/bin/env atf-sh
# Cost is bounded: what our processes take of dom0's memory, whatever is asked
# of them.  The table that is full of what all VMs may have: full_memory_test.
. "$(atf_get_srcdir)/lib.sh"
unset BED_CLOCK # time is measured here

MB=1000 # in kB, nearly

# Each process of ours: what it is, how much of memory is its alone (PSS), and
# the most that it has had, shared with others or not; kB.
ours() {
    for pid in $(bed_processes); do
        title=$(tr '\0' ' ' <"/proc/$pid/cmdline")
        case $title in
        'qvm-remote: '*)
            echo "$title" | cut -d ' ' -f 2 | tr '\n' ' '
            sed -n 's/^Pss:[^0-9]*\([0-9]*\) kB$/\1/p' \
                "/proc/$pid/smaps_rollup" | tr '\n' ' '
            sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$pid/status"
            ;;
        esac
    done | sort
}

# cost VMS: the sum in $cost.
cost() {
    wait_for "ours >ours && [ \$(wc -l <ours) = $((3 + $1)) ]"
    cost=$(awk '{ sum += $2 } END { print sum }' ours)
    echo "$1 VMs: $cost kB"
    cat ours
}

none_above_8_mb() {
    ours >ours
    cat ours
    atf_check awk "\$3 > 8 * $MB { print; bad = 1 }
        END { exit bad || NR < 4 }" ours
}

bed_test one_vm_costs_6_mb_and_each_further_one_1
one_vm_costs_6_mb_and_each_further_one_1_body() {
    bed_up 1
    atf_check in_vm vm1 qvm-remote -q true
    cost 1
    one=$cost
    "$regress/bed" up 5 || atf_fail "the bed is not up"
    for vm in vm2 vm3 vm4 vm5; do
        atf_check in_vm $vm qvm-remote -q true
    done
    cost 5
    [ "$one" -le $((6 * MB)) ] || atf_fail "one VM: $one kB"
    [ $((cost - one)) -le $((4 * MB)) ] ||
        atf_fail "four more VMs: $((cost - one)) kB"
}

bed_test no_request_makes_a_process_large
no_request_makes_a_process_large_body() {
    bed_up 1
    atf_check -o save:out -e match:'wrote 524288000 bytes' \
        in_vm vm1 qvm-remote -q 'head -c 524288000 /dev/zero'
    atf_check -o inline:'10485760\n' sh -c 'wc -c <out'
    {
        echo 'echo large'
        head -c 1048565 /dev/zero | tr '\0' '#'
    } >body
    atf_check -o inline:'1048576\n' sh -c 'wc -c <body'
    atf_check -o inline:'large\n' in_vm vm1 qvm-remote -q <body
    forge vm1 --count 64 --order queue --body 'sleep 100' >/dev/null
    wait_for 'in_dom0 qvm-remote-dom0 queue >queue &&
        [ $(grep -c "waits, for" queue) = 63 ]'
    none_above_8_mb
}

cpu_ms() {
    for pid in $(bed_processes); do
        cat "/proc/$pid/schedstat"
    done | awk '{ sum += $1 } END { print int(sum / 1000000) }'
}

bed_test a_million_finished_requests_cost_nothing
a_million_finished_requests_cost_nothing_head() {
    atf_set require.user root
    atf_set timeout 300
}
a_million_finished_requests_cost_nothing_body() {
    BEDS=/dev/shm
    bed_up 3
    atf_check "$regress/bed" stop
    log=$BED/var/log/qvm-remote
    rm "$log"/*.log "$log/seed"
    in_dom0 qvm-remote-dom0 keys >keys
    sed -n 's/.*\([0-9a-f]\{16\}\).*/key \1/p' keys >lines
    "$BUILD/regress/big_log" "$log" 3000000 <lines || atf_fail "no log"
    chown qvm-remote-key: "$log"/*.log
    # Its records have no mac.
    bed_altered
    # Of the processor: with nothing else to do, and no disk, it is the time
    # that a start takes.
    atf_check "$regress/bed" start
    took=$(cpu_ms)
    echo "ready after $took ms of CPU"
    [ "$took" -lt 1000 ] || atf_fail "a start takes $took ms"
    atf_check -o inline:'works\n' in_vm vm1 qvm-remote -q 'echo works'
    none_above_8_mb
}

atf_init_test_cases() {
    bed_add_tests
}
