#!/usr/bin/env atf-sh
# Idle is free: with nothing to do, nothing wakes and nothing is spawned.
. "$(atf_get_srcdir)/lib.sh"

# The bed's processes, those in the VMs too, a line each: pid, program, how
# often it went to sleep, and the page faults of children that it has reaped:
# whoever had one meanwhile has more of them.
census() {
    find "$(bed_cgroup)" -name cgroup.procs -exec cat {} + | sort |
        while read -r pid; do
            program=$(readlink "/proc/$pid/exe")
            echo "$pid ${program##*/}" \
                "$(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' \
                    "/proc/$pid/status")" \
                "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 9)"
        done
}

quiet() {
    census >before
    census >after
    cmp -s before after
}

bed_test three_idle_vms_wake_nothing_in_a_minute
three_idle_vms_wake_nothing_in_a_minute_body() {
    bed_up 3
    # Not one that has just begun: what a request leaves is seen too.
    for vm in vm1 vm2 vm3; do
        atf_check -o inline:'used\n' in_vm $vm qvm-remote -q 'echo used'
        atf_check -s exit:124 -e ignore in_vm $vm qvm-remote -t 1 'sleep 9'
        atf_check -o ignore in_vm $vm qvm-remote ping
    done
    wait_for quiet
    atf_check -o inline:'executor\nparent\npoller\npoller\npoller\nverifier\n' \
        sh -c "cut -d ' ' -f 2 before | grep -Ex \
            'parent|verifier|executor|poller' | sort"
    sleep 60
    census >after
    cat after
    # Which processes there are, and what they have reaped.
    for list in before after; do
        cut -d ' ' -f 1,2,4 $list >$list.names
    done
    atf_check diff -u before.names after.names
    join before after >both
    atf_check awk '$5 != $2 || $6 - $3 > 2 { print; bad = 1 }
        END { exit bad || NR < 6 }' both
}

atf_init_test_cases() {
    bed_add_tests
}
