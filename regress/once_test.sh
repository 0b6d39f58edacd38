#!/usr/bin/env atf-sh
# --once serves what is pending, then ends; --dry-run runs nothing.
. "$(atf_get_srcdir)/lib.sh"

# atf_check calls it, with options.
# shellcheck disable=SC2120
once() {
    timeout 60 "$regress/bed" once "$@"
}

bed_test once_answers_what_is_pending_in_two_vms_and_ends
once_answers_what_is_pending_in_two_vms_and_ends_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    clients=
    for n in 1 2 3 4 5; do
        for vm in vm1 vm2; do
            in_vm $vm qvm-remote "$(witness); echo $vm $n; exit $n" \
                >out.$vm.$n 2>err.$vm.$n &
            clients="$clients $vm.$n.$!"
        done
    done
    for vm in vm1 vm2; do
        wait_for "[ \$(in_vm $vm sh -c 'ls .qvm-remote/queue/pending/*.auth' |
            grep -c .) = 5 ]"
    done
    atf_check once
    for client in $clients; do
        vm=${client%%.*}
        n=${client#*.}
        n=${n%.*}
        wait "${client##*.}"
        [ $? = "$n" ] || atf_fail "$vm $n: another status"
        atf_check -o inline:"$vm $n\n" cat "out.$vm.$n"
    done
    atf_check -o inline:'10\n' count_witness
    atf_check -o match:'^whole' in_dom0 qvm-remote-dom0 log verify
    atf_check once
}

bed_test once_delivers_what_is_owed_from_before
once_delivers_what_is_owed_from_before_body() {
    bed_up 1
    id=$(forge vm1 --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done
        echo late")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for "cat_log | grep -q '\"event\":\"result\"'"
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" boot vm1
    atf_check once
    atf_check -o inline:'late\n' \
        in_vm vm1 cat ".qvm-remote/queue/results/$id.out"
}

bed_test once_skips_a_vm_that_does_not_run
once_skips_a_vm_that_does_not_run_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" halt vm2
    id=$(forge vm1 --body "$(witness)")
    atf_check once -v
    atf_check -o match:'VM vm2 does not run: not asked' cat "$BED/daemon.log"
    atf_check -o not-match:'VM vm1 does not run' cat "$BED/daemon.log"
    atf_check -o match:'^status exited' meta_of vm1 "$id"
    atf_check "$regress/bed" halt vm1
    atf_check once
}

# VM LINE: its agent is ready, says LINE, and nothing after it.
lying_agent() {
    in_vm "$1" sh -c 'printf "#!/bin/sh
case \$1 in --version) echo protocol 2;; *) echo ready 2 liar/1 poll; %s; sleep 90;; esac
" "$1" >liar; chmod +x liar' sh "$2"
    BED_USER=root in_vm "$1" mount --bind /home/user/liar \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
}

bed_test once_does_not_wait_for_a_vm_that_was_revoked
once_does_not_wait_for_a_vm_that_was_revoked_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm2
    id=$(forge vm1 --body true)
    atf_check -e ignore once
    wait_result vm1 "$id"
    echo 'QVM_REMOTE_VMS="vm1 vm2"' >>"$BED/etc/qubes/remote.conf"
    atf_check -s exit:1 -e ignore once
}

bed_test once_names_a_vm_that_was_not_served_to_the_end
once_names_a_vm_that_was_not_served_to_the_end_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    lying_agent vm2 "echo nonsense"
    id=$(forge vm1 --body "$(witness)")
    atf_check -s exit:1 once
    atf_check -o match:'^status exited' meta_of vm1 "$id"
    atf_check -o inline:'1\n' \
        grep -c 'VM vm2 was not served to the end' "$BED/daemon.log"
    atf_check -o not-match:'VM vm1 was not' cat "$BED/daemon.log"
}

# 30 s of silence are too many.
bed_test once_does_not_wait_for_an_agent_that_hangs
once_does_not_wait_for_an_agent_that_hangs_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    lying_agent vm2 :
    id=$(forge vm1 --body "$(witness)")
    atf_check -s exit:1 once
    atf_check -o match:'^status exited' meta_of vm1 "$id"
    atf_check -o inline:'1\n' \
        grep -c 'VM vm2 was not served to the end' "$BED/daemon.log"
    atf_check -o match:'"event":"silent"' cat_log
}

bed_test once_names_a_vm_that_halts_meanwhile
once_names_a_vm_that_halts_meanwhile_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    owed=$(forge vm2 \
        --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done")
    id=$(forge vm1 --body ':')
    once &
    pid=$!
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm2
    : >"$BED/go"
    wait $pid
    [ $? = 1 ] || atf_fail "another status"
    atf_check -o match:'^status exited' meta_of vm1 "$id"
    atf_check -o inline:'1\n' \
        grep -c 'VM vm2 was not served to the end' "$BED/daemon.log"
    # The next time it is.
    atf_check "$regress/bed" boot vm2
    atf_check once
    atf_check -o match:'^status ' meta_of vm2 "$owed"
    atf_check -o inline:'1\n' count_witness
}

# 65 are pending: one session takes 64 of them.
bed_test once_takes_so_many_and_no_more
once_takes_so_many_and_no_more_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    for _ in $(seq 65); do
        forge vm1 --body "$(witness)" >/dev/null
    done
    atf_check once
    atf_check -o inline:'64\n' count_witness
    atf_check once
    atf_check -o inline:'65\n' count_witness
}

bed_test a_dry_run_runs_nothing_and_says_so
a_dry_run_runs_nothing_and_says_so_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start --dry-run
    atf_check -o match:'^\[dry-run\] would run: .*bash' \
        -e match:'nothing was run' in_vm vm1 qvm-remote "$(witness)"
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    meta_of vm1 "$id" >meta
    atf_check -o match:'^status dry-run$' -o match:'^exit 0$' \
        -o match:'^mac ' cat meta
    atf_check -o match:'"status":"dry-run"' cat_log
    no_witness
    # What was only looked at is not run later.
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' meta_of vm1 "$id"
    no_witness
}

bed_test a_dry_run_once_ends
a_dry_run_once_ends_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    id=$(forge vm1 --body "$(witness)")
    atf_check once --dry-run
    atf_check -o match:'^status dry-run$' meta_of vm1 "$id"
    no_witness
}

atf_init_test_cases() {
    bed_add_tests
}
